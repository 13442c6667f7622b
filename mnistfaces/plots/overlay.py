"""Several sweeps over one axis in one figure: the test accuracy of each with its interval, and what each chose."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnistfaces.plots.colors import LIGHT, MARKERS, PATHS, PATTERNS
from mnistfaces.plots.figures import literal, plain_axes, set_title, styled, wrapped
from mnistfaces.plots.profile import ENDS, Profile
from mnistfaces.plots.sweep import ACCURACY, WIDTH, scale_axis
from mnistfaces.plots.swept import Row, Swept, swept_options
from mnistfaces.plots.ticks import mark_evenly

MOST_SWEEPS = len(PATHS)
"""Drawn in one figure: as many as there are colours."""

CHOSEN = "chosen by validation"


def axis_of(summary: Mapping[str, Any]) -> Swept | None:
    """Returns the one option of numbers that a sweep went along; None where there is none, or more than one."""
    options = swept_options(summary["cells"])
    return options[0] if len(options) == 1 and options[0].places is not None else None


@styled
def overlay_figure(summaries: Mapping[str, Mapping[str, Any]], width: float = WIDTH) -> Figure:
    """Draws the test accuracies of several sweeps against the option that all of them went along.

    Args:
        summaries: of at most `MOST_SWEEPS` sweeps with the same `axis_of`, by what each is called.
        width: inches across.
    """
    axis = _shared(list(summaries.values()))
    figure = Figure(figsize=(width, 4.6 + 0.26 * len(summaries)), layout="constrained")
    axes = figure.subplots()
    scale_axis(axes, axis)
    profiles = [_profile(summary) for summary in summaries.values()]
    limits = np.array([profile.limits() for profile in profiles])
    low, high = float(limits[:, 0].min()), float(limits[:, 1].max())
    axes.set_ylim(low, high)
    for place, (name, profile) in enumerate(zip(summaries, profiles, strict=True)):
        _draw(axes, profile, place, wrapped(name, width - 1.5, 11))
        _mark(axes, profile, LIGHT[PATHS[place]], low + 0.03 * (high - low))
    axes.set(xlabel=literal(axis.title), ylabel=f"test {ACCURACY}")
    mark_evenly(axes.yaxis, 7)
    plain_axes(axes)
    _explain(figure, axes)
    sets = dict.fromkeys(str(summary["cells"][0]["dataset"]) for summary in summaries.values())
    set_title(figure, f"{', '.join(sets)}: test accuracy by {axis.title}\nband: 95 % interval for new images")
    return figure


def _shared(summaries: Sequence[Mapping[str, Any]]) -> Swept:
    """Returns the axis of all values of some sweeps along one option."""
    axes = [swept_options(summary["cells"])[0] for summary in summaries]
    places = {value: place for axis in axes for value, place in zip(axis.values, axis.places or (), strict=True)}
    values = sorted(places, key=places.__getitem__)
    return Swept(name=axes[0].name, values=tuple(values), places=tuple(places[value] for value in values))


def _profile(summary: Mapping[str, Any]) -> Profile:
    cells: Sequence[Row] = summary["cells"]
    axis = swept_options(cells)[0]
    place = dict(zip(axis.values, axis.places or (), strict=True))
    along = sorted(cells, key=lambda cell: place[cell[axis.name]])
    places = np.array([place[cell[axis.name]] for cell in along])
    return Profile(cells=along, trials=[[] for _ in along], places=places)


def _draw(axes: Axes, profile: Profile, number: int, name: str) -> None:
    """Draws one sweep: its means joined, its intervals as a band."""
    color = LIGHT[PATHS[number]]
    low, mean, high = (profile.column(f"test_{field}") for field in ("low", "accuracy", "high"))
    axes.fill_between(profile.places, low, high, color=color, alpha=0.15, linewidth=0, zorder=1)
    look: dict[str, Any] = {"color": color, "linestyle": PATTERNS[number % len(PATTERNS)], "zorder": 4}
    if not profile.is_dense:
        look |= {"marker": MARKERS[number], "markersize": 6}
    axes.plot(profile.places, mean, label=name, **look)


def _mark(axes: Axes, profile: Profile, color: str, edge: float) -> None:
    """Marks the chosen cell of a sweep, and those that are no result."""
    means = profile.column("test_accuracy")
    for place, mean, cell in zip(profile.places, means, profile.cells, strict=True):
        if cell["best"]:
            look: dict[str, Any] = {"markersize": 18, "markeredgecolor": LIGHT["ink"], "zorder": 6}
            axes.plot(place, mean, "*", color=LIGHT["mark"], label=CHOSEN, **look)
        if cell["status"] in ENDS:
            marker, meaning = ENDS[cell["status"]]
            at = np.fmax(mean, edge) if cell["status"] == "collapsed" else edge
            look = {"color": color, "markersize": 10, "markeredgewidth": 2.2, "zorder": 9}
            axes.plot(place, at, marker, label=meaning, **look)


def _explain(figure: Figure, axes: Axes) -> None:
    """Writes below which line is which, then what the marks mean, each once."""
    entries = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    meanings = (CHOSEN, *(meaning for _, meaning in ENDS.values()))
    marks = [label for label in meanings if label in entries]
    names = [label for label in entries if label not in marks]
    figure.legend([entries[label] for label in (*names, *marks)], [*names, *marks], loc="outside lower center")
