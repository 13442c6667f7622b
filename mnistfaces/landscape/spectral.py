"""Chebyshev interpolation of the cost over a rectangle: few evaluations, then two matrix products.

In w1 with w2 real, the cost has its nearest singularities where 1 + exp(z) vanishes, at an imaginary distance of
pi / pixel. Interpolation in n Chebyshev nodes therefore errs by a multiple of rho^-n, rho the sum of the half axes of
the largest ellipse free of them (Lloyd N. Trefethen, "Approximation Theory and Approximation Practice", theorem 8.2).

X and Y points along the first and second weight, n nodes along one.
"""

import math

import numpy as np

from mnistfaces.landscape.plane import Floats

MARGIN = 10.0
"""How much smaller than asked the predicted error is: the bound's factor in front of rho^-n is not known."""


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


def interpolation(points: Floats, count: int) -> Floats:
    """Returns the matrix that takes values at the nodes between the ends of `points` to `points`, (X, n)."""
    low, high = points[0], points[-1]
    angle = math.pi * (np.arange(count)[::-1] + 0.5) / count
    degree = np.arange(count)
    at_nodes = np.cos(np.multiply.outer(degree, angle)) * (2 / count)  # (n, n): values to coefficients
    at_nodes[0] /= 2
    half = (high - low) / 2
    place = (points - (low + high) / 2) / half if half else np.zeros_like(points)
    at_points = np.cos(np.multiply.outer(np.arccos(np.clip(place, -1, 1)), degree))  # (X, n): coefficients to values
    product: Floats = at_points @ at_nodes
    return product
