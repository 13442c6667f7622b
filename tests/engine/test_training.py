"""Training against torch's own loop and scikit-learn's optimum; and the same numbers whichever way computed."""

import gc
import itertools
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import LabelBinarizer
from small_data import draw, make_dataset, sample_of
from torch import nn

from mnistfaces.config import SplitConfig, TrainConfig
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.splits import Split, draw_split
from mnistfaces.devices import choose_device
from mnistfaces.engine import arrangement, tiles
from mnistfaces.engine.draws import Draw, is_full_batch
from mnistfaces.engine.records import Epoch, Measure
from mnistfaces.engine.replay import Replayed
from mnistfaces.engine.session import CHECK_EPOCHS
from mnistfaces.engine.stack import Stack
from mnistfaces.engine.training import fit
from mnistfaces.errors import UsageError

FACE = TrainConfig(model="mlp", optimizer="adam", batch_size=16, reduction="mean", lr=1e-3)


def last(dataset: Dataset, cells: Sequence[TrainConfig], draws: Sequence[Draw], **options: Any) -> tuple[Measure, ...]:  # noqa: ANN401  fit's own
    """Returns the measures of the last checkpoint."""
    return [epoch for epoch in fit(dataset, cells, draws, **options) if epoch.checkpoint][-1].measures


def assert_same(one: Measure, other: Measure) -> None:
    """Asserts that two measures agree to the last bit."""
    for side in ("train", "val", "test"):
        mine, its = getattr(one, side), getattr(other, side)
        assert (mine is None) == (its is None)
        if mine is not None:
            assert (mine.loss, mine.accuracy) == (its.loss, its.accuracy)
            assert np.array_equal(mine.predicted, its.predicted)
    assert one.status == other.status
    assert (one.weights is None) == (other.weights is None)
    for name, values in (one.weights or {}).items():
        assert np.array_equal(values, (other.weights or {})[name])


def agree(one: Measure, other: Measure) -> bool:
    try:
        assert_same(one, other)
    except AssertionError:
        return False
    return True


def test_two_hundred_steps_have_the_losses_of_a_plain_torch_loop() -> None:
    digits = sample_of(20)
    made = draw(digits, 3, train_per_class=10, val_per_class=4, test_per_class=5)
    config = FACE.with_(batch_size=25, epochs=50)  # 100 images: 4 steps an epoch
    torch.manual_seed(3)
    peer = nn.Sequential(nn.Linear(784, 20), nn.ReLU(), nn.Linear(20, 10))
    optimizer = torch.optim.Adam(peer.parameters(), lr=config.lr)
    inputs, labels = torch.from_numpy(digits.inputs / np.float32(255)), torch.from_numpy(digits.labels)
    order = np.random.default_rng((3, 1))

    def losses() -> list[float]:
        with torch.no_grad():
            return [
                nn.functional.cross_entropy(peer(inputs[side]), labels[side]).item()
                for side in (made.split.train, made.split.val, made.split.test)
            ]

    records = fit(digits, [config], [made], every=1)
    for epoch in range(51):
        measure = next(records).measures[0]
        assert measure.epoch == epoch
        scores = [measure.train, measure.val, measure.test]
        assert [score.loss for score in scores if score] == pytest.approx(losses(), abs=1e-4)
        shuffled = order.permutation(made.split.train)
        for start in range(0, 100, 25):
            batch = shuffled[start : start + 25]
            optimizer.zero_grad()
            nn.functional.cross_entropy(peer(inputs[batch]), labels[batch]).backward()
            optimizer.step()
    assert list(records) == []


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_kept_weights_load_into_torch_and_predict_the_same(activation: str) -> None:
    digits = sample_of(12)
    made = draw(digits, 1, train_per_class=8, val_per_class=2, test_per_class=3)
    (measure,) = last(digits, [FACE.with_(epochs=20, activation=activation)], [made])
    middle = nn.ReLU() if activation == "relu" else nn.Tanh()
    peer = nn.Sequential(nn.Linear(784, 20), middle, nn.Linear(20, 10))
    assert measure.weights is not None
    peer.load_state_dict({name: torch.from_numpy(values) for name, values in measure.weights.items()})
    inputs = torch.from_numpy(digits.inputs / np.float32(255))
    for side in ("train", "val", "test"):
        images, score = getattr(made.split, side), getattr(measure, side)
        assert np.array_equal(peer(inputs[images]).argmax(1).numpy(), score.predicted)
        assert score.accuracy == np.mean(score.predicted == digits.labels[images])


