"""Figures: what is drawn is what was measured, and a file is whole or absent."""

import re
from pathlib import Path

import numpy as np
import pytest
from legible import faults, ticks
from PIL import Image

from mnistfaces.errors import FileError
from mnistfaces.plots import figures
from mnistfaces.plots import training as plots

HISTORY: dict[str, list[float | None]] = {
    "epoch": [0, 10, 20, 30],
    "train_loss": [2.3, 1.0, 0.5, 0.2],
    "val_loss": [2.3, 1.5, 1.2, 1.4],
    "test_loss": [2.3, 1.4, None, 1.5],
    "train_accuracy": [0.1, 0.8, 0.9, 1.0],
    "val_accuracy": [0.1, 0.7, 0.8, 0.8],
    "test_accuracy": [0.1, 0.7, 0.8, 0.8],
}


def test_the_learning_curve_draws_the_three_sets_and_where_the_validation_cost_was_lowest() -> None:
    figure = plots.learning_curve(HISTORY, "digits")
    loss, accuracy = figure.axes
    lines = {str(line.get_label()): line for line in loss.lines}
    assert set(lines) == {"training", "validation", "test", "lowest validation cost (epoch 20)"}
    assert lines["training"].get_ydata().tolist() == HISTORY["train_loss"]
    assert np.isnan(lines["test"].get_ydata()[2])
    assert lines["lowest validation cost (epoch 20)"].get_xdata() == [20, 20]
    assert [axes.get_xlabel() for axes in figure.axes] == ["epoch", "epoch"]
    assert loss.get_ylabel() == "mean cost (nats per image)"
    assert accuracy.get_ylabel() == "accuracy (% of images)"
    assert accuracy.lines[0].get_ydata().tolist() == [10, 80, 90, 100]
    assert figure.get_suptitle() == "digits"
    assert len({line.get_linestyle() for line in loss.lines[:3]}) == 3  # told apart in grey


def long_history(epochs: int) -> dict[str, list[float | None]]:
    """Returns a curve that leaves chance within a hundredth of its epochs, as most do."""
    at = [round(epochs * part / 100) for part in range(101)]
    accuracy = [0.1, *(0.9 + 0.0005 * part for part in range(100))]
    loss = [2.3, *(0.5 - 0.001 * part for part in range(100))]
    sides = {
        f"{side}_{what}": values
        for side in ("train", "val", "test")
        for what, values in (("accuracy", accuracy), ("loss", loss))
    }
    return {"epoch": at, **sides}


def test_the_beginning_does_not_squeeze_the_rest_of_the_curve() -> None:
    _, accuracy = plots.learning_curve(long_history(3000), "digits").axes
    low, high = accuracy.get_ylim()
    assert 89 < low < 91
    assert 94 < high < 96


@pytest.mark.parametrize("epochs", [3, 7, 100, 100_000])
def test_epochs_are_whole_and_costs_are_plain_numbers(epochs: int) -> None:
    history = (
        long_history(epochs)
        if epochs >= 100
        else {name: values[:1] + values[-epochs:] for name, values in long_history(100).items()}
        | {"epoch": list(range(epochs + 1))}
    )
    figure = plots.learning_curve(history, "digits")
    assert faults(figure) == []
    loss, _ = figure.axes
    assert all(tick.replace(",", "").isdigit() for tick in ticks(loss.xaxis))
    costs = ticks(loss.yaxis)
    assert all(re.fullmatch(r"[0-9.]*", cost) for cost in costs)
    assert sum(0.38 < float(cost) < 2.4 for cost in costs if cost) >= 2


def test_a_training_that_diverged_at_once_can_be_drawn() -> None:
    nothing = {**{name: [0.1, None] for name in HISTORY}, "epoch": [0, 1], "val_loss": [None, None]}
    assert faults(plots.learning_curve(nothing, "digits")) == []


def test_a_set_without_numbers_is_not_drawn() -> None:
    empty = {**HISTORY, "val_loss": [None] * 4, "val_accuracy": [None] * 4}
    labels = [line.get_label() for line in plots.learning_curve(empty, "digits").axes[0].lines]
    assert labels == ["training", "test"]


@pytest.mark.parametrize(("ending", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_the_ending_chooses_the_format(tmp_path: Path, ending: str, start: bytes) -> None:
    path = tmp_path / f"curve.{ending.upper()}"
    figures.save(plots.learning_curve(HISTORY, "digits"), path)
    assert path.read_bytes().startswith(start)
    assert b"Date" not in path.read_bytes() or ending != "svg"


def test_equal_figures_are_equal_bytes(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "a.pdf", "b.pdf", "a.svg", "b.svg"):
        figures.save(plots.learning_curve(HISTORY, "digits"), tmp_path / name)
    for ending in ("png", "pdf", "svg"):
        assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()


def test_a_folder_that_refuses_leaves_the_old_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "curve.png"
    figures.save(plots.learning_curve(HISTORY, "old"), path)
    before = path.read_bytes()

    def refuse(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(FileError, match=r"cannot write .*curve.png: No space left on device"):
        figures.save(plots.learning_curve(HISTORY, "new"), path)
    assert path.read_bytes() == before
    with Image.open(path) as picture:
        picture.verify()
