"""Figures of models beside each other: what is drawn is what the rows say."""

from typing import Any

import numpy as np
import pytest
from legible import faults
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mnistfaces.plots.comparison import MOST_LINES, board_figure, differences_figure, short_names

HOSTILE = r"answers/$\wrong{ of a student whose file has a very, very long name \1.csv"


def pair(a: str, b: str, difference: float, half: float, p: float) -> dict[str, Any]:
    ends = {"low": difference - half, "high": difference + half}
    return {"a": a, "b": b, "difference": difference, **ends, "p": p, "n": 1000}


def contender(name: str, rank: int | None, accuracy: float | None, *, tied: bool | None) -> dict[str, Any]:
    ends = {end: None if accuracy is None else accuracy + by for end, by in (("low", -0.03), ("high", 0.02))}
    return {"contender": name, "rank": rank, "accuracy": accuracy, **ends, "tied": tied}


PAIRS = [
    pair("runs/a", "runs/b", 0.012, 0.02, 0.4),
    pair("runs/a", HOSTILE, 0.05, 0.02, 0.001),
    pair("runs/b", HOSTILE, -0.038, 0.02, 0.003),
]
BOARD = [
    contender("runs/a", 1, 0.9, tied=True),
    contender(HOSTILE, 2, 0.89, tied=True),
    contender("runs/c", 3, 0.7, tied=False),
    contender("broken.csv", None, None, tied=None),
]


def marks(figure: Figure) -> list[Line2D]:
    return [line for line in figure.axes[0].lines if line.get_marker() == "o"]


def beside(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def names(figure: Figure) -> list[str]:
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


def bars(figure: Figure) -> list[list[float]]:
    (drawn,) = [lines for lines in figure.axes[0].collections if hasattr(lines, "get_segments")]
    return [segment[:, 0].tolist() for segment in drawn.get_segments()]


def test_a_forest_plot_has_a_line_per_pair_with_its_interval_in_points() -> None:
    figure = differences_figure(PAIRS)
    assert bars(figure) == pytest.approx(np.array([[100 * row["low"], 100 * row["high"]] for row in PAIRS]))
    told, untold = marks(figure)
    assert told.get_xdata() == pytest.approx([5, -3.8])
    assert untold.get_xdata() == pytest.approx([1.2])
    assert untold.get_markerfacecolor() != told.get_markerfacecolor()
    heights = [*untold.get_ydata(), *told.get_ydata()]
    assert heights == sorted(heights, reverse=True)  # the first at the top
    assert beside(figure)[0] == "+1.2 [\N{MINUS SIGN}0.8, +3.2]"
    assert names(figure)[0] == "runs/a\n\N{MINUS SIGN} runs/b"
    assert "adjusted for 3 pairs" in figure.legends[0].get_texts()[0].get_text()
    assert faults(figure) == []


def test_the_margin_is_a_band_about_nothing() -> None:
    figure = differences_figure(PAIRS, 0.02)
    (band,) = figure.axes[0].patches
    assert band.get_extents().transformed(figure.axes[0].transData.inverted()).intervalx == pytest.approx([-2, 2])
    assert faults(figure) == []
    assert not differences_figure(PAIRS).axes[0].patches


def test_too_many_pairs_are_those_that_differ_most_and_it_says_so() -> None:
    many = [pair(f"runs/{number}", "runs/x", 0.001 * number, 0.02, 0.5) for number in range(50)]
    figure = differences_figure(many)
    assert len(names(figure)) == MOST_LINES
    assert names(figure)[0].startswith("10")
    assert f"{MOST_LINES} of 50 pairs: the largest" in figure.get_suptitle()
    assert faults(figure) == []


def test_a_board_has_the_first_at_the_top_and_tells_who_could_not_be_judged() -> None:
    figure = board_figure(BOARD)
    tied, apart = marks(figure)
    assert tied.get_xdata() == pytest.approx([90, 89])
    assert apart.get_xdata() == pytest.approx([70])
    assert names(figure)[0] == "1. runs/a"
    assert figure.get_suptitle() == "3 contenders\n1 could not be judged"
    assert beside(figure)[2] == "70.0 [67.0, 72.0]"
    assert faults(figure) == []


def test_a_board_of_nobody_can_be_drawn() -> None:
    assert faults(board_figure(BOARD[3:])) == []


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (["runs/a", "runs/b"], ["a", "b"]),
        (["/x/y/runs/a", "/x/y/answers.csv"], ["runs/a", "answers.csv"]),
        (["a", "b"], ["a", "b"]),
        (["runs/a", "b"], ["runs/a", "b"]),
        (["runs/a"], ["a"]),
        (["runs/a", "runs/a/b"], ["a", "a/b"]),
    ],
)
def test_folders_that_all_share_are_left_out(given: list[str], wanted: list[str]) -> None:
    assert list(short_names(given).values()) == wanted


def test_a_forest_plot_as_narrow_as_a_phone_can_be_read() -> None:
    assert faults(differences_figure(PAIRS, width=6.2)) == []