def test_a_converged_regularised_run_is_the_optimum_that_scikit_learn_finds() -> None:
    """Sum of losses + decay / 2 * |W|^2 has gradient decay * W: scikit-learn's C is 1 / decay; biases go free."""
    digits = sample_of(16)
    made = draw(digits, 0, train_per_class=12, val_per_class=4, test_per_class=4)
    decay = 2.0
    config = TrainConfig(lr=4e-3, momentum=0.9, weight_decay=decay, epochs=3000, dtype="float64")
    (ours,) = last(digits, [config], [made])
    inputs, train = digits.inputs / 255, made.split.train
    peer = LogisticRegression(C=1 / decay, tol=1e-10, max_iter=20_000)
    peer.fit(inputs[train], digits.labels[train])
    assert ours.weights is not None
    logits = inputs @ ours.weights["0.weight"].T + ours.weights["0.bias"]
    probs = np.exp(logits - logits.max(1, keepdims=True))
    probs /= probs.sum(1, keepdims=True)
    np.testing.assert_allclose(probs, peer.predict_proba(inputs), atol=2e-5)
    theirs = -np.log(peer.predict_proba(inputs[train])[np.arange(len(train)), digits.labels[train]]).mean()
    assert ours.train is not None
    assert ours.train.loss == pytest.approx(theirs, rel=1e-5)
    penalty = decay / 2 * np.square(ours.weights["0.weight"]).sum() + ours.train.loss * len(train)
    assert penalty <= decay / 2 * np.square(peer.coef_).sum() + theirs * len(train) + 1e-6


