"""The models against torch autograd and torch.nn: gradients, initial weights, logits, one and many at a time."""

from typing import get_args

import numpy as np
import pytest
import torch
from small_data import draw, make_dataset
from torch import nn

from mnistfaces.config import Activation, ModelName, OptimizerName, Reduction, TrainConfig
from mnistfaces.engine.draws import Draw
from mnistfaces.engine.layers import Layers
from mnistfaces.engine.measuring import log_probs
from mnistfaces.engine.models import build_model
from mnistfaces.engine.models.mlp import Mlp
from mnistfaces.engine.stack import Stack

CPU = torch.device("cpu")
ARCHITECTURES: list[tuple[ModelName, int | str]] = [("softmax", 20), ("mlp", 7), ("mlp", "7x5"), ("mlp", "16x33x4")]


def sequential(config: TrainConfig, inputs: int, classes: int) -> nn.Sequential:
    """Returns the same model as torch's users build it."""
    if config.model == "softmax":
        return nn.Sequential(nn.Linear(inputs, classes))
    modules: list[nn.Module] = []
    for units in (int(text) for text in str(config.hidden).split("x")):
        modules += [nn.Linear(inputs, units), nn.ReLU() if config.activation == "relu" else nn.Tanh()]
        inputs = units
    return nn.Sequential(*modules, nn.Linear(inputs, classes))


def randomised(stack: Stack, seed: int) -> None:
    """Moves every weight of every model away from its start, so that no gradient is zero by accident."""
    generator = torch.Generator().manual_seed(seed)
    for parameter, shape in zip(stack.parameters, stack.model.shapes, strict=True):
        inside = parameter[(slice(None), *(slice(size) for size in shape))]
        inside.add_(torch.randn(inside.shape, generator=generator, dtype=inside.dtype) / 4)


@pytest.mark.parametrize(("model", "hidden"), ARCHITECTURES)
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("batch_size", [None, 19, 400])
def test_gradients_equal_those_of_autograd(
    model: ModelName, hidden: int | str, activation: Activation, reduction: Reduction, batch_size: int | None
) -> None:
    if batch_size == 400:  # cut into blocks
        dataset = make_dataset((300, 300, 300))
        made = draw(dataset, 5, train_per_class=200, val_per_class=0, test_per_class=1)
    else:
        dataset = make_dataset()
        made = draw(dataset, 5)
    config = TrainConfig(
        model=model,
        activation=activation,
        reduction=reduction,
        batch_size=batch_size,
        drop_last=True,  # one step an epoch
        hidden=hidden,
        dtype="float64",
    )
    stack = Stack(dataset, [config], [made], CPU)
    randomised(stack, 1)
    before = stack.weights(0)
    if stack.minibatches is not None:
        stack.minibatches.shuffle()
        stack.minibatches.load_next()
    stack.passes.differentiate()
    images = np.random.default_rng((5, 1)).permutation(made.split.train)[:batch_size]
    peer = sequential(config, 20, 3).double()
    peer.load_state_dict({name: torch.from_numpy(values) for name, values in before.items()})
    logits = peer(torch.from_numpy(dataset.inputs[images] / 255))
    nn.functional.cross_entropy(logits, torch.from_numpy(dataset.labels[images]), reduction=reduction).backward()
    stack.parameters = stack.passes.grads  # read gradients as weights are read
    ours = stack.weights(0)
    for name, parameter in peer.named_parameters():
        assert parameter.grad is not None
        expected = parameter.grad.numpy()
        np.testing.assert_allclose(ours[name], expected, rtol=1e-10, atol=1e-10 * np.abs(expected).max())


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("seed", [0, 1, 123456789])
@pytest.mark.parametrize("hidden", [7, "7x5", "300x100x10"])
def test_initial_weights_are_those_of_torch_with_the_same_seed(
    activation: Activation, seed: int, hidden: int | str
) -> None:
    dataset = make_dataset()
    config = TrainConfig(model="mlp", activation=activation, hidden=hidden)
    stack = Stack(dataset, [config], [draw(dataset, seed)], CPU)
    torch.manual_seed(seed)
    expected = sequential(config, 20, 3).state_dict()
    assert list(stack.weights(0)) == list(expected)
    for name, values in stack.weights(0).items():
        np.testing.assert_array_equal(values, expected[name].numpy())


def test_softmax_regression_starts_from_zero() -> None:
    dataset = make_dataset()
    stack = Stack(dataset, [TrainConfig()], [draw(dataset)], CPU)
    assert {name: (values.shape, bool(values.any())) for name, values in stack.weights(0).items()} == {
        "0.weight": ((3, 20), False),
        "0.bias": ((3,), False),
    }


