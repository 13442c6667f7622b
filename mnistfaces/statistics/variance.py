"""The one model of chance behind every interval and test: images x trials, crossed, on the images actually used.

C cells, T trials, G groups; w_i is the weight of group i in the mean over all trials.

Score of group i in trial t: mean + image_i + trial_t + rest_it. The mean over the trials then varies because of

- **images**: the sum over groups of (w_i x its mean residual)^2, residuals being taken from their trial's mean. On one
  test set this is the variance of the per-image mean correctness over U; over folds it is the within-fold variance
  of Bayle, Bayle, Janson and Mackey (2020); over overlapping test sets it counts each image as often as it was
  tested. It is the "image" term of two-way clustering (Cameron, Gelbach and Miller 2011).
- **trials**, that is training sets, initial weights and minibatches: the variance between the trials' means less
  what the images in which they differ explain, over T. Without that subtraction the residual would be counted
  twice. It is never taken below 0.

Where the images that train and those that test trade places from trial to trial, the trials are less independent
than they look. Nadeau and Bengio (2003) correct the variance between trials by 1/T + r, r = n_test / n_train. So here
for what is due to trials; what is due to images, whose sharing is counted exactly, grows by r / 2. (By r, the two
corrections would agree for T to infinity, and intervals hold 98 to 99 % of the time where learners average; by nothing,
95 to 97 %, and 86 to 91 % for nearest neighbours. By r / 2, those of learners and sizes that it was not chosen by hold
94 to 98 %; of seven nearest neighbours over 5 folds, 92.5 %.) Where the pools are apart, or there is one test set, r
is 0 (`TrialScores.traded`).

Weak spots, measured (benchmarks/README.md). No unbiased estimate of what shared training images do exists (Bengio and
Grandvalet 2004), and intervals over folds hold too seldom for learners that hang on single images (Bates, Hastie and
Tibshirani 2023): nearest neighbours of six noisy inputs, 90 to 92 % instead of 95. Two or three trials whose spread
outweighs that of the images know it too badly: 85 and 92 %, and of equal models 13 and 8 % are told apart. (Cochran and
Cox's (1950) t, whose quantile is the mean of those of both parts, gives 93 and 95 %, and makes intervals over two
ordinary seeds a third wider.) Of seeds of which one in ten collapses, 5 give 79 %, 10 give 86 %: a sample without such
a seed cannot know. Variation over a training pool that never changes is not counted.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistfaces.statistics.scores import Board, Floats

SHARED = 0.5
"""Of the ratio r by which the part of images grows where pools trade places; benchmarks measure 0, 1/2 and 1."""

FEW_TRIALS = 3
"""So few trials tell too little of their own spread where it outweighs that of the images."""

WILD = (
    "two or three trials that differ by more than their images explain: a 95 % interval then holds 85 to 92 % of the "
    "time, and of equal models 8 to 13 % are told apart; use 5 seeds or more"
)
"""What is said of them (measured: benchmarks/README.md)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Parts:
    """Means of cells, and the two parts of the variance of each; arrays of shape (C,) unless said.

    Attributes:
        mean: over the trials, of the mean over the groups of each.
        of_trials: (C, T) those.
        images: variance of the mean that is due to images.
        trials: likewise to trials.
        weights: the sum of w_i^2, enlarged as `images` is: 1 / U on one test set.
        of_group: variance of a group's score in one trial.
        of_image: the part of it that two trials share; NaN where no two tested the same group.
        of_trial: variance of one trial's mean that groups do not explain.
        shape: (T, G), trials and groups.
    """

    mean: Floats
    of_trials: Floats
    images: Floats
    trials: Floats
    weights: Floats
    of_group: Floats
    of_image: Floats
    of_trial: Floats
    shape: tuple[int, int]

    def freedom(self) -> Floats:
        """Returns the degrees of freedom of the whole variance (Satterthwaite 1946)."""
        trials, groups = self.shape
        whole = self.images + self.trials
        squares = self.images**2 / max(groups - 1, 1) + self.trials**2 / max(trials - 1, 1)
        return np.divide(whole**2, squares, out=np.ones_like(whole), where=squares > 0)

    def wild(self) -> NDArray[np.bool_]:
        """Returns of which cells, (C,), two or three trials differ by more than their images explain (`WILD`)."""
        found: NDArray[np.bool_] = self.trials > self.images
        return found & (1 < self.shape[0] <= FEW_TRIALS)

    def error(self) -> Floats:
        """Returns the standard error of the mean, (C,)."""
        error: Floats = np.sqrt(self.images + self.trials)
        return error


