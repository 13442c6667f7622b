"""The summed cost on a grid, one logarithm for many images.

On a tile of the grid each image's cost is the logarithm of two terms that separate: 1 beside exp(alpha_i) exp(beta_j),
or exp(alpha_i) beside exp(beta_j). So exponentials are taken along the axes alone, and since logarithms add, the terms
of many images are multiplied before one logarithm is taken of the product. Every term is divided by its largest value
on the tile, which keeps any range from overflowing; a product ends before it could underflow.

n images, X and Y points along the first and second weight; inside a tile, x and y points.
"""

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnistfaces.landscape.plane import Floats, Plane
from mnistfaces.progress import Advanced, Event, Stage, drained

EDGE = 48
"""Points along the side of a tile."""

TERMS = 1 << 15
"""Terms that are multiplied at once: 256 KB, which stays in the second-level cache."""

WIDTH = 150.0
"""Largest change of a logit along the side of a tile, in nats."""

DEPTH = 600.0
"""How far below 1 a product may fall, in nats: float64 ends at 745."""

IMAGES = 512
"""Images whose factors along both axes are held at once."""

POINTS = 2048
"""Points of either axis for which they are held."""


def cost_on_grid(plane: Plane, w1: Floats, w2: Floats) -> Floats:
    """Returns the summed cost in nats at every point of a grid, sorted axes (X,), (Y,) -> (Y, X)."""
    return drained(evaluate_grid(plane, w1, w2))


def evaluate_grid(plane: Plane, w1: Floats, w2: Floats) -> Iterator[Event | Floats]:
    """Does what `cost_on_grid` does, yielding how many images are evaluated at how many points, at last the cost."""
    cost = np.full((len(w2), len(w1)), plane.constant)
    uses_first, uses_second = (plane.pixels != 0).T
    both, first, second = uses_first & uses_second, uses_first & ~uses_second, uses_second & ~uses_first
    across, down = (math.ceil(len(axis) / POINTS) for axis in (w1, w2))
    evaluations = both.sum() * cost.size + first.sum() * len(w1) * down + second.sum() * len(w2) * across
    yield Stage(name="evaluating every point", total=int(evaluations))
    nowhere = np.zeros(1)
    for top in range(0, len(w2), POINTS):
        for left in range(0, len(w1), POINTS):
            columns, rows = w1[left : left + POINTS], w2[top : top + POINTS]
            part = cost[top : top + POINTS, left : left + POINTS]
            part += yield from _cost(plane, both, columns, rows)
            part += yield from _cost(plane, first, columns, nowhere)  # (1, X)
            part += yield from _cost(plane, second, nowhere, rows)  # (Y, 1)
    yield cost


def _cost(plane: Plane, members: NDArray[np.bool_], w1: Floats, w2: Floats) -> Generator[Event, None, Floats]:
    """Returns the cost of some of the plane's images, (Y, X)."""
    cost = np.zeros((len(w2), len(w1)))
    largest = plane.largest_pixels()
    columns, rows = _slices(w1, largest[0]), _slices(w2, largest[1])
    for target in range(plane.offsets.shape[1] + 1):
        alike = np.flatnonzero(members & (plane.target == target))
        for start in range(0, len(alike), IMAGES):
            block = alike[start : start + IMAGES]
            alpha, beta, beside_one = _factors(plane, block, target, w1, w2)
            across = [_Factor.of(alpha[:, column]) for column in columns]
            down = [_Factor.of(beta[:, row]) for row in rows]
            for row, y in zip(rows, down, strict=True):
                for column, x in zip(columns, across, strict=True):
                    cost[row, column] += _tile(x, y, beside_one=beside_one)
            yield Advanced(amount=len(block) * cost.size)
    return cost


def _slices(points: Floats, pixel: float) -> list[slice]:
    """Cuts an axis into runs of at most EDGE points along which no logit changes by more than WIDTH."""
    ends: list[slice] = []
    start = 0
    while start < len(points):
        reach = points[start] + WIDTH / pixel if pixel else np.inf
        stop = min(start + EDGE, max(start + 1, int(np.searchsorted(points, reach, side="right"))))
        ends.append(slice(start, stop))
        start = stop
    return ends


def _factors(
    plane: Plane, block: NDArray[np.int64], target: int, w1: Floats, w2: Floats
) -> tuple[Floats, Floats, bool]:
    """Returns alpha (n, X), beta (n, Y), and whether the cost is log(1 + exp(alpha + beta)).

    Else it is log(exp(alpha) + exp(beta)). All images of the block have the same target.
    """
    alpha = np.multiply.outer(plane.pixels[block, 0], w1)
    beta = np.multiply.outer(plane.pixels[block, 1], w2)
    alpha += plane.offsets[block, :1]
    if plane.offsets.shape[1] == 1:
        return (-alpha, -beta, True) if target else (alpha, beta, True)
    beta += plane.offsets[block, 1:]
    if target == 0:
        return _softplus(alpha), beta, False
    if target == 1:
        return -alpha, _softplus(beta), True
    return _softplus(alpha), -beta, True


@dataclass(frozen=True, eq=False)
class _Factor:
    """A factor along one side of a tile: exp(log factor - highest) (n, x), its highest and lowest logarithm (n,)."""

    factor: Floats
    highest: Floats
    lowest: Floats

    @classmethod
    def of(cls, logarithm: Floats) -> "_Factor":
        highest = logarithm.max(axis=1)
        return cls(np.exp(logarithm - highest[:, None]), highest, logarithm.min(axis=1))


def _tile(across: _Factor, down: _Factor, *, beside_one: bool) -> Floats:
    """Returns the cost of some images on a tile, (y, x)."""
    if beside_one:
        top = across.highest + down.highest
        peak = np.maximum(top, 0)
        depth = peak - np.logaddexp(0, across.lowest + down.lowest)
        first, second, third = across.factor, down.factor * np.exp(top - peak)[:, None], np.exp(-peak)
    else:
        peak = np.maximum(across.highest, down.highest)
        depth = peak - np.logaddexp(across.lowest, down.lowest)
        first = across.factor * np.exp(across.highest - peak)[:, None]
        second = down.factor * np.exp(down.highest - peak)[:, None]
    points = first.shape[1] * second.shape[1]
    step = max(1, min(TERMS // points, int(DEPTH / max(1, depth.max()))))
    total = np.full((second.shape[1], first.shape[1]), peak.sum())
    terms = np.empty((min(step, len(peak)), *total.shape))
    for start in range(0, len(peak), step):
        x, y = first[start : start + step, None, :], second[start : start + step, :, None]
        part = terms[: len(x)]
        if beside_one:
            np.multiply(x, y, out=part)
            part += third[start : start + step, None, None]
        else:
            np.add(x, y, out=part)
        total += np.log(np.multiply.reduce(part, axis=0))
    return total


def _softplus(values: Floats) -> Floats:
    """Returns log(1 + exp(values)) without overflow."""
    return np.maximum(values, 0) + np.log1p(np.exp(-np.abs(values)))
