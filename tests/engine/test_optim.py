"""The optimizers against torch.optim and against the formulas of the papers, several models at a time."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from mnistfaces.config import TrainConfig
from mnistfaces.engine.optim import build_optimizer

SHAPES = ((4, 16), (16,))  # a matrix and a vector for each model; Adam's kernel takes whole cache lines
STEPS = 25

Update = Callable[[list[torch.Tensor], list[torch.Tensor]], None]


def start(models: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(models, *shape, generator=generator, dtype=torch.float64) for shape in SHAPES]


def gradients(step: int, models: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(100 + step)
    return [torch.randn(models, *shape, generator=generator, dtype=torch.float64) for shape in SHAPES]


def ours(configs: list[TrainConfig]) -> list[torch.Tensor]:
    parameters = start(len(configs))
    optimizer = build_optimizer(configs, parameters)
    for step in range(STEPS):
        optimizer.step(parameters, gradients(step, len(configs)))
    return parameters


def theirs(k: int, models: int, config: TrainConfig, build: Callable[..., torch.optim.Optimizer]) -> list[torch.Tensor]:
    """Returns model k's parameters after the same gradients went through an optimizer of torch."""
    weight, bias = (torch.nn.Parameter(parameter[k].clone()) for parameter in start(models))
    groups = [{"params": [weight], "weight_decay": config.weight_decay}, {"params": [bias], "weight_decay": 0.0}]
    optimizer = build(groups, lr=config.lr)
    for step in range(STEPS):
        weight.grad, bias.grad = (grad[k].clone() for grad in gradients(step, models))
        optimizer.step()
    return [weight.detach(), bias.detach()]


def agree(mine: list[torch.Tensor], k: int, others: list[torch.Tensor]) -> None:
    for parameter, other in zip(mine, others, strict=True):
        np.testing.assert_allclose(parameter[k].numpy(), other.numpy(), rtol=1e-12, atol=1e-12)


def test_vanilla_descent_is_sgd_of_torch_and_decays_weights_but_no_biases() -> None:
    configs = [TrainConfig(lr=lr, weight_decay=decay) for lr, decay in ((0.1, 0.0), (0.01, 0.3), (1e-3, 0.0))]
    moved = ours(configs)
    for k, config in enumerate(configs):
        agree(moved, k, theirs(k, 3, config, torch.optim.SGD))


def test_adam_is_that_of_torch_and_decays_weights_but_no_biases() -> None:
    rates = (0.1, 0.1, 0.01, 0.1)
    configs = [TrainConfig(optimizer="adam", lr=lr, weight_decay=decay) for lr, decay in zip(rates, (0, 0.3, 0, 0))]  # noqa: B905  both have four
    moved = ours(configs)
    for k, config in enumerate(configs):
        agree(moved, k, theirs(k, 4, config, torch.optim.Adam))


def test_momentum_follows_the_formula_of_the_contract() -> None:
    """v <- beta v + lr grad, w <- w - v: at a constant rate the same path as torch's v <- beta v + grad."""
    configs = [
        TrainConfig(lr=0.05, momentum=beta, weight_decay=decay) for beta, decay in ((0.9, 0), (0.0, 0), (0.99, 0.1))
    ]
    moved = ours(configs)
    for k, config in enumerate(configs):
        agree(
            moved, k, theirs(k, 3, config, lambda groups, lr, beta=config.momentum: torch.optim.SGD(groups, lr, beta))
        )


def test_one_step_of_each_follows_from_a_hand_worked_number() -> None:
    """One weight at 1 with gradient 0.5, twice: by hand 1 - 0.05 - 0.05; with beta 0.9 the second step is 0.095."""
    for config, expected in (
        (TrainConfig(lr=0.1), 0.9),
        (TrainConfig(lr=0.1, momentum=0.9), 0.855),
        (TrainConfig(lr=0.1, optimizer="adam"), 1 - 0.2 * 0.5 / (0.5 + 1e-8)),
    ):
        parameters = [torch.ones(1, 16, 16, dtype=torch.float64)]
        optimizer = build_optimizer([config], parameters)
        for _ in range(2):
            optimizer.step(parameters, [torch.full_like(parameters[0], 0.5)])
        assert parameters[0][0, 0, 0].item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("optimizer", ["gd", "adam"])
def test_a_model_moves_the_same_whatever_moves_beside_it(optimizer: str) -> None:
    momentum = 0.9 if optimizer == "gd" else 0.0
    configs = [
        TrainConfig(optimizer=optimizer, lr=0.1),  # type: ignore[arg-type]
        TrainConfig(optimizer=optimizer, lr=0.01, momentum=momentum, weight_decay=0.5),  # type: ignore[arg-type]
    ]
    beside = ours(configs)
    parameters = [parameter[:1].clone() for parameter in start(2)]
    alone = build_optimizer(configs[:1], parameters)
    for step in range(STEPS):
        alone.step(parameters, [grad[:1].clone() for grad in gradients(step, 2)])
    for parameter, other in zip(parameters, beside, strict=True):
        assert torch.equal(parameter[0], other[0])
