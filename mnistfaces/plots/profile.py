"""Accuracies of cells in a row, along numbers or beside names: means, intervals, every trial, and how each ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mnistfaces.plots.colors import LIGHT

Row = Mapping[str, Any]

SIDES = {
    "train": ("training", "--", "^"),
    "val": ("validation", "-.", "s"),
    "test": ("test", "-", "o"),
}
"""Name, line and marker of each set of images, whose colours have the same names; the last is drawn on top."""

MANY = 24
"""So many cells have a band in place of bars, and lines without markers."""

MANY_POINTS = 1500
"""So many trials are drawn as one picture inside a drawing, which would take a line for each."""

ENDS = {
    "collapsed": ("v", "collapsed: a class is never predicted"),
    "diverged": ("x", "diverged, in some trial or in all"),
    "failed": ("+", "failed, in some trial or in all"),
}
"""How a cell can end that is no result: its mark at the edge, and what it means."""

MARGIN = 0.06
TWO_COLUMNS = 7.5
"""Inches from which on a legend has them."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Cells in a row.

    Attributes:
        cells: rows of a sweep's summary.
        trials: of each cell.
        places: of each cell along the axis.
        upright: accuracy goes up and cells lie side by side; else it goes right and they lie one above the other.
        joined: lines lead from cell to cell.
    """

    cells: Sequence[Row]
    trials: Sequence[Sequence[Row]]
    places: NDArray[np.float64]
    upright: bool = True
    joined: bool = True

    def column(self, field: str) -> NDArray[np.float64]:
        """Returns a field of every cell in percent; NaN where there is no such number."""
        return percent([cell[field] for cell in self.cells])

    def order(self, place: Any, value: Any) -> tuple[Any, Any]:  # noqa: ANN401  numbers or arrays
        """Returns x and y of accuracies."""
        return (place, value) if self.upright else (value, place)

    @property
    def is_dense(self) -> bool:
        """Returns whether there are too many cells for a bar and a marker each."""
        return len(self.cells) > MANY and self.joined

    def limits(self) -> tuple[float, float]:
        """Returns the ends of the axis of accuracies: what came to a result fills it."""
        usable = [number for number, cell in enumerate(self.cells) if cell["status"] not in ENDS]
        chosen = usable or range(len(self.cells))
        fields = [f"{side}_accuracy" for side in SIDES] + ["test_low", "test_high"]
        values = np.stack([self.column(field) for field in fields])[:, list(chosen)].ravel()
        points = [percent([trial["test_accuracy"] for trial in self.trials[number]]) for number in chosen]
        values = np.concatenate([values, *points])
        values = values[np.isfinite(values)]
        low, high = (values.min(), values.max()) if len(values) else (0.0, 100.0)
        means = self.column("test_accuracy")
        low = min([low, *means[means > 2 * low - high]])  # what is no result, but near
        room = MARGIN * max(high - low, 1.0)
        return float(low - room), float(high + room)


def percent(values: Sequence[float | None]) -> NDArray[np.float64]:
    """Returns fractions in percent; NaN for what does not exist."""
    return np.array([np.nan if value is None else 100 * value for value in values], np.float64)


def draw_profile(axes: Axes, profile: Profile) -> None:
    """Draws the cells of a profile into axes, whose limits of accuracy it sets."""
    low, high = profile.limits()
    (axes.set_ylim if profile.upright else axes.set_xlim)(low, high)
    _mark_chosen(axes, profile)
    _draw_trials(axes, profile)
    _draw_intervals(axes, profile)
    for side in SIDES:
        _draw_side(axes, profile, side)
    _mark_ends(axes, profile, low + 0.03 * (high - low))


def legend_below(figure: Figure, axes: Axes) -> None:
    """Writes the legend of a profile below it: what was measured, then how it ended."""
    entries = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    names = [name for name, _, _ in SIDES.values()]
    first = [label for label in entries if label.startswith("test")]
    last = [label for label in entries if label not in names and label not in first]
    labels = [*first, *(name for name in reversed(names) if name in entries and name not in first), *last]
    columns = 2 if figure.get_figwidth() > TWO_COLUMNS else 1
    figure.legend([entries[label] for label in labels], labels, loc="outside lower center", ncols=columns)


def _mark_chosen(axes: Axes, profile: Profile) -> None:
    for cell, place in zip(profile.cells, profile.places, strict=True):
        if cell["best"] and len(profile.cells) > 1:
            line = axes.axvline if profile.upright else axes.axhline
            line(place, color=LIGHT["mark"], linewidth=11, alpha=0.7, zorder=0, label="chosen by validation")


def _draw_trials(axes: Axes, profile: Profile) -> None:
    places = np.repeat(profile.places, [len(trials) for trials in profile.trials])
    values = percent([trial["test_accuracy"] for trials in profile.trials for trial in trials])
    if len(values) > len(profile.cells):
        look: dict[str, Any] = {"marker": "o", "linestyle": "none", "color": LIGHT["test"], "markeredgewidth": 0}
        look |= {"markersize": 4.5, "alpha": 0.35, "zorder": 2, "rasterized": len(values) > MANY_POINTS}
        axes.plot(*profile.order(places, values), label="each trial's test", **look)


def _draw_intervals(axes: Axes, profile: Profile) -> None:
    low, mean, high = (profile.column(f"test_{field}") for field in ("low", "accuracy", "high"))
    label = "95 % interval for new images"
    if profile.is_dense:
        fill = axes.fill_between if profile.upright else axes.fill_betweenx
        fill(profile.places, low, high, color=LIGHT["test"], alpha=0.15, linewidth=0, zorder=1, label=label)
        return
    known = np.isfinite(mean) & np.isfinite(low)
    if not known.any():
        return
    reach = np.abs(np.stack([mean - low, high - mean]))[:, known]
    bars: dict[str, Any] = {"yerr" if profile.upright else "xerr": reach, "ecolor": LIGHT["test"]}
    bars |= {"elinewidth": 1.4, "capsize": 4, "fmt": "none", "zorder": 3, "label": label}
    axes.errorbar(*profile.order(profile.places[known], mean[known]), **bars)


def _draw_side(axes: Axes, profile: Profile, side: str) -> None:
    """Draws the mean accuracies of one set; those on the test images are filled where no better cell is known."""
    values, color = profile.column(f"{side}_accuracy"), LIGHT[side]
    if not np.isfinite(values).any():
        return
    name, dashes, marker = SIDES[side]
    zorder = 4 + list(SIDES).index(side)
    tied = np.array([bool(cell["tied"]) for cell in profile.cells])
    look: dict[str, Any] = {"color": color, "zorder": zorder, "linestyle": dashes if profile.joined else "none"}
    if profile.is_dense:
        axes.plot(*profile.order(profile.places, values), label=name, **look)
        if side == "test" and not tied.all():
            _draw_tied(axes, profile, values, tied, zorder)
        return
    size = 8 if side == "test" else 6
    axes.plot(*profile.order(profile.places, values), marker=marker, markersize=size, label=name, **look)
    if side == "test" and not tied.all():
        look |= {"linestyle": "none", "marker": marker, "markersize": size, "markerfacecolor": LIGHT["paper"]}
        apart = ~tied & np.isfinite(values)
        label = "test, told from the most accurate"
        axes.plot(*profile.order(profile.places[apart], values[apart]), markeredgewidth=1.6, label=label, **look)


def _draw_tied(axes: Axes, profile: Profile, values: NDArray[np.float64], tied: NDArray[np.bool_], zorder: int) -> None:
    """Thickens the line where cells cannot be told from the most accurate."""
    inside = np.where(tied, values, np.nan)
    look: dict[str, Any] = {"color": LIGHT["test"], "linewidth": 4.5, "zorder": zorder, "marker": "o", "markersize": 3}
    axes.plot(*profile.order(profile.places, inside), label="test, not told from the most accurate", **look)


def _mark_ends(axes: Axes, profile: Profile, edge: float) -> None:
    """Marks cells that are no result; those below the axis at its edge, with what they came to."""
    means = profile.column("test_accuracy")
    for status, (marker, meaning) in ENDS.items():
        ended = [number for number, cell in enumerate(profile.cells) if cell["status"] == status]
        if not ended:
            continue
        values = np.fmax(means[ended], edge) if status == "collapsed" else np.full(len(ended), edge)
        look: dict[str, Any] = {"marker": marker, "linestyle": "none", "color": LIGHT["val"], "markersize": 10}
        look |= {"markeredgewidth": 2.2, "zorder": 9}
        axes.plot(*profile.order(profile.places[ended], values), label=meaning, **look)
        for number in ended:
            if means[number] < edge and not profile.is_dense:
                _write_value(axes, profile, number, edge)


def _write_value(axes: Axes, profile: Profile, number: int, edge: float) -> None:
    """Writes an accuracy that lies below the axis beside its mark."""
    place = profile.order(profile.places[number], edge)
    beside: dict[str, Any] = {"xytext": (0, 9), "ha": "center", "va": "bottom", "zorder": 8}
    if not profile.upright:
        beside |= {"xytext": (10, 0), "ha": "left", "va": "center"}
    value = f"{profile.column('test_accuracy')[number]:.0f} %"
    axes.annotate(value, place, textcoords="offset points", fontsize=11, **beside)
