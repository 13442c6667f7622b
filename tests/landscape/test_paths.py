import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from mnistfaces.config import StepName
from mnistfaces.errors import UsageError
from mnistfaces.landscape import (
    Axis,
    Descent,
    Pair,
    SoftmaxProblem,
    Surface,
    SurfaceConfig,
    Weight,
    projected_path,
    restricted_path,
    surface,
)
from mnistfaces.landscape.plane import Floats
from mnistfaces.landscape.rules import RULES

COARSE = {"first": Axis(-6, 6, 0.5), "second": Axis(-6, 6, 0.5)}
DESCENTS = [
    *(Descent(lr=lr, momentum=momentum) for lr, momentum in ((0.001, 0), (0.003, 0), (0.003, 0.9), (0.003, 0.99))),
    *(Descent(optimizer="nesterov", lr=0.003, momentum=momentum) for momentum in (0.9, 0.5)),
    *(Descent(optimizer=name, lr=lr) for name in ("rmsprop", "adagrad", "adam", "adamw") for lr in (0.1, 0.7)),
]
PEERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "gd": torch.optim.SGD,
    "nesterov": partial(torch.optim.SGD, nesterov=True),
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}


@pytest.fixture(params=[(1, 1), (1, 2), (0, 2)], ids=["one class", "two classes", "two other classes"])
def pair(request: pytest.FixtureRequest) -> Pair:
    first, second = request.param
    return Pair(
        Weight(class_number=first, class_name=str(first), position=(3,), index=3),
        Weight(class_number=second, class_name=str(second), position=(5,), index=5),
    )


@pytest.fixture
def problem() -> SoftmaxProblem:
    rng = np.random.default_rng(0)
    return SoftmaxProblem(
        inputs=rng.choice([0, 0, 100, 255], size=(300, 8)).astype(np.uint8),
        labels=rng.integers(3, size=300),
        weight=rng.normal(size=(3, 8)),
        bias=rng.normal(size=3),
    )


def torch_path(
    problem: SoftmaxProblem, pair: Pair, descent: Descent, *, all_weights: bool, reduction: str = "sum"
) -> tuple[Floats, Floats]:
    """Autograd and torch.optim on two scalars, or on every weight and bias of the model."""
    inputs, labels = torch.tensor(problem.inputs / 255), torch.tensor(problem.labels)
    start = torch.tensor(descent.start, dtype=torch.float64)
    weight, bias = torch.tensor(problem.weight), torch.tensor(problem.bias)
    weight[pair.classes, pair.inputs] = start
    two = start.clone().requires_grad_()
    leaves = [weight.requires_grad_(), bias.requires_grad_()] if all_weights else [two]
    options: dict[str, Any] = {"lr": descent.lr} | ({"momentum": descent.momentum} if descent.momentum else {})
    optimizer = PEERS[descent.optimizer](leaves, **options)
    points, costs = [], []
    for step in range(descent.steps + 1):
        moving = weight
        if not all_weights:
            moving = weight.clone()
            moving[pair.classes, pair.inputs] = two
        cost = torch.nn.functional.cross_entropy(inputs @ moving.T + bias, labels, reduction=reduction)
        points.append(moving[pair.classes, pair.inputs].detach().clone().numpy())
        costs.append(cost.item())
        if step == descent.steps:
            break
        for leaf, slope in zip(leaves, torch.autograd.grad(cost, leaves), strict=True):
            leaf.grad = slope
        optimizer.step()
    return np.array(points), np.array(costs)


@pytest.mark.parametrize("descent", DESCENTS)
def test_a_restricted_path_is_torch_descent_on_two_scalars(
    problem: SoftmaxProblem, pair: Pair, descent: Descent
) -> None:
    path = restricted_path(surface(problem, pair, SurfaceConfig(**COARSE)), descent)
    points, costs = torch_path(problem, pair, descent, all_weights=False)
    assert path.points == pytest.approx(points, rel=1e-10, abs=1e-10)
    assert path.loss == pytest.approx(costs, rel=1e-10)
    assert not path.distance.any()


