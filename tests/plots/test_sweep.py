"""The figure of a sweep: its form follows from the grid, its numbers are the rows', and it can be read."""

import io
import re
from typing import Any
from xml.etree import ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest
from legible import faults
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from swept_cells import summary_of

from mnistfaces.plots.colors import DARK, LIGHT
from mnistfaces.plots.figures import inline_svg
from mnistfaces.plots.heatmap import MOST_PANELS
from mnistfaces.plots.sweep import MOST_NAMES, sweep_figure
from mnistfaces.plots.swept import swept_options

RATES = [1e-5, 1e-4, 1e-3, 1e-2]
NAMES = ["gd", "nesterov", "rmsprop", "adagrad", "adam", "adamw"]
HOSTILE = r"$\wrong{ <script>alert(1)</script> \1 & a rather long name, as folders have them"

SUMMARIES: dict[str, dict[str, Any]] = {
    "one axis": summary_of({"lr": RATES}),
    "one trial": summary_of({"lr": RATES}, seeds=1),
    "a zero": summary_of({"weight_decay": [0, 1e-4, 1e-3, 1e-2]}),
    "even": summary_of({"hidden": list(range(10, 310, 10))}),
    "a thousand": summary_of({"lr": np.geomspace(1e-5, 1e-1, 1000).tolist()}),
    "two axes": summary_of({"lr": RATES, "epochs": [10, 100, 1000]}),
    "thousand cells": summary_of({"lr": np.geomspace(1e-5, 1e-1, 40).tolist(), "epochs": list(range(10, 260, 10))}),
    "names and numbers": summary_of({"lr": RATES, "optimizer": NAMES}, images=100),
    "four axes": summary_of({"lr": RATES, "hidden": [10, 20, 50], "batch_size": [32, None], "momentum": [0, 0.9]}),
    "names": summary_of({"optimizer": NAMES}),
    "words": summary_of({"hidden": [10, "300x100", "20x20x20"], "model": ["mlp"]}),
    "many names": summary_of({"hidden": [f"{one}x{two}" for one in range(10, 18) for two in range(10, 18)]}),
    "sizes": summary_of({"batch_size": [32, 128, 1000, None]}),
    "close together": summary_of({"hidden": [10, 11, 12, 13, 300, 301]}),
    "one cell": summary_of({}),
    "one cell, one trial": summary_of({}, seeds=1),
    "not validated": summary_of({"lr": RATES}, validated=False),
    "ended": summary_of(
        {"lr": RATES},
        changes={0: {"status": "collapsed", "test_accuracy": 0.1}, 2: {"status": "diverged"}, 3: {"status": "failed"}},
    ),
    "ended in a table": summary_of(
        {"lr": RATES, "epochs": [1, 2]},
        changes={0: {"status": "collapsed", "test_accuracy": 0.1}, 2: {"status": "diverged"}, 3: {"status": "failed"}},
    ),
    "ended beside names": summary_of(
        {"optimizer": NAMES}, changes={0: {"status": "collapsed", "test_accuracy": 0.1}, 2: {"status": "diverged"}}
    ),
    "nothing came of it": summary_of({"lr": RATES}, changes={number: {"status": "diverged"} for number in range(4)}),
    "no table came of it": summary_of(
        {"lr": RATES, "epochs": [1, 2]}, changes={number: {"status": "diverged"} for number in range(8)}
    ),
    "hostile": summary_of({"optimizer": NAMES, "lr": [1.0, 2.0]}, dataset=HOSTILE),
}


def line(axes: Axes, label: str) -> Line2D:
    (found,) = [line for line in axes.lines if line.get_label() == label]
    return found


def data(axes: Axes, label: str) -> list[list[float]]:
    return np.array(line(axes, label).get_data(), float).T.tolist()


def letters(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text))


@pytest.mark.parametrize("summary", SUMMARIES.values(), ids=SUMMARIES)
def test_every_letter_can_be_read(summary: dict[str, Any]) -> None:
    assert faults(sweep_figure(summary)) == []


def test_numbers_of_one_option_are_a_curve_of_the_rows_in_percent() -> None:
    summary = SUMMARIES["one axis"]
    (axes,) = sweep_figure(summary).axes
    cells = summary["cells"]
    for side, label in (("train", "training"), ("val", "validation"), ("test", "test")):
        wanted = [[cell["lr"], 100 * cell[f"{side}_accuracy"]] for cell in cells]
        assert data(axes, label) == pytest.approx(np.array(wanted))
    trials = [
        [cell["lr"], 100 * trial["test_accuracy"]]
        for cell, of_cell in zip(cells, summary["trials"], strict=True)
        for trial in of_cell
    ]
    assert data(axes, "each trial's test") == pytest.approx(np.array(trials))
    (bars,) = axes.collections
    ends = [segment[:, 1].tolist() for segment in bars.get_segments()]
    assert ends == pytest.approx(np.array([[100 * cell["test_low"], 100 * cell["test_high"]] for cell in cells]))
    assert axes.get_xscale() == "log"
    assert line(axes, "chosen by validation").get_xdata() == [summary["best"]["lr"]] * 2
    apart = [[cell["lr"], 100 * cell["test_accuracy"]] for cell in cells if not cell["tied"]]
    assert 0 < len(apart) < len(cells)
    assert data(axes, "test, told from the most accurate") == pytest.approx(np.array(apart))


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([1e-5, 1e-4, 1e-3], "log"),
        ([1, 2, 5, 10, 20, 50], "log"),
        ([10, 20, 30, 40], "linear"),
        ([0, 0.25, 0.5, 0.75], "linear"),
        ([0, 1e-4, 1e-3], "symlog"),
        ([0, 0.9], "linear"),
        ([100, 1000], "log"),
        ([100, 200], "linear"),
    ],
)
def test_the_axis_is_spread_as_the_list_was(values: list[float], scale: str) -> None:
    assert swept_options(summary_of({"lr": values})["cells"])[0].scale == scale


