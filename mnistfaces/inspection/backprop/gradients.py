"""One gradient in three ways: path by path, by a backward pass per weight, by back-propagation, each operation seen.

N layers of K units, the inputs being the first, so N - 1 matrices of K x K weights lie between them; tanh units
without biases; the cost is half the squared error of the last layer.

Weight by weight, each derivative is a sum over the paths from its weight to the outputs, the chain rule written
out: K^(N - 2) products of 2N - 1 factors for a weight next to the inputs. There are K^2 such weights, so K^N
products in all. Were the inputs not counted among the layers, it would be K^(N + 1).

That enumerates paths, which nobody has to: a backward pass gives the derivative by one weight in up to N K^2 products,
for what leads on from a unit is the same for all paths through it. A pass per weight, N K^2 of them, makes N^2 K^4:
polynomial. Back-propagation shares the one pass among all weights, N K^2 products in all (Rumelhart, Hinton and
Williams, "Learning representations by back-propagating errors", 1986).

All are written for numbers of any kind: plain ones can be timed, counted ones count. All start where one forward
pass, N K^2 more, ends.
"""

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass
class Tally:
    """How many multiplications and additions were done."""

    multiplications: int = 0
    additions: int = 0

    @property
    def operations(self) -> int:
        """Multiplications and additions."""
        return self.multiplications + self.additions


@dataclass(slots=True, eq=False)  # frozen would take three times as long
class Counted:
    """A number that enters each of its operations in a tally, which it hands on to the result.

    It can be multiplied by and added to its like and nothing else, so no operation on it escapes the tally.
    """

    value: float
    tally: Tally

    def __mul__(self, other: "Counted") -> "Counted":
        self.tally.multiplications += 1
        return Counted(self.value * other.value, self.tally)

    def __add__(self, other: "Counted") -> "Counted":
        self.tally.additions += 1
        return Counted(self.value + other.value, self.tally)


Number = TypeVar("Number", float, Counted)
Vector = Sequence[Number]
Matrix = Sequence[Sequence[Number]]
Matrices = Sequence[Sequence[Sequence[Number]]]


@dataclass(frozen=True, kw_only=True)
class ForwardPass(Generic[Number]):
    """The numbers that a gradient is made of, as a forward pass leaves them, matrix by matrix.

    Attributes:
        weights: (N - 1, K, K), the weight to a unit (second index) from one of the layer before (third).
        activations: (N - 1, K), what each matrix is applied to; the first are the inputs.
        slopes: (N - 1, K), the derivatives of the units that each matrix leads to, by their own sums.
        errors: (K,), the derivatives of the cost by the outputs.
    """

    weights: Matrices[Number]
    activations: Matrix[Number]
    slopes: Matrix[Number]
    errors: Vector[Number]


def run_forward(weights: Floats, inputs: Floats, targets: Floats) -> ForwardPass[float]:
    """Returns the forward pass of a network, for the cost |outputs - targets|^2 / 2.

    Args:
        weights: (N - 1, K, K).
        inputs: (K,).
        targets: (K,).
    """
    layers = [inputs]
    for matrix in weights:
        layers.append(np.tanh(matrix @ layers[-1]))
    values = np.array(layers)  # (N, K)
    return ForwardPass(
        weights=weights.tolist(),
        activations=values[:-1].tolist(),
        slopes=(1 - values[1:] ** 2).tolist(),
        errors=(values[-1] - targets).tolist(),
    )


def draw_forward(layers: int, units: int, seed: int) -> ForwardPass[float]:
    """Returns the forward pass of a random network, with weights, inputs and targets drawn from the seed."""
    generator = np.random.default_rng(seed)
    weights = generator.normal(0, units**-0.5, (layers - 1, units, units))
    return run_forward(weights, generator.normal(size=units), generator.normal(size=units))


