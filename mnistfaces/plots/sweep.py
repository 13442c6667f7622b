"""The figure of a sweep, which follows from what was swept: a curve, a heat map, several of them, or dots beside names.

Rows in, Figure out: the rows are those that a sweep keeps in its summary.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, NullLocator

from mnistfaces.plots.figures import literal, plain_axes, set_title, styled, wrapped
from mnistfaces.plots.heatmap import heatmap_figure
from mnistfaces.plots.profile import TWO_COLUMNS, Profile, draw_profile, legend_below
from mnistfaces.plots.swept import Row, Swept, label_of, said, swept_options, typed
from mnistfaces.plots.ticks import mark_evenly

MOST_NAMES = 40
"""Cells that have a line each: of more, the most accurate in validation are drawn."""

MOST_TICKS = 12
"""Values that are all written below their axis."""

AROUND_INCHES, LETTER_INCHES = 2.1, 0.1
"""About what is left of a curve's figure beside its axis from first to last value, and the width of a digit."""

SHARE = 0.5
"""A product of lists of which no more than this was trained is no table of cells."""

ACCURACY = "accuracy (% of images)"


WIDTH = 8.4
"""Inches across of a curve and of dots."""


@styled
def sweep_figure(summary: Mapping[str, Any], width: float = WIDTH) -> Figure:
    """Returns the figure of a sweep.

    Args:
        summary: what only all cells together tell, as `summary.json` of the run says it: `cells`, the `trials` of
            each, and `tested`.
        width: inches across, where the figure is no table of cells.
    """
    cells = summary["cells"]
    trials: Sequence[Sequence[Row]] = summary.get("trials") or [
        [] for _ in cells
    ]  # those of the first release are not listed
    options = swept_options(cells)
    if len(options) == 1 and options[0].places is not None:
        return _curve(summary, options[0], trials, width)
    if len(options) > 1 and len(cells) > SHARE * math.prod(len(option.values) for option in options):
        return heatmap_figure(cells, options, _title(summary, options))
    return _dots(summary, options, trials, width)


def _curve(summary: Mapping[str, Any], option: Swept, trials: Sequence[Sequence[Row]], width: float) -> Figure:
    """Draws accuracies against the numbers of one option."""
    order = {value: number for number, value in enumerate(option.values)}
    along = sorted(range(len(trials)), key=lambda number: order[summary["cells"][number][option.name]])
    figure = Figure(figsize=(width, 5.4 if width > TWO_COLUMNS else 6.4), layout="constrained")
    axes = figure.subplots()
    scale_axis(axes, option)
    profile = Profile(
        cells=[summary["cells"][number] for number in along],
        trials=[trials[number] for number in along],
        places=np.array(option.places),
    )
    draw_profile(axes, profile)
    axes.set(xlabel=literal(option.title), ylabel=ACCURACY)
    mark_evenly(axes.yaxis, 7)
    plain_axes(axes)
    legend_below(figure, axes)
    set_title(figure, _title(summary, [option]))
    return figure


def scale_axis(axes: Axes, option: Swept) -> None:
    """Gives the horizontal axis the scale and the ticks of an option's numbers."""
    places = np.array(option.places)
    if option.scale == "symlog":
        axes.set_xscale("symlog", linthresh=places[places > 0].min(), linscale=0.7)
    else:
        axes.set_xscale(option.scale)
    if len(places) <= MOST_TICKS:
        labels = _labels(axes, option)
        axes.xaxis.set_major_locator(FixedLocator(list(labels)))
        axes.xaxis.set_major_formatter(FixedFormatter(list(labels.values())))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: typed(option.name, float(f"{value:.6g}"))))
        axes.xaxis.set_minor_formatter("")


def _labels(axes: Axes, option: Swept) -> dict[float, str]:
    """Returns the label at each place; values in one place share it, and one without room is left out."""
    shared: dict[float, list[str]] = {}
    for place, label in zip(option.places or (), option.labels, strict=True):
        shared.setdefault(place, []).append(label)
    spread = axes.xaxis.get_transform().transform(np.array(list(shared)))
    across = cast("Figure", axes.figure).get_figwidth() - AROUND_INCHES
    inch = float(np.ptp(spread)) / across or 1.0
    labels: dict[float, str] = {}
    reached = -np.inf
    for at, (place, words) in zip(spread.tolist(), shared.items(), strict=True):
        label = " = ".join(words)
        half = (0.5 * len(label) * LETTER_INCHES + 0.05) * inch
        labels[place] = "" if at - half < reached else label
        reached = max(reached, at + half if labels[place] else reached)
    return labels


def _dots(
    summary: Mapping[str, Any], options: Sequence[Swept], trials: Sequence[Sequence[Row]], width: float
) -> Figure:
    """Draws accuracies beside names, the most accurate at the top."""
    cells = summary["cells"]
    shown = sorted(range(len(cells)), key=lambda number: _merit(cells[number]))[:MOST_NAMES]
    shown.sort(key=lambda number: -(cells[number]["test_accuracy"] or 0))
    figure = Figure(figsize=(width, (2.6 if width > TWO_COLUMNS else 3.6) + 0.36 * len(shown)), layout="constrained")
    axes = figure.subplots()
    profile = Profile(
        cells=[cells[number] for number in shown],
        trials=[trials[number] for number in shown],
        places=-np.arange(len(shown), dtype=np.float64),
        upright=False,
        joined=False,
    )
    draw_profile(axes, profile)
    labels = [wrapped(label_of(cell, options), 3) if options else "" for cell in profile.cells]
    axes.set_yticks(profile.places, labels)
    axes.set(xlabel=ACCURACY, ylim=(-len(shown) + 0.4, 0.6))
    mark_evenly(axes.xaxis, 7)
    plain_axes(axes)
    legend_below(figure, axes)
    left_out = f"\n{len(shown)} of {len(cells)} cells: the best in validation" if len(shown) < len(cells) else ""
    set_title(figure, _title(summary, options) + left_out)
    return figure


def _merit(cell: Row) -> tuple[float, ...]:
    """Returns what puts the most accurate in validation first; in test, where nothing was validated."""
    return -(cell["val_accuracy"] or 0), -(cell["test_accuracy"] or 0)


def _title(summary: Mapping[str, Any], options: Sequence[Swept]) -> str:
    """Returns what was trained, on what, and how often."""
    cell = summary["cells"][0]
    names = [option.title.split(" (")[0] for option in options]
    by = " by " + " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else " of one setting"
    tested = f"{summary['tested']:,} test images" if summary["tested"] else "no test images"
    count = cell["n"] + cell["n_failed"]
    trials = "" if count == 1 else f", {count} trials per cell"
    is_open = summary["best"] is None and len(summary["cells"]) > 1
    chosen = "\nno cell is chosen: nothing was validated" if is_open else ""
    return f"{cell['dataset']}: accuracy{by}\n{_common(cell, options)}; {tested}{trials}{chosen}"


def _common(cell: Row, options: Sequence[Swept]) -> str:
    """Returns the settings that all cells share, as far as they are the ones that everybody asks for."""
    swept = {option.name for option in options}
    told = [name for name in ("model", "optimizer", "lr", "epochs", "batch_size", "hidden") if name not in swept]
    return ", ".join(said(name, cell[name]) for name in told if cell.get(name) is not None)
