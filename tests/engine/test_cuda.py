"""Training on a GPU against training on the processor. `pytest -m cuda`; skipped, and said, where there is none."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from small_data import draw, make_dataset, sample_of

from mnistfaces.config import TrainConfig
from mnistfaces.datasets.base import Dataset
from mnistfaces.engine.draws import Draw
from mnistfaces.engine.optim import OPTIMIZERS
from mnistfaces.engine.records import Epoch, Measure
from mnistfaces.engine.stack import Stack
from mnistfaces.engine.training import fit

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here that torch can use"),
]

FACE = TrainConfig(model="mlp", optimizer="adam", batch_size=16, reduction="mean", lr=1e-3)
TOLERANCE = {"float32": 1e-4, "float64": 1e-8}
OPTIMUM = {"float32": (1e-5, 1e-3), "float64": (1e-11, 1e-8)}
"""Where lbfgs stops, and how far apart the losses of two such places may be."""
LEARNING_RATES = (1e-4, 1e-3, 3e-3)


def records(dataset: Dataset, cells: Sequence[TrainConfig], draws: Sequence[Draw], **options: Any) -> list[Epoch]:  # noqa: ANN401  fit's own
    return list(fit(dataset, cells, draws, **options))


def assert_close(one: Measure, other: Measure, tolerance: float) -> None:
    """Asserts that losses agree, and that nothing is missing on one side only."""
    for side in ("train", "val", "test"):
        mine, its = getattr(one, side), getattr(other, side)
        assert (mine is None) == (its is None)
        if mine is not None:
            assert mine.loss == pytest.approx(its.loss, abs=tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(("model", "batch_size"), [("mlp", 16), ("softmax", 16), ("softmax", None), ("mlp", 300)])
def test_two_hundred_steps_have_the_losses_of_the_processor(
    model: str, batch_size: int | None, optimizer: str, dtype: str
) -> None:
    """Of every optimizer, with models of several rates in one stack; most of the steps are replayed."""
    digits = sample_of(40)
    made = [draw(digits, seed, train_per_class=32, val_per_class=5, test_per_class=5) for seed in (1, 2)]
    made = made[: 1 if batch_size is None else 2]
    steps = -(-320 // (batch_size or 320))
    momentum = 0.9 if optimizer == "nesterov" else 0.0
    decay = 0.01 if optimizer == "adamw" else 0.0
    common = FACE.with_(model=model, batch_size=batch_size, optimizer=optimizer, dtype=dtype, momentum=momentum)
    # the first step of adagrad is the sign of the gradient, that of rounding, too: where it is large, losses part
    rates = [lr / 3 if optimizer == "adagrad" else lr for lr in LEARNING_RATES]
    cells = [common.with_(lr=lr, weight_decay=decay, epochs=-(-200 // steps)) for lr in rates]
    ours, theirs = (records(digits, cells, made, every=5, device=device) for device in ("cuda", "cpu"))
    assert [epoch.number for epoch in ours] == [epoch.number for epoch in theirs]
    for mine, its in zip(ours, theirs, strict=True):
        for one, other in zip(mine.measures, its.measures, strict=True):
            assert_close(one, other, TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_model_in_a_stack_has_the_losses_of_one_alone(dtype: str) -> None:
    digits = sample_of(20)
    made = [draw(digits, seed, train_per_class=16, val_per_class=4, test_per_class=5) for seed in (1, 2)]
    cells = [FACE.with_(lr=lr, dtype=dtype, epochs=20) for lr in LEARNING_RATES]
    together = records(digits, cells, made, device="cuda")[-1].measures
    for k, (cell, one) in enumerate(itertools.product(cells, made)):
        (alone,) = records(digits, [cell], [one], device="cuda")[-1].measures
        assert_close(together[k], alone, TOLERANCE[dtype])


def test_the_same_training_has_the_same_bits_again() -> None:
    dataset = make_dataset((200, 200, 200), inputs=37)
    made = draw(dataset, 0, train_per_class=150, val_per_class=9, test_per_class=9)
    for config in (FACE.with_(epochs=10), FACE.with_(batch_size=None, epochs=10), TrainConfig(lr=1e-3, epochs=30)):
        first, second = (records(dataset, [config], [made], device="cuda")[-1].measures[0] for _ in range(2))
        assert first.weights is not None
        assert second.weights is not None
        for name, values in first.weights.items():
            assert np.array_equal(values, second.weights[name])


def test_a_checkpoint_on_the_way_is_the_end_of_a_shorter_training() -> None:
    """Measuring between replayed steps changes nothing, and the axis of epochs is read off one run."""
    dataset = make_dataset((60, 60, 60))
    made = draw(dataset, 0, train_per_class=40, val_per_class=5, test_per_class=5)
    for config in (FACE.with_(epochs=40), TrainConfig(lr=1e-3, epochs=40)):
        for record in fit(dataset, [config], [made], checkpoints=(2, 10, 40), device="cuda"):
            shorter = records(dataset, [config.with_(epochs=record.number)], [made], device="cuda")[-1].measures[0]
            assert record.measures[0].weights is not None
            assert shorter.weights is not None
            for name, values in record.measures[0].weights.items():
                assert np.array_equal(values, shorter.weights[name])


def test_steps_are_replayed_from_a_recording() -> None:
    dataset = make_dataset((60, 60, 60))
    made = draw(dataset, 0, train_per_class=40, val_per_class=5, test_per_class=5)
    for config in (FACE, TrainConfig(lr=1e-3)):
        stack = Stack(dataset, [config], [made], torch.device("cuda"))
        for _ in range(5):
            stack.train_epoch()
        assert stack.replayed is not None
        assert stack.replayed.is_recorded


def test_no_step_waits_for_the_gpu() -> None:
    """torch raises where a call waits for the device; epochs after the recording have none."""
    dataset = make_dataset((60, 60, 60))
    made = draw(dataset, 0, train_per_class=40, val_per_class=5, test_per_class=5)
    stack = Stack(dataset, [FACE], [made], torch.device("cuda"))
    for _ in range(5):
        stack.train_epoch()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(5):
            stack.train_epoch()
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_lbfgs_comes_to_the_optimum_of_the_processor(dtype: str) -> None:
    """Its line searches part ways at the last bits; a strictly convex cost has one lowest point all the same."""
    digits = sample_of(40)
    made = draw(digits, 1, train_per_class=32, val_per_class=5, test_per_class=5)
    eps, tolerance = OPTIMUM[dtype]
    cells = [
        TrainConfig(optimizer="lbfgs", weight_decay=decay, epochs=1000, eps=eps, dtype=dtype) for decay in (0.5, 5.0)
    ]
    ours, theirs = (
        [epoch for epoch in records(digits, cells, [made], device=device) if epoch.checkpoint][-1].measures
        for device in ("cuda", "cpu")
    )
    for mine, its in zip(ours, theirs, strict=True):
        assert mine.status == its.status == "stopped"
        assert_close(mine, its, tolerance)


@pytest.mark.parametrize(("model", "gamma"), [("ridge", None), ("kernel", 0.01)])
def test_closed_forms_have_the_scores_of_the_processor(model: str, gamma: float | None) -> None:
    """They compute in float64 wherever they are."""
    digits = sample_of(40)
    made = [draw(digits, seed, train_per_class=32, val_per_class=5, test_per_class=5) for seed in (1, 2)]
    cells = [TrainConfig(model=model, gamma=gamma, weight_decay=decay) for decay in (0.1, 10.0)]
    ours, theirs = (records(digits, cells, made, device=device)[-1].measures for device in ("cuda", "cpu"))
    for mine, its in zip(ours, theirs, strict=True):
        assert_close(mine, its, TOLERANCE["float64"])
        assert mine.test is not None
        assert its.test is not None
        assert np.array_equal(mine.test.predicted, its.test.predicted)
