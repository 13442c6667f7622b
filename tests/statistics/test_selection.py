import sys
from collections.abc import Hashable
from pathlib import Path

import numpy as np
import pytest
from answered import trial

from mnistfaces.errors import DataError
from mnistfaces.statistics.intervals import accuracy_interval
from mnistfaces.statistics.scores import TrialScores
from mnistfaces.statistics.selection import holm, nested_accuracy, ties

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import bench_statistics as simulation

REPEATS = 400


def test_holm_of_a_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def cells(*accuracies: float, trials: int = 1) -> list[dict[Hashable, TrialScores]]:
    return [{seed: trial(np.arange(200) < share * 200) for seed in range(trials)} for share in accuracies]


def test_cells_that_cannot_be_told_from_the_best_are_tied() -> None:
    best, *others = cells(0.9, 0.89, 0.8, 0.9)
    assert ties(best, others) == [True, False, True]


def test_ties_allow_for_their_number() -> None:
    best, other = cells(0.9, 0.87)  # 6 of 6 discordant images: p = 0.03
    assert ties(best, [other]) == [False]
    assert ties(best, [other, other]) == [True, True]


def test_ties_are_judged_on_the_trials_that_both_have() -> None:
    best, other = cells(0.9, 0.8, trials=4)
    del other[2]
    assert ties(best, [other, {}]) == [False, False]
    assert ties(best, [{7: other[1]}]) == [False]
    assert ties(best, []) == []


def test_nested_accuracy_takes_the_test_score_of_the_cell_that_validation_chose() -> None:
    def fold(share: float, number: int) -> TrialScores:
        return trial(np.arange(10) < 10 * share, np.arange(10) + 10 * number)

    test = [
        [fold(0.5, 0), fold(1.0, 1), fold(0.2, 2), fold(1.0, 3)],
        [fold(0.9, 0), fold(0.3, 1), fold(0.7, 2), None],
        [fold(1.0, 0), fold(0.0, 1), fold(1.0, 2), fold(0.4, 3)],
    ]
    val_accuracy = np.array([[0.8, 0.6, 0.7, 0.1], [0.9, 0.9, 0.7, np.nan], [0.2, 0.9, 0.7, 0.5]])
    val_loss = np.array([[0.1, 0.1, 0.5, 0.1], [0.3, 0.4, 0.4, np.nan], [0.1, 0.5, 0.4, 0.2]])
    nested = nested_accuracy(val_accuracy, val_loss, test)
    assert nested.chosen == (
        1,
        1,
        1,
        2,
    )  # highest; of equals the lowest loss; then the first; none that failed
    assert nested.accuracy == accuracy_interval([test[1][0], test[1][1], test[1][2], test[2][3]])
    with pytest.raises(DataError, match="every cell failed in trial 4 of 4"):
        nested_accuracy(val_accuracy[1:2], val_loss[1:2], test[1:2])


def test_holm_keeps_the_error_of_a_whole_family() -> None:
    experiment = simulation.SEEDS["1 trial, 120 images"]
    assert simulation.family_alarms(experiment, 6, REPEATS) <= 0.05 + 0.02
