"""The one model of chance behind every interval and test: images x trials, crossed, on the images actually used.

C cells, T trials, U units; w_i is the weight of unit i in the mean over all trials.

Score of unit i in trial t: mean + image_i + trial_t + rest_it. The mean over the trials then varies because of

- **images**: the sum over units of (w_i x its mean residual)^2, residuals being taken from their trial's mean. On one
  test set this is the variance of the per-image mean correctness over U; over folds it is the within-fold variance
  of Bayle, Bayle, Janson and Mackey (2020); over overlapping test sets it counts each image as often as it was
  tested. It is the "image" term of two-way clustering (Cameron, Gelbach and Miller 2011).
- **trials**, that is training sets, initial weights and minibatches: the variance between the trials' means less
  what the images in which they differ explain, over T. Without that subtraction the residual would be counted
  twice. It is never taken below 0.

Where the images that train and those that test trade places from trial to trial, the trials are less independent
than they look. Nadeau and Bengio (2003) correct the whole variance between trials by 1/T + n_test/n_train; here the
same ratio r enlarges each part: (1 + r) images + (1/T + r) trials. For T to infinity, the two agree. Where the pools
are apart, or there is one test set, r is 0 (`TrialScores.traded`).

Weak spots, measured (benchmarks/README.md). No unbiased estimate of what shared training images do exists (Bengio and
Grandvalet 2004), and intervals over folds hold too seldom for learners that hang on single images (Bates, Hastie and
Tibshirani 2023): nearest neighbours of six noisy inputs, 87 to 94 % instead of 95. Two or three trials whose spread
outweighs that of the images know it too badly: 88 and 91 %. Seeds of which one in ten collapses: a sample without
such a seed cannot know. Variation over the choice of a training pool that never changes is not counted.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistfaces.statistics.scores import Board, Floats, distinct_rows


@dataclass(frozen=True, kw_only=True, eq=False)
class Parts:
    """Means of cells, and the two parts of the variance of each; arrays of shape (C,) unless said.

    Attributes:
        mean: over the trials, of the mean over the units of each.
        of_trials: (C, T) those.
        images: variance of the mean that is due to images.
        trials: likewise to trials.
        weights: the sum of w_i^2, enlarged as `images` is: 1 / U on one test set.
        shape: (T, U), trials and units.
    """

    mean: Floats
    of_trials: Floats
    images: Floats
    trials: Floats
    weights: Floats
    shape: tuple[int, int]

    def freedom(self) -> Floats:
        """Returns the degrees of freedom of the whole variance (Satterthwaite 1946)."""
        trials, units = self.shape
        whole = self.images + self.trials
        squares = self.images**2 / max(units - 1, 1) + self.trials**2 / max(trials - 1, 1)
        return np.divide(whole**2, squares, out=np.ones_like(whole), where=squares > 0)


def parts_of(board: Board, *, less_than: NDArray[Any] | None = None) -> Parts:
    """Returns the means and variances of all cells of a board; trials that failed count as they stand in it.

    Args:
        board: with trials that share a test set averaged, unless all share one.
        less_than: (T, U); the values are subtracted from these first: a cell's disadvantage.
    """
    tested = board.tested
    blocks = [_block_parts(_as_floats(board, block, less_than), tested) for block in board.blocks()]
    of_trials, images, between = (np.concatenate(found) for found in zip(*blocks, strict=True))
    several = len(distinct_rows(tested)[0]) > 1
    ratio = board.traded.mean(axis=1) * several  # (C,)
    weights = (tested / tested.sum(axis=1, keepdims=True)).mean(axis=0)
    return Parts(
        mean=of_trials.mean(axis=1),
        of_trials=of_trials,
        images=(1 + ratio) * images,
        trials=(1 / len(tested) + ratio) * between,
        weights=(1 + ratio) * (weights @ weights),
        shape=(len(tested), int(tested.any(axis=0).sum())),
    )


def residuals_of(values: Floats, tested: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Returns the means of the trials, (C, T), and the weighted residuals of all units, (C, T, U).

    The residual of a trial's unit is divided by the trial's number of units n and multiplied by sqrt(n / (n - 1)).
    """
    count = tested.sum(axis=1)  # (T,)
    means = np.einsum("ctu,tu->ct", values, tested) / count
    scale = tested * (np.sqrt(count / np.maximum(count - 1, 1)) / count)[:, np.newaxis]  # (T, U)
    return means, (values - means[..., np.newaxis]) * scale


def _as_floats(board: Board, block: slice, less_than: NDArray[Any] | None) -> Floats:
    values = board.values[block].astype(np.float64)
    return values if less_than is None else less_than - values


def _block_parts(values: Floats, tested: NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:
    """Returns of some cells the trials' means, the variance due to images, and one trial's due to trials."""
    trials = len(tested)
    means, residuals = residuals_of(values, tested)
    of_units = residuals.sum(axis=1)  # (C, U)
    together = np.einsum("cu,cu->c", of_units, of_units)
    if trials == 1:
        return means, together, np.zeros(len(values))
    alone = np.einsum("ctu,ctu->c", residuals, residuals)
    by_images = alone / trials - (together - alone) / (trials * (trials - 1))
    between = np.maximum(0.0, means.var(axis=1, ddof=1) - by_images)
    return means, together / trials**2, between
