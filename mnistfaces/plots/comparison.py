"""Figures of models beside each other: their paired differences, and how they rank."""

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mnistfaces.plots.colors import LIGHT
from mnistfaces.plots.figures import plain_axes, set_title, styled, wrapped
from mnistfaces.plots.profile import percent
from mnistfaces.plots.ticks import mark_evenly

Row = Mapping[str, Any]

MOST_LINES = 40
NAMES = 0.28
"""The share of the width that names may take."""

LINE_INCHES = 0.22

LEVEL = 0.05
"""A difference with a p value below this is told from none."""


WIDTH = 9.2
"""Inches across."""


@styled
def differences_figure(rows: Sequence[Row], margin: float | None = None, width: float = WIDTH) -> Figure:
    """Draws the paired differences in accuracy with their intervals, a line per pair: a forest plot.

    Args:
        rows: of `mnf compare`; of more than can be drawn, those with the largest differences.
        margin: differences smaller than that count as none; drawn as a band about 0.
        width: inches across.
    """
    shown = sorted(rows, key=lambda row: -abs(row["difference"]))[:MOST_LINES]
    shown = [row for row in rows if row in shown]
    names = short_names([row[side] for row in rows for side in ("a", "b")])
    labels = [f"{names[row['a']]}\n\N{MINUS SIGN} {names[row['b']]}" for row in shown]
    told = [row["p"] < LEVEL for row in shown]
    figure, axes = _lines(labels, _columns(shown, "difference"), told, width)
    _write_beside(axes, [_signed(row) for row in shown])
    axes.axvline(0, color=LIGHT["ink"], linewidth=1.2, zorder=1)
    if margin is not None:
        band: dict[str, Any] = {"color": LIGHT["mark"], "alpha": 0.35, "linewidth": 0, "zorder": 0}
        axes.axvspan(-100 * margin, 100 * margin, label=f"counts as none: \N{PLUS-MINUS SIGN}{100 * margin:g}", **band)
    axes.set_xlabel(wrapped("difference in accuracy, first less second (points), 95 % interval", width - 2.5))
    adjusted = f", adjusted for {len(rows)} pairs" if len(rows) > 1 else ""
    _explain(figure, axes, (f"told apart (p < {LEVEL:g}{adjusted})", "not told apart"))
    images = sorted({row["n"] for row in rows})
    counted = f"{images[0]:,}" if len(images) == 1 else f"{images[0]:,} to {images[-1]:,}"
    set_title(figure, f"Paired differences on {counted} test images{_left_out(shown, rows, 'pairs', 'largest')}")
    return figure


@styled
def board_figure(rows: Sequence[Row]) -> Figure:
    """Draws the accuracies of contenders with their intervals, the most accurate at the top.

    Args:
        rows: of `mnf compare --board`; those that could not be judged are counted in the title.
    """
    judged = [row for row in rows if row["rank"] is not None]
    shown = judged[:MOST_LINES]
    names = short_names([row["contender"] for row in judged])
    tied = [bool(row["tied"]) for row in shown]
    labels = [f"{row['rank']}. {names[row['contender']]}" for row in shown]
    figure, axes = _lines(labels, _columns(shown, "accuracy"), tied, WIDTH)
    _write_beside(axes, [_plain(row) for row in shown])
    axes.set_xlabel("accuracy (% of test images), 95 % interval")
    _explain(figure, axes, ("not told from the most accurate", "told from the most accurate"))
    failed = len(rows) - len(judged)
    lacking = f"\n{failed} could not be judged" if failed else ""
    set_title(figure, f"{len(judged)} contenders{_left_out(shown, judged, 'contenders', 'most accurate')}{lacking}")
    return figure


def short_names(names: Sequence[str]) -> dict[str, str]:
    """Returns names without the folders that all of them lie in, where each stays another's unlike."""
    parts = {name: PurePath(name).parts for name in names}
    common = 0
    while len({part[common : common + 1] for part in parts.values()}) == 1 and all(
        len(part) > common + 1 for part in parts.values()
    ):
        common += 1
    short = {name: str(PurePath(*part[common:])) if common else name for name, part in parts.items()}
    return short if len(set(short.values())) == len(short) else {name: name for name in names}


def _columns(rows: Sequence[Row], field: str) -> NDArray[np.float64]:
    """Returns low ends, values and high ends in points, (3, rows)."""
    return np.stack([percent([row[name] for row in rows]) for name in ("low", field, "high")])


def _lines(
    labels: Sequence[str], values: NDArray[np.float64], filled: Sequence[bool], width: float
) -> tuple[Figure, Axes]:
    """Draws values with their intervals beside labels, the first at the top; some of the marks are filled."""
    names = [wrapped(label, NAMES * width, 11) for label in labels]
    heights = [LINE_INCHES * (name.count("\n") + 1) + 0.16 for name in names]
    places = -np.cumsum([0.0, *heights])[: len(names)] - np.array(heights) / 2
    figure = Figure(figsize=(width, sum(heights) + 2.1), layout="constrained")
    axes = figure.subplots()
    low, middle, high = values
    reach = np.abs(np.stack([middle - low, high - middle]))
    bars: dict[str, Any] = {"ecolor": LIGHT["test"], "elinewidth": 1.6, "capsize": 4, "fmt": "none", "zorder": 3}
    axes.errorbar(middle, places, xerr=reach, **bars)
    for inside in (True, False):
        chosen = np.array(filled, np.bool_) == inside
        face = LIGHT["test" if inside else "paper"]
        mark: dict[str, Any] = {"color": LIGHT["test"], "markerfacecolor": face, "markeredgewidth": 1.6, "zorder": 4}
        axes.plot(middle[chosen], places[chosen], "o", markersize=8, **mark)
    axes.set_yticks(places, names)
    axes.set_ylim(-max(sum(heights), LINE_INCHES), 0)
    mark_evenly(axes.xaxis)
    plain_axes(axes)
    axes.yaxis.grid(visible=False)
    return figure, axes


def _write_beside(axes: Axes, texts: Sequence[str]) -> None:
    """Writes the numbers of each line at its right end."""
    for place, text in zip(axes.get_yticks(), texts, strict=True):
        axes.text(1.02, float(place), text, transform=axes.get_yaxis_transform(), va="center", fontsize=11)


def _explain(figure: Figure, axes: Axes, meanings: tuple[str, str]) -> None:
    """Writes below what filled and open marks mean, where there are any, and the bands."""
    marks = [line for line in axes.lines if line.get_marker() == "o"]
    for line, meaning in zip(marks, meanings, strict=True):
        if np.size(line.get_xdata()):
            line.set_label(meaning)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=1 if len(labels) > 2 else 2)  # noqa: PLR2004


def _signed(row: Row) -> str:
    low, middle, high = (100 * row[name] for name in ("low", "difference", "high"))
    return f"{middle:+.1f} [{low:+.1f}, {high:+.1f}]".replace("-", "\N{MINUS SIGN}")


def _plain(row: Row) -> str:
    return f"{100 * row['accuracy']:.1f} [{100 * row['low']:.1f}, {100 * row['high']:.1f}]"


def _left_out(shown: Sequence[Row], rows: Sequence[Row], what: str, which: str) -> str:
    return f"\n{len(shown)} of {len(rows)} {what}: the {which}" if len(shown) < len(rows) else ""
