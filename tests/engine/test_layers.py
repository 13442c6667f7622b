"""Networks of several hidden layers against torch.nn.Sequential and autograd; in a stack and alone."""

import itertools

import numpy as np
import pytest
import torch
from small_data import draw, make_dataset, sample_of
from torch import nn

from mnistfaces.config import Activation, DtypeName, TrainConfig
from mnistfaces.engine.training import fit


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_two_hundred_steps_of_two_hidden_layers_are_those_of_a_torch_loop_and_load_into_it(
    activation: Activation,
) -> None:
    digits = sample_of(20)
    made = draw(digits, 3, train_per_class=10, val_per_class=4, test_per_class=5)
    config = TrainConfig(
        model="mlp",
        hidden="30x20",
        activation=activation,
        optimizer="adam",
        lr=1e-3,
        batch_size=25,
        epochs=50,
        reduction="mean",
    )
    middle = nn.ReLU if activation == "relu" else nn.Tanh
    torch.manual_seed(3)
    peer = nn.Sequential(nn.Linear(784, 30), middle(), nn.Linear(30, 20), middle(), nn.Linear(20, 10))
    optimizer = torch.optim.Adam(peer.parameters(), lr=config.lr)
    inputs, labels = torch.from_numpy(digits.inputs / np.float32(255)), torch.from_numpy(digits.labels)
    order = np.random.default_rng((3, 1))
    train = made.split.train
    for record in fit(digits, [config], [made], every=1):
        (measure,) = record.measures
        assert measure.train is not None
        with torch.no_grad():
            loss = nn.functional.cross_entropy(peer(inputs[train]), labels[train]).item()
        assert measure.train.loss == pytest.approx(loss, abs=1e-4), record.number
        if record.checkpoint:
            break
        shuffled = order.permutation(train)
        for first in range(0, 100, 25):
            batch = shuffled[first : first + 25]
            optimizer.zero_grad()
            nn.functional.cross_entropy(peer(inputs[batch]), labels[batch]).backward()
            optimizer.step()
    assert record.number == 50
    assert measure.weights is not None
    peer.load_state_dict({name: torch.from_numpy(values) for name, values in measure.weights.items()})
    assert measure.test is not None
    assert np.array_equal(peer(inputs[made.split.test]).argmax(1).numpy(), measure.test.predicted)
    assert measure.train.loss < 0.5


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch_size", [None, 5, 16, 300])
@pytest.mark.parametrize("hidden", ["7x5", "20x33", "1x1x1", "17x2x48"])
@pytest.mark.parametrize("optimizer", ["gd", "adam"])
def test_deep_networks_have_the_same_bits_in_a_stack_and_alone(
    optimizer: str, hidden: str, batch_size: int | None, dtype: DtypeName
) -> None:
    sizes = (200, 200, 200) if batch_size == 300 else (30, 24, 27)
    dataset = make_dataset(sizes, inputs=33)
    per_class = {"train_per_class": sizes[0] * 3 // 5, "val_per_class": 2, "test_per_class": 2}
    cells = [
        TrainConfig(
            model="mlp",
            hidden=hidden,
            activation="tanh",
            optimizer=optimizer,  # type: ignore[arg-type]
            lr=lr,
            batch_size=batch_size,
            epochs=3,
            dtype=dtype,
        )
        for lr in (1e-4, 1e-3, 1e-2)
    ]
    draws = [draw(dataset, seed, **per_class) for seed in (1, 2)][: 1 if batch_size is None else 2]
    *_, together = fit(dataset, cells, draws)
    for k, (cell, made) in enumerate(itertools.product(cells, draws)):
        *_, alone = fit(dataset, [cell], [made])
        stacked, single = together.measures[k], alone.measures[0]
        assert stacked.train is not None
        assert single.train is not None
        assert stacked.train.loss == single.train.loss
        assert list(stacked.weights or {}) == [
            f"{2 * layer}.{part}" for layer in range(hidden.count("x") + 2) for part in ("weight", "bias")
        ]
        for part, values in (stacked.weights or {}).items():
            assert np.array_equal(values, (single.weights or {})[part]), part
