"""A training that goes on from a snapshot is the training that was never interrupted."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
from measured import told
from small_data import draw, make_dataset

from mnistfaces.config import CLOSED, ModelName, OptimizerName, TrainConfig
from mnistfaces.engine import snapshots
from mnistfaces.engine.records import Epoch, Measure
from mnistfaces.engine.snapshots import Pace, Snapshot
from mnistfaces.engine.training import Records, train_resumable
from mnistfaces.errors import DataError

KINDS = [
    {},
    {"batch_size": 7},
    {"batch_size": 7, "drop_last": True, "reduction": "mean", "dtype": "float64"},
    {"select": "best"},
    {"batch_size": 5, "select": "best", "lr": 0.3},
    {"patience": 3, "lr": 0.3, "batch_size": 9},
    {"eps": 0.05, "weight_decay": 0.5},
]

STEPPING = [name for name in get_args(ModelName) if name not in CLOSED]


@pytest.fixture(autouse=True)
def snapshot_after_every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("EVERY_SHARE", 0.0), ("LEAST_SECONDS", 0.0), ("COST", 0)):
        monkeypatch.setattr(snapshots, name, value)


def copied(snapshot: Snapshot) -> Snapshot:
    return replace(snapshot, arrays={name: array.copy() for name, array in snapshot.arrays.items()})


def training(config: TrainConfig, start: Snapshot | None = None) -> Iterator[Epoch | Snapshot]:
    """Yields the records of a training and copies of its snapshots."""
    dataset = make_dataset()
    records = Records(every=2, pace=Pace(config.epochs, start.epoch if start else 0))
    for event in train_resumable(dataset, [config], [draw(dataset)], records, device="cpu", start=start):
        if isinstance(event, Snapshot):
            yield copied(event)
        elif isinstance(event, Epoch):
            yield event


def records_of(events: Iterator[Epoch | Snapshot]) -> list[tuple[int, dict[str, Any]]]:
    return [(event.number, told(event.measures[0])) for event in events if isinstance(event, Epoch)]


@pytest.mark.parametrize("more", KINDS)
@pytest.mark.parametrize(("model", "optimizer"), [*itertools.product(STEPPING, get_args(OptimizerName))])
def test_what_follows_a_snapshot_is_what_would_have_followed(
    model: ModelName, optimizer: OptimizerName, more: dict[str, Any]
) -> None:
    if "eps" in more and (model, optimizer) == ("softmax", "lbfgs"):
        more = more | {"eps": 1e-4}  # its first iteration is within 0.05 of the optimum
    config = TrainConfig(**{"model": model, "optimizer": optimizer, "lr": 0.02, "hidden": 5, "epochs": 12, **more})
    whole = list(training(config))
    kept = [event for event in whole if isinstance(event, Snapshot)]
    records = records_of(iter(whole))
    assert len(kept) >= 3
    for snapshot in kept[:: max(1, len(kept) // 3)]:
        assert records_of(training(config, snapshot)) == [record for record in records if record[0] > snapshot.epoch]


@pytest.mark.parametrize("optimizer", ["adam", "nesterov", "rmsprop", "adagrad"])
def test_the_memory_of_an_optimizer_is_part_of_a_snapshot(optimizer: OptimizerName) -> None:
    config = TrainConfig(optimizer=optimizer, lr=0.02, epochs=8)
    kept = next(event for event in training(config) if isinstance(event, Snapshot) and event.epoch == 4)
    end = records_of(training(config, kept))[-1]
    forgetful = {name: np.zeros_like(array) if "memory" in name else array for name, array in kept.arrays.items()}
    assert records_of(training(config, replace(kept, arrays=forgetful)))[-1] != end


def test_the_clock_goes_on_too() -> None:
    config = TrainConfig(epochs=4)
    kept = next(event for event in training(config) if isinstance(event, Snapshot))
    later = [event for event in training(config, replace(kept, seconds=1000.0)) if isinstance(event, Epoch)]
    measures: list[Measure] = [measure for event in later for measure in event.measures]
    assert all(1000 <= measure.seconds < 1100 for measure in measures)


def test_a_snapshot_of_another_training_is_refused() -> None:
    kept = next(event for event in training(TrainConfig(epochs=4)) if isinstance(event, Snapshot))
    for other in (TrainConfig(epochs=4, optimizer="adam"), TrainConfig(epochs=4, model="mlp")):
        with pytest.raises(DataError, match="another training"):
            list(training(other, kept))


def test_snapshots_keep_a_pace_that_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    pace = Pace(1000)

    def due(seconds: float, epoch: int) -> bool:
        now[0] = seconds
        return pace.is_due(epoch)

    assert not due(0.9, 500)  # too short a training to be worth it
    assert not due(1.5, 49)
    assert due(1.5, 50)  # 5 % of the epochs
    pace.kept(50, 0.04)
    assert not due(1.5 + 3.9, 1000)  # keeping the last one took 0.04 s: 1 % of four seconds
    assert due(1.5 + 4.1, 100)
    assert not due(1.5 + 29.9, 99)
    assert due(1.5 + 30.1, 51)  # half a minute, whatever the epochs
