"""Patience: the rule applied by hand to losses that were measured without it."""

import gc
import weakref
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from measured import told
from small_data import draw, make_dataset

from mnistfaces.config import TrainConfig
from mnistfaces.datasets.base import Dataset
from mnistfaces.engine import session, thinning, training
from mnistfaces.engine.draws import Draw
from mnistfaces.engine.records import Measure
from mnistfaces.engine.stack import Stack
from mnistfaces.engine.training import fit

NOISY = TrainConfig(model="mlp", hidden=6, batch_size=6, reduction="mean", lr=0.4, epochs=120)


def hard() -> Dataset:
    """Images of which one in three bears a label drawn by chance: training soon learns these by heart."""
    dataset, rng = make_dataset(seed=3), np.random.default_rng(0)
    wrong = rng.random(len(dataset)) < 1 / 3
    return replace(dataset, labels=np.where(wrong, rng.integers(0, 3, len(dataset)), dataset.labels))


def last(dataset: Dataset, cells: Sequence[TrainConfig], draws: Sequence[Draw]) -> tuple[Measure, ...]:
    return [epoch for epoch in fit(dataset, cells, draws) if epoch.checkpoint][-1].measures


def rule(losses: list[float], patience: int) -> tuple[int, int]:
    """Returns the epoch of the end and that of the lowest loss, both from 1."""
    best = 0
    for epoch in range(1, len(losses)):
        if losses[epoch] < losses[best]:
            best = epoch
        elif epoch - best >= patience:
            return epoch + 1, best + 1
    return len(losses), best + 1


@pytest.mark.parametrize("patience", [1, 2, 5, 17])
def test_a_training_ends_and_keeps_what_the_rule_says(patience: int) -> None:
    dataset = hard()
    path = [record.measures[0] for record in fit(dataset, [NOISY], [draw(dataset)], checkpoints=range(1, 121))]
    losses = [measure.val.loss for measure in path if measure.val]
    end, best = rule(losses, patience)
    assert end < 120, "an example that ends early"
    (found,) = last(dataset, [NOISY.with_(patience=patience)], [draw(dataset)])
    assert (found.epoch, found.status) == (end, "early")
    assert found.val is not None
    assert found.val.loss == losses[best - 1]
    assert all(np.array_equal(values, (path[best - 1].weights or {})[name]) for name, values in found.weights.items())


def test_a_training_that_keeps_improving_is_not_ended_and_keeps_its_best() -> None:
    dataset = hard()
    patient = last(dataset, [NOISY.with_(patience=1000)], [draw(dataset)])[0]
    assert (patient.status, patient.epoch) == ("ok", 120)
    assert told(patient) == told(last(dataset, [NOISY.with_(select="best")], [draw(dataset)])[0])


