"""L-BFGS against scikit-learn's optimum and Wolfe's conditions; the same bits alone, in company and after a pause."""

import contextlib
from collections.abc import Generator
from itertools import product

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from small_data import draw, make_dataset, sample_of
from torch import nn

from mnistfaces.config import TrainConfig
from mnistfaces.engine.lbfgs import CURVATURE, DECREASE, line_search
from mnistfaces.engine.records import Measure
from mnistfaces.engine.snapshots import Snapshot
from mnistfaces.engine.stack import Stack
from mnistfaces.engine.standing import Standing
from mnistfaces.engine.training import Records, fit, train_resumable
from mnistfaces.errors import UsageError
from mnistfaces.landscape import Descent

EXACT = TrainConfig(optimizer="lbfgs", weight_decay=0.5, epochs=2000, dtype="float64")


def at_end(dataset, cells, made):  # noqa: ANN001, ANN201  as fit
    return [epoch for epoch in fit(dataset, cells, [made]) if epoch.checkpoint][-1].measures


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_the_optimum_is_that_of_scikit_learn(reduction: str) -> None:
    dataset = sample_of(60)
    made = draw(dataset, train_per_class=40, val_per_class=10)
    train, test = (dataset.values(images, "float64") for images in (made.split.train, made.split.test))
    labels, count = dataset.labels[made.split.train], len(train)
    decay = 0.5 if reduction == "sum" else 0.5 / count
    peer = LogisticRegression(C=2.0, tol=1e-12, max_iter=10_000, solver="newton-cg").fit(train, labels)
    config = EXACT.with_(reduction=reduction, weight_decay=decay)
    (measure,) = at_end(dataset, [config], made)
    weight, bias = measure.weights["0.weight"], measure.weights["0.bias"]
    assert measure.status == "stopped"
    assert measure.epoch < 500
    assert np.abs(weight - peer.coef_).max() < 1e-5
    assert np.abs((bias - bias.mean()) - (peer.intercept_ - peer.intercept_.mean())).max() < 1e-5
    mine = np.exp(log_softmax(test @ weight.T + bias, axis=1))
    assert np.abs(mine - peer.predict_proba(test)).max() < 1e-5
    loss = -np.log(peer.predict_proba(test))[np.arange(len(test)), dataset.labels[made.split.test]].mean()
    assert measure.test.loss == pytest.approx(loss, abs=1e-5)


