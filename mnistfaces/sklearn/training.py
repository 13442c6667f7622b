"""Training on arrays: of one task, and of many side by side.

Legend: M rows of all tables.
"""

import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistfaces.config import CLOSED, DataConfig, DeviceName, SplitConfig
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.splits import Split
from mnistfaces.devices import shared_cores
from mnistfaces.engine.draws import Draw
from mnistfaces.engine.records import Epoch, Measure
from mnistfaces.engine.training import own_arithmetic
from mnistfaces.experiments.ensembles import train_cells
from mnistfaces.experiments.plan import DrawKey, Draws, StackPlan, plan
from mnistfaces.experiments.trials import Cell, Trial
from mnistfaces.sklearn.tables import Table
from mnistfaces.sklearn.tasks import Task, Trained, known

CURVE_POINTS = 100


def train(task: Task) -> Trained:
    """Trains one model, or finds it among those that were prepared."""
    if (found := known(task)) is not None:
        return found
    if task.config.refit:
        task = task.refitted(train(task.choosing()))
    if task.config.augment:
        task = replace(task, rows=task.rows.alone())
    every = max(1, task.config.epochs // CURVE_POINTS)
    draw = Draw(split=_split(task, 0), seed=task.seed)
    events = train_cells(_dataset([task]), [task.config], [draw], every=every, device=task.device)
    epochs = [event for event in events if isinstance(event, Epoch)]
    curve = [(e.number, e.measures[0].train.loss) for e in epochs if e.measures[0].train is not None]
    return _trained(epochs[-1].measures[0], curve, 1)


def train_side_by_side(tasks: Sequence[Task], jobs: int = 1) -> list[Trained]:
    """Returns what tasks come to: those that can train as stacks do, with the bits of each alone.

    Args:
        tasks: what to train.
        jobs: how many stacks train at a time, on the processor; on a GPU it is always one.
    """
    choosing = [task.choosing() for task in tasks if task.config.refit]
    chosen = iter(train_side_by_side(choosing, jobs) if choosing else ())
    tasks = [task.refitted(next(chosen)) if task.config.refit else task for task in tasks]
    found: dict[int, Trained] = {}
    alike: dict[Hashable, list[int]] = {}
    for number, task in enumerate(tasks):
        alike.setdefault(task.kind, []).append(number)
    for numbers in alike.values():
        members = [tasks[number] for number in numbers]
        if members[0].config.augment:
            rows = members[0].rows.alone()
            members = [replace(task, rows=rows) for task in members]
        found |= zip(numbers, _train_alike(members, jobs if members[0].device == "cpu" else 1), strict=True)
    return [found[number] for number in range(len(tasks))]


def _train_alike(tasks: Sequence[Task], jobs: int) -> list[Trained]:
    """Returns what tasks with the same inputs and classes come to, of which so many stacks train at a time."""
    owners: dict[Hashable, Task] = {}  # of distinct rows
    folds = [(id(task.rows), task.validation.tobytes()) for task in tasks]
    for fold, task in zip(folds, tasks, strict=True):
        owners.setdefault(fold, task)
    number_of = {fold: number for number, fold in enumerate(owners)}
    starts = _starts(list(owners.values()))
    splits = [_split(task, starts[id(task.rows.table)]) for task in owners.values()]
    dataset, draws = _dataset(list(owners.values())), _Given(splits)
    trials = [
        Trial(
            cell=Cell(training=task.config, split=SplitConfig(), data=DataConfig()),
            seed=task.seed,
            split_seed=0,
            fold=number_of[fold],
        )
        for fold, task in zip(folds, tasks, strict=True)
    ]
    stacks = list(plan(list(dict.fromkeys(trials)), {DataConfig(): dataset}, draws, workers=jobs))
    ended = threading.Event()

    def train_one(stack: StackPlan) -> dict[Trial, Trained]:
        return dict(_train_stack(stack, dataset, draws, (tasks[0].device, ended)))

    found: dict[Trial, Trained] = {}
    for trained in _at_once(train_one, stacks, min(jobs, len(stacks)), ended):
        found |= trained
    return [found[trial] for trial in trials]


def _at_once(
    work: Callable[[StackPlan], dict[Trial, Trained]], stacks: Sequence[StackPlan], jobs: int, ended: threading.Event
) -> Iterator[dict[Trial, Trained]]:
    """Yields what some work on every stack comes to, so many at a time, in threads that share the cores evenly.

    Cores that share one stack wait for each other a dozen times a step. Where one fails or all are to end, `ended` is
    set, at which the work on the others is to end, too.
    """
    if jobs == 1:
        yield from map(work, stacks)
        return
    with own_arithmetic(), shared_cores(jobs) as prepare_thread:
        pool = ThreadPoolExecutor(jobs, initializer=prepare_thread)
        try:
            yield from pool.map(work, stacks)
        finally:
            ended.set()
            pool.shutdown(cancel_futures=True)


def _train_stack(
    stack: StackPlan, dataset: Dataset, draws: Draws, where: tuple[DeviceName, threading.Event]
) -> Iterator[tuple[Trial, Trained]]:
    """Yields what the trials of a stack come to; `where` are the device, and what is set when it is to end."""
    keys, (device, ended) = [draws.of(key) for key in stack.draws], where
    for event in train_cells(dataset, stack.cells, keys, checkpoints=stack.epochs, device=device):
        if isinstance(event, Epoch):
            yield from _of_epoch(stack, event)
        if ended.is_set():
            return


def _of_epoch(stack: StackPlan, epoch: Epoch) -> Iterator[tuple[Trial, Trained]]:
    for (cell, draw, number), trial in stack.trials.items():
        if number == epoch.number:
            yield trial, _trained(epoch.measures[cell * len(stack.draws) + draw], (), stack.size)


def _trained(measure: Measure, curve: Sequence[tuple[int, float]], size: int) -> Trained:
    return Trained(
        weights=measure.weights,
        status=measure.status,
        epochs=measure.epoch,
        best_epoch=measure.best_epoch,
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
    """Returns the split of a task whose table begins at `start`: nothing is tested here."""
    places = start + task.rows.places
    return Split(train=places[~task.validation], val=places[task.validation], test=np.empty(0, np.int64))


def _tables(tasks: Sequence[Task]) -> list[Table]:
    """Returns the distinct tables of tasks, in their order."""
    return list({id(task.rows.table): task.rows.table for task in tasks}.values())


def _starts(tasks: Sequence[Task]) -> dict[int, int]:
    """Returns where the tables of tasks begin in their dataset."""
    tables = _tables(tasks)
    ends = np.cumsum([len(table.labels) for table in tables])
    return {id(table): int(end) - len(table.labels) for table, end in zip(tables, ends, strict=True)}


def _dataset(tasks: Sequence[Task]) -> Dataset:
    """Returns the tables of tasks, one after the other, as the engine takes them.

    Where scores are those of models without a row's group, rows that are the same are of one group.
    """
    tables, classes = _tables(tasks), tasks[0].rows.classes
    inputs, labels, weights = (
        _joined([getattr(table, name) for table in tables]) for name in ("inputs", "labels", "weights")
    )
    return Dataset(
        name="arrays",
        kind="arrays",
        inputs=inputs,
        labels=np.searchsorted(classes, labels).clip(max=len(classes) - 1),  # a label that no task has is no matter
        classes=tuple(map(str, range(len(classes)))),
        ids=np.arange(len(labels)).astype(str),
        shape=tasks[0].shape,
        groups=_alike(inputs) if tasks[0].config.model in CLOSED else np.arange(len(labels)),
        given_test=np.zeros(len(labels), bool),
        fingerprint="",
        weights=weights,
    )


def _joined(arrays: Sequence[Any]) -> Any:  # noqa: ANN401  arrays of one type, or None
    return arrays[0] if len(arrays) == 1 or arrays[0] is None else np.concatenate(arrays)


def _alike(inputs: NDArray[Any]) -> NDArray[np.int64]:
    """Returns a number for every row, (M,): the same for rows that are the same."""
    whole = np.ascontiguousarray(inputs)
    rows = whole.view(np.dtype((np.void, whole.dtype.itemsize * whole.shape[1]))).ravel()
    return np.unique(rows, return_inverse=True)[1].astype(np.int64)
