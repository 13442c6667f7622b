"""L-BFGS on a stack of models, each with its own history and its own line search, to the optimum of its cost.

An iteration takes the direction that the last MEMORY pairs of steps and changes of the gradient give, and searches a
step along it that meets the strong Wolfe conditions. The pairs correct a first guess of the inverse Hessian: of softmax
regression that at zero weights, see `curvature`, else the identity. Searches are generators that ask for cost and slope
at a step, so that the models of a stack are evaluated together: those whose search is over stay where they are.

A model's numbers are its own: its vectors are reduced by themselves, in float64 on the host, whatever the type of the
weights. Memory is (T * M, ...), a row for every place of the stack; places that repeat a model are not moved.

Sources: Nocedal and Wright, "Numerical optimization" (2006), algorithms 7.4 and 3.5; Hager and Zhang, "A new conjugate
gradient method with guaranteed descent and an efficient line search" (2005), equation 4.1, for the condition that holds
where the cost no longer tells two points apart and its slope still does.

Legend: T * M places, n numbers of a model, padding included.
"""

import math
from collections.abc import Callable, Generator, Sequence

import torch
from torch import Tensor

from mnistfaces.config import DtypeName, TrainConfig
from mnistfaces.engine.curvature import Curvature
from mnistfaces.engine.optim import WEIGHT_AXES

MEMORY = 10
DECREASE, CURVATURE = 1e-4, 0.9
"""Of the strong Wolfe conditions: the usual ones of quasi-Newton methods."""

MOST_TRIALS = 25  # of a line search
LONGER = 4.0
"""A step that still goes down steeply is tried so many times longer."""

TOLERANCES: dict[DtypeName, float] = {"float32": 1e-6, "float64": 1e-9}
"""The largest part of the mean cost's gradient at which a model has its optimum, unless --eps says otherwise."""

NOISE = 8.0
"""So many units of the weights' last place is how well a cost is known."""

CONVERGED, STUCK = 1, 2
"""How a model ends: at its optimum; or where its arithmetic tells no lower cost."""

Point = tuple[float, float, float]
"""A step, the cost there, and its slope along the direction."""

Search = Generator[float, tuple[float, float], float]