def test_a_network_comes_to_where_its_gradient_is_nothing() -> None:
    dataset = make_dataset((30, 24, 27))
    made = draw(dataset)
    config = EXACT.with_(model="mlp", hidden=5, activation="tanh", weight_decay=0.1, eps=1e-7)
    (measure,) = at_end(dataset, [config], made)
    network = nn.Sequential(nn.Linear(20, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    network.load_state_dict({name: torch.from_numpy(values) for name, values in measure.weights.items()})
    inputs = torch.from_numpy(dataset.values(made.split.train, "float64"))
    cost = nn.functional.cross_entropy(
        network(inputs), torch.from_numpy(dataset.labels[made.split.train]), reduction="sum"
    )
    (cost + 0.05 * sum(layer.weight.square().sum() for layer in (network[0], network[2]))).backward()
    assert measure.status == "stopped"
    assert max(float(part.grad.abs().max()) for part in network.parameters()) <= 1.01e-7 * len(inputs)


def same(one: Measure, other: Measure) -> bool:
    return (one.epoch, one.status, one.train.loss) == (other.epoch, other.status, other.train.loss) and all(
        np.array_equal(values, other.weights[name]) for name, values in one.weights.items()
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_model_has_the_same_bits_alone_and_in_company(dtype: str) -> None:
    dataset = sample_of(20)
    made = draw(dataset, train_per_class=16, val_per_class=4)
    cells = [EXACT.with_(weight_decay=decay, dtype=dtype, epochs=60, eps=1e-4) for decay in (0.1, 1.0, 30.0)]
    together = at_end(dataset, cells, made)
    assert len({measure.epoch for measure in together}) > 1  # some end before others
    for cell, measure in zip(cells, together, strict=True):
        assert same(at_end(dataset, [cell], made)[0], measure)


def test_a_training_goes_on_from_a_snapshot_with_the_same_bits() -> None:
    dataset = make_dataset((30, 24, 27))
    made, config = draw(dataset), EXACT.with_(epochs=30)
    stack = Stack(dataset, [config], [made], torch.device("cpu"))
    for _ in range(13):
        stack.train_epoch()
    start = Snapshot.of(stack, Standing(stack), 13, 0.0)
    ends = [
        [
            event
            for event in train_resumable(dataset, [config], [made], Records(every=30), device="cpu", start=at)
            if hasattr(event, "measures")
        ]
        for at in (None, start)
    ]
    assert same(ends[0][-1].measures[0], ends[1][-1].measures[0])


@pytest.mark.parametrize(
    ("function", "first"),
    list(product([lambda t: (t**4 - t, 4 * t**3 - 1), lambda t: (np.cos(t + 1), -np.sin(t + 1))], [1e-6, 0.5, 40.0])),
)
def test_a_line_search_meets_the_strong_wolfe_conditions(function, first: float) -> None:  # noqa: ANN001  of a step
    cost, slope = function(0.0)
    tried: list[float] = []

    def searched() -> Generator[float, tuple[float, float], None]:
        tried.append((yield from line_search(cost, slope, first, 1e-16)))

    search = searched()
    step = next(search)
    with contextlib.suppress(StopIteration):
        while True:
            step = search.send(function(step))
    assert tried == [step]
    there = function(step)
    assert there[0] <= cost + DECREASE * step * slope
    assert abs(there[1]) <= CURVATURE * abs(slope)


def test_a_line_search_ends_where_no_number_is_left_between_two_steps() -> None:
    search = line_search(1.0, -1.0, 1.0, 1e-16)
    asked = [next(search)]
    with contextlib.suppress(StopIteration):
        while True:  # steps up to 1 go down, all others are too far
            asked.append(search.send((0.5, -0.95) if asked[-1] <= 1 else (np.inf, np.nan)))
    assert len(set(asked)) == len(asked)
    assert asked[-1] <= 1 + 2 * np.finfo(float).eps


def test_a_line_search_steps_back_from_costs_that_are_not_finite() -> None:
    search = line_search(1.0, -1.0, 100.0, 1e-16)
    step, tried = next(search), 0
    while step > 1:
        step, tried = search.send((np.inf, np.nan)), tried + 1
    assert tried == 2


def test_it_has_no_rate_and_no_batches_and_draws_no_path() -> None:
    assert EXACT.with_(batch_size=8).batch_size is None
    assert {"lr", "momentum", "batch_size", "drop_last"} <= EXACT.ignored()
    with pytest.raises(UsageError, match="--optimizer lbfgs searches its steps: paths are drawn of gd, nesterov"):
        Descent(optimizer="lbfgs")


@pytest.mark.parametrize(("per_class", "decay"), [(40, 0.0), (40, 1e-5), (150, 0.0)])
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_images_that_can_be_told_apart_are_told_as_scikit_learn_tells_them(
    per_class: int, decay: float, reduction: str
) -> None:
    """There is no optimum then, or hardly one: what matters is which of the weights without mistakes it finds."""
    dataset = sample_of(200)
    made = draw(dataset, train_per_class=per_class)
    train, test = (dataset.values(images, "float64") for images in (made.split.train, made.split.test))
    peer = LogisticRegression(C=1 / decay if decay else np.inf, max_iter=3000)
    peer.fit(train, dataset.labels[made.split.train])
    scaled = decay if reduction == "sum" else decay / len(train)
    config = TrainConfig(optimizer="lbfgs", weight_decay=scaled, epochs=3000, reduction=reduction)
    (measure,) = at_end(dataset, [config], made)
    assert measure.train.accuracy == 1.0
    assert measure.test.accuracy > peer.score(test, dataset.labels[made.split.test]) - 0.03
