"""What one more run would give: prediction intervals from the mean and spread of some runs.

Source: Hahn and Meeker, Statistical Intervals (1991), section 4.7. It takes runs as normal and independent, each with
a split of its own; accuracies near 0 or 1 are skewed, and there its ends are too wide on one side.
"""

import math

from scipy.special import stdtrit


def half_width(spread: float, trials: int, level: float) -> float:
    """Returns how far one new run may lie from the mean of some runs, to either side.

    Args:
        spread: standard deviation of the runs.
        trials: how many runs there are, at least 2.
        level: probability that the new run lies within.
    """
    return float(stdtrit(trials - 1, (1 + level) / 2)) * spread * math.sqrt(1 + 1 / trials)