def test_rows_in_any_order_make_one_curve() -> None:
    figure = sweep_figure(summary_of({"lr": [1e-2, 1e-4, 1e-3]}))
    places = [place for place, _ in data(figure.axes[0], "test")]
    assert places == [1e-4, 1e-3, 1e-2]


def test_all_images_lie_where_their_number_is() -> None:
    figure = sweep_figure(SUMMARIES["sizes"])
    assert [place for place, _ in data(figure.axes[0], "test")] == [32, 128, 1000, 1000]
    sizes = summary_of({"train_per_class": [10, 50, None]})
    for cell, images in zip(sizes["cells"], (20, 100, 700), strict=True):
        cell["train_n"] = images  # two classes
    assert swept_options(sizes["cells"])[0].places == (10, 50, 350)
    assert swept_options(sizes["cells"])[0].labels == ["10", "50", "all"]


def test_values_in_one_place_share_its_label() -> None:
    figure = sweep_figure(SUMMARIES["sizes"])
    figure.savefig(io.BytesIO())
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["32", "128", "1000 = full"]


def test_two_options_are_a_table_of_numbers_with_the_chosen_cell_and_its_ties() -> None:
    summary = SUMMARIES["two axes"]
    axes, bar = sweep_figure(summary).axes
    cells = summary["cells"]
    table = np.asarray(axes.images[0].get_array())  # (epochs, rates), the first at the bottom
    assert table == pytest.approx(100 * np.array([cell["test_accuracy"] for cell in cells]).reshape(4, 3).T)
    written = {tuple(text.get_position()): text.get_text() for text in axes.texts}
    for number, cell in enumerate(cells):
        tie = "~" if cell["tied"] else ""
        assert written[divmod(number, 3)] == f"{tie}{100 * cell['test_accuracy']:.1f}"
    best = cells.index(summary["best"])
    assert {patch.get_xy() for patch in axes.patches} == {(best // 3 - 0.5, best % 3 - 0.5)}
    assert (axes.get_xlabel(), axes.get_ylabel(), bar.get_ylabel()) == ("learning rate", "epochs", "test accuracy (%)")


def test_so_few_images_as_a_hundred_give_no_digit_after_the_point() -> None:
    figure = sweep_figure(SUMMARIES["names and numbers"])
    assert all(re.fullmatch(r"~?\d\d", text.get_text()) for text in figure.axes[0].texts)


def test_more_options_are_panels_that_hold_every_cell_once() -> None:
    summary = SUMMARIES["four axes"]
    panels = [axes for axes in sweep_figure(summary).axes if axes.images and axes.get_title()]
    assert [axes.get_title() for axes in panels] == [
        "momentum 0, batch size 32",
        "momentum 0, batch size full",
        "momentum 0.9, batch size 32",
        "momentum 0.9, batch size full",
    ]
    drawn = np.concatenate([np.asarray(axes.images[0].get_array()).ravel() for axes in panels])
    assert sorted(drawn) == pytest.approx(sorted(100 * cell["test_accuracy"] for cell in summary["cells"]))


def test_too_many_panels_are_those_of_the_best_and_it_says_so() -> None:
    names = ("lr", "momentum", "batch_size", "epochs", "hidden", "weight_decay", "train_per_class")
    summary = summary_of({name: [0.25, 0.5] for name in names})  # 32 panels of four cells
    figure = sweep_figure(summary)
    panels = [axes for axes in figure.axes if axes.images and axes.get_title()]
    assert len(panels) == MOST_PANELS == 24
    assert "24 of 32 panels: those of the best cells in validation" in letters(figure)
    best = max(cell["test_accuracy"] for cell in summary["cells"])
    assert max(np.asarray(axes.images[0].get_array()).max() for axes in panels) == pytest.approx(100 * best)


def test_names_are_dots_sorted_by_test_accuracy() -> None:
    summary = SUMMARIES["names"]
    (axes,) = sweep_figure(summary).axes
    best_first = sorted(summary["cells"], key=lambda cell: -cell["test_accuracy"])
    assert [label.get_text() for label in axes.get_yticklabels()] == [cell["optimizer"] for cell in best_first]
    assert data(axes, "test") == pytest.approx(
        np.array([[100 * cell["test_accuracy"], -number] for number, cell in enumerate(best_first)])
    )


def test_a_name_brings_its_own_momentum_without_an_axis_for_it() -> None:
    cells = summary_of({"optimizer": NAMES})["cells"]
    for cell in cells:
        cell["momentum"] = 0.9 if cell["optimizer"] == "nesterov" else 0.0
        cell["weight_decay"] = 0.01 if cell["optimizer"] == "adamw" else 0.0
    assert [option.name for option in swept_options(cells)] == ["optimizer"]


def test_more_names_than_lines_are_the_best_in_validation_and_it_says_so() -> None:
    summary = SUMMARIES["many names"]
    figure = sweep_figure(summary)
    best = sorted(summary["cells"], key=lambda cell: -cell["val_accuracy"])[:MOST_NAMES]
    drawn = {label.get_text() for label in figure.axes[0].get_yticklabels()}
    assert drawn == {cell["hidden"] for cell in best}
    assert f"{MOST_NAMES} of 64 cells: the best in validation" in letters(figure)


@pytest.mark.parametrize("name", ["ended", "ended in a table", "ended beside names"])
def test_cells_without_a_result_are_marked_each_in_its_way(name: str) -> None:
    summary = SUMMARIES[name]
    figure = sweep_figure(summary)
    said = letters(figure)
    words = {"collapsed": "a class is never predicted", "diverged": "diverged, in some", "failed": "failed, in some"}
    statuses = {cell["status"] for cell in summary["cells"]}
    for status, meaning in words.items():
        assert (meaning in said) == (status in statuses)
    markers = {"collapsed": "v", "diverged": "x", "failed": "+"}
    drawn = [str(line.get_marker()) for line in figure.axes[0].lines]
    for status, marker in markers.items():
        assert (marker in drawn) == (status in statuses)


def test_a_collapsed_cell_does_not_squeeze_the_others_and_still_says_its_accuracy() -> None:
    (axes,) = sweep_figure(SUMMARIES["ended"]).axes
    assert axes.get_ylim()[0] > 50
    assert [text.get_text() for text in axes.texts] == ["10 %"]


def test_without_validation_images_nothing_is_chosen_and_it_says_so() -> None:
    figure = sweep_figure(SUMMARIES["not validated"])
    said = letters(figure)
    assert "no cell is chosen: nothing was validated" in said
    assert "chosen by validation" not in said
    assert "validation" not in {line.get_label() for line in figure.axes[0].lines}


def test_cells_of_an_earlier_release_that_lack_an_option_are_drawn() -> None:
    summary = summary_of({"lr": RATES, "epochs": [10, 20]})
    whole = letters(sweep_figure(summary))
    for cell in summary["cells"]:
        for name in ("eps", "hidden", "reduction"):
            del cell[name]
    assert letters(sweep_figure(summary)) == whole.replace(", hidden 20", "")


def test_runs_that_list_no_trials_are_drawn_without_them() -> None:
    summary = {name: value for name, value in SUMMARIES["one axis"].items() if name != "trials"}
    assert "each trial's test" not in letters(sweep_figure(summary))


@pytest.mark.parametrize("name", ["one axis", "two axes", "names", "thousand cells", "hostile"])
def test_a_figure_is_an_element_of_a_page_in_light_and_dark(name: str) -> None:
    drawn = inline_svg(sweep_figure(SUMMARIES[name]), HOSTILE)
    element = ET.fromstring(drawn)  # noqa: S314  our own
    assert element.tag.endswith("svg")
    assert element.find("{*}title").text == HOSTILE  # type: ignore[union-attr]
    assert "<script" not in drawn
    assert len(drawn) < 300_000
    ids = re.findall(r'\sid="([^"]*)"', drawn)
    assert len(set(ids)) == len(ids)
    assert set(re.findall(r'(?:href="#|url\(#)([^")]*)', drawn)) <= set(ids)
    assert not re.search(r'(?:href|src)="(?!#|data:)', drawn)
    assert f"--figure-ink:{DARK['ink']};" in drawn
    assert not re.search(rf": {LIGHT['ink']}", drawn)  # no ink that would be lost in the dark
    assert re.search(r"<text[^>]*>", drawn)


def test_figures_of_one_page_share_no_names_of_their_parts() -> None:
    one, other = (
        set(re.findall(r'\sid="([^"]*)"', inline_svg(sweep_figure(SUMMARIES[name]), "")))
        for name in ("names", "one axis")
    )
    assert one
    assert not one & other


def test_a_figure_is_drawn_alike_whatever_matplotlib_is_set_to() -> None:
    def drawn() -> str:
        return inline_svg(sweep_figure(SUMMARIES["one axis"]), "")

    usual = drawn()
    with mpl.rc_context({"font.size": 4, "axes.facecolor": "red", "lines.linewidth": 9}):
        assert drawn() == usual
    assert io.StringIO(usual).read() == usual
