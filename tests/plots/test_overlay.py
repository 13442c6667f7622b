"""Sweeps over each other: every number is a row's, every sweep has its own look, and all letters can be read."""

from typing import Any

import numpy as np
import pytest
from legible import faults
from matplotlib.axes import Axes
from swept_cells import summary_of

from mnistfaces.plots.overlay import MOST_SWEEPS, axis_of, overlay_figure

RATES = [1e-5, 1e-4, 1e-3, 1e-2]
TWO = {
    "a/first": summary_of({"lr": RATES}),
    "b/first": summary_of({"lr": [1e-3, 1e-2, 1e-1]}, accuracy=lambda number: 0.7 + 0.03 * number),
}
LONG = "a folder's name that goes on and on, as those of some people do, $\\frac$ <b>"

SETS: dict[str, dict[str, Any]] = {
    "one": {"alone": summary_of({"lr": RATES})},
    "two": TWO,
    "a zero in one": {
        "with": summary_of({"weight_decay": [0, 1e-4, 1e-3, 1e-2]}),
        "without": summary_of({"weight_decay": [1e-4, 1e-3, 1e-1]}),
    },
    "as many as there are colours": {
        f"sweep {number}": summary_of(
            {"lr": RATES}, accuracy=lambda place, number=number: 0.5 + 0.05 * place + number / 20
        )
        for number in range(MOST_SWEEPS)
    },
    "long names": {LONG + letter: summary_of({"lr": RATES}) for letter in "ab"},
    "ended": {
        "one": summary_of({"lr": RATES}, changes={0: {"status": "collapsed", "test_accuracy": 0.1}}),
        "other": summary_of({"lr": RATES}, changes={3: {"status": "diverged"}}),
    },
    "dense": {"fine": summary_of({"lr": np.geomspace(1e-5, 1e-1, 100).tolist()}), "coarse": summary_of({"lr": RATES})},
}


@pytest.mark.parametrize("width", [6.2, 8.4])
@pytest.mark.parametrize("summaries", SETS.values(), ids=SETS)
def test_every_letter_can_be_read(summaries: dict[str, Any], width: float) -> None:
    assert faults(overlay_figure(summaries, width)) == []


def line(axes: Axes, label: str) -> list[list[float]]:
    (found,) = [line for line in axes.lines if line.get_label() == label]
    values: list[list[float]] = np.array(found.get_data(), float).T.tolist()
    return values


def test_means_and_bands_are_the_rows_in_percent_and_every_sweep_has_its_own_colour() -> None:
    (axes,) = overlay_figure(TWO).axes
    assert axes.get_xscale() == "log"
    for number, (name, summary) in enumerate(TWO.items()):
        cells = summary["cells"]
        wanted = [[cell["lr"], 100 * cell["test_accuracy"]] for cell in cells]
        assert line(axes, name) == pytest.approx(np.array(wanted))
        corners = {(x, round(y, 6)) for x, y in axes.collections[number].get_paths()[0].vertices.tolist()}  # type: ignore[attr-defined]
        ends = {(cell["lr"], round(100 * cell[end], 6)) for cell in cells for end in ("test_low", "test_high")}
        assert ends <= corners
    drawn = [one for one in axes.lines if one.get_label() in TWO]
    looks = {(one.get_color(), one.get_linestyle(), one.get_marker()) for one in drawn}
    assert len({color for color, _, _ in looks}) == len({marker for _, _, marker in looks}) == len(TWO)


def test_the_chosen_cell_of_each_is_marked_where_it_stands() -> None:
    (axes,) = overlay_figure(TWO).axes
    stars = sorted(np.array(one.get_data(), float).ravel().tolist() for one in axes.lines if one.get_marker() == "*")
    wanted = sorted([one["best"]["lr"], 100 * one["best"]["test_accuracy"]] for one in TWO.values())
    assert stars == pytest.approx(np.array(wanted))


def test_what_is_no_result_is_marked_by_how_it_ended() -> None:
    (axes,) = overlay_figure(SETS["ended"]).axes
    at = {str(one.get_label()).split(",")[0].split(":")[0]: float(one.get_xdata()[0]) for one in axes.lines}  # type: ignore[index]
    assert at["collapsed"] == RATES[0]
    assert at["diverged"] == RATES[3]


@pytest.mark.parametrize(
    ("lists", "name"),
    [
        ({"lr": RATES}, "lr"),
        ({"lr": RATES, "epochs": [1, 2]}, None),
        ({"optimizer": ["gd", "adam"]}, None),
        ({}, None),
    ],
)
def test_only_sweeps_along_one_option_of_numbers_have_an_axis(lists: dict[str, Any], name: str | None) -> None:
    axis = axis_of(summary_of(lists))
    assert (axis.name if axis else None) == name