class Lbfgs:
    """L-BFGS for the models of a stack.

    Args:
        configs: of the models in all places.
        parameters: of these, (T * M, ...) each.
        places: of the models that are moved.
        curvature: of the cost of the training images.

    Attributes:
        memory: all that the next iteration depends on, besides the parameters.
        ended: of every place, 0 while it goes on, else CONVERGED or STUCK.
        curvature: as given.
    """

    def __init__(
        self, configs: Sequence[TrainConfig], parameters: Sequence[Tensor], places: Sequence[int], curvature: Curvature
    ) -> None:
        self._places, self.curvature = places, curvature
        self._total = curvature.total if configs[0].reduction == "sum" else 1.0
        self._linear = configs[0].model == "softmax"
        self._decays = [config.weight_decay for config in configs]
        dtype = configs[0].dtype
        self._tolerance = configs[0].eps or TOLERANCES[dtype]
        self._noise = NOISE * torch.finfo(getattr(torch, dtype)).eps
        self._shapes = [parameter.shape[1:] for parameter in parameters]
        self._sizes = [shape.numel() for shape in self._shapes]
        self._is_weight = torch.cat(
            [torch.full((parameter[0].numel(),), float(parameter.dim() == WEIGHT_AXES)) for parameter in parameters]
        ).double()
        shape = len(parameters[0]), MEMORY, len(self._is_weight)
        self._steps, self._changes = (torch.zeros(shape, dtype=torch.float64) for _ in range(2))
        self._known = torch.zeros(shape[0], dtype=torch.int64)  # pairs in these, the oldest first
        self._costs = torch.full((shape[0],), math.nan, dtype=torch.float64)
        self._gradients = torch.zeros(shape[0], shape[2], dtype=torch.float64)
        self.ended = torch.zeros(shape[0], dtype=torch.int64)
        self.memory = [self._steps, self._changes, self._known, self._costs, self._gradients, self.ended]

    def iterate(self, parameters: Sequence[Tensor], grads: Sequence[Tensor], evaluate: Callable[[], Tensor]) -> None:
        """Moves every model that goes on by one iteration, in place.

        Args:
            parameters: (T * M, ...) each.
            grads: where `evaluate` writes the gradients of the costs, likewise.
            evaluate: returns the cost of the models in all places, (T * M,) float64.
        """
        going = [place for place in self._places if not self.ended[place]]
        if going and self._costs[going].isnan().any():  # before the first iteration
            costs = evaluate()
            for place in going:
                self._costs[place], self._gradients[place] = self._penalised(place, parameters, grads, costs)
                self._judge(place)
            going = [place for place in going if not self.ended[place]]
        descents = {place: _Descent(self, place, self._vector(parameters, place)) for place in going}
        while asking := {place: descent for place, descent in descents.items() if descent.asks}:
            for place, descent in asking.items():
                self._put(parameters, place, descent.trial)
            costs = evaluate()
            for place, descent in asking.items():
                descent.take(self._vector(parameters, place), *self._penalised(place, parameters, grads, costs))
        for place, descent in descents.items():
            self._put(parameters, place, self._accept(place, descent))

    def direction(self, place: int) -> Tensor:
        """Returns minus the gradient times the inverse Hessian that the known pairs give: the two loops, (n,)."""
        direction, weights = -self._gradients[place], []
        known = int(self._known[place])
        pairs = list(zip(self._steps[place, :known], self._changes[place, :known], strict=True))
        for step, change in reversed(pairs):
            weights.append((step @ direction) / (step @ change))
            direction = direction - weights[-1] * change
        last = [change for _, change in pairs[-1:]]
        direction, *guessed = self._guess(place, torch.stack([direction, *last])).unbind()
        if guessed:
            step, change = pairs[-1]
            direction = direction * ((step @ change) / (change @ guessed[0]))
        for (step, change), weight in zip(pairs, reversed(weights), strict=True):
            direction = direction + (weight - (change @ direction) / (step @ change)) * step
        return direction

    def search(self, place: int, direction: Tensor) -> Search:
        """Returns the line search of a model along a direction."""
        gradient = self._gradients[place]
        slope = float(gradient @ direction)
        guessed = self._known[place] or self._preconditioned(place)
        first = 1.0 if guessed else min(1.0, 1 / float(gradient.abs().sum()))
        return line_search(float(self._costs[place]), slope, first, self._noise)

    def _preconditioned(self, place: int) -> bool:
        """Returns whether the curvature at zero weights is a model's first guess."""
        share = self._total / self.curvature.total / self._shapes[0][0]  # of one class
        return self._linear and self.curvature.is_bounded(self._decays[place], share)

    def _guess(self, place: int, vectors: Tensor) -> Tensor:
        """Returns the first guess of the inverse Hessian times v vectors, (v, n)."""
        if not self._preconditioned(place):
            return vectors
        parts = zip(torch.split(vectors, self._sizes, dim=1), self._shapes, strict=True)
        weight, bias = (part.view(-1, *shape) for part, shape in parts)
        bias, padding = torch.split(bias, [weight.shape[1], bias.shape[1] - weight.shape[1]], dim=1)
        rows = torch.cat([weight, bias.unsqueeze(2)], dim=2)  # (v, C, D + 1)
        solved = self.curvature.solve(rows, self._decays[place], self._total / self.curvature.total)
        return torch.cat([solved[:, :, :-1].flatten(1), solved[:, :, -1], padding], dim=1)

    def _accept(self, place: int, descent: "_Descent") -> Tensor:
        """Takes over where a search has ended; returns the parameters there."""
        found = descent.found
        if found is None:  # no lower cost along this direction: once more along the gradient, or there is none
            self.ended[place] = 0 if self._known[place] else STUCK
            self._known[place] = 0
            return descent.start
        vector, cost, gradient = found
        step, change = vector - descent.start, gradient - self._gradients[place]
        if float(step @ change) > 0:
            known = int(self._known[place])
            if known == MEMORY:
                for pairs in (self._steps, self._changes):
                    pairs[place] = pairs[place].roll(-1, 0)
                known -= 1
            self._steps[place, known], self._changes[place, known], self._known[place] = step, change, known + 1
        self._costs[place], self._gradients[place] = cost, gradient
        self._judge(place)
        return vector

    def _judge(self, place: int) -> None:
        if float(self._gradients[place].abs().max()) <= self._tolerance * self._total:
            self.ended[place] = CONVERGED

    def _penalised(
        self, place: int, parameters: Sequence[Tensor], grads: Sequence[Tensor], costs: Tensor
    ) -> tuple[float, Tensor]:
        """Returns cost and gradient of a model with its penalty, decay / 2 * |weights|^2."""
        weights = self._vector(parameters, place) * self._is_weight
        decay = self._decays[place]
        return float(costs[place] + decay / 2 * (weights @ weights)), self._vector(grads, place) + decay * weights

    def _vector(self, tensors: Sequence[Tensor], place: int) -> Tensor:
        """Returns the numbers of one place, (n,)."""
        return torch.cat([tensor[place].flatten().cpu().double() for tensor in tensors])

    def _put(self, parameters: Sequence[Tensor], place: int, vector: Tensor) -> None:
        for parameter, part in zip(parameters, torch.split(vector, self._sizes), strict=True):
            parameter[place] = part.view(parameter.shape[1:]).to(parameter)