def counted(forward: ForwardPass[float], tally: Tally) -> ForwardPass[Counted]:
    """Returns the same numbers, all of which enter their operations in the tally."""

    def vector(values: Vector[float]) -> list[Counted]:
        return [Counted(value, tally) for value in values]

    return ForwardPass(
        weights=[[vector(row) for row in matrix] for matrix in forward.weights],
        activations=[vector(row) for row in forward.activations],
        slopes=[vector(row) for row in forward.slopes],
        errors=vector(forward.errors),
    )


def gradient_by_paths(forward: ForwardPass[Number]) -> Matrices[Number]:
    """Returns the gradient, (N - 1, K, K), each derivative the sum over its weight's own paths to the outputs."""
    units = range(len(forward.errors))
    return [
        [[_sum_over_paths(forward, matrix, unit, source) for source in units] for unit in units]
        for matrix in range(len(forward.weights))
    ]


def gradient_by_passes(forward: ForwardPass[Number]) -> Matrices[Number]:
    """Returns the gradient, (N - 1, K, K), each derivative by a backward pass of its own, from the outputs to it."""
    units = range(len(forward.errors))
    return [
        [[_deltas(forward, matrix)[unit] * forward.activations[matrix][source] for source in units] for unit in units]
        for matrix in range(len(forward.weights))
    ]


def gradient_by_backpropagation(forward: ForwardPass[Number]) -> Matrices[Number]:
    """Returns the gradient, (N - 1, K, K), from the last matrix to the first, each layer's deltas computed once."""
    gradient: list[Matrix[Number]] = []
    deltas: Vector[Number] | None = None
    for matrix in reversed(range(len(forward.weights))):
        deltas = _step_back(forward, matrix, deltas)
        gradient.append([[delta * value for value in forward.activations[matrix]] for delta in deltas])
    return gradient[::-1]


def _deltas(forward: ForwardPass[Number], matrix: int) -> Vector[Number]:
    """Returns the derivatives of the cost by the sums that a matrix leads to, (K,), by a pass from the outputs on."""
    deltas: Vector[Number] | None = None
    for passed in reversed(range(matrix, len(forward.weights))):
        deltas = _step_back(forward, passed, deltas)
    if deltas is None:
        raise AssertionError("there is a matrix at least: the one asked for")
    return deltas


def _step_back(forward: ForwardPass[Number], matrix: int, behind: Vector[Number] | None) -> Vector[Number]:
    """Returns the derivatives by the sums that a matrix leads to, (K,), from those of the next one; None: the last."""
    units, errors = range(len(forward.errors)), forward.errors
    if behind is not None:
        rows = forward.weights[matrix + 1]
        errors = [_sum(rows[unit][source] * behind[unit] for unit in units) for source in units]
    return [forward.slopes[matrix][unit] * errors[unit] for unit in units]


def _sum_over_paths(forward: ForwardPass[Number], matrix: int, unit: int, source: int) -> Number:
    """Returns the derivative by the weight to `unit` from `source`: K^(matrices behind it) paths lead on from there."""
    behind = len(forward.weights) - matrix - 1
    paths = product(range(len(forward.errors)), repeat=behind)
    return _sum(_product_along(path, forward, matrix, unit, source) for path in paths)


def _product_along(path: Sequence[int], forward: ForwardPass[Number], matrix: int, unit: int, source: int) -> Number:
    """Returns the product along one path, through the weight to `unit` from `source` and one unit of each layer on."""
    factor = forward.activations[matrix][source] * forward.slopes[matrix][unit]
    behind = matrix + 1
    for weights, slopes, following in zip(forward.weights[behind:], forward.slopes[behind:], path, strict=True):
        factor = factor * weights[following][unit] * slopes[following]
        unit = following
    return factor * forward.errors[unit]


def _sum(terms: Iterable[Number]) -> Number:
    """Returns the sum by one addition less than there are terms; the built-in `sum` of floats does more than add."""
    return reduce(operator.add, terms)
