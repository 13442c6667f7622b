"""Grids of cells: the product of lists as it would be written down, at the cost of what differs."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from mnistfaces.config import DataConfig, SplitConfig, TrainConfig, checks
from mnistfaces.datasets import load_dataset
from mnistfaces.errors import UsageError
from mnistfaces.experiments.trials import Cell, Grid, build_cells
from mnistfaces.experiments.worklist import Worklist

COMMON = Cell(training=TrainConfig(), split=SplitConfig(train_per_class=10), data=DataConfig())


def one_after_the_other(lists: Mapping[str, Sequence[Any]]) -> tuple[Cell, ...]:
    """Returns each combination made and checked by itself; of those that come out equal, the first."""
    cells: dict[tuple[tuple[str, Any], ...], Cell] = {}
    for values in itertools.product(*lists.values()):
        chosen = dict(zip(lists, values, strict=True))
        if chosen.get("optimizer", "gd") == "adam":
            chosen.pop("momentum", None)
        cell = COMMON.with_(**chosen)
        cells.setdefault(tuple(cell.options().items()), cell)
    return tuple(cells.values())


@pytest.mark.parametrize(
    "lists",
    [
        {"lr": [1e-4, 1e-3]},
        {"lr": [1e-4, 1e-3], "epochs": [1, 2], "train_per_class": [10, None, 20]},
        {"momentum": [0.0, 0.9], "optimizer": ["gd", "adam"], "train_per_class": [10, 20]},
        {"hidden": [5, "5x5"], "model": ["softmax", "mlp"], "weight_decay": [0.0, 0.1], "res": [32, 64]},
        {"weight_decay": [0.0, 0.01], "optimizer": ["adamw", "adam"]},
        {"hidden": ["5", 5], "model": ["mlp"]},
        {},
    ],
)
def test_cells_are_the_product_of_the_lists_each_distinct_one_once(lists: Mapping[str, Sequence[Any]]) -> None:
    assert build_cells(lists, COMMON) == one_after_the_other(lists)


@pytest.mark.parametrize(
    ("lists", "complaint"),
    [
        ({"lr": [1e-3, -1.0]}, "--lr must be positive, not -1"),
        ({"momentum": [0.5, 1.0]}, "--momentum must be at least 0 and below 1"),
        ({"optimizer": ["adam"], "momentum": [0.9]}, "--momentum goes with --optimizer gd or nesterov, not with adam"),
        ({"optimizer": ["nesterov"], "momentum": [0.0]}, "--momentum must be above 0"),
        ({"epochs": [1, 10**10]}, "--epochs is too large"),
        ({"train_per_class": [10, 0]}, "--train-per-class must be at least 1"),
        ({"res": [32, 10**6]}, "--res must be from 1 to"),
        ({"lr": range(1000), "epochs": range(1, 1002)}, "the lists name 1,001,000 combinations"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_wherever_it_stands_in_a_list(
    lists: Mapping[str, Sequence[Any]], complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        build_cells(lists, COMMON)


def test_each_distinct_value_is_checked_once_however_many_cells_have_it() -> None:
    checks._require_bounded.cache_clear()
    build_cells({"lr": [1e-3 / number for number in range(1, 51)], "epochs": range(1, 21)}, COMMON)
    distinct = 50 + 20 + len(vars(COMMON.training)) + len(vars(COMMON.split))
    assert checks._require_bounded.cache_info().misses <= distinct


def test_keys_are_hashed_only_where_there_is_something_to_find(monkeypatch: pytest.MonkeyPatch) -> None:
    grid = Grid(cells=build_cells({"lr": [1e-3, 1e-4]}, COMMON), seeds=(0, 1))
    worklist = Worklist(grid, {COMMON.data: load_dataset("digits-sample")}, "cpu")
    with monkeypatch.context() as without:
        without.setattr("mnistfaces.experiments.trials.hash_of", lambda _: pytest.fail("hashed"))
        assert list(worklist.missing({})) == worklist.trials
    assert list(worklist.missing(worklist.keys[:3])) == worklist.trials[3:]
    assert [list(worklist.places(cell)) for cell in worklist.cells] == [[0, 1], [2, 3]]
