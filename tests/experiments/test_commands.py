"""Every option: what is asked is in the row, what is in the row is in the line, and the line asks for it again."""

from dataclasses import replace
from typing import Any, get_args

import pytest
from small_data import make_dataset
from typed_lines import cells_of

from mnistfaces.config import DataConfig, DatasetKind, OptimizerName, SplitConfig, TrainConfig
from mnistfaces.datasets.splits import draw_split
from mnistfaces.errors import UsageError
from mnistfaces.experiments.commands import default_cell, sweep_line, train_line, without_folds
from mnistfaces.experiments.trials import OPTIONS, SWEPT, Cell, build_cells

OTHER: dict[str, Any] = {
    "lr": 0.1234567890123,
    "momentum": 0.9,
    "batch_size": 50,
    "epochs": 7,
    "hidden": 300,
    "model": "mlp",
    "optimizer": "adam",
    "weight_decay": 0.012345678901234,
    "gamma": 0.05,
    "reduction": "mean",
    "activation": "tanh",
    "eps": 1e-5,
    "drop_last": True,
    "select": "best",
    "patience": 7,
    "refit": True,
    "ensemble": 3,
    "augment": "mirror,shift:2,rotate:7.5",
    "dtype": "float64",
    "train_per_class": 30,
    "val_per_class": 5,
    "test_per_class": 6,
    "val_fraction": 0.3,
    "folds": 4,
    "res": 64,
    "color": False,
    "layout": "metadata",
    "read_as": "features",
    "label_column": "a kind",
    "group_by": r"/p(\d{1,3}), ",
}
"""A value of every option that is the default of no kind of dataset where it can be."""

TOGETHER: dict[str, dict[str, Any]] = {
    "hidden": {"model": "mlp"},
    "activation": {"model": "mlp"},
    "momentum": {"optimizer": "gd"},
    "gamma": {"model": "kernel"},
}
"""What must be asked for, too, for an option to bear on the result."""

KINDS: tuple[DatasetKind, ...] = get_args(DatasetKind)


def test_a_value_is_known_for_every_option() -> None:
    assert OTHER.keys() == OPTIONS.keys()


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_asked_is_in_the_row_and_the_line_of_the_row_asks_for_it_again(kind: DatasetKind, name: str) -> None:
    cell = default_cell(kind).with_(**{name: OTHER[name]}, **TOGETHER.get(name, {}))
    assert cell.options()[name] == OTHER[name]
    command = "sweep" if name == "folds" else "train"
    line = sweep_line("a set", kind, {}, cell) if name == "folds" else train_line(cell, "a set", kind, 0)
    assert line.startswith(f"mnf {command} 'a set'")
    (again,), _ = cells_of(line, kind)
    assert again == cell


@pytest.mark.parametrize("decay", [0.0, 0.01, 0.1])
@pytest.mark.parametrize("optimizer", get_args(OptimizerName))
@pytest.mark.parametrize("kind", KINDS)
def test_the_line_of_every_optimizer_asks_for_its_own_numbers_again(
    kind: DatasetKind, optimizer: OptimizerName, decay: float
) -> None:
    for cell in (default_cell(kind).with_(optimizer=optimizer), default_cell(kind).with_(weight_decay=decay)):
        again = cell.with_(optimizer=optimizer, weight_decay=decay)
        assert cells_of(train_line(again, "data", kind, 0), kind)[0] == (again,)


def test_the_line_of_a_deep_network_asks_for_its_layers_again() -> None:
    cell = default_cell("faces").with_(hidden="300x100")
    assert train_line(cell, "faces", "faces", 0) == "mnf train faces --hidden 300x100"
    assert cells_of(train_line(cell, "faces", "faces", 0), "faces")[0] == (cell,)
    lists = {"hidden": (20, "300x100", "300x100x50")}
    line = sweep_line("faces", "faces", lists, default_cell("faces"))
    assert line == "mnf sweep faces --hidden 20,300x100,300x100x50"
    assert cells_of(line, "faces")[0] == build_cells(lists, default_cell("faces"))


def test_each_optimizer_of_a_list_has_its_own_numbers_and_a_momentum_is_for_those_that_take_one() -> None:
    common, every = default_cell("digits"), get_args(OptimizerName)
    unsaid = [cell.training for cell in build_cells({"optimizer": every}, common)]
    assert [(training.momentum, training.weight_decay) for training in unsaid] == [
        *((0.0, 0.0), (0.9, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.01), (0.0, 0.0))
    ]
    cells = build_cells({"momentum": (0.5, 0.99), "optimizer": ("gd", "nesterov", "adam")}, common)
    assert [(cell.training.optimizer, cell.training.momentum) for cell in cells] == [
        *(("gd", 0.5), ("nesterov", 0.5), ("adam", 0.0), ("gd", 0.99), ("nesterov", 0.99))
    ]
    with pytest.raises(UsageError, match="--momentum goes with --optimizer gd or nesterov, not with adam"):
        build_cells({"momentum": (0.5,), "optimizer": ("adam",)}, common)
    with pytest.raises(UsageError, match="--momentum must be above 0 for --optimizer nesterov"):
        build_cells({"momentum": (0.0, 0.5), "optimizer": ("gd", "nesterov")}, common)


@pytest.mark.parametrize("name", SWEPT)
@pytest.mark.parametrize("kind", KINDS)
def test_the_cells_of_a_list_can_be_told_apart_and_its_line_makes_them_again(kind: DatasetKind, name: str) -> None:
    common = default_cell(kind).with_(**TOGETHER.get(name, {}))
    usual = common.asked()[name]
    first = 32 if usual is None and OPTIONS[name].declaration.word is None else usual
    lists = {name: (first, OTHER[name])}
    if lists[name][0] == OTHER[name]:
        lists = {name: (OTHER[name], *(choice for choice in OPTIONS[name].choices if choice != OTHER[name]))}
    cells = build_cells(lists, common)
    values = [cell.options()[name] for cell in cells]
    assert len(values) == len(set(values)) > 1
    assert cells_of(sweep_line("data", kind, lists, common), kind)[0] == cells


def test_every_combination_is_repeated_by_its_line() -> None:
    everything = {name: value for name, value in OTHER.items() if name not in ("folds", "momentum", "gamma")}
    cell = Cell(training=TrainConfig(), split=SplitConfig()).with_(**everything)
    for kind in KINDS:
        (again,), _ = cells_of(train_line(cell, "data", kind, 3), kind)
        assert again == cell


def test_the_command_of_the_defaults_is_short() -> None:
    for kind in KINDS:
        assert train_line(default_cell(kind), kind, kind, 0) == f"mnf train {kind}"
        assert train_line(default_cell(kind), kind, kind, 3) == f"mnf train {kind} --seed 3"


def test_where_it_stands_in_memory_a_form_of_the_data_is_part_of_the_cell() -> None:
    gray = replace(default_cell("faces"), data=DataConfig(color=False))
    assert gray != default_cell("faces")
    assert "--gray" in train_line(gray, "faces", "faces", 0)


def test_the_cell_of_folds_alone_tests_as_many_images_as_a_fold_does_and_can_be_drawn() -> None:
    dataset = make_dataset((9, 11, 10))
    cell = default_cell("images").with_(train_per_class=None, folds=4)
    alone = without_folds(cell, dataset)
    assert (alone.split.folds, alone.split.test_per_class) == (None, 2)
    assert len(draw_split(dataset, alone.split, seed=0).test) == 2 * len(dataset.classes)
    (again,), _ = cells_of(train_line(alone, "data", "images", 0), "images")
    assert again == alone
