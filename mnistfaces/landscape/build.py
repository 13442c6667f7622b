"""The cost surface of two weights: chosen method, checked result.

X and Y points along the first and second weight.
"""

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from mnistfaces.config import Reduction
from mnistfaces.errors import UsageError
from mnistfaces.landscape.pair import Axis, Pair, check_points
from mnistfaces.landscape.plane import Floats, Plane
from mnistfaces.landscape.product import cost_on_grid, evaluate_grid
from mnistfaces.landscape.result import Method, Origin, Surface, Window
from mnistfaces.landscape.spectral import interpolated, nodes_for
from mnistfaces.progress import Advanced, Event, Stage, drained, result_of

Points = tuple[Floats, Floats]
"""The values of either weight, (X,) and (Y,)."""

CHECKED_POINTS = 64
"""Random points at which a surface is compared with direct evaluation, beside its lowest and its highest."""


class Problem(Protocol):
    """A model and the images that judge it, as far as a surface needs them."""

    def trained(self, pair: Pair) -> tuple[float, float]:
        """Returns the model's own values of the two weights."""
        ...

    def plane(self, pair: Pair) -> Plane:
        """Returns the cost over the two weights alone."""
        ...

    def forward(self, pair: Pair, w1: float, w2: float) -> float:
        """Returns the summed cost in nats at one point, by a plain forward pass."""
        ...


@dataclass(frozen=True, kw_only=True)
class SurfaceConfig:
    """What surface to compute, and how.

    Attributes:
        first: axis of the first weight.
        second: axis of the second weight.
        method: `spectral` interpolates, `exact` evaluates the closed form at every point, `forward` runs the model.
        tol: largest error that `spectral` may show, relative to max(C, 1 nat), C summed.
        reduction: the cost is the `sum` or the `mean` over the images.
    """

    first: Axis = field(default_factory=Axis)
    second: Axis = field(default_factory=Axis)
    method: Method = "spectral"
    tol: float = 1e-9
    reduction: Reduction = "sum"

    def __post_init__(self) -> None:
        """Raises UsageError for a surface that cannot be computed."""
        check_points(self.first, self.second)
        if not 0 < self.tol < 1:
            raise UsageError(f"--tol must lie between 0 and 1, not {self.tol:g}")


def surface(problem: Problem, pair: Pair, config: SurfaceConfig | None = None, origin: Origin | None = None) -> Surface:
    """Returns the cost over two weights of a model, checked at random points.

    Args:
        problem: the model and its images, for example a `SoftmaxProblem`.
        pair: the two weights.
        config: axes and method; by default -10 to 10 in steps of 0.01, interpolated.
        origin: what the surface remembers of its model and data.

    Raises:
        UsageError: a configuration that no surface can have.
        DataError: weights that are not finite.
    """
    return drained(build_surface(problem, pair, config or SurfaceConfig(), origin or Origin()))


