"""What cells come to: their rows, and the best of them."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mnistfaces.config import SplitConfig, TrainConfig
from mnistfaces.experiments.results import (
    CellResult,
    cautions,
    count_tested,
    find_best,
    find_tied,
    judge_together,
    nested_row,
    trades_places,
)
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


def test_a_cell_does_not_win_by_its_survivors() -> None:
    lucky = result(record(0, val_accuracy=0.95), record(1, "diverged"), record(2, "diverged"))
    steady = result(*(record(seed, val_accuracy=0.8) for seed in range(3)))
    assert find_best([lucky, steady]) == 1
    assert find_best([lucky]) == 0


def test_cells_are_tied_with_the_best_unless_they_are_told_from_it() -> None:
    assert find_tied([result(record(), right=7), result(record(), right=6), result(record(), right=0)]) == [
        True,
        True,
        False,
    ]
    assert find_tied([result(record(0, "diverged"))]) == [None]
    assert find_tied([result(record()), result(record(0, "diverged"))]) == [True, False]
    assert count_tested(result(record(0), record(1))) == 10


def test_one_diverged_trial_does_not_erase_the_nested_accuracy() -> None:
    fine = result(record(0), record(1), right=8)
    broken = result(record(0, val_accuracy=0.9), record(1, "diverged"), right=6)
    nested = nested_row([fine, broken])
    assert nested is not None
    assert (nested["chosen"], nested["accuracy"]) == ([1, 0], pytest.approx(0.7))
    assert nested_row([fine, fine]) is not None
    assert nested_row([result(record(0, val_accuracy=None, val_loss=None), record(1, "diverged"))]) is None
    assert nested_row([]) is None


def test_near_duplicates_count_once_in_a_cells_accuracy() -> None:
    names = np.array([f"i{number}" for number in range(10)])
    crowd = TrialScores(correct=np.arange(10) < 4, ids=names, groups=np.minimum(np.arange(10), 4), train_n=100)
    row = CellResult(CELL, [record()], {(0, 0): crowd}).row(1)
    assert row["test_accuracy"] == pytest.approx(4 / 5)
    assert row["test_low"] < 0.8 < row["test_high"]


def drawn(right: int, images: range, pool_n: int | None = None) -> TrialScores:
    names = np.array([f"i{number}" for number in images])
    correct = np.arange(len(names)) < right
    return TrialScores(correct=correct, ids=names, groups=np.array(images), train_n=100, pool_n=pool_n)


@pytest.mark.parametrize(("pool_n", "trade"), [(0, False), (150, True), (None, True)])
def test_images_trade_places_where_they_are_redrawn_from_a_pool_that_also_trains(
    pool_n: int | None, *, trade: bool
) -> None:
    apart = {(seed, 0): drawn(5, range(10 * seed, 10 * seed + 10), pool_n) for seed in range(3)}
    assert trades_places(CellResult(CELL, [record(seed) for seed in range(3)], apart)) == trade
    same = {(seed, 0): drawn(5, range(10), pool_n) for seed in range(3)}
    assert not trades_places(CellResult(CELL, [record(seed) for seed in range(3)], same))


def test_what_an_interval_cannot_know_is_said() -> None:
    names = range(1000)
    wild = CellResult(CELL, [record(0), record(1)], {(0, 0): drawn(900, names), (1, 0): drawn(700, names)})
    tame = CellResult(CELL, [record(0), record(1)], {(0, 0): drawn(900, names), (1, 0): drawn(899, names)})
    assert "two or three trials that differ by more than their images explain" in " ".join(cautions(wild))
    assert cautions(tame) == []
    assert (wild.row(2)["caution"], tame.row(2)["caution"]) == (cautions(wild)[0], "")
    collapsed = result(record(0), record(1, "collapsed"), record(2))
    assert cautions(collapsed) == ["1 of 3 trials collapsed: mean and interval describe no run"]
    assert collapsed.row(3)["caution"] == cautions(collapsed)[0]


def answered_cells(count: int, seeds: int, groups: NDArray[np.int64]) -> list[CellResult]:
    """Cells of equal trials on the same images; every seventh trial of a cell failed."""
    rng = np.random.default_rng(5)
    ids = np.array([f"image {number}" for number in range(len(groups))])
    cells = []
    for number in range(count):
        pairs = [(seed, 0) for seed in range(seeds) if (number + seed) % 7]
        skill = rng.uniform(0.3, 1.0)
        scores = {
            pair: TrialScores(correct=rng.random(len(groups)) < skill, ids=ids, groups=groups, train_n=50)
            for pair in pairs
        }
        cells.append(CellResult(CELL, [record(seed, fold=fold) for seed, fold in pairs], scores))
    return cells


@pytest.mark.parametrize("seeds", [1, 2, 5])
@pytest.mark.parametrize("units", [40, 33])
def test_cells_judged_together_have_the_bits_of_each_alone(seeds: int, units: int) -> None:
    groups = np.arange(40) % units
    together = answered_cells(60, seeds, groups)
    judge_together(together)
    for mine, alone in zip(together, answered_cells(60, seeds, groups), strict=True):
        assert mine.tested == alone.tested
