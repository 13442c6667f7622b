"""Chebyshev interpolation of the cost over a rectangle: few evaluations, then two matrix products.

In w1 with w2 real, the cost has its nearest singularities where 1 + exp(z) vanishes, at an imaginary distance of
pi / pixel. Interpolation in n Chebyshev nodes therefore errs by a multiple of rho^-n, rho the sum of the half axes of
the largest ellipse free of them (Lloyd N. Trefethen, "Approximation Theory and Approximation Practice", theorem 8.2).

X and Y points along the first and second weight, n nodes along one.
"""

import math

import numpy as np

from mnistfaces.landscape.plane import Floats, Plane
from mnistfaces.landscape.product import cost_on_grid

MARGIN = 10.0
"""How much smaller than asked the predicted error is: the bound's factor in front of rho^-n is not known."""

POINTS = 4096
"""Points of the longer axis that are interpolated at once."""


def interpolated(plane: Plane, grid: tuple[Floats, Floats], count: tuple[int, int]) -> Floats:
    """Returns the summed cost on a grid by interpolation in `count` nodes along either axis, (Y, X)."""
    w1, w2 = grid
    ends = [(float(axis[0]), float(axis[-1])) for axis in grid]
    at = [nodes(*end, number) for end, number in zip(ends, count, strict=True)]
    cost = np.empty((len(w2), len(w1)))
    if len(w1) > len(w2):
        rows = interpolation(w2, *ends[1], count[1]) @ cost_on_grid(plane, at[0], at[1])  # (Y, n)
        for start in range(0, len(w1), POINTS):
            block = slice(start, start + POINTS)
            cost[:, block] = rows @ interpolation(w1[block], *ends[0], count[0]).T
    else:
        columns = cost_on_grid(plane, at[0], at[1]) @ interpolation(w1, *ends[0], count[0]).T  # (n, X)
        for start in range(0, len(w2), POINTS):
            block = slice(start, start + POINTS)
            np.matmul(interpolation(w2[block], *ends[1], count[1]), columns, out=cost[block])
    return cost


def nodes_for(low: float, high: float, pixel: float, tol: float) -> int:
    """Returns how many nodes bring the interpolation error along one axis below `tol` of the cost.

    Args:
        low: the axis' first point.
        high: its last point.
        pixel: largest magnitude that multiplies this weight.
        tol: relative error.
    """
    reach = pixel * (high - low) / 2
    if reach == 0:
        return 1
    ratio = math.pi / reach
    return math.ceil(math.log(MARGIN / tol) / math.asinh(ratio)) + 1  # asinh(ratio) is log(rho)


def nodes(low: float, high: float, count: int) -> Floats:
    """Returns Chebyshev nodes of the first kind, (n,), sorted."""
    return (low + high) / 2 + (high - low) / 2 * np.cos(math.pi * (np.arange(count)[::-1] + 0.5) / count)


def interpolation(points: Floats, low: float, high: float, count: int) -> Floats:
    """Returns the matrix that takes values at the nodes between two ends to points between them, (X, n)."""
    angle = math.pi * (np.arange(count)[::-1] + 0.5) / count
    degree = np.arange(count)
    at_nodes = np.cos(np.multiply.outer(degree, angle)) * (2 / count)  # (n, n): values to coefficients
    at_nodes[0] /= 2
    half = (high - low) / 2
    place = (points - (low + high) / 2) / half if half else np.zeros_like(points)
    at_points = np.cos(np.multiply.outer(np.arccos(np.clip(place, -1, 1)), degree))  # (X, n): coefficients to values
    product: Floats = at_points @ at_nodes
    return product
