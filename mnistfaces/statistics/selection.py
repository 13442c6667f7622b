"""Choosing among the cells of a grid: which cannot be told from the best, and what choosing by validation is worth.

C cells, T trials, G groups.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from mnistfaces.errors import DataError
from mnistfaces.statistics.differences import p_worse
from mnistfaces.statistics.intervals import Interval, accuracy_interval
from mnistfaces.statistics.proportions import LEVEL
from mnistfaces.statistics.scores import Board, TrialScores
from mnistfaces.statistics.variance import parts_of, residual_scale, values_of

DRAWS = 1000
"""Of the joint distribution of all differences; always the same ones."""


@dataclass(frozen=True, kw_only=True)
class NestedAccuracy:
    """The accuracy of choosing a cell by validation, and the position of the cell chosen in each trial."""

    accuracy: Interval
    chosen: tuple[int, ...]


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns p values adjusted for their number, in their order (Holm 1979)."""
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return [float(value) for value in adjusted]


def confidence_set(board: Board, *, level: float = LEVEL) -> NDArray[np.bool_]:
    """Returns which cells, (C,), belong to the confidence set of the best, which holds the truly best cell so often.

    Multiple comparisons with the best (Hsu 1981, 1996): each cell is tested one-sidedly against the cell with the
    highest accuracy, which is always in the set, so that a cell that is better is never left out. The level of each
    test is that at which, were all cells equal, one cell in twenty would be excluded by any of the others: the
    quantile of the largest of all differences, each over its own standard error, whose joint distribution is drawn
    by giving groups and trials random normal weights (a multiplier bootstrap; Chernozhukov, Chetverikov and Kato
    2013). It is at least Bonferroni's and at most that of a single test; each test keeps its own exact or t
    distribution. Trials that failed count as wrong answers; a cell that failed in all is no candidate.

    Weak spot: with two or three trials the joint distribution of their part is known poorly.

    Args:
        board: of all cells.
        level: with which the set holds the best cell.
    """
    best, count = int(board.means().mean(axis=1).argmax()), len(board)
    p, single = p_worse(board, best), 1 - level
    bonferroni = single / max(count - 1, 1)
    # Cells that are out by any reckoning do not matter for the largest difference among the others.
    others = np.flatnonzero((p > bonferroni) & (np.arange(count) != best))
    of_each = _level_of_each(board.only(np.append(others, best)).by_test_set(), level) if len(others) else single
    chosen: NDArray[np.bool_] = p > min(single, max(bonferroni, of_each))
    chosen[best] = True
    return chosen & board.ended.any(axis=1)  # however little two or three trials of the others tell


def _level_of_each(board: Board, level: float) -> float:
    """Returns the one-sided level of each test at which, of equal cells, none is told from the last, `level` often."""
    parts = parts_of(board, less_than=board.values[-1])
    spread = parts.of_trials - parts.of_trials.mean(axis=1, keepdims=True)  # (C, T)
    squares = (spread**2).sum(axis=1)
    scale = np.sqrt(np.divide(parts.trials, squares, out=np.zeros_like(squares), where=squares > 0))
    generator = np.random.default_rng(0)
    trials, groups = board.tested.shape
    for_groups = generator.standard_normal((DRAWS, groups), np.float32)
    for_trials = generator.standard_normal((DRAWS, trials), np.float32)
    weight = (residual_scale(board.tested) / trials).astype(np.float32)
    of_mean = board.tested * weight[:, np.newaxis]
    largest = np.full(DRAWS, -np.inf, np.float32)
    for block in board.blocks():
        values = values_of(board, block, board.values[-1])
        means = np.einsum("ct,tu->cu", parts.of_trials[block].astype(values.dtype), of_mean)
        of_groups = np.einsum("ctu,t->cu", values, weight) - means
        of_trials = spread[block] * scale[block, np.newaxis]
        error = np.sqrt((of_groups**2).sum(axis=1) + (of_trials**2).sum(axis=1))
        other = error > 0
        if other.any():
            scaled = np.concatenate([of_groups, of_trials], axis=1)[other] / error[other, np.newaxis]
            drawn = np.concatenate([for_groups, for_trials], axis=1) @ scaled.T.astype(np.float32)  # (DRAWS, C)
            largest = np.maximum(largest, drawn.max(axis=1))
    return float(ndtr(-np.quantile(largest, level))) if np.isfinite(largest[0]) else 1.0  # all answered alike


def nested_accuracy(
    val_accuracy: NDArray[np.floating],
    val_loss: NDArray[np.floating],
    test: Sequence[Sequence[TrialScores | None]],
    *,
    level: float = LEVEL,
) -> NestedAccuracy:
    """Returns what choosing a cell by validation inside each trial gives on that trial's test images.

    In each trial (a fold, or a seed) the cell with the highest validation accuracy is taken, of several the
    one with the lowest validation loss, then the first; its test score alone counts (Varma and Simon 2006).

    Args:
        val_accuracy: (cells, T); NaN for a trial that failed.
        val_loss: (cells, T), mean nats per image; NaN for a trial that failed.
        test: cells of T test scores; None for a trial that failed.
        level: of the interval.

    Raises:
        DataError: every cell failed in some trial.
    """
    trials, chosen = [], []
    for t in range(val_accuracy.shape[1]):
        ranked = sorted(
            (-val_accuracy[cell, t], val_loss[cell, t], cell)
            for cell, scores in enumerate(test)
            if scores[t] is not None and np.isfinite([val_accuracy[cell, t], val_loss[cell, t]]).all()
        )
        scores = test[ranked[0][-1]][t] if ranked else None
        if scores is None:
            raise DataError(f"every cell failed in trial {t + 1} of {val_accuracy.shape[1]}: none can be chosen")
        trials.append(scores)
        chosen.append(ranked[0][-1])
    return NestedAccuracy(accuracy=accuracy_interval(trials, level=level), chosen=tuple(chosen))
