import math
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
import scipy.optimize
from answered import trial
from scipy import stats

from mnistfaces.errors import DataError
from mnistfaces.statistics.intervals import accuracy_interval, accuracy_intervals
from mnistfaces.statistics.scores import Board, TrialScores
from mnistfaces.statistics.selection import _level_of_each, confidence_set, holm, nested_accuracy

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import bench_statistics as simulation

REPEATS = 400


def test_holm_of_a_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def cells(*accuracies: float, trials: int = 1, images: int = 200) -> Board:
    """Returns cells that are nested: what a worse one has right, a better one has, too."""
    numbers = np.arange(images)
    return Board.of([[trial(numbers < share * images, numbers) for _ in range(trials)] for share in accuracies])


def test_cells_that_cannot_be_told_from_the_best_are_in_its_set() -> None:
    assert confidence_set(cells(0.89, 0.9, 0.8, 0.9)).tolist() == [True, True, False, True]
    assert confidence_set(cells(0.5)).tolist() == [True]
    assert confidence_set(cells(0.9, 0.9, 0.9)).tolist() == [True] * 3
    assert confidence_set(cells(0.89, 0.9, 0.8, 0.9, trials=3)).tolist() == [True, True, False, True]


def test_the_set_allows_for_the_number_of_cells_and_for_how_alike_they_are() -> None:
    assert confidence_set(cells(0.9, 0.875)).tolist() == [True, False]  # 5 of 5 discordant images: p = 0.03
    rng = np.random.default_rng(0)
    others = [trial(rng.permutation(200) < 176) for _ in range(30)]
    wide = [trial(np.arange(200) < 180), trial(np.arange(200) < 175), *others]
    assert confidence_set(Board.of([[t] for t in wide]))[1]
    alike = [trial(np.arange(200) < 180), *[trial(np.arange(200) < 175)] * 31]  # one question asked 31 times
    assert confidence_set(Board.of([[t] for t in alike])).tolist() == [True] + [False] * 31


def test_the_level_is_dunnetts_where_differences_are_independent_but_for_the_best() -> None:
    rng = np.random.default_rng(3)
    values = (rng.random((11, 1, 40_000)) < 0.5).astype(np.uint8)
    board = Board(
        values=values,
        tested=np.ones((1, 40_000), bool),
        ended=np.ones((11, 1), bool),
        traded=np.zeros((11, 1)),
        images=40_000,
    )
    # Ten treatments against a control, correlation 1/2, one-sided 5 %, infinite degrees of freedom.
    critical = stats.norm.isf(_level_of_each(board, 0.95))
    reference = scipy.optimize.brentq(lambda d: largest_below(d, 10) - 0.95, 1, 4)
    assert critical == pytest.approx(reference, abs=0.12)  # 1,000 draws


def test_the_level_is_sidaks_where_trials_alone_differ_and_independently() -> None:
    right = np.array([[1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1], [0, 0, 0, 0]], np.uint8)  # orthogonal but for means
    board = Board(
        values=np.repeat(right[:, :, np.newaxis], 50, axis=2),
        tested=np.ones((4, 50), bool),
        ended=np.ones((4, 4), bool),
        traded=np.zeros((4, 4)),
        images=50,
    )
    critical = stats.norm.isf(_level_of_each(board, 0.95))
    assert critical == pytest.approx(stats.norm.isf(1 - 0.95 ** (1 / 3)), abs=0.12)  # 1,000 draws


