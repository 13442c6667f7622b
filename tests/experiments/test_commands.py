"""The line that trains a cell again is read as that cell; those of sweeps are tested with the published tables."""

import shlex
from typing import Any

import pytest

from mnistfaces.cli import _options as options
from mnistfaces.cli._grid import read_cells
from mnistfaces.config import default_split, default_training
from mnistfaces.experiments.commands import train_line
from mnistfaces.experiments.trials import Cell


@pytest.mark.parametrize("kind", ["digits", "faces", "features"])
@pytest.mark.parametrize(
    "lists",
    [
        {},
        {"lr": ["1e-3"], "momentum": ["0.9"], "optimizer": ["gd"]},
        {"model": ["mlp"], "hidden": ["300"], "activation": ["tanh"], "batch_size": ["50"], "epochs": ["7"]},
        {"batch_size": ["full"], "optimizer": ["gd"], "reduction": ["sum"], "weight_decay": ["0.012345678901234"]},
        {"lr": ["0.1234567890123"], "model": ["softmax"], "drop_last": True, "dtype": "float64", "select": "best"},
        {"eps": 1e-5},
    ],
)
def test_the_command_that_repeats_a_cell_reads_as_that_cell(kind: Any, lists: dict[str, Any]) -> None:  # noqa: ANN401  a Literal
    split = options.SplitOptions(train_per_class=["30"], val_per_class=5)
    (cell,), _ = read_cells(kind, options.TrainingOptions(**lists), split)
    words = shlex.split(train_line(cell, "data set", kind, 3))
    assert words[:3] == ["mnf", "train", "data set"]
    assert words[-2:] == ["--seed", "3"]
    typed: dict[str, Any] = {}
    rest = words[3:-2]
    while rest:
        name = rest.pop(0).removeprefix("--").replace("-", "_")
        typed[name] = True if not rest or rest[0].startswith("--") else rest.pop(0)
    read = {"eps": float, "drop_last": bool, "dtype": str, "select": str}
    training: dict[str, Any] = {
        name: read[name](typed[name]) if name in read else [typed[name]]
        for name in typed
        if name in options.TrainingOptions.__dataclass_fields__
    }
    again = options.SplitOptions(train_per_class=[typed["train_per_class"]], val_per_class=int(typed["val_per_class"]))
    (repeated,), _ = read_cells(kind, options.TrainingOptions(**training), again)
    assert repeated.training.to_dict() == cell.training.to_dict()
    assert repeated.split == cell.split


def test_the_command_of_the_defaults_is_short() -> None:
    for kind in ("digits", "faces"):
        cell = Cell(training=default_training(kind), split=default_split(kind))  # type: ignore[arg-type]
        assert train_line(cell, kind, kind, 0) == f"mnf train {kind}"  # type: ignore[arg-type]


def test_the_command_for_a_cell_of_folds_leaves_the_test_set_to_train() -> None:
    (cell,), _ = read_cells("faces", options.TrainingOptions(), options.SplitOptions(), folds=5)
    assert train_line(cell, "faces", "faces", 0) == "mnf train faces"
