"""Heat maps of a sweep over several options: a panel over two of them for each combination of the others."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from mnistfaces.plots.colors import LIGHT
from mnistfaces.plots.figures import literal, set_title, wrapped
from mnistfaces.plots.profile import ENDS
from mnistfaces.plots.swept import Row, Swept, said

COLORS = "YlGnBu"
"""Darker is better, in colour and in grey."""

CELL_INCHES = (0.66, 0.42)
GAP_INCHES = 0.3
"""Between two panels."""
LEAST_INCHES = 1.7
"""Height of all panels together: room for the label of the bar."""

SMALL_CELL_INCHES = (0.16, 0.16)
NUMBERED = 16
"""The largest number of columns, over all panels side by side, whose cells show their numbers."""

MOST_PANELS = 24
MOST_LABELS = 16
LETTER_INCHES = 0.11
"""Of a label below a cell, with its share of the room between two."""

SIDES_INCHES = 2.0
"""About what the axis names and the bar take of a figure's width; what is asked for them is more."""

DARK = 0.5
ON_DARK, ON_LIGHT = "#fdfdfd", "#020202"
"""Letters on cells, which are the same on a light page and on a dark one."""

EMPTY = "#e3e6eb"
FINE_IMAGES = 200
"""From so many test images on, an image is worth less than half a point, and a digit after the point says something."""


