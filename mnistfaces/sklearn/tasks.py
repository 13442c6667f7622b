"""What it takes to train a model on arrays, and many such tasks side by side.

Legend: N rows, D inputs, C classes.
"""

import contextlib
import functools
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistfaces.config import DataConfig, DeviceName, SplitConfig, Status, TrainConfig
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.splits import Split
from mnistfaces.engine.draws import Draw
from mnistfaces.engine.records import Epoch, Measure
from mnistfaces.engine.training import fit
from mnistfaces.experiments.plan import DrawKey, Draws, StackPlan, plan
from mnistfaces.experiments.trials import Cell, Trial

CURVE_POINTS = 100


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """A model to train.

    Attributes:
        config: how.
        inputs: (N, D) floats.
        labels: (N,) int64, from 0 to C - 1; every class is among them.
        validation: (N,) bool, the rows that choose the epoch and train nothing.
        seed: of the initial weights and the order of minibatches.
        device: where to compute.
    """

    config: TrainConfig
    inputs: NDArray[Any]
    labels: NDArray[np.int64]
    validation: NDArray[np.bool_]
    seed: int
    device: DeviceName

    @property
    def classes(self) -> int:
        """Returns C."""
        return int(self.labels.max()) + 1

    @functools.cached_property
    def rows_key(self) -> str:
        """Returns a hash of the rows, their labels, and which of them validate."""
        digest = hashlib.sha256(f"{self.inputs.dtype} {self.inputs.shape}".encode())
        for array in (self.inputs, self.labels, self.validation):
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    @functools.cached_property
    def key(self) -> str:
        """Returns a hash of everything that decides what comes out."""
        asked = [self.config.to_dict(), self.seed, self.device, self.rows_key]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    """What a task came to.

    Attributes:
        weights: parameters by their `torch.nn.Sequential` names; None where the training diverged.
        status: how it ended.
        epochs: passes over the training rows.
        curve: epochs and the mean training loss after each, in nats per row; empty unless it was asked for.
        seconds: of training; of a stack, this model's share.
    """

    weights: Mapping[str, NDArray[Any]] | None
    status: Status
    epochs: int
    curve: Sequence[tuple[int, float]]
    seconds: float


_PREPARED: ContextVar[Mapping[str, Trained]] = ContextVar("mnistfaces.sklearn", default={})  # noqa: B039  never written


@contextlib.contextmanager
def prepared(found: Mapping[str, Trained]) -> Iterator[None]:
    """Inside the block, tasks that were trained before are not trained again."""
    token = _PREPARED.set(found)
    try:
        yield
    finally:
        _PREPARED.reset(token)


def train(task: Task) -> Trained:
    """Trains one model, or finds it among those that were prepared."""
    known = _PREPARED.get()
    if known and (found := known.get(task.key)) is not None:
        return found
    every = max(1, task.config.epochs // CURVE_POINTS)
    draw = Draw(split=_split(task, 0), seed=task.seed)
    epochs = list(fit(_dataset([task]), [task.config], [draw], every=every, device=task.device))
    curve = [(e.number, e.measures[0].train.loss) for e in epochs if e.measures[0].train is not None]
    return _trained(epochs[-1].measures[0], curve, 1)


def train_side_by_side(tasks: Sequence[Task]) -> dict[str, Trained]:
    """Returns what tasks come to, by their keys: those that can train as stacks do, with the bits of each alone."""
    found: dict[str, Trained] = {}
    alike: dict[tuple[object, ...], list[Task]] = {}
    for task in tasks:
        alike.setdefault((task.inputs.shape[1], task.inputs.dtype, task.classes, task.device), []).append(task)
    for members in alike.values():
        found |= _train_alike(members)
    return found


def _train_alike(tasks: Sequence[Task]) -> dict[str, Trained]:
    """Returns what tasks with the same inputs and classes come to."""
    owners: dict[str, Task] = {}  # of distinct rows
    by_rows = [task.rows_key for task in tasks]
    for rows, task in zip(by_rows, tasks, strict=True):
        owners.setdefault(rows, task)
    number_of = {rows: number for number, rows in enumerate(owners)}
    starts = np.cumsum([0, *(len(task.labels) for task in owners.values())])
    splits = [_split(task, int(start)) for task, start in zip(owners.values(), starts[:-1], strict=True)]
    dataset, draws = _dataset(list(owners.values())), _Given(splits)
    by_trial: dict[Trial, list[str]] = {}
    for rows, task in zip(by_rows, tasks, strict=True):
        cell = Cell(training=task.config, split=SplitConfig(), data=DataConfig())
        trial = Trial(cell=cell, seed=task.seed, split_seed=0, fold=number_of[rows])
        by_trial.setdefault(trial, []).append(task.key)
    found: dict[str, Trained] = {}
    for stack in plan(list(by_trial), {DataConfig(): dataset}, draws):
        for trial, trained in _train_stack(stack, dataset, draws, tasks[0].device):
            found |= dict.fromkeys(by_trial[trial], trained)
    return found


def _train_stack(
    stack: StackPlan, dataset: Dataset, draws: Draws, device: DeviceName
) -> Iterator[tuple[Trial, Trained]]:
    keys = [draws.of(key) for key in stack.draws]
    for epoch in fit(dataset, stack.cells, keys, checkpoints=stack.epochs, device=device):
        yield from _of_epoch(stack, epoch)


def _of_epoch(stack: StackPlan, epoch: Epoch) -> Iterator[tuple[Trial, Trained]]:
    for (cell, draw, number), trial in stack.trials.items():
        if number == epoch.number:
            yield trial, _trained(epoch.measures[cell * len(stack.draws) + draw], (), stack.size)


def _trained(measure: Measure, curve: Sequence[tuple[int, float]], size: int) -> Trained:
    return Trained(
        weights=measure.weights,
        status=measure.status,
        epochs=measure.epoch,
        curve=curve,
        seconds=measure.seconds / size,
    )


class _Given(Draws):
    """Draws whose splits are known beforehand, by their number."""

    def __init__(self, splits: Sequence[Split]) -> None:
        super().__init__({})
        self._splits = splits

    def of(self, key: DrawKey) -> Draw:
        return Draw(split=self._splits[key.fold], seed=key.seed)


def _split(task: Task, start: int) -> Split:
    """Returns the split of a task whose rows begin at `start`: nothing is tested here."""
    return Split(
        train=start + np.flatnonzero(~task.validation),
        val=start + np.flatnonzero(task.validation),
        test=np.empty(0, np.int64),
    )


def _dataset(tasks: Sequence[Task]) -> Dataset:
    """Returns the rows of tasks, one after the other, as the engine takes them."""
    labels = np.concatenate([task.labels for task in tasks])
    return Dataset(
        name="arrays",
        kind="arrays",
        inputs=tasks[0].inputs if len(tasks) == 1 else np.concatenate([task.inputs for task in tasks]),
        labels=labels,
        classes=tuple(str(number) for number in range(tasks[0].classes)),
        ids=np.arange(len(labels)).astype(str),
        shape=(tasks[0].inputs.shape[1],),
        groups=np.arange(len(labels)),
        given_test=np.zeros(len(labels), bool),
        fingerprint="",
    )
