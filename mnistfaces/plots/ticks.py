"""Numbers beside axes, written as people write them: without offsets, and without powers where digits are shorter."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, StrMethodFormatter
from numpy.typing import NDArray

ROUND = (1, 2, 5, 10)
"""Steps between ticks, in some power of ten."""

FEW_FOLDS, MANY_FOLDS = 0.6, 3.0
"""Powers of ten: a cost that changes by less is drawn on a linear axis; one by more is marked at powers alone."""

WRITTEN_OUT = (1e-4, 1e7)
"""Between these a number is written without a power of ten."""


def short(value: float, digits: int = 3) -> str:
    """Returns a number by its first digits: 12,300, 0.002, 1e-6."""
    rounded = float(f"{value:.{digits}g}")
    if rounded and not WRITTEN_OUT[0] <= abs(rounded) < WRITTEN_OUT[1]:
        mantissa, exponent = f"{rounded:.{digits - 1}e}".split("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    if rounded == int(rounded):
        return f"{rounded:,.0f}"
    after_point = digits - 1 - math.floor(math.log10(abs(rounded)))
    return f"{rounded:,.{after_point}f}".rstrip("0")


def mark_counts(axis: Axis) -> None:
    """Marks an axis of counts, such as epochs, at whole numbers."""
    axis.set_major_locator(MaxNLocator(6, integer=True, steps=ROUND))
    axis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def mark_evenly(axis: Axis, most: int = 6) -> None:
    """Marks an axis in round steps."""
    axis.set_major_locator(MaxNLocator(most, steps=ROUND))


def scale_costs(axes: Axes, costs: NDArray[np.float64]) -> None:
    """Gives the upright axis the scale of costs: logarithmic where they differ by a factor."""
    positive = costs[np.isfinite(costs) & (costs > 0)]
    folds = math.log10(positive.max() / positive.min()) if len(positive) else 0.0
    if folds < FEW_FOLDS:
        mark_evenly(axes.yaxis)
        return
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if folds < MANY_FOLDS else (1,), numticks=20))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    axes.yaxis.set_minor_formatter("")