def heatmap_figure(cells: Sequence[Row], options: Sequence[Swept], title: str) -> Figure:
    """Draws test accuracies over two options, in panels by the others.

    Args:
        cells: rows of a sweep's summary.
        options: two or more that vary; those of numbers and of most values lie along the axes of the panels.
        title: what was trained.
    """
    across, up, others = _arrange(options)
    panels = _panels(cells, others)
    shown = _most_useful(panels)
    columns = min(len(shown), max(1, NUMBERED // len(across.values)), 4)
    numbered = columns * len(across.values) <= NUMBERED
    width, height = CELL_INCHES if numbered else SMALL_CELL_INCHES
    rows = math.ceil(len(shown) / columns)
    panel = (width * len(across.values), max(height * len(up.values), LEAST_INCHES / rows) + (0.9 if others else 0.4))
    size = (max(columns * (panel[0] + 0.5) + 2.6, 7), rows * panel[1] + 2.3)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    norm = _norm(cells)
    for axes in grid.flat[len(shown) :]:
        axes.set_visible(False)
    for axes, (values, inside) in zip(grid.flat, shown.items(), strict=False):
        _draw_panel(axes, inside, (across, up), norm, numbered=numbered)
        if others:
            told = ", ".join(said(option.name, value) for option, value in zip(others, values, strict=True))
            axes.set_title(wrapped(told, max(panel[0], 1.6), 11), fontsize=11)
    _label(grid, (across, up), len(shown))
    bar = figure.colorbar(
        ScalarMappable(norm, COLORS), ax=grid.ravel().tolist(), extend=_extend(cells, norm), aspect=25
    )
    bar.set_label("test accuracy (%)")
    figure.legend(handles=_legend(cells, numbered=numbered), loc="outside lower center", ncols=2)
    left_out = (
        f"\n{len(shown)} of {len(panels)} panels: those of the best cells in validation"
        if len(shown) < len(panels)
        else ""
    )
    set_title(figure, title + left_out)
    return figure


def _arrange(options: Sequence[Swept]) -> tuple[Swept, Swept, list[Swept]]:
    """Returns what lies across, what goes up, and what makes panels: numbers before names, many values before few."""
    ranked = sorted(options, key=lambda option: (option.places is None, -len(option.values)))
    return ranked[0], ranked[1], [option for option in options if option not in ranked[:2]]


def _panels(cells: Sequence[Row], others: Sequence[Swept]) -> dict[tuple[Any, ...], list[Row]]:
    """Returns the cells of each panel by the values of the options that make panels."""
    found: dict[tuple[Any, ...], list[Row]] = {
        values: [] for values in itertools.product(*(option.values for option in others))
    }
    for cell in cells:
        found[tuple(cell[option.name] for option in others)].append(cell)
    return {values: inside for values, inside in found.items() if inside}


def _most_useful(panels: Mapping[tuple[Any, ...], list[Row]]) -> dict[tuple[Any, ...], list[Row]]:
    """Returns as many panels as fit, those whose best cell did best in validation, in the order asked."""
    merit = {values: max(cell["val_accuracy"] or 0 for cell in inside) for values, inside in panels.items()}
    kept = set(sorted(panels, key=lambda values: -merit[values])[:MOST_PANELS])
    return {values: inside for values, inside in panels.items() if values in kept}


def _norm(cells: Sequence[Row]) -> Normalize:
    """Returns the scale: from the worst to the best cell that came to a result."""
    values = [cell["test_accuracy"] for cell in cells if cell["test_accuracy"] is not None]
    usable = [
        cell["test_accuracy"] for cell in cells if cell["test_accuracy"] is not None and cell["status"] not in ENDS
    ]
    values = usable or values or [0.0, 1.0]
    low, high = 100 * min(values), 100 * max(values)
    return Normalize(low, high) if high > low else Normalize(low - 1, high + 1)


def _extend(cells: Sequence[Row], norm: Normalize) -> str:
    below = any(100 * (cell["test_accuracy"] or 100) < (norm.vmin or 0) for cell in cells)
    return "min" if below else "neither"


def _draw_panel(
    axes: Axes, cells: Sequence[Row], along: tuple[Swept, Swept], norm: Normalize, *, numbered: bool
) -> None:
    across, up = along
    table = np.full((len(up.values), len(across.values)), np.nan)
    places = {(up.values.index(cell[up.name]), across.values.index(cell[across.name])): cell for cell in cells}
    for place, cell in places.items():
        table[place] = np.nan if cell["test_accuracy"] is None else 100 * cell["test_accuracy"]
    axes.set_facecolor(EMPTY)
    axes.imshow(table, cmap=COLORS, norm=norm, origin="lower", aspect="auto", interpolation="none")
    axes.set_xticks(np.arange(len(across.values) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(up.values) + 1) - 0.5, minor=True)
    axes.tick_params(which="both", length=0)
    if numbered:
        axes.grid(which="minor", color="#fefefe", linewidth=1.5)
    axes.spines[:].set_visible(False)
    for (row, column), cell in places.items():
        _draw_cell(axes, (column, row), cell, norm, numbered=numbered)


def _draw_cell(axes: Axes, place: tuple[int, int], cell: Row, norm: Normalize, *, numbered: bool) -> None:
    value = cell["test_accuracy"]
    color = ON_LIGHT if value is None or norm(100 * value) < DARK else ON_DARK
    ended = cell["status"] in ENDS
    if numbered:
        tie = "~" if cell["tied"] else ""
        axes.text(*place, tie + _number(cell), ha="center", va="center", color=color, fontsize=11)
    elif cell["tied"]:
        axes.plot(*place, ".", color=color, markersize=3)
    if ended:
        marker, _ = ENDS[cell["status"]]
        corner = (place[0] - 0.36, place[1] + 0.3) if numbered and value is not None else place
        size = 6 if numbered else 4
        axes.plot(*corner, marker, color=color, markersize=size, markeredgewidth=1.4)
    if cell["best"]:
        frame: dict[str, Any] = {"fill": False, "zorder": 5, "clip_on": False}
        corner = (place[0] - 0.5, place[1] - 0.5)
        axes.add_patch(Rectangle(corner, 1, 1, edgecolor=ON_LIGHT, linewidth=4.5, **frame))
        axes.add_patch(Rectangle(corner, 1, 1, edgecolor=LIGHT["mark"], linewidth=2.2, **frame))


def _number(cell: Row) -> str:
    """Returns an accuracy in percent, with a digit after the point where images are many enough to tell it."""
    value = cell["test_accuracy"]
    if value is None:
        return ""
    return f"{100 * value:.1f}" if (cell["test_n"] or 0) >= FINE_IMAGES else f"{100 * value:.0f}"


def _label(grid: Any, along: tuple[Swept, Swept], count: int) -> None:  # noqa: ANN401  array of axes
    """Writes the values along the outer panels, some of them where they are many, and the options' names once."""
    across, up = along
    columns = grid.shape[1]
    panel = (grid[0, 0].figure.get_figwidth() - SIDES_INCHES) / columns - GAP_INCHES
    room = panel / min(len(across.values), MOST_LABELS)
    for axes in grid.flat[:count]:
        for axis, option in ((axes.xaxis, across), (axes.yaxis, up)):
            step = math.ceil(len(option.values) / MOST_LABELS)
            places = range(0, len(option.values), step)
            axis.set_ticks(list(places), [literal(option.labels[place]) for place in places])
        if max(map(len, across.labels)) * LETTER_INCHES > room:
            axes.tick_params(axis="x", rotation=40)
    for number, axes in enumerate(grid.flat[:count]):
        if number + columns >= count:  # none below it
            axes.set_xlabel(literal(across.title))
            axes.tick_params(labelbottom=True)
        if number % columns == 0:
            axes.set_ylabel(literal(up.title))


def _legend(cells: Sequence[Row], *, numbered: bool) -> list[Line2D | Patch]:
    """Returns an entry for each mark that is there."""
    found: list[Line2D | Patch] = []
    if any(cell["best"] for cell in cells):
        found.append(Patch(facecolor="none", edgecolor=LIGHT["mark"], linewidth=2.5, label="chosen by validation"))
    if any(cell["tied"] for cell in cells):
        marker = "$\\sim$" if numbered else "."
        mark = Line2D([], [], linestyle="none", marker=marker, color=LIGHT["ink"], markersize=11)
        mark.set_label("not told from the most accurate (95 %)")
        found.append(mark)
    for status, (marker, meaning) in ENDS.items():
        if any(cell["status"] == status for cell in cells):
            found.append(
                Line2D([], [], linestyle="none", marker=marker, color=LIGHT["ink"], markersize=7, label=meaning)
            )
    return found
