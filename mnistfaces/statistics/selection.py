"""Choosing among the cells of a grid: which cannot be told from the best, and what choosing by validation is worth.

T trials of a cell.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mnistfaces.errors import DataError
from mnistfaces.statistics.intervals import Interval, accuracy_interval, paired_difference
from mnistfaces.statistics.proportions import LEVEL
from mnistfaces.statistics.scores import TrialScores

Pair = TypeVar("Pair", bound=Hashable)


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


def ties(
    best: Mapping[Pair, TrialScores],
    others: Sequence[Mapping[Pair, TrialScores]],
    *,
    level: float = LEVEL,
) -> list[bool]:
    """Returns for each other cell whether its accuracy cannot be told from the best cell's.

    Trials are matched by their keys, such as (seed, fold); those that only one of the two has, because the
    other failed there, are left out. A cell that shares no trial with the best is no tie. The paired
    differences' p values are adjusted by Holm's method.

    Raises:
        DataError: two trials of one key were tested on different images.
    """
    p_values = {}
    for number, cell in enumerate(others):
        shared = [key for key in best if key in cell]
        if shared:
            p_values[number] = paired_difference([best[k] for k in shared], [cell[k] for k in shared]).p
    adjusted = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    return [adjusted.get(number, 0.0) > 1 - level for number in range(len(others))]


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
        val_loss: (cells, T), mean nats an image; NaN for a trial that failed.
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