def test_full_batch_descent_is_the_formula_of_the_report() -> None:
    """W <- W - lr * sum (p - y) x^T, written out in NumPy."""
    digits = sample_of(12)
    made = draw(digits, 0, train_per_class=9, val_per_class=2, test_per_class=3)
    inputs, labels = digits.inputs[made.split.train] / 255, digits.labels[made.split.train]
    weight, bias = np.zeros((10, 784)), np.zeros(10)
    targets = LabelBinarizer().fit_transform(labels)
    for _ in range(30):
        logits = inputs @ weight.T + bias
        probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        weight, bias = weight - 1e-3 * (probs - targets).T @ inputs, bias - 1e-3 * (probs - targets).sum(0)
    (measure,) = last(digits, [TrainConfig(lr=1e-3, epochs=30, dtype="float64")], [made])
    assert measure.weights is not None
    np.testing.assert_allclose(measure.weights["0.weight"], weight, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(measure.weights["0.bias"], bias, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_compressed_images_give_the_descent_of_dense_ones(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both against the formula in float64; the sums of float32 are no worse over compressed images."""
    dataset = make_dataset((500, 500, 500), inputs=40)
    dataset.inputs[dataset.inputs < 200] = 0
    made = draw(dataset, 0, train_per_class=400, val_per_class=20, test_per_class=20)
    cells = [
        TrainConfig(lr=lr, epochs=60, momentum=momentum, dtype=dtype)
        for lr, momentum in ((1e-4, 0.9), (1e-3, 0.0), (3e-4, 0.0))
    ]
    inputs, labels = dataset.inputs[made.split.train] / 255, dataset.labels[made.split.train]
    targets = LabelBinarizer().fit_transform(labels)
    dense = last(dataset, cells, [made])
    monkeypatch.setattr("mnistfaces.engine.sparse.SPARSE_IMAGES", 1000)
    compressed = last(dataset, cells, [made], every=7)
    for cell, one, other in zip(cells, dense, compressed, strict=True):
        weight, velocity = np.zeros((3, 40)), np.zeros((3, 40))
        bias, bias_velocity = np.zeros(3), np.zeros(3)
        for _ in range(60):
            logits = inputs @ weight.T + bias
            gap = np.exp(logits) / np.exp(logits).sum(1, keepdims=True) - targets
            velocity = cell.momentum * velocity + cell.lr * gap.T @ inputs
            bias_velocity = cell.momentum * bias_velocity + cell.lr * gap.sum(0)
            weight, bias = weight - velocity, bias - bias_velocity
        assert one.weights is not None
        assert other.weights is not None
        assert not np.array_equal(one.weights["0.weight"], other.weights["0.weight"])
        tolerance = 1e-5 if dtype == "float32" else 1e-12
        for name, exact in (("0.weight", weight), ("0.bias", bias)):
            for mine in (one, other):
                np.testing.assert_allclose((mine.weights or {})[name], exact, rtol=0, atol=tolerance)
        assert_same(other, last(dataset, [cell], [made])[0])


@st.composite
def grids(draw_: st.DrawFn) -> tuple[Dataset, list[TrainConfig], list[Draw]]:
    """Returns a dataset, configurations that train together, and draws with one size of training set."""
    dataset = make_dataset((30, 24, 27), inputs=draw_(st.sampled_from([5, 20, 33])))
    sizes = SplitConfig(
        train_per_class=draw_(st.sampled_from([3, 7, 11])),
        val_per_class=draw_(st.sampled_from([0, 4])),
        test_per_class=5,
    )
    optimizer = draw_(st.sampled_from(["gd", "adam"]))
    common = TrainConfig(
        model=draw_(st.sampled_from(["softmax", "mlp"])),
        optimizer=optimizer,
        activation=draw_(st.sampled_from(["relu", "tanh"])),
        hidden=draw_(st.sampled_from([1, 3, 7, 20])),
        batch_size=draw_(st.sampled_from([None, 1, 5, 8, 16, 1000])),
        reduction=draw_(st.sampled_from(["sum", "mean"])),
        dtype=draw_(st.sampled_from(["float32", "float64"])),
        drop_last=draw_(st.booleans()),
        epochs=draw_(st.integers(1, 12)),
    )
    cells = [
        common.with_(
            lr=lr,
            momentum=draw_(st.sampled_from([0.0, 0.9])) if optimizer == "gd" else 0.0,
            weight_decay=draw_(st.sampled_from([0.0, 0.01])),
        )
        for lr in sorted(draw_(st.lists(st.sampled_from([1e-4, 1e-3, 1e-2, 0.3]), min_size=1, max_size=3)))
    ]
    seeds = draw_(st.lists(st.integers(0, 99), min_size=1, max_size=3, unique=True))
    draws = [Draw(split=draw_split(dataset, sizes, seed), seed=seed) for seed in seeds]
    full = is_full_batch(common, len(draws[0].split.train))
    if not full and common.batch_size and common.batch_size > len(draws[0].split.train) and common.drop_last:
        cells = [cell.with_(drop_last=False) for cell in cells]
    return dataset, cells, draws[:1] if full else draws


@settings(max_examples=40, deadline=None, print_blob=True)
@given(grids())
def test_a_model_has_the_same_bits_in_a_stack_and_alone(grid: tuple[Dataset, list[TrainConfig], list[Draw]]) -> None:
    dataset, cells, draws = grid
    together = last(dataset, cells, draws)
    for k, (cell, made) in enumerate(itertools.product(cells, draws)):
        (alone,) = last(dataset, [cell], [made])
        assert_same(together[k], alone)


@pytest.mark.parametrize("batch_size", [300, None])
@pytest.mark.parametrize("model", ["softmax", "mlp"])
def test_batches_that_are_cut_into_blocks_have_the_same_bits_in_a_stack_and_alone(
    model: str, batch_size: int | None
) -> None:
    dataset = make_dataset((200, 200, 200), inputs=37)
    cells = [TrainConfig(model=model, hidden=9, batch_size=batch_size, lr=lr, epochs=4) for lr in (1e-4, 1e-3)]
    draws = [draw(dataset, seed, train_per_class=150, val_per_class=9, test_per_class=9) for seed in (1, 2)]
    draws = draws[: 1 if batch_size is None else 2]
    together = last(dataset, cells, draws)
    for k, (cell, made) in enumerate(itertools.product(cells, draws)):
        assert_same(together[k], last(dataset, [cell], [made])[0])


@pytest.mark.parametrize(("model", "batch_size"), [("mlp", 32), ("mlp", 300), ("softmax", 32), ("softmax", None)])
def test_two_threads_too_give_a_model_the_same_bits_in_a_stack_and_alone(model: str, batch_size: int | None) -> None:
    dataset = make_dataset((200, 200, 200), inputs=784)
    cells = [TrainConfig(model=model, batch_size=batch_size, lr=lr, epochs=3) for lr in (1e-5, 1e-4, 3e-4)]
    draws = [draw(dataset, seed, train_per_class=150, val_per_class=9, test_per_class=9) for seed in (1, 2)]
    draws = draws[: 1 if batch_size is None else 2]
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        together = last(dataset, cells, draws)
        for k, (cell, made) in enumerate(itertools.product(cells, draws)):
            assert_same(together[k], last(dataset, [cell], [made])[0])
    finally:
        torch.set_num_threads(threads)


def count_differing(monkeypatch: pytest.MonkeyPatch, **changes: object) -> int:
    """Returns how many of some models differ alone from what they are in a stack, with parts of the layout replaced."""
    for name, value in changes.items():
        for module in (tiles, arrangement):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, value)
    arrangement.widest_tile.cache_clear()
    found = 0
    for size, hidden, batch_size in itertools.product((20, 33, 784), (3, 10, 20), (5, 9)):
        dataset = make_dataset((12, 12, 12), inputs=size)
        made = draw(dataset, 0, train_per_class=8, val_per_class=1, test_per_class=1)
        cells = [FACE.with_(hidden=hidden, batch_size=batch_size, lr=lr, epochs=3) for lr in (1e-2, 1e-3, 1e-4)]
        together = last(dataset, cells, [made])
        found += sum(not agree(together[k], last(dataset, [cell], [made])[0]) for k, cell in enumerate(cells))
    monkeypatch.undo()
    arrangement.widest_tile.cache_clear()
    return found


def test_without_alignment_or_a_second_tile_or_wide_tiles_company_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    assert count_differing(monkeypatch) == 0
    broken = count_differing(monkeypatch, FEWEST_TILES=1)
    broken += count_differing(monkeypatch, ALIGNMENT=1)
    broken += count_differing(monkeypatch, FEWEST_ROWS=1, _steady_places=lambda width, _: width)
    assert broken > 0


@pytest.mark.parametrize("widest", [1, 2, 3])
def test_narrower_tiles_give_the_bits_of_the_widest(widest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where only the first places of a tile keep a model's bits, models stand in several tiles a draw."""
    dataset = make_dataset((200, 200, 200))
    for config, per_class in ((FACE.with_(epochs=3), 40), (TrainConfig(lr=1e-3, epochs=3), 150)):
        cells = [config.with_(lr=lr) for lr in (1e-4, 1e-3, 1e-2, 3e-4, 3e-3)]
        draws = [draw(dataset, seed, train_per_class=per_class, val_per_class=9, test_per_class=9) for seed in (1, 2)]
        draws = draws[: 1 if config.batch_size is None else 2]
        wide = last(dataset, cells, draws)
        with monkeypatch.context() as patch:
            arrangement.widest_tile.cache_clear()
            patch.setattr(arrangement, "_steady_places", lambda width, _: min(width, widest))
            narrow = last(dataset, cells, draws)
        arrangement.widest_tile.cache_clear()
        for one, other in zip(wide, narrow, strict=True):
            assert_same(one, other)


def test_the_epochs_axis_is_read_off_one_run() -> None:
    dataset, seeds = make_dataset(), (0, 1)
    for config in (TrainConfig(lr=1e-3), FACE.with_(batch_size=4)):
        draws = [draw(dataset, seed) for seed in seeds][: 1 if config.batch_size is None else 2]
        records = fit(dataset, [config.with_(epochs=130)], draws, checkpoints=(1, 10, 100, 130))
        for record in records:
            separate = last(dataset, [config.with_(epochs=record.number)], draws)
            for one, other in zip(record.measures, separate, strict=True):
                assert_same(one, other)
                assert one.epoch == record.number


def test_measuring_on_the_way_changes_nothing() -> None:
    dataset = make_dataset()
    for config in (TrainConfig(lr=1e-3, epochs=20), FACE.with_(epochs=20, batch_size=6)):
        made = draw(dataset)
        assert_same(last(dataset, [config], [made], every=3)[0], last(dataset, [config], [made])[0])


def test_records_come_at_epoch_zero_at_every_so_many_and_at_the_end() -> None:
    dataset = make_dataset()
    records = list(fit(dataset, [TrainConfig(epochs=10)], [draw(dataset)], every=4))
    assert [(record.number, record.checkpoint) for record in records] == [
        (0, False),
        (4, False),
        (8, False),
        (10, True),
    ]
    assert [record.measures[0].weights is not None for record in records] == [False, False, False, True]
    start = records[0].measures[0]
    assert start.train is not None
    assert start.train.loss == pytest.approx(np.log(3))


def test_steps_counted_on_the_device_are_those_counted_on_the_host() -> None:
    """As a recorded step counts them, here without a GPU."""
    dataset = make_dataset()
    for config in (FACE.with_(batch_size=6), FACE.with_(batch_size=6, drop_last=True, reduction="sum")):
        draws = [draw(dataset, seed) for seed in (0, 1)]
        plain, counted = (Stack(dataset, [config], draws, torch.device("cpu")) for _ in range(2))
        counted.replayed = Replayed(torch.device("cpu"))
        for _ in range(4):
            plain.train_epoch()
            counted.train_epoch()
        for one, other in zip(plain.parameters, counted.parameters, strict=True):
            assert torch.equal(one, other)


def test_memory_is_free_once_nobody_holds_the_stack() -> None:
    """Without waiting for the collector: the next stack needs the memory, most of all where this one did not fit."""
    dataset = make_dataset()
    gc.collect()
    gc.disable()
    try:
        for config in (FACE.with_(batch_size=6), FACE.with_(batch_size=None), TrainConfig(optimizer="lbfgs")):
            stack = Stack(dataset, [config], [draw(dataset)], torch.device("cpu"))
            stack.replayed = Replayed(torch.device("cpu")) if config.optimizer != "lbfgs" else None
            stack.train_epoch()
            held = weakref.ref(stack)
            del stack
            assert held() is None
    finally:
        gc.enable()


def test_a_batch_as_large_as_the_data_is_the_full_batch() -> None:
    dataset = make_dataset()
    made = draw(dataset)  # 21 images to train on
    for config in (TrainConfig(lr=1e-3, epochs=5), FACE.with_(batch_size=None, epochs=5)):
        full = last(dataset, [config], [made])[0]
        for size in (21, 22, 10_000):
            assert_same(full, last(dataset, [config.with_(batch_size=size)], [made])[0])
            assert_same(full, last(dataset, [config.with_(batch_size=size, drop_last=True)], [made])[0])


@pytest.mark.parametrize("drop_last", [False, True])
def test_an_incomplete_last_batch_is_used_unless_it_is_dropped(drop_last: bool) -> None:
    """21 images in batches of 8: by hand with torch's SGD, in the order of the seed."""
    dataset = make_dataset()
    made = draw(dataset, 4)
    config = TrainConfig(lr=0.01, batch_size=8, epochs=3, reduction="mean", drop_last=drop_last, dtype="float64")
    (ours,) = last(dataset, [config], [made])
    peer = nn.Sequential(nn.Linear(20, 3)).double()
    for parameter in peer.parameters():
        nn.init.zeros_(parameter)
    optimizer = torch.optim.SGD(peer.parameters(), lr=0.01)
    order = np.random.default_rng((4, 1))
    for _ in range(3):
        shuffled = order.permutation(made.split.train)
        for start in range(0, 16 if drop_last else 21, 8):
            batch = shuffled[start : start + 8]
            optimizer.zero_grad()
            logits = peer(torch.from_numpy(dataset.inputs[batch] / 255))
            nn.functional.cross_entropy(logits, torch.from_numpy(dataset.labels[batch])).backward()
            optimizer.step()
    assert ours.weights is not None
    for name, parameter in peer.state_dict().items():
        np.testing.assert_allclose(ours.weights[name], parameter.numpy(), rtol=1e-10, atol=1e-13)


def test_the_summed_cost_at_a_rate_is_the_mean_cost_at_that_rate_times_the_images() -> None:
    dataset = make_dataset()
    made = draw(dataset)
    config = TrainConfig(lr=1e-3, epochs=50, dtype="float64")
    summed = last(dataset, [config], [made])[0]
    mean = last(dataset, [config.with_(reduction="mean", lr=1e-3 * 21)], [made])[0]
    assert summed.train is not None
    assert mean.train is not None
    assert summed.train.loss == pytest.approx(mean.train.loss, rel=1e-10)


def test_a_small_step_stops_a_model_where_it_stands() -> None:
    """Steps written out from the weights of every epoch; eps lies between two of them."""
    dataset, config = make_dataset(), TrainConfig(lr=1e-3, epochs=400, weight_decay=1.0)
    path = [
        record.measures[0].weights or {}
        for record in fit(dataset, [config], [draw(dataset)], checkpoints=range(1, 401))
    ]
    start = {name: np.zeros_like(values) for name, values in path[0].items()}
    steps = [
        max(float(np.linalg.norm((now[name] - then[name]).astype(np.float64))) for name in now)
        for then, now in itertools.pairwise([start, *path])
    ]
    eps = (steps[149] + steps[150]) / 2
    first = next(number for number, step in enumerate(steps, 1) if step <= eps)
    assert 1 < first <= 151
    (stopped,) = last(dataset, [config.with_(eps=eps)], [draw(dataset)])
    assert (stopped.status, stopped.epoch) == ("stopped", first)
    assert stopped.weights is not None
    assert all(np.array_equal(stopped.weights[name], path[first - 1][name]) for name in start)


def test_a_stopped_model_does_not_hold_up_its_neighbours() -> None:
    dataset = make_dataset()
    cells = [TrainConfig(lr=lr, epochs=150, eps=1e-4) for lr in (1e-6, 1e-3)]
    stopped, other = last(dataset, cells, [draw(dataset)])
    assert (stopped.status, stopped.epoch) == ("stopped", 1)
    assert other.status == "ok"
    assert_same(other, last(dataset, cells[1:], [draw(dataset)])[0])


@pytest.mark.parametrize("config", [TrainConfig(epochs=120), FACE.with_(batch_size=6, optimizer="gd", epochs=90)])
def test_a_diverging_model_is_labelled_and_does_not_hurt_its_neighbours(config: TrainConfig) -> None:
    dataset = make_dataset()
    cells = [config.with_(lr=lr) for lr in (1e-4, 1e38, 1e-3)]
    measures = last(dataset, cells, [draw(dataset)])
    assert [measure.status for measure in measures] == ["ok", "diverged", "ok"]
    lost = measures[1]
    assert (lost.train, lost.val, lost.test, lost.weights) == (None, None, None, None)
    for number in (0, 2):
        assert_same(measures[number], last(dataset, [cells[number]], [draw(dataset)])[0])


def test_a_stack_of_diverged_models_ends_early_and_still_answers_every_checkpoint() -> None:
    dataset = make_dataset()
    records = list(fit(dataset, [TrainConfig(lr=1e38)], [draw(dataset)], checkpoints=(50, 10**7, 10**8)))
    assert [record.number for record in records] == [50, 10**7, 10**8]
    assert {record.measures[0].status for record in records} == {"diverged"}


@pytest.mark.parametrize("config", [TrainConfig(lr=1e38), TrainConfig(lr=1e-6, eps=1e-4)], ids=["diverged", "stopped"])
def test_a_checkpoint_at_which_a_stack_ends_is_told_once(config: TrainConfig) -> None:
    dataset, end = make_dataset(), 1 if config.eps else CHECK_EPOCHS
    records = list(fit(dataset, [config], [draw(dataset)], checkpoints=(end, 150)))
    assert [record.number for record in records] == [end, 150]


def test_a_model_that_never_names_a_class_has_collapsed_after_a_hundred_epochs() -> None:
    dataset = make_dataset((30, 30, 2))
    made = Draw(split=Split(train=np.arange(62), val=np.arange(0), test=np.arange(0)), seed=0)
    early, late = (last(dataset, [TrainConfig(lr=1e-6, epochs=epochs)], [made])[0] for epochs in (99, 100))
    assert late.train is not None
    assert 2 not in late.train.predicted
    assert (early.status, late.status) == ("ok", "collapsed")


def test_without_images_there_is_no_score() -> None:
    dataset = make_dataset()
    made = Draw(split=Split(train=np.arange(20), val=np.arange(0), test=np.arange(0)), seed=0)
    (measure,) = last(dataset, [TrainConfig(epochs=2)], [made])
    assert (measure.val, measure.test, measure.status) == (None, None, "ok")
    with pytest.raises(UsageError, match="--select best needs validation images"):
        last(dataset, [TrainConfig(epochs=2, select="best")], [made])


def histories(config: TrainConfig) -> Iterator[tuple[Epoch, Epoch]]:
    dataset = make_dataset(seed=1)
    yield from zip(
        fit(dataset, [config], [draw(dataset)], checkpoints=range(1, 61)),
        fit(dataset, [config.with_(select="best")], [draw(dataset)], checkpoints=range(1, 61)),
        strict=True,
    )


@pytest.mark.parametrize("config", [TrainConfig(lr=0.3, momentum=0.9), FACE.with_(lr=0.1, batch_size=5)])
def test_selecting_the_best_keeps_the_weights_of_the_lowest_validation_loss_so_far(config: TrainConfig) -> None:
    best: Measure | None = None
    for plain, selected in histories(config):
        now = plain.measures[0]
        assert now.val is not None
        if best is None or best.val is None or now.val.loss < best.val.loss:
            best = now
        assert_same(selected.measures[0], best)
    assert best is not None
    assert best.epoch < 60


def test_a_device_that_is_not_there_is_a_usage_error() -> None:
    absent = [
        name
        for name, there in (("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available()))
        if not there
    ]
    for name in absent:
        with pytest.raises(UsageError, match=f"--device {name}: this machine has none"):
            choose_device(name)  # type: ignore[arg-type]
    assert choose_device("cpu").type == "cpu"