@pytest.mark.parametrize(("model", "hidden"), ARCHITECTURES)
def test_log_probabilities_are_those_of_torch_for_every_model_of_a_stack(model: ModelName, hidden: int | str) -> None:
    dataset = make_dataset()
    config = TrainConfig(model=model, hidden=hidden, batch_size=4, dtype="float64")
    draws = [Draw(split=draw(dataset, 2).split, seed=seed) for seed in range(3)]
    stack = Stack(dataset, [config, config.with_(lr=1.0)], draws, CPU)
    randomised(stack, 3)
    images = np.arange(11)
    batch = stack.source.load(images)
    for number in range(3):
        ((cells, parts),) = log_probs(stack, stack.parameters, number, batch)
        ((_, values),) = parts  # (M, J, C, B)
        assert (cells, values.shape) == (slice(0, 2), (2, 1, 3, 16))
        for k, ours in zip(stack.arrangement.of_draw(number), values, strict=True):
            peer = sequential(config, 20, 3).double()
            peer.load_state_dict({name: torch.from_numpy(values) for name, values in stack.weights(k).items()})
            expected = torch.log_softmax(peer(torch.from_numpy(dataset.inputs[images] / 255)), 1).detach()
            np.testing.assert_allclose(ours[0, :, :11].T.numpy(), expected.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("logit", [1e3, 1e6, 1e30])
def test_the_softmax_is_stable_where_the_exponential_overflows(logit: float) -> None:
    dataset = make_dataset()
    stack = Stack(dataset, [TrainConfig()], [draw(dataset)], CPU)
    stack.parameters[1][0, :3] = torch.tensor([logit, 0.0, -logit])
    ((_, ((_, values),)),) = [
        (cells, list(parts)) for cells, parts in log_probs(stack, stack.parameters, 0, stack.source.load(np.arange(5)))
    ]
    assert values[0, 0, :, 0].tolist() == pytest.approx([0.0, -logit, -2 * logit])


@pytest.mark.parametrize("batch_size", [None, 5, 300])
@pytest.mark.parametrize(("model", "hidden"), ARCHITECTURES)
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("optimizer", get_args(OptimizerName))
def test_padding_stays_zero(
    model: ModelName, hidden: int | str, activation: Activation, optimizer: OptimizerName, batch_size: int | None
) -> None:
    dataset = make_dataset((200, 200, 200))
    config = TrainConfig(
        model=model, hidden=hidden, activation=activation, optimizer=optimizer, batch_size=batch_size, weight_decay=0.1
    )
    scratch = [torch.full((size,), torch.nan) for size in range(1, 4000, 7)]
    del scratch  # memory that is taken without being cleared holds NaN now, as likely as not
    stack = Stack(dataset, [config], [draw(dataset, train_per_class=150, val_per_class=0, test_per_class=1)], CPU)
    for _ in range(3):
        stack.train_epoch()
    for parameter, shape in zip(stack.parameters, stack.model.shapes, strict=True):
        outside = torch.ones(parameter.shape[1:], dtype=torch.bool)
        outside[tuple(slice(size) for size in shape)] = False
        assert not parameter[:, outside].any()


@pytest.mark.parametrize(("model", "hidden"), [("softmax", 20), ("mlp", 16), ("mlp", "16x32")])
def test_weights_that_were_read_do_not_move_with_the_training(model: ModelName, hidden: int | str) -> None:
    dataset = make_dataset(inputs=32)
    config = TrainConfig(model=model, hidden=hidden, batch_size=5)
    stack = Stack(dataset, [config], [draw(dataset)], CPU)
    read = stack.weights(0)
    kept = {name: values.copy() for name, values in read.items()}
    stack.train_epoch()
    assert all(np.array_equal(read[name], kept[name]) for name in kept)


def test_a_configuration_names_its_model() -> None:
    assert isinstance(build_model(TrainConfig(model="mlp", hidden=9), 20, 3), Mlp)
    assert build_model(TrainConfig(model="mlp", hidden=9), 20, 3).shapes == ((9, 20), (9,), (3, 9), (3,))
    deep = build_model(TrainConfig(model="mlp", hidden="9x4"), 20, 3)
    assert deep.shapes == ((9, 20), (9,), (4, 9), (4,), (3, 4), (3,))
    assert build_model(TrainConfig(), 20, 3).shapes == ((3, 20), (3,))


@pytest.mark.parametrize("config", [TrainConfig(), *(TrainConfig(model="mlp", hidden=hidden) for hidden in (9, "9x4"))])
def test_a_model_is_known_before_it_is_built(config: TrainConfig) -> None:
    layers, peer = Layers.of(config, 20, 3), sequential(config, 20, 3)
    named = {name: tuple(values.shape) for name, values in peer.state_dict().items()}
    assert dict(zip(layers.names, layers.shapes, strict=True)) == named
    assert layers.weights == sum(values.numel() for values in peer.parameters() if values.dim() > 1)