def test_the_level_weighs_what_cells_share_by_trials_against_what_they_have_apart_by_images() -> None:
    """Of 284 images 28 go by the trial, alike in ten cells, and 256 by the cell, alike in all trials: half each."""
    apart = np.tile(scipy.linalg.hadamard(64)[1:11] > 0, (1, 4))
    right = np.zeros((11, 4, 284), np.uint8)
    right[:10, :2, :28] = 1
    right[:10, :, 28:] = apart[:, np.newaxis]
    board = Board(
        values=right,
        tested=np.ones((4, 284), bool),
        ended=np.ones((11, 4), bool),
        traded=np.zeros((11, 4)),
        images=284,
    )
    by_trials, by_images = 28**2 / 12, 256 / 4  # of the sum of 284; images take a little from the trials' own
    shared = by_trials / (by_trials + by_images)

    def below(d: float) -> float:
        def given(x: float) -> float:
            return float(stats.norm.pdf(x) * stats.norm.cdf((d - math.sqrt(shared) * x) / math.sqrt(1 - shared)) ** 10)

        return float(scipy.integrate.quad(given, -8, 8)[0]) - 0.95

    critical = stats.norm.isf(_level_of_each(board, 0.95))
    assert critical == pytest.approx(scipy.optimize.brentq(below, 1, 4), abs=0.12)  # 1,000 draws


def largest_below(d: float, count: int) -> float:
    """Returns Dunnett's (1955) probability, by quadrature over what all differences share."""
    return float(
        scipy.integrate.quad(lambda x: stats.norm.pdf(x) * stats.norm.cdf(math.sqrt(2) * d + x) ** count, -8, 8)[0]
    )


def test_a_cell_that_is_better_is_never_left_out() -> None:
    rng = np.random.default_rng(1)
    for _ in range(30):
        board = Board.of([[trial(rng.random(60) < p) for _ in range(3)] for p in (0.9, 0.6, 0.7, 0.3)])
        inside, means = confidence_set(board), board.means().mean(axis=1)
        assert inside[means.argmax()]
        assert not inside.all()
        assert means[inside].min() >= means[~inside].max() - 0.1


def test_a_trial_that_failed_is_wrong_throughout() -> None:
    numbers = np.arange(200)
    good, fair = trial(numbers < 198), trial(numbers < 180)
    board = Board.of([[good, None, None, None], [fair] * 4])
    assert board.means().mean(axis=1).tolist() == pytest.approx([0.99 / 4, 0.9])
    assert confidence_set(board).tolist() == [False, True]


def test_a_cell_that_failed_in_all_trials_is_no_candidate_however_little_the_others_tell() -> None:
    wild = [trial(np.arange(200) < right) for right in (150, 10)]
    assert confidence_set(Board.of([[None, None], wild])).tolist() == [False, True]


def test_images_that_a_cell_did_not_test_are_left_out_for_all() -> None:
    numbers = np.arange(20)
    one, other = trial(numbers < 15), trial(numbers[5:][::-1] < 20, numbers[5:][::-1])
    board = Board.of([[one], [other]])
    assert (board.images, board.values[:, 0].sum(axis=1).tolist()) == (15, [10, 15])
    with pytest.raises(DataError, match="no trial to judge"):
        Board.of([[one], [trial(np.ones(20), numbers + 50)]])


@pytest.mark.timed
@pytest.mark.parametrize("trials", [1, 3])
def test_thousands_of_cells_take_seconds(trials: int) -> None:
    rng = np.random.default_rng(0)
    easy, skill = rng.beta(2.4, 0.6, 400), rng.normal(0, 0.02, (4000, 1, 1))
    board = Board(
        values=(rng.random((4000, trials, 400)) < easy + skill).astype(np.uint8),
        tested=np.ones((trials, 400), bool),
        ended=np.ones((4000, trials), bool),
        traded=np.zeros((4000, trials)),
        images=400,
    )
    started = time.perf_counter()
    inside, intervals = confidence_set(board), accuracy_intervals(board)
    assert time.perf_counter() - started < 10
    assert 0 < inside.sum() < 4000
    for cell in (0, 3999):
        one = [trial(row) for row in board.values[cell]]
        assert (intervals.low[cell], intervals.high[cell]) == pytest.approx(
            (accuracy_interval(one).low, accuracy_interval(one).high)
        )


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


@pytest.mark.parametrize("name", ["1 trial, 120 images", "5 seeds, 120 images", "10 splits, nearest mean"])
def test_the_best_of_equal_cells_is_left_out_in_at_most_a_twentieth_of_experiments(name: str) -> None:
    assert simulation.family_alarms((simulation.SEEDS | simulation.SPLITS)[name], 6, REPEATS) <= 0.05 + 0.02
