"""Intervals of an accuracy: where it lies for new images.

C cells, T trials, G groups (near-duplicates are one). Accuracies are fractions in [0, 1].
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from mnistfaces.statistics.proportions import LEVEL, score_limits
from mnistfaces.statistics.scores import Board, Floats, TrialScores, distinct_rows
from mnistfaces.statistics.variance import Parts, parts_of

Design = Literal["one", "seeds", "splits"]

FEW_ERRORS = 4
"""So many errors weigh as much as the belief that images differ as much as they can (Agresti and Coull 1998: 4)."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """An accuracy and where it lies for new images.

    Attributes:
        mean: over the trials, of the mean over the groups of each.
        low: lower end.
        high: upper end.
        n: distinct test images.
        groups: the same, near-duplicates counted once.
        design: `one` trial (or several alike on every group), `seeds` on one test set, or several `splits`.
    """

    mean: float
    low: float
    high: float
    n: int
    groups: int
    design: Design


@dataclass(frozen=True, kw_only=True, eq=False)
class Intervals:
    """The accuracies of C cells and their intervals: (C,) each, NaN for a cell whose trials all failed.

    Attributes:
        mean: as of `Interval`.
        low: lower ends.
        high: upper ends.
        of_trials: (C, T) the mean over the groups of each trial; NaN for one that failed.
    """

    mean: Floats
    low: Floats
    high: Floats
    of_trials: Floats


def accuracy_intervals(board: Board, *, level: float = LEVEL) -> Intervals:
    """Returns the mean accuracy of every cell over its trials that ended, with an interval for new images.

    The variance is that of `mnistfaces.statistics.variance`; from it Korn and Graubard's (1998) effective number of
    images, and with that Wilson's interval (1927), the quantile being Student's. One trial is Wilson's interval
    itself. Few errors say little of how much images differ: the share of a binomial variance that they are seen to
    cause is drawn towards 1 by four errors, so that an accuracy of 1 in each of ten trials is known no better than
    its images tell.
    """
    cells, trials = board.ended.shape
    mean, low, high = (np.full(cells, np.nan) for _ in range(3))
    of_trials = np.full((cells, trials), np.nan)
    patterns, which = distinct_rows(board.ended)
    for number, pattern in enumerate(patterns):
        if pattern.any():
            chosen, kept = np.flatnonzero(which == number), np.flatnonzero(pattern)
            part = board.only(chosen, kept)
            of_trials[np.ix_(chosen, kept)] = part.means()
            mean[chosen] = part.means().mean(axis=1)
            low[chosen], high[chosen] = _limits(part.by_test_set(), level)
    return Intervals(mean=mean, low=low, high=high, of_trials=of_trials)


def accuracy_interval(trials: Sequence[TrialScores], *, level: float = LEVEL) -> Interval:
    """Returns the mean accuracy of one cell's trials, with an interval for new images, by `accuracy_intervals`.

    Raises:
        DataError: there is no trial.
    """
    board = Board.of([trials])
    found = accuracy_intervals(board, level=level)
    return Interval(
        mean=float(found.mean[0]),
        low=float(found.low[0]),
        high=float(found.high[0]),
        n=board.images,
        groups=board.tested.shape[1],
        design=design_of(board),
    )


def design_of(board: Board) -> Design:
    """Returns which of the three designs the trials of a board are, for its words alone: one variance serves all."""
    if not board.one_test_set:
        return "splits"
    return "one" if (board.values == board.values[:, :1]).all() else "seeds"


def _limits(board: Board, level: float) -> tuple[Floats, Floats]:
    """Returns the ends of the intervals of cells whose trials all ended, each test set once or one test set."""
    parts = parts_of(board)
    mean = parts.mean
    binomial = np.clip(mean * (1 - mean), 0, None)  # rounding may leave -1e-17
    errors = board.images * np.minimum(mean, 1 - mean)
    seen = np.divide(parts.images, binomial * parts.weights, out=np.ones_like(mean), where=binomial > 0)
    share = (seen * errors + FEW_ERRORS) / (errors + FEW_ERRORS)
    due_to_trials = np.divide(parts.trials, binomial, out=np.zeros_like(mean), where=binomial > 0)
    sure = _all_right_or_wrong(board)
    # A share of right answers knows its own variance: Wilson's. Elsewhere that of images is estimated, too.
    ratio = np.where(sure, parts.weights, share * parts.weights + due_to_trials)
    quantile = np.where(sure, ndtri((1 + level) / 2), stdtrit(_freedom(parts, ratio, binomial), (1 + level) / 2))
    return score_limits(mean, ratio, quantile)


def _freedom(parts: Parts, ratio: Floats, binomial: Floats) -> Floats:
    """Returns the degrees of freedom with the part of images that the interval takes."""
    images = np.where(binomial > 0, ratio * binomial - parts.trials, parts.images)
    trials, groups = parts.shape
    squares = images**2 / max(groups - 1, 1) + parts.trials**2 / max(trials - 1, 1)
    return np.divide(
        (images + parts.trials) ** 2, squares, out=np.full_like(ratio, max(groups - 1, 1)), where=squares > 0
    )


def _all_right_or_wrong(board: Board) -> NDArray[np.bool_]:
    """Returns of which cells (C,) every group was right, or was wrong, in all trials alike on one test set."""
    if not board.one_test_set:
        return np.zeros(len(board), np.bool_)
    values = board.values
    sure: NDArray[np.bool_] = (values == values[:, :1]).all(axis=(1, 2)) & np.isin(values[:, 0], (0, 1)).all(axis=1)
    return sure