def build_surface(problem: Problem, pair: Pair, config: SurfaceConfig, origin: Origin) -> Iterator[Event | Surface]:
    """Does what `surface` does, yielding how far it is, and at last the surface."""
    started = time.perf_counter()
    plane = problem.plane(pair)
    grid = config.first.values(), config.second.values()
    found = yield from _compute(problem, pair, plane, grid, config)
    flat = (f"no image uses either pixel of {pair.title}: the surface is flat",) if plane.is_flat else ()
    trained = problem.trained(pair)
    scale = 1.0 if config.reduction == "sum" else 1.0 / plane.images
    yield Surface(
        pair=pair,
        w1=grid[0],
        w2=grid[1],
        loss=np.multiply(found.cost, scale, out=found.cost),
        trained=trained,
        trained_loss=scale * float(plane.cost_at(np.array([trained]))[0]),
        plane=plane,
        reduction=config.reduction,
        method=found.method,
        error=found.error,
        checked=found.checked,
        nodes=found.nodes,
        notes=(*flat, *found.notes),
        seconds=time.perf_counter() - started,
        origin=origin,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Computed:
    """A summed cost (Y, X), how it was computed in the end, and how far it was found to err."""

    cost: Floats
    method: Method
    error: float
    checked: int
    nodes: tuple[int, int] = (0, 0)
    notes: tuple[str, ...] = ()


def _compute(
    problem: Problem, pair: Pair, plane: Plane, grid: Points, config: SurfaceConfig
) -> Generator[Event, None, _Computed]:
    """Computes the cost by the method asked for; where interpolation cannot do it, at every point."""
    method = config.method
    notes: tuple[str, ...] = ()
    if method == "spectral":
        count = node_counts(plane, grid, config.tol)
        nodes, points = f"{count[0]} x {count[1]} nodes", f"{len(grid[0])} x {len(grid[1])} points"
        if 4 * count[0] * count[1] > len(grid[0]) * len(grid[1]):
            why = f"interpolation needs {nodes}, more than a quarter of the {points}"
        else:
            yield Stage(name=f"interpolating in {nodes}")
            cost = interpolated(plane, grid, count)
            error, checked = largest_error(plane, grid, cost)
            if error <= config.tol:
                return _Computed(cost=cost, method=method, error=error, checked=checked, nodes=count)
            why = f"interpolation in {nodes} erred by {error:.1e} of max(C, 1 nat), more than --tol {config.tol:g}"
        method, notes = "exact", (f"{why}: every point was evaluated instead",)
    direct = evaluate_grid(plane, *grid) if method == "exact" else _run_everywhere(problem, pair, grid)
    cost = yield from result_of(direct)
    error, checked = largest_error(plane, grid, cost)
    return _Computed(cost=cost, method=method, error=error, checked=checked, notes=notes)


def window(surface: Surface, first: tuple[float, float], second: tuple[float, float], points: int) -> Window:
    """Returns the surface over a rectangle of its plane, inside or outside its range, from its own file alone.

    Args:
        surface: whose plane.
        first: lower and upper end of the first weight.
        second: lower and upper end of the second weight.
        points: along either axis, ends included.
    """
    grid = np.linspace(*first, points), np.linspace(*second, points)
    count = node_counts(surface.plane, grid, SurfaceConfig.tol)
    few = 4 * count[0] * count[1] <= points * points
    cost = interpolated(surface.plane, grid, count) if few else cost_on_grid(surface.plane, *grid)
    return Window(w1=grid[0], w2=grid[1], loss=cost * surface.scale)


def node_counts(plane: Plane, grid: Points, tol: float) -> tuple[int, int]:
    """Returns how many nodes along either axis interpolation to `tol` needs."""
    first, second = (
        nodes_for(float(axis[0]), float(axis[-1]), pixel, tol)
        for axis, pixel in zip(grid, plane.largest_pixels(), strict=True)
    )
    return first, second


def largest_error(plane: Plane, grid: Points, cost: Floats) -> tuple[float, int]:
    """Returns the largest error of a summed cost at random points, its lowest and its highest, and their number.

    Errors are relative to max(C, 1 nat); what they are errors from is the direct evaluation, image by image.
    """
    chosen = np.random.default_rng(0).integers(cost.size, size=CHECKED_POINTS)
    flat = np.append(chosen, [cost.argmin(), cost.argmax()])
    rows, columns = np.unravel_index(flat, cost.shape)
    direct = plane.cost_at(np.stack([grid[0][columns], grid[1][rows]], axis=1))
    errors = np.abs(cost[rows, columns] - direct) / np.maximum(direct, 1.0)
    return float(errors.max()), len(flat)


def _run_everywhere(problem: Problem, pair: Pair, grid: Points) -> Iterator[Event | Floats]:
    """Yields the summed cost by one forward pass per point, (Y, X): the oracle, and hours of work."""
    yield Stage(name="running the model at every point", total=len(grid[0]) * len(grid[1]))
    cost = np.empty((len(grid[1]), len(grid[0])))
    for row, y in enumerate(grid[1]):
        for column, x in enumerate(grid[0]):
            cost[row, column] = problem.forward(pair, float(x), float(y))
        yield Advanced(amount=len(grid[0]))
    yield cost
