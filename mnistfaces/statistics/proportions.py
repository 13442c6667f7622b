"""Counts of right answers: the interval of one proportion, and the test and interval of two.

Accuracies are fractions in [0, 1].
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, betaincinv, ndtri

Floats = NDArray[np.float64]

LEVEL = 0.95
FEWEST_DISCORDANT = 6  # 2 / 2**6 = 0.03 is the first exact McNemar p below 0.05


def wilson(successes: float, n: float, level: float = LEVEL) -> tuple[float, float]:
    """Returns the score interval of a proportion, `successes` (fractions allowed) of `n` (Wilson 1927)."""
    low, high = score_limits(np.array(successes / n), np.array(1 / n), ndtri((1 + level) / 2))
    return float(low), float(high)


def score_limits(share: Floats, ratio: Floats, quantile: Floats) -> tuple[Floats, Floats]:
    """Returns the limits q that solve (share - q)^2 = quantile^2 ratio q (1 - q).

    Wilson's interval (1927) for a ratio of 1 / n; for estimates that vary more or less than a binomial share,
    Korn and Graubard's (1998) effective n, the quantile being Student's. The limits hold `share` and stay in [0, 1].

    Args:
        share: any shape; in [0, 1].
        ratio: of the variance of `share` to share (1 - share).
        quantile: of the standardised error.
    """
    stretch = quantile**2 * ratio
    centre = (share + stretch / 2) / (1 + stretch)
    half = np.sqrt(stretch * (share * (1 - share) + stretch / 4)) / (1 + stretch)
    return np.where(share <= 0, 0.0, centre - half), np.where(share >= 1, 1.0, centre + half)


def mcnemar_exact(b: int, c: int) -> float:
    """Returns the two-sided p of b against c discordant groups: a sign test (McNemar 1947, exact form)."""
    return min(1.0, 2 * float(bdtr(min(b, c), b + c, 0.5))) if b + c else 1.0


def tango(b: int, c: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Returns the score interval of (b - c) / n, b and c being the discordant pairs of n (Tango 1998)."""
    observed, z2 = (b - c) / n, float(ndtri((1 + level) / 2)) ** 2

    def accepted(difference: float) -> bool:
        linear = (2 * n - b + c) * difference - b - c
        root = math.sqrt(linear**2 + 8 * n * c * difference * (1 - difference))
        share_c = (root - linear) / (4 * n)  # its likeliest value, given the difference
        variance = n * (2 * share_c + difference * (1 - difference))
        return (b - c - n * difference) ** 2 < z2 * variance

    return _edge(accepted, observed, -1.0), _edge(accepted, observed, 1.0)


def conditional_limits(b: int, c: int, n: int, level: float) -> tuple[float, float]:
    """Returns exact limits of (b - c) / n, given that b + c of n pairs are discordant."""
    tail = (1 - level) / 2
    low = float(betaincinv(b, c + 1, tail)) if b else 0.0
    high = float(betaincinv(b + 1, c, 1 - tail)) if c else 1.0
    return (b + c) / n * (2 * low - 1), (b + c) / n * (2 * high - 1)


def _edge(accepted: Callable[[float], bool], start: float, end: float) -> float:
    """Returns where `accepted`, true near start, turns false on the way to end, by bisection."""
    for _ in range(60):
        middle = (start + end) / 2
        start, end = (middle, end) if accepted(middle) else (start, middle)
    return start
