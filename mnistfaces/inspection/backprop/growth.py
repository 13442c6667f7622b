"""How the cost of a gradient grows with the network: operations counted, seconds taken, exponents fitted to both.

N layers of K units, as in `gradients`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from timeit import Timer
from typing import Literal, Protocol

import numpy as np

from mnistfaces.inspection.backprop.gradients import (
    Floats,
    ForwardPass,
    Matrices,
    Number,
    Tally,
    counted,
    draw_forward,
    gradient_by_backpropagation,
    gradient_by_passes,
    gradient_by_paths,
)
from mnistfaces.progress import Advanced, Event, Stage

Method = Literal["weight by weight", "a pass per weight", "back-propagation"]
Quantity = Literal["operations", "seconds"]
Law = Literal["K^p", "N^p", "N g^N"]


class Gradient(Protocol):
    """A way to a gradient, for numbers of any kind."""

    def __call__(self, forward: ForwardPass[Number], /) -> Matrices[Number]:
        """Returns the gradient, (N - 1, K, K)."""


METHODS: dict[Method, Gradient] = {
    "weight by weight": gradient_by_paths,
    "a pass per weight": gradient_by_passes,
    "back-propagation": gradient_by_backpropagation,
}
QUANTITIES: tuple[Quantity, ...] = ("operations", "seconds")

LAYERS = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 32, 64, 128)
UNITS = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16, 24, 32, 48, 64)
LEADING: dict[Method, Callable[[int, int], int]] = {
    "weight by weight": lambda n, k: n * k**n,
    "a pass per weight": lambda n, k: n**2 * k**4,
    "back-propagation": lambda n, k: n * k**2,
}
"""The leading terms of what a gradient of N layers of K units costs."""

LARGEST: dict[Method, int] = {
    "weight by weight": 300_000,
    "a pass per weight": 500_000,
    "back-propagation": 25_000,
}
"""Up to these values of their leading terms no gradient takes more than a tenth of a second."""

ROUNDS = 10
SHORTEST = 0.001
"""A timing repeats the gradient for about this many seconds, from the second round on."""

LAWS_OF_UNITS: dict[Method, Law] = dict.fromkeys(METHODS, "K^p")
LAWS_OF_LAYERS: dict[Method, Law] = {**dict.fromkeys(METHODS, "N^p"), "weight by weight": "N g^N"}
POWERS: dict[Method, tuple[int, int]] = {"a pass per weight": (4, 2), "back-propagation": (2, 1)}
"""Of K and of N, in the limit; the power of K path by path is N."""

FEWEST_SIZES = 5
FITTED_SIZES = 4


@dataclass(frozen=True, kw_only=True)
class GradientCost:
    """What the gradient of all weights costs, the forward pass left out.

    Attributes:
        layers: N, with the inputs.
        units: K.
        method: how it was computed.
        operations: multiplications and additions, counted as they were done.
        seconds: the fastest of ten timings of the same code on plain floats, in Python on one core.
    """

    layers: int
    units: int
    method: Method
    operations: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Growth:
    """How a cost grows with one size of the network while the other is fixed.

    Attributes:
        method: how the gradient was computed.
        quantity: what grows.
        fixed: N where the law is K^p, else K.
        law: what was fitted, up to a constant factor; N g^N is a path's length times the number of paths.
        fitted: p, or g.
        standard_error: of the same; that of counts, which have no noise, is what lower terms bend the line by.
        theory: what p or g is in the limit of large networks.
    """

    method: Method
    quantity: Quantity
    fixed: int
    law: Law
    fitted: float
    standard_error: float
    theory: float


def measure(
    layers: Sequence[int] = LAYERS,
    units: Sequence[int] = UNITS,
    *,
    largest: Mapping[Method, int] = LARGEST,
    seed: int = 0,
) -> Iterator[Event | GradientCost]:
    """Yields how far it is, then what a gradient costs at each pair of sizes, by each method as far as it can go.

    Sizes are timed in rounds, so that a slow spell of the machine falls on none alone; all results come at the end.

    Args:
        layers: values of N, at least 2.
        units: values of K.
        largest: leaves a method out where its leading term is above this.
        seed: of the networks.
    """
    costs = []
    sizes = list(product(layers, units))
    yield Stage(name="counting and timing", total=(1 + ROUNDS) * len(sizes))
    for n, k in sizes:
        costs += [_count(n, k, method, seed) for method in METHODS if LEADING[method](n, k) <= largest[method]]
        yield Advanced(amount=1)
    for _ in range(ROUNDS):
        costs = [_time(cost, seed) for cost in costs]
        yield Advanced(amount=len(sizes))
    yield from costs


def fit_growth(costs: Sequence[GradientCost]) -> Iterator[Growth]:
    """Yields the fitted growth with K at each N, then with N at each K, of operations and of seconds.

    Each is a least-squares line through the logarithms at the four largest sizes, where lower terms matter least;
    they still put p of the counts up to 4 % below theory, weight by weight, g up to 8 % above, and the power of N of a
    pass per weight up to 15 % above. In Python a path
    takes time for itself, not only for its length: g of the seconds is up to a quarter below. A line of sizes is
    left out unless all methods were measured at five of them.
    """
    for n in sorted({cost.layers for cost in costs}):
        yield from _fit_all([cost for cost in costs if cost.layers == n], LAWS_OF_UNITS)
    for k in sorted({cost.units for cost in costs}):
        yield from _fit_all([cost for cost in costs if cost.units == k], LAWS_OF_LAYERS)


def _count(layers: int, units: int, method: Method, seed: int) -> GradientCost:
    """Returns the cost with its operations counted, not timed yet."""
    tally = Tally()
    METHODS[method](counted(draw_forward(layers, units, seed), tally))
    return GradientCost(layers=layers, units=units, method=method, operations=tally.operations, seconds=float("inf"))


def _time(cost: GradientCost, seed: int) -> GradientCost:
    """Returns the cost with one more timing, if that is faster: over as many gradients as fill it."""
    forward = draw_forward(cost.layers, cost.units, seed)
    number = max(1, round(SHORTEST / cost.seconds))
    seconds = Timer(lambda: METHODS[cost.method](forward)).timeit(number) / number
    return replace(cost, seconds=min(cost.seconds, seconds))


def _fit_all(line: Sequence[GradientCost], laws: Mapping[Method, Law]) -> Iterator[Growth]:
    """Yields the growth along a line of sizes, one of N and K being fixed, unless a method has too few of them."""
    ordered = sorted(line, key=lambda cost: (cost.layers, cost.units))
    of_method = {method: [cost for cost in ordered if cost.method == method] for method in METHODS}
    if min(map(len, of_method.values())) >= FEWEST_SIZES:
        for quantity, method in product(QUANTITIES, METHODS):
            yield _fit(of_method[method][-FITTED_SIZES:], quantity, laws[method])


def _fit(costs: Sequence[GradientCost], quantity: Quantity, law: Law) -> Growth:
    """Returns the growth of one method's costs by one law."""
    method, n, k = costs[0].method, costs[0].layers, costs[0].units
    layers = np.array([cost.layers for cost in costs], float)
    units = np.array([cost.units for cost in costs], float)
    values = np.log(np.array([getattr(cost, quantity) for cost in costs], float))
    if law == "K^p":
        fixed, theory = n, _power_of_units(method, n)
        fitted, error = _slope(np.log(units), values)
    elif law == "N^p":
        fixed, theory = k, POWERS[method][1]
        fitted, error = _slope(np.log(layers), values)
    else:
        fixed, theory = k, k
        slope, slope_error = _slope(layers, values - np.log(layers))
        fitted = float(np.exp(slope))
        error = fitted * slope_error
    return Growth(
        method=method,
        quantity=quantity,
        fixed=fixed,
        law=law,
        fitted=fitted,
        standard_error=error,
        theory=float(theory),
    )


def _power_of_units(method: Method, layers: int) -> int:
    """Returns the power of K in the limit; without a hidden layer a pass is K products, not K^2."""
    if method == "weight by weight":
        return layers
    return min(POWERS[method][0], layers + 1) if method == "a pass per weight" else POWERS[method][0]


def _slope(x: Floats, y: Floats) -> tuple[float, float]:
    """Returns the slope of a least-squares line through points, (n,) each, and its standard error."""
    x, y = x - x.mean(), y - y.mean()
    slope = float(x @ y / (x @ x))
    residual = y - slope * x
    return slope, float(np.sqrt(residual @ residual / (len(x) - 2) / (x @ x)))
