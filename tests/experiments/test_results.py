"""What cells come to: their rows, and the best of them."""

from typing import Any

import numpy as np
import pytest

from mnistfaces.config import SplitConfig, TrainConfig
from mnistfaces.experiments.results import CellResult, count_tested, find_best, find_ties, nested_row
from mnistfaces.experiments.trials import Cell
from mnistfaces.statistics.scores import TrialScores

CELL = Cell(training=TrainConfig(), split=SplitConfig())


def record(seed: int = 0, status: str = "ok", **changes: Any) -> dict[str, Any]:  # noqa: ANN401  fields of any type
    measured = {"train_loss": 0.5, "val_loss": 1.0, "test_loss": 1.5, "train_accuracy": 0.9}
    sizes = {"val_accuracy": 0.8, "test_accuracy": 0.7, "train_n": 100, "val_n": 20, "test_n": 10}
    told = {"seed": seed, "fold": 0, "seconds": 1.0, "timing": "shared", "status": status}
    lost = dict.fromkeys((*measured, "val_accuracy", "test_accuracy")) if status == "diverged" else {}
    return {**measured, **sizes, **told, **lost, **changes}


def scores(right: int, of: int = 10) -> TrialScores:
    names = np.array([f"i{number}" for number in range(of)])
    return TrialScores(correct=np.arange(of) < right, ids=names, groups=np.arange(of), train_n=100)


def result(*records: dict[str, Any], right: int = 7) -> CellResult:
    return CellResult(CELL, records, {(row["seed"], row["fold"]): scores(right) for row in records})


@pytest.mark.parametrize(
    ("states", "worst"),
    [
        (["ok", "stopped"], "stopped"),
        (["stopped", "collapsed", "ok"], "collapsed"),
        (["collapsed", "diverged"], "diverged"),
        (["ok", "ok"], "ok"),
    ],
)
def test_the_status_of_a_cell_is_the_worst_of_its_trials(states: list[str], worst: str) -> None:
    cell = result(*(record(seed, status) for seed, status in enumerate(states)))
    assert cell.row(len(states))["status"] == worst
    assert cell.row(len(states) + 1)["status"] == "failed"


def test_counts_add_up_and_means_are_over_trials_with_a_finite_loss() -> None:
    row = result(
        record(0, train_loss=1.0),
        record(1, train_loss=3.0),
        record(2, "diverged"),
        record(3, "collapsed", train_loss=5.0),
    ).row(6)
    assert (row["n"], row["n_failed"], row["n_collapsed"]) == (3, 3, 1)
    assert (row["train_loss"], row["train_loss_std"]) == (3.0, 2.0)


def test_the_best_has_the_highest_validation_accuracy_then_the_lowest_loss_then_comes_first() -> None:
    def best(*pairs: tuple[float | None, float | None]) -> int | None:
        return find_best([result(record(val_accuracy=accuracy, val_loss=loss)) for accuracy, loss in pairs])

    assert best((0.8, 1.0), (0.9, 5.0), (0.7, 0.1)) == 1
    assert best((0.9, 1.0), (0.9, 0.5), (0.9, 0.5)) == 1
    assert best((None, None), (0.1, 2.0)) == 1
    assert best((None, None)) is None
    assert best() is None


def test_the_best_is_never_chosen_by_test() -> None:
    cells = [result(record(val_accuracy=0.8, test_accuracy=1.0), right=10), result(record(val_accuracy=0.81), right=0)]
    assert find_best(cells) == 1


def test_cells_are_tied_unless_the_paired_difference_tells_them_apart() -> None:
    assert find_ties([result(record(), right=7), result(record(), right=6), result(record(), right=0)], 0) == [
        True,
        True,
        False,
    ]
    assert find_ties([result(record())], None) == [None]
    assert find_ties([result(record()), result(record(0, "diverged"))], 0) == [True, False]
    assert count_tested(result(record(0), record(1))) == 10


def test_nested_accuracy_needs_the_same_trials_and_validation_everywhere() -> None:
    fine = result(record(0), record(1))
    assert nested_row([fine, fine]) is not None
    assert nested_row([fine, result(record(0))]) is None
    assert nested_row([fine, result(record(0, val_accuracy=None, val_loss=None), record(1))]) is None
    assert nested_row([]) is None
    chosen = nested_row([result(record(val_accuracy=0.1), right=9), result(record(val_accuracy=0.2), right=4)])
    assert chosen is not None
    assert (chosen["chosen"], chosen["accuracy"]) == ([1], 0.4)