@pytest.mark.parametrize("descent", DESCENTS)
def test_a_projected_path_is_torch_descent_on_all_weights(
    problem: SoftmaxProblem, pair: Pair, descent: Descent
) -> None:
    path = projected_path(surface(problem, pair, SurfaceConfig(**COARSE)), problem, descent)
    points, costs = torch_path(problem, pair, descent, all_weights=True)
    assert path.points == pytest.approx(points, rel=1e-9, abs=1e-9)
    assert path.loss == pytest.approx(costs, rel=1e-9)


def test_the_mean_cost_scales_the_steps(problem: SoftmaxProblem, pair: Pair) -> None:
    computed = surface(problem, pair, SurfaceConfig(reduction="mean", **COARSE))
    descent = Descent(lr=2.0, momentum=0.5)
    for path, every in (
        (restricted_path(computed, descent), False),
        (projected_path(computed, problem, descent), True),
    ):
        points, costs = torch_path(problem, pair, descent, all_weights=every, reduction="mean")
        assert path.points == pytest.approx(points, rel=1e-9, abs=1e-9)
        assert path.loss == pytest.approx(costs, rel=1e-9)


def test_a_projected_path_tells_how_far_the_other_weights_have_moved(problem: SoftmaxProblem, pair: Pair) -> None:
    computed: Surface = surface(problem, pair, SurfaceConfig(**COARSE))
    path = projected_path(computed, problem, Descent(steps=1))
    weight, bias = problem.moved(pair, -5.5, 5.0)
    _, by_weight, by_bias = problem.cost_and_gradient(weight, bias)
    by_weight[pair.classes, pair.inputs] = 0
    assert path.distance[0] == 0
    assert path.distance[1] == pytest.approx(0.001 * math.hypot(np.linalg.norm(by_weight), np.linalg.norm(by_bias)))


def test_a_restricted_paths_heights_are_the_surfaces(problem: SoftmaxProblem, pair: Pair) -> None:
    computed = surface(problem, pair, SurfaceConfig(first=Axis(-7, 7, 0.1), second=Axis(-7, 7, 0.1)))
    path = restricted_path(computed, Descent(start=(-5.5, 5.0), steps=1))
    assert (len(path.points), path.distance.tolist()) == (2, [0, 0])  # it never leaves the surface
    column, row = np.argmin(np.abs(computed.w1 + 5.5)), np.argmin(np.abs(computed.w2 - 5))
    assert path.loss[0] == pytest.approx(computed.loss[row, column], rel=1e-9)


def test_the_shortest_path_starts_where_it_was_told(problem: SoftmaxProblem, pair: Pair) -> None:
    path = restricted_path(surface(problem, pair, SurfaceConfig(**COARSE)), Descent(start=(1.0, -2.0), steps=1))
    assert path.points.shape == (2, 2)
    assert tuple(path.points[0]) == (1.0, -2.0)


@pytest.mark.parametrize(
    "values",
    [
        {"lr": 0},
        {"lr": -1},
        {"lr": math.nan},
        {"momentum": 1},
        {"optimizer": "adam", "momentum": 0.9},
        {"optimizer": "nesterov", "momentum": 0},
        {"momentum": -0.1},
        {"steps": 0},
        {"start": (0, math.inf)},
    ],
)
def test_a_descent_that_cannot_be_meant_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Descent(**values)


@pytest.mark.parametrize("name", PEERS)
def test_gradients_as_small_as_what_keeps_a_rule_from_dividing_by_zero_give_torchs_steps(name: StepName) -> None:
    momentum = 0.9 if name == "nesterov" else 0.0
    weights = torch.tensor([0.5, -2.0], dtype=torch.float64, requires_grad=True)
    options = {"lr": 0.1} | ({"momentum": momentum} if momentum else {})
    peer, rule = PEERS[name]([weights], **options), RULES[name](0.1, momentum)
    for size in (3e-10, 1e-10, 2e-9):
        before = weights.detach().numpy().copy()
        gradient = np.array([size, -2 * size])
        weights.grad = torch.from_numpy(gradient)
        peer.step()
        assert before - rule(before, gradient) == pytest.approx(weights.detach().numpy(), rel=1e-12)