class _Descent:
    """One iteration of one model.

    Attributes:
        start: its parameters before, (n,).
        asks: whether it wants to know cost and gradient at `trial`.
        trial: the parameters there.
        found: parameters, cost and gradient where the search ended; None where it found no lower cost.
    """

    def __init__(self, optimizer: Lbfgs, place: int, start: Tensor) -> None:
        self.start, self._direction = start, optimizer.direction(place)
        self.found: tuple[Tensor, float, Tensor] | None = None
        self._search, self._seen = optimizer.search(place, self._direction), dict[float, tuple[Tensor, float, Tensor]]()
        self._step, self.asks = next(self._search), True

    @property
    def trial(self) -> Tensor:
        return self.start + self._step * self._direction

    def take(self, vector: Tensor, cost: float, gradient: Tensor) -> None:
        """Goes on with cost and gradient at the parameters that the trial became, rounded as they are kept."""
        self._seen[self._step] = vector, cost, gradient
        try:
            self._step = self._search.send((cost, float(gradient @ self._direction)))
        except StopIteration as end:
            self.asks, self.found = False, self._seen.get(end.value)


def line_search(cost: float, slope: float, first: float, noise: float) -> Search:
    """Searches a step that meets the strong Wolfe conditions, asking for cost and slope at one step after the other.

    Args:
        cost: at the start.
        slope: there, along the direction.
        first: the step to try first.
        noise: relative, how well costs are known.

    Returns:
        The step; 0 where none lowers the cost.
    """
    known = noise * abs(cost)
    low: Point = (0.0, cost, slope)  # the lowest of those that go down enough
    high: Point | None = None  # the minimum lies between it and the lowest
    step = first
    for _ in range(MOST_TRIALS):
        there, rise = yield step
        enough = there <= cost + DECREASE * step * slope and there < low[1]
        flat = there <= cost + known and rise <= (2 * DECREASE - 1) * slope  # as far as costs can tell
        if not math.isfinite(there) or not (enough or flat):
            high = step, there, rise
        elif abs(rise) <= -CURVATURE * slope:
            return step
        else:
            if rise * ((high[0] if high else math.inf) - low[0]) >= 0:
                high = low
            low = step, there, rise
        step = LONGER * step if high is None else between(low, high)
        if high is not None and step in (low[0], high[0]):  # no number lies between them
            break
    return low[0]


def between(low: Point, high: Point) -> float:
    """Returns the minimum of the cubic through costs and slopes at two points, well inside: formula 3.59."""
    (a, cost_a, slope_a), (b, cost_b, slope_b) = low, high
    span, part = b - a, 0.5
    if math.isfinite(cost_b) and math.isfinite(slope_b):
        first = slope_a + slope_b - 3 * (cost_a - cost_b) / (a - b)
        square = first**2 - slope_a * slope_b
        if square >= 0:
            second = math.copysign(math.sqrt(square), span)
            below = slope_b - slope_a + 2 * second
            part = 1 - (slope_b + second - first) / below if below else part
    else:
        part = 0.1
    return a + min(max(part, 0.1), 0.9) * span