@pytest.mark.parametrize("more", [{}, {"batch_size": None, "model": "softmax", "lr": 2.0}, {"optimizer": "adam"}])
def test_each_model_of_a_stack_ends_by_itself_with_the_bits_that_it_has_alone(more: dict[str, Any]) -> None:
    dataset = hard()
    rates = (0.01, 0.1, 0.4) if "optimizer" in more else (0.05, 0.4, 4.0)
    config = NOISY.with_(**more, patience=4)
    cells = [config.with_(lr=rate) for rate in rates]
    draws = [draw(dataset, seed) for seed in ((0, 1) if config.batch_size else (0,))]
    stack = last(dataset, cells, draws)
    assert len({measure.epoch for measure in stack}) > 1, "models that end at different epochs"
    for number, measure in enumerate(stack):
        cell, made = cells[number // len(draws)], draws[number % len(draws)]
        (alone,) = last(dataset, [cell], [made])
        assert told(measure) == told(alone)


MIXED = [{"lr": 0.05}, {"lr": 0.4}, {"lr": 4.0}, {"lr": 0.4, "momentum": 0.9}]
THINNED: dict[str, tuple[dict[str, Any], list[dict[str, Any]], int]] = {
    "minibatches of three draws": ({"patience": 3}, MIXED, 3),
    "full batches": ({"patience": 3, "batch_size": None, "model": "softmax"}, MIXED, 1),
    "full batches in blocks": ({"patience": 3, "batch_size": None, "model": "softmax"}, MIXED, 1),
    "adam": ({"patience": 3, "optimizer": "adam"}, [{"lr": rate} for rate in (1e-3, 1e-2, 0.1, 1.0)], 2),
    "small steps": ({"eps": 0.05, "batch_size": None}, [{"lr": rate} for rate in (1e-3, 0.05, 0.2, 0.4)], 1),
    "small steps of the best": ({"eps": 0.05, "select": "best"}, [{"lr": rate} for rate in (1e-4, 1e-3, 0.2, 0.4)], 2),
}
"""Options of all cells, options of each, and draws."""


@pytest.mark.parametrize("name", THINNED)
def test_models_that_have_ended_are_left_out_and_all_have_the_numbers_of_a_stack_that_keeps_them(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    common, each, seeds = THINNED[name]
    if name.endswith("in blocks"):
        monkeypatch.setattr("mnistfaces.engine.tiles.SPLIT_IMAGES", 1)
    dataset, sizes = hard(), list[int]()
    cells = [NOISY.with_(**common, **options) for options in each]
    draws = [draw(dataset, seed) for seed in range(seeds)]

    def build(*arguments: Any) -> Stack:  # noqa: ANN401  Stack's own
        made = Stack(*arguments)
        sizes.append(made.count)
        return made

    def all_records() -> list[Any]:
        records = fit(dataset, cells, draws, checkpoints=(7, 60, 120), every=1)
        return [(record.number, record.checkpoint, *map(told, record.measures)) for record in records]

    monkeypatch.setattr(thinning, "Stack", build)
    monkeypatch.setattr(session, "THINNING_SECONDS", 1e9)
    expected = all_records()
    assert not sizes
    monkeypatch.setattr(session, "THINNING_SECONDS", 0)
    monkeypatch.setattr(session, "THINNING_COST", 0)
    assert all_records() == expected
    assert sizes
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] < len(cells) * len(draws)


def test_records_between_show_a_model_that_has_ended_as_it_is_kept() -> None:
    dataset = hard()
    cells = [NOISY.with_(lr=rate, patience=4) for rate in (0.05, 0.4)]
    records = list(fit(dataset, cells, [draw(dataset)], every=1))
    ended = [record.measures[1] for record in records if record.number > record.measures[1].epoch]
    assert len(ended) >= 3
    for measure in ended:
        assert measure.status == "early"
        assert measure.val is not None
        assert measure.val.loss == records[-1].measures[1].val.loss  # type: ignore[union-attr]


def test_a_training_ends_at_once_where_all_have_ended() -> None:
    dataset = hard()
    made = draw(dataset)
    records = list(fit(dataset, [NOISY.with_(patience=2, epochs=10**9)], [Draw(split=made.split, seed=0)], every=1))
    assert records[-1].number == 10**9
    assert records[-1].measures[0].status == "early"
    assert records[-2].number == records[-1].measures[0].epoch


def test_a_stack_that_is_done_is_let_go_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep trains one stack of 256 MB after the other: none may wait for Python to look for circles."""
    made: list[weakref.ref[Stack]] = []

    def remembered(*arguments: Any) -> Stack:  # noqa: ANN401  Stack's own
        stack = Stack(*arguments)
        made.append(weakref.ref(stack))
        return stack

    monkeypatch.setattr(training, "Stack", remembered)
    gc.disable()
    try:
        for _ in training.fit(make_dataset(), [TrainConfig(epochs=2, lr=1e-6)], [draw(make_dataset())]):
            pass
        assert [stack() for stack in made] == [None]
    finally:
        gc.enable()
