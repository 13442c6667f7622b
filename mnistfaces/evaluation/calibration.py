"""Is a model as often right as it says? Answers, gathered by the probability that they were given.

Legend: M images, C classes, B bins.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnistfaces.statistics.proportions import wilson

BINS = 10


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Answers of about one probability.

    Attributes:
        probability: their mean.
        right: the share of them that is right.
        low: of a 95 % interval of that share, by Wilson; `high` is its other end.
        count: how many there are.
    """

    probability: float
    right: float
    low: float
    high: float
    count: int


def calibrate(probabilities: NDArray[np.floating], labels: NDArray[np.integer], bins: int = BINS) -> list[Bin]:
    """Returns how often a model was right, by the probability of its answer, lowest first; empty bins are left out.

    Args:
        probabilities: (M, C) of every class.
        labels: (M,) true classes.
        bins: B, of equal width from 0 to 1; a probability on an edge belongs above it.
    """
    answer = probabilities.argmax(axis=1)  # (M,)
    given = probabilities.max(axis=1)
    right = answer == labels
    place = np.minimum((given * bins).astype(np.int64), bins - 1)
    found = []
    for number in np.unique(place).tolist():
        inside = place == number
        count, hits = int(inside.sum()), int(right[inside].sum())
        low, high = wilson(hits, count)
        found.append(Bin(probability=float(given[inside].mean()), right=hits / count, low=low, high=high, count=count))
    return found


def calibration_error(bins: Sequence[Bin]) -> float:
    """Returns by how much probabilities miss the share of right answers, on average over the answers.

    Source: the expected calibration error of Naeini, Cooper and Hauskrecht, Obtaining Well Calibrated Probabilities
    Using Bayesian Binning (2015).
    """
    total = sum(one.count for one in bins)
    return sum(one.count * abs(one.right - one.probability) for one in bins) / total
