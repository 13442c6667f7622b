"""The optimizers against torch.optim and against the formulas of the papers, several models at a time."""

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any, get_args

import numpy as np
import pytest
import torch
from small_data import draw, make_dataset, sample_of
from torch import nn

from mnistfaces.config import DtypeName, StepName, TrainConfig
from mnistfaces.engine.operations import run
from mnistfaces.engine.optim import Optimizer
from mnistfaces.engine.training import fit

SHAPES = ((4, 16), (16,))  # a matrix and a vector for each model; Adam's kernel takes whole cache lines
STEPS = 25

PEERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "gd": torch.optim.SGD,
    "nesterov": partial(torch.optim.SGD, nesterov=True),
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}
"""What torch calls each of them; learning rate, momentum and weight decay are told apart."""

NAMES: tuple[StepName, ...] = get_args(StepName)

RATES = {"gd": 0.1, "nesterov": 0.03, "rmsprop": 1e-3, "adagrad": 1e-2, "adam": 1e-3, "adamw": 1e-3}
"""At which 200 steps on the mean cost of ten digits get somewhere."""


def peer_of(config: TrainConfig, model: nn.Module) -> torch.optim.Optimizer:
    """Returns torch's optimizer of a model: penalties spare biases, the decoupled decay of AdamW does not."""
    spared = config.weight_decay if config.optimizer == "adamw" else 0.0
    groups = [
        {"params": [part for part in model.parameters() if part.dim() > 1], "weight_decay": config.weight_decay},
        {"params": [part for part in model.parameters() if part.dim() == 1], "weight_decay": spared},
    ]
    options: dict[str, Any] = {"lr": config.lr}
    if config.momentum:
        options["momentum"] = config.momentum
    return PEERS[config.optimizer](groups, **options)


def start(models: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(models, *shape, generator=generator, dtype=torch.float64) for shape in SHAPES]


