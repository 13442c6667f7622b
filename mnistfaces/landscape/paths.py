"""Descent from a point of a surface by any optimizer, T steps.

`gd` is v <- beta v + lr grad, w <- w - v, from v = 0 (Boris T. Polyak, "Some methods of speeding up the convergence of
iteration methods", 1964, equation 9, in the form the report uses); the others are those of `rules`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mnistfaces.config import OPTIMIZER_DEFAULTS, OptimizerName, check_momentum
from mnistfaces.errors import UsageError
from mnistfaces.landscape.plane import Floats
from mnistfaces.landscape.result import Surface
from mnistfaces.landscape.rules import RULES
from mnistfaces.landscape.softmax import SoftmaxProblem

Mode = Literal["restricted", "projected"]


@dataclass(frozen=True, kw_only=True)
class Descent:
    """How a path descends.

    Attributes:
        start: the two weights it starts from.
        optimizer: whose steps they are.
        lr: learning rate; of `gd` and `nesterov`, a step per unit of the gradient of the cost.
        momentum: beta; 0 is vanilla descent. None is the optimizer's own, 0 where it takes none.
        steps: T.
    """

    optimizer: OptimizerName = "gd"

    start: tuple[float, float] = (-5.5, 5.0)
    lr: float = 0.001
    momentum: float = None  # type: ignore[assignment]  # a number from the start: the optimizer's own
    steps: int = 30

    def __post_init__(self) -> None:
        """Fills in the optimizer's own momentum; raises UsageError for values that no descent can have."""
        if self.optimizer not in RULES:
            raise UsageError(f"--optimizer {self.optimizer} searches its steps: paths are drawn of {', '.join(RULES)}")
        if self.momentum is None:
            object.__setattr__(self, "momentum", OPTIMIZER_DEFAULTS[self.optimizer].momentum or 0.0)
        if not all(map(math.isfinite, self.start)):
            raise UsageError("--start must be two finite numbers")
        if not (math.isfinite(self.lr) and self.lr > 0):
            raise UsageError(f"--lr must be positive, not {self.lr:g}")
        check_momentum(self.optimizer, self.momentum)
        if self.steps < 1:
            raise UsageError(f"--steps must be at least 1, not {self.steps}")


@dataclass(frozen=True, kw_only=True, eq=False)
class DescentPath:
    """The points of a descent.

    Attributes:
        descent: how it descended.
        mode: `restricted` moves the two weights alone; `projected` moves all of the model's and shows the two.
        points: (T + 1, 2) the two weights, the start first.
        loss: (T + 1,) the cost of the model at each step, by the surface's reduction.
        distance: (T + 1,) how far all other weights are from the surface's plane (Euclidean norm).
    """

    descent: Descent
    mode: Mode
    points: Floats
    loss: Floats
    distance: Floats


def restricted_path(surface: Surface, descent: Descent) -> DescentPath:
    """Returns the path of the two weights alone: it lies on the surface, and needs neither model nor data."""

    def slope(position: Floats) -> tuple[float, Floats]:
        cost, gradient = surface.plane.cost_and_gradient(position)
        return surface.scale * cost, surface.scale * gradient

    points, loss = _descend(slope, np.array(descent.start, dtype=np.float64), descent)
    return DescentPath(
        descent=descent, mode="restricted", points=points, loss=loss, distance=np.zeros(descent.steps + 1)
    )


def projected_path(surface: Surface, problem: SoftmaxProblem, descent: Descent) -> DescentPath:
    """Returns the path of all weights and biases, seen from the two: it leaves the surface.

    It starts from the trained model with the two weights set to the start.
    """
    weight, bias = problem.moved(surface.pair, *descent.start)
    shape = weight.shape
    rows, columns = surface.pair.classes, surface.pair.inputs
    here = np.ravel_multi_index((rows, columns), shape)

    def slope(position: Floats) -> tuple[float, Floats]:
        cost, by_weight, by_bias = problem.cost_and_gradient(
            position[: weight.size].reshape(shape), position[weight.size :]
        )
        return surface.scale * cost, surface.scale * np.append(by_weight, by_bias)

    begin = np.append(weight, bias)
    positions, loss = _descend(slope, begin, descent)
    away = positions - begin
    away[:, here] = 0.0
    return DescentPath(
        descent=descent,
        mode="projected",
        points=positions[:, here],
        loss=loss,
        distance=np.linalg.norm(away, axis=1),
    )


def _descend(slope: Callable[[Floats], tuple[float, Floats]], start: Floats, descent: Descent) -> tuple[Floats, Floats]:
    """Returns the positions, (T + 1, ...), and the cost at each."""
    positions = np.empty((descent.steps + 1, len(start)))
    loss = np.empty(descent.steps + 1)
    positions[0], rule = start, RULES[descent.optimizer](descent.lr, descent.momentum)  # type: ignore[index]  # a descent has one of these
    for step in range(descent.steps):
        loss[step], gradient = slope(positions[step])
        positions[step + 1] = positions[step] - rule(positions[step], gradient)
    loss[-1] = slope(positions[-1])[0]
    return positions, loss
