"""Student's t for a variance of two parts, of which one is known much worse than the other.

The variance of a mean is that due to images, with G - 1 degrees of freedom, and that due to trials, with T - 1. Its
quantile is the mean of the two quantiles of t, each weighed by its part (Cochran and Cox 1950, Experimental Designs,
section 4.14; the `COCHRAN` option of SAS's PROC TTEST). Satterthwaite's (1946) single number of degrees of freedom is
itself estimated from the parts: two seeds that happen to be close make it large, and the interval too short, just
when the seeds' part is underestimated.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

Floats = NDArray[np.float64]

HALVINGS = 40
LEAST = 1e-300


def mixed_quantile(images: Any, trials: Any, shape: tuple[int, int], chance: Any) -> Floats:  # noqa: ANN401  numbers or arrays
    """Returns the quantile of a statistic whose variance is the sum of two parts.

    Args:
        images: the part due to images.
        trials: the part due to trials.
        shape: T and G, trials and groups.
        chance: of a smaller value.
    """
    freedom = max(shape[1] - 1, 1), max(shape[0] - 1, 1)
    of_images, of_trials = (np.asarray(stdtrit(each, chance), np.float64) for each in freedom)
    whole = np.asarray(images + trials, np.float64)
    share = np.divide(trials, whole, out=np.zeros_like(whole), where=whole > 0)
    mixed: Floats = of_images + share * (of_trials - of_images)
    return mixed


def mixed_tail(statistic: Floats, images: Floats, trials: Floats, shape: tuple[int, int]) -> Floats:
    """Returns the chance of a larger value than each statistic, (C,): the inverse of `mixed_quantile`."""
    size = np.abs(statistic)
    tails = [np.maximum(stdtr(max(count - 1, 1), -size), LEAST) for count in shape]
    low, high = np.log(np.minimum(*tails)), np.log(np.maximum(*tails))
    apart = np.flatnonzero((trials > 0) & (high > low))
    low, high = np.where(trials > 0, low, np.log(tails[1])), np.where(trials > 0, high, np.log(tails[1]))
    for _ in range(HALVINGS if len(apart) else 0):
        middle = (low[apart] + high[apart]) / 2
        beyond = -mixed_quantile(images[apart], trials[apart], shape, np.exp(middle)) > size[apart]
        low[apart], high[apart] = np.where(beyond, middle, low[apart]), np.where(beyond, high[apart], middle)
    tail = np.exp((low + high) / 2)
    upper: Floats = np.where(statistic >= 0, tail, 1 - tail)
    return upper