def gradients(step: int, models: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(100 + step)
    return [torch.randn(models, *shape, generator=generator, dtype=torch.float64) for shape in SHAPES]


def ours(configs: list[TrainConfig]) -> list[torch.Tensor]:
    parameters = start(len(configs))
    optimizer = Optimizer(configs, parameters)
    for step in range(STEPS):
        run(optimizer.steps(parameters, gradients(step, len(configs))))
    return parameters


def theirs(k: int, models: int, config: TrainConfig) -> list[torch.Tensor]:
    """Returns model k's parameters after the same gradients went through an optimizer of torch."""
    holder = nn.Module()
    holder.weight, holder.bias = (nn.Parameter(parameter[k].clone()) for parameter in start(models))
    optimizer = peer_of(config, holder)
    for step in range(STEPS):
        holder.weight.grad, holder.bias.grad = (grad[k].clone() for grad in gradients(step, models))
        optimizer.step()
    return [holder.weight.detach(), holder.bias.detach()]


def momenta(name: StepName) -> tuple[float, ...]:
    return {"gd": (0.0, 0.9, 0.99), "nesterov": (0.5, 0.9, 0.99)}.get(name, (0.0,) * 3)


@pytest.mark.parametrize("decayed", [False, True], ids=["no decay", "decay"])
@pytest.mark.parametrize("name", NAMES)
def test_every_optimizer_moves_each_model_of_a_stack_as_torch_would(name: StepName, decayed: bool) -> None:
    configs = [
        TrainConfig(optimizer=name, lr=lr, momentum=beta, weight_decay=decay if decayed else 0.0)
        for lr, beta, decay in zip((0.1, 0.01, 1e-3), momenta(name), (0.3, 0.0, 1.0), strict=True)
    ]
    moved = ours(configs)
    for k, config in enumerate(configs):
        for parameter, other in zip(moved, theirs(k, 3, config), strict=True):
            np.testing.assert_allclose(parameter[k].numpy(), other.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_said_is_what_torch_takes_unsaid(name: StepName) -> None:
    """But for the momentum of nesterov, which torch wants to be told, and which the contract puts at 0.9."""
    config = TrainConfig(optimizer=name, lr=0.01)
    holder = nn.Module()
    holder.weight, holder.bias = (nn.Parameter(parameter[0].clone()) for parameter in start(1))
    options = {"momentum": 0.9} if name == "nesterov" else {}
    optimizer = PEERS[name](holder.parameters(), lr=0.01, **options)
    for step in range(STEPS):
        holder.weight.grad, holder.bias.grad = (grad[0].clone() for grad in gradients(step, 1))
        optimizer.step()
    for parameter, other in zip(ours([config]), holder.parameters(), strict=True):
        np.testing.assert_allclose(parameter[0].numpy(), other.detach().numpy(), rtol=1e-12, atol=1e-12)


def test_two_steps_of_each_follow_from_hand_worked_numbers() -> None:
    """One weight at 1 with gradient 0.5, twice, at rate 0.1.

    gd: 1 - 0.05 - 0.05, and with beta 0.9 the second step is 0.095. nesterov: 0.1 (0.5 + 0.45), then
    0.1 (0.5 + 0.9 * 0.95). rmsprop: s is 0.0025, then 0.004975. adagrad: s is 0.25, then 0.5.
    adam: its first and second moment are exact, so each step is the rate. adamw: w shrinks by 0.001 w before each.
    """
    for config, expected in (
        (TrainConfig(lr=0.1), 0.9),
        (TrainConfig(lr=0.1, momentum=0.9), 0.855),
        (TrainConfig(lr=0.1, optimizer="nesterov"), 1 - 0.095 - 0.1355),
        (TrainConfig(lr=0.1, optimizer="rmsprop"), 1 - 0.05 / (0.05 + 1e-8) * 1.0 - 0.05 / (0.004975**0.5 + 1e-8)),
        (TrainConfig(lr=0.1, optimizer="adagrad"), 1 - 0.1 - 0.05 / 0.5**0.5),
        (TrainConfig(lr=0.1, optimizer="adam"), 1 - 0.2 * 0.5 / (0.5 + 1e-8)),
        (TrainConfig(lr=0.1, optimizer="adamw"), (0.999 - 0.1) * 0.999 - 0.1),
    ):
        parameters = [torch.ones(1, 16, 16, dtype=torch.float64)]
        optimizer = Optimizer([config], parameters)
        for _ in range(2):
            run(optimizer.steps(parameters, [torch.full_like(parameters[0], 0.5)]))
        assert parameters[0][0, 0, 0].item() == pytest.approx(expected, rel=1e-7), config


@pytest.mark.parametrize("name", NAMES)
def test_a_model_moves_the_same_whatever_moves_beside_it(name: StepName) -> None:
    configs = [
        TrainConfig(optimizer=name, lr=0.1),
        TrainConfig(optimizer=name, lr=0.01, momentum=momenta(name)[1], weight_decay=0.5),
    ]
    beside = ours(configs)
    parameters = [parameter[:1].clone() for parameter in start(2)]
    alone = Optimizer(configs[:1], parameters)
    for step in range(STEPS):
        run(alone.steps(parameters, [grad[:1].clone() for grad in gradients(step, 2)]))
    for parameter, other in zip(parameters, beside, strict=True):
        assert torch.equal(parameter[0], other[0])


@pytest.mark.parametrize("decay", [None, 0.05])
@pytest.mark.parametrize("name", NAMES)
def test_two_hundred_steps_have_the_losses_of_a_plain_torch_loop(name: StepName, decay: float | None) -> None:
    digits = sample_of(20)
    made = draw(digits, 3, train_per_class=10, val_per_class=4, test_per_class=5)
    own: dict[str, Any] = {} if decay is None else {"weight_decay": decay}
    config = TrainConfig(
        model="mlp", optimizer=name, lr=RATES[name], batch_size=25, epochs=50, reduction="mean", **own
    )  # 100 images: 4 steps an epoch
    torch.manual_seed(3)
    peer = nn.Sequential(nn.Linear(784, 20), nn.ReLU(), nn.Linear(20, 10))
    optimizer = peer_of(config, peer)
    inputs, labels = torch.from_numpy(digits.inputs / np.float32(255)), torch.from_numpy(digits.labels)
    order = np.random.default_rng((3, 1))
    losses = []
    for epoch, record in enumerate(fit(digits, [config], [made], every=1)):
        measure = record.measures[0]
        with torch.no_grad():
            expected = [
                nn.functional.cross_entropy(peer(inputs[side]), labels[side]).item()
                for side in (made.split.train, made.split.val, made.split.test)
            ]
        scores = [measure.train, measure.val, measure.test]
        assert [score.loss for score in scores if score] == pytest.approx(expected, abs=1e-4), epoch
        losses.append(expected[0])
        shuffled = order.permutation(made.split.train)
        for first in range(0, 100, 25):
            batch = shuffled[first : first + 25]
            optimizer.zero_grad()
            nn.functional.cross_entropy(peer(inputs[batch]), labels[batch]).backward()
            optimizer.step()
    assert len(losses) == 51
    assert losses[-1] < 0.6 * losses[0]  # the path that was compared led somewhere


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("model", ["softmax", "mlp"])
@pytest.mark.parametrize("batch_size", [None, 5, 300])
@pytest.mark.parametrize("name", NAMES)
def test_a_stack_has_the_bits_of_its_models_alone(
    name: StepName, batch_size: int | None, model: str, dtype: DtypeName
) -> None:
    sizes = (200, 200, 200) if batch_size == 300 else (30, 24, 27)
    dataset = make_dataset(sizes, inputs=33)
    per_class = {"train_per_class": sizes[0] * 3 // 5, "val_per_class": 2, "test_per_class": 2}
    cells = [
        TrainConfig(
            model=model,  # type: ignore[arg-type]
            hidden=7,
            optimizer=name,
            lr=lr,
            momentum=beta,
            weight_decay=decay,
            batch_size=batch_size,
            epochs=4,
            dtype=dtype,
        )
        for lr, beta, decay in zip((1e-4, 1e-3, 1e-2), momenta(name), (0.0, 0.01, 0.1), strict=True)
    ]
    draws = [draw(dataset, seed, **per_class) for seed in (1, 2)][: 1 if batch_size is None else 2]
    *_, together = fit(dataset, cells, draws)
    for k, (cell, made) in enumerate(itertools.product(cells, draws)):
        *_, alone = fit(dataset, [cell], [made])
        assert together.measures[k].train is not None
        assert together.measures[k].train.loss == alone.measures[0].train.loss  # type: ignore[union-attr]
        for part, values in (together.measures[k].weights or {}).items():
            assert values.any()
            assert np.array_equal(values, (alone.measures[0].weights or {})[part])