def parts_of(board: Board, *, less_than: NDArray[Any] | None = None) -> Parts:
    """Returns the means and variances of all cells of a board; trials that failed count as they stand in it.

    Args:
        board: with trials that share a test set averaged, unless all share one.
        less_than: (T, G); the values are subtracted from these first: a cell's disadvantage.
    """
    tested, trials = board.tested, len(board.tested)
    found = [_products(values_of(board, block, less_than), tested) for block in board.blocks()]
    means, products = (np.concatenate(part) for part in zip(*found, strict=True))  # (C, T), (C, T, T)
    together, alone = products.sum(axis=(1, 2)), np.trace(products, axis1=1, axis2=2)
    between, count = np.zeros(len(board)), tested.sum(axis=1)
    if trials > 1:
        by_images = alone / trials - (together - alone) / (trials * (trials - 1))
        between = np.maximum(0.0, means.var(axis=1, ddof=1) - by_images)
    weight = tested * residual_scale(tested)[:, np.newaxis]
    shared = float((weight.sum(axis=0) ** 2).sum() - (weight**2).sum())
    ratio = board.traded.mean(axis=1) * (not board.one_test_set)  # (C,)
    weights = (tested / count[:, np.newaxis]).mean(axis=0)
    return Parts(
        mean=means.mean(axis=1),
        of_trials=means,
        images=(1 + SHARED * ratio) * np.maximum(0.0, together) / trials**2,
        trials=(1 / trials + ratio) * between,
        weights=(1 + SHARED * ratio) * (weights @ weights),
        of_group=(np.einsum("ctt->ct", products) * count).mean(axis=1),
        of_image=np.maximum(0.0, together - alone) / shared if shared > 0 else np.full(len(board), np.nan),
        of_trial=between,
        shape=(trials, int(tested.any(axis=0).sum())),
    )


def values_of(board: Board, block: slice, less_than: NDArray[Any] | None = None) -> NDArray[Any]:
    """Returns a block's values, or by how much they are less than others, (C, T, G): float32 where that is exact."""
    values = board.values[block]
    exact = values.dtype == np.uint8
    if less_than is not None:
        values = less_than.astype(np.int8) - values.view(np.int8) if exact else less_than - values
    return values.astype(np.float32 if exact else np.float64)


def residual_scale(tested: NDArray[np.bool_]) -> Floats:
    """Returns what residuals of each trial are multiplied by, (T,): sqrt(n / (n - 1)) / n of its n groups."""
    count = tested.sum(axis=1)
    scale: Floats = np.sqrt(count / np.maximum(count - 1, 1)) / count
    return scale


def _products(values: NDArray[Any], tested: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Returns the means of the trials, (C, T), and the products of their scaled residuals over groups, (C, T, T).

    From sums and products of the values alone: no array of residuals is made.
    """
    mask = tested.astype(values.dtype)
    squares = np.matmul(values, values.transpose(0, 2, 1)).astype(np.float64)  # (C, T, T)
    sums = np.matmul(values, mask.T).astype(np.float64)  # (C, T, T): of the groups that another trial tested
    means = np.einsum("ctt->ct", sums) / tested.sum(axis=1)
    crossed = means[:, :, np.newaxis] * sums.transpose(0, 2, 1)
    shared = (mask @ mask.T).astype(np.float64)  # (T, T) groups
    centred = squares - crossed - crossed.transpose(0, 2, 1) + means[:, :, np.newaxis] * means[:, np.newaxis] * shared
    scale = residual_scale(tested)
    return means, centred * scale[:, np.newaxis] * scale
