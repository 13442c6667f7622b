"""Training as a stream of records: when models are measured, when they stop, and which weights are kept.

Legend: K models of a stack, G cells, S draws.
"""

import contextlib
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mnistfaces.config import (
    CLOSED,
    COLLAPSE_EPOCHS,
    DeviceName,
    Status,
    TrainConfig,
    default_split,
    default_training,
)
from mnistfaces.datasets.augmentation import with_copies
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.splits import draw_split
from mnistfaces.devices import choose_device
from mnistfaces.display import Displayed
from mnistfaces.engine.closed.solving import Solution, solve
from mnistfaces.engine.draws import Draw, require_validation
from mnistfaces.engine.lbfgs import Lbfgs
from mnistfaces.engine.measuring import SIDES, Measured, Score, Sets, Side, finite_models
from mnistfaces.engine.snapshots import Pace, Snapshot
from mnistfaces.engine.stack import Stack
from mnistfaces.engine.standing import Standing
from mnistfaces.engine.thinning import find_left, models_of, thinned
from mnistfaces.engine.transfer import to_host
from mnistfaces.errors import DeviceMemoryError
from mnistfaces.progress import Advanced

REPORT_SECONDS = 0.5
"""How often a stack says how far it is: about twice a second, whether an epoch takes a millisecond or a minute."""

CHECK_EPOCHS = 100
"""How often a stack looks whether all its models have stopped or diverged."""

THINNING_SECONDS = 1.0
THINNING_COST = 10
"""Models that have ended are left out once so many seconds have passed since the last time, or so many times as many as
that took: a stack that has nearly arrived is not built again."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Measure:
    """One model at one epoch. A set without images, or any set of a diverged model, has no score.

    Attributes:
        epoch: passes over the training images behind it.
        train: score on the training images.
        val: score on the validation images.
        test: score on the test images.
        status: how the training stands.
        seconds: time that the whole stack has trained and been measured so far.
        weights: parameters by their `torch.nn.Sequential` names; None between checkpoints.
        best_epoch: that of the lowest validation loss so far, 0 where none was finite; None where the last is kept.
        solution: what only a model in closed form tells.
    """

    epoch: int
    train: Score | None
    val: Score | None
    test: Score | None
    status: Status
    seconds: float
    weights: Mapping[str, NDArray[Any]] | None
    best_epoch: int | None = None
    solution: Solution | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Epoch(Displayed):
    """A recorded epoch of a stack: one measure a model, cell-major; whether it is a checkpoint."""

    number: int
    checkpoint: bool
    measures: tuple[Measure, ...]


def fit(
    dataset: Dataset,
    cells: Sequence[TrainConfig] = (),
    draws: Sequence[Draw] = (),
    *,
    checkpoints: Collection[int] = (),
    every: int | None = None,
    device: DeviceName = "cpu",
) -> Iterator[Epoch]:
    """Trains a stack of models side by side, yielding a record per measured epoch.

    A stack whose models have all ended or diverged ends before its time;
    the state it reached then stands for the remaining checkpoints.

    Args:
        dataset: the images.
        cells: G configurations that differ in learning rate, momentum, weight decay and epochs only; none given
            is the report's for this kind of dataset. A model in closed form has one epoch.
        draws: S splits with their seeds; full batches take one. None given is the report's split with seed 0.
        checkpoints: epochs whose records carry weights; none given are the cells' numbers of epochs.
        every: records epochs 0, every, 2 * every, ... too.
        device: where to compute.

    Yields:
        Records of K = G * S measures, cell-major.

    Raises:
        DeviceMemoryError: the device's memory does not hold the stack.
    """
    for event in train_stack(dataset, cells, draws, checkpoints=checkpoints, every=every, device=device):
        if isinstance(event, Epoch):
            yield event


def train_stack(
    dataset: Dataset,
    cells: Sequence[TrainConfig] = (),
    draws: Sequence[Draw] = (),
    *,
    checkpoints: Collection[int] = (),
    every: int | None = None,
    device: DeviceName = "cpu",
) -> Iterator[Advanced | Epoch]:
    """Does what `fit` does, and yields between the records how many more epochs of the last one are done."""
    cells = cells or [default_training(dataset.kind)]
    draws = draws or [Draw(split=draw_split(dataset, default_split(dataset.kind), seed=0), seed=0)]
    with _own_arithmetic():
        dataset, draws = _trained_on(dataset, cells[0], draws)
        if cells[0].model in CLOSED:
            yield from _solve_stack(dataset, cells, draws, choose_device(device))
            return
        session = _Session(Stack(dataset, cells, draws, choose_device(device)))
        for event in session.run(set(checkpoints) or {cell.epochs for cell in cells}, every):
            if not isinstance(event, Snapshot):
                yield event


def train_model(
    dataset: Dataset, config: TrainConfig, draw: Draw, *, every: int, device: DeviceName, start: Snapshot | None = None
) -> Iterator[Advanced | Epoch | Snapshot]:
    """Does what `train_stack` does for one model, with snapshots now and then for whoever keeps them.

    Args:
        dataset: the images.
        config: how to train it.
        draw: its split and seed.
        every: records epochs 0, every, 2 * every, ... and the last.
        device: where to compute.
        start: goes on from there: what follows is what would have followed then, to the last bit.

    Yields:
        Records of the epochs after `start`, the first with all epochs up to there as done; snapshots, each to be kept
        before more is asked for.

    Raises:
        DataError: `start` is of another training.
    """
    with _own_arithmetic():
        dataset, draws = _trained_on(dataset, config, [draw])
        if config.model in CLOSED:
            yield from _solve_stack(dataset, [config], draws, choose_device(device))
            return
        session = _Session(Stack(dataset, [config], draws, choose_device(device)))
        if start is not None:
            session.go_on(start)
        yield from session.run({config.epochs}, every, Pace(config.epochs, session.epoch))


def _trained_on(dataset: Dataset, config: TrainConfig, draws: Sequence[Draw]) -> tuple[Dataset, Sequence[Draw]]:
    """Returns the images and the draws with all that trains: validation images at a refit, and changed copies."""
    if config.refit:
        draws = [replace(draw, split=draw.split.refitted()) for draw in draws]
    if config.augment is not None:
        dataset, trains = with_copies(dataset, config.augment, [(draw.split.train, draw.seed) for draw in draws])
        draws = [
            replace(draw, split=replace(draw.split, train=train)) for draw, train in zip(draws, trains, strict=True)
        ]
    return dataset, draws


def _solve_stack(
    dataset: Dataset, cells: Sequence[TrainConfig], draws: Sequence[Draw], device: torch.device
) -> Iterator[Advanced | Epoch]:
    """Yields the one epoch of models in closed form, which have no steps."""
    started = time.perf_counter()
    by_draw = [solve(dataset, cells, draw, device) for draw in draws]
    seconds = time.perf_counter() - started
    measures = [
        Measure(
            epoch=1,
            **_by_side(solved.scores),
            status=_status(solved.scores, COLLAPSE_EPOCHS, "ok", dataset),
            seconds=seconds,
            weights=solved.weights if solved.scores["train"] else None,
            solution=solved.solution,
        )
        for of_cell in zip(*by_draw, strict=True)
        for solved in of_cell
    ]
    yield Epoch(number=1, checkpoint=True, measures=tuple(measures))
    yield Advanced(amount=1)


def _by_side(scores: Mapping[Side, Score | None]) -> dict[str, Any]:
    """Returns scores as the fields of a measure."""
    return {side: scores[side] for side in SIDES}


def _status(scores: Mapping[Side, Score | None], epochs: int, known: Status, dataset: Dataset) -> Status:
    """Returns how a model stands after so many epochs, by its scores; `known` where they tell nothing."""
    train = scores["train"]
    if train is None:
        return "diverged"
    collapsed = epochs >= COLLAPSE_EPOCHS and len(np.unique(train.predicted)) < len(dataset.classes)
    return "collapsed" if collapsed else known


@contextlib.contextmanager
def _own_arithmetic() -> Iterator[None]:
    """Sets what of torch's arithmetic is the program's, not the run's, and puts it back.

    Raises:
        DeviceMemoryError: the device's memory is full.
    """
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    torch.set_flush_denormal(True)  # a step on small residuals is several times slower without
    try:
        yield
    except torch.OutOfMemoryError:
        raise DeviceMemoryError("the device's memory is full: try a smaller --batch-size, or --device cpu") from None
    finally:
        torch.set_flush_denormal(False)
        torch.set_float32_matmul_precision(precision)


class _Session:
    """A stack on its way: its clock, how its models stand, and the sets that they are measured on.

    Attributes:
        stack: the models that are trained.
        numbers: of these among all models that were asked for, (K,).
        ended: what the others came to, by their numbers: as they are, and as the selection keeps them.
    """

    def __init__(self, stack: Stack) -> None:
        self.config = stack.config
        for draw in stack.draws:
            require_validation(self.config, draw.split)
        self.epoch, self.started = 0, time.perf_counter()
        self.numbers, self.ended = list(range(stack.count)), dict[int, tuple[Measure, Measure]]()
        self.thinned_from = self.started + THINNING_SECONDS
        self.take(stack, Standing(stack))

    def take(self, stack: Stack, standing: Standing) -> None:
        """Trains these models from now on."""
        self.stack, self.standing, self.sets = stack, standing, Sets(stack)

    def go_on(self, start: Snapshot) -> None:
        start.restore(self.stack, self.standing)
        self.epoch, self.started = start.epoch, time.perf_counter() - start.seconds

    def run(
        self, checkpoints: set[int], every: int | None, pace: Pace | None = None
    ) -> Iterator[Advanced | Epoch | Snapshot]:
        """Trains to the last checkpoint, yielding records, how far it is, and snapshots at some pace."""
        last, told, told_at = max(checkpoints), 0, time.perf_counter()
        if every is not None and self.epoch == 0:
            yield self.measure(0, checkpoint=False)
        for epoch in range(self.epoch + 1, last + 1):
            self.train_epoch(epoch)
            over = self.standing.all_ended_early or (epoch % CHECK_EPOCHS == 0 and self.is_over())
            if epoch in checkpoints or (every is not None and (epoch % every == 0 or epoch == last or over)):
                yield self.measure(epoch, checkpoint=epoch in checkpoints)
            if time.perf_counter() - told_at >= REPORT_SECONDS:
                yield Advanced(amount=epoch - told)
                told, told_at = epoch, time.perf_counter()
            if over:
                yield from (self.measure(later, checkpoint=True) for later in sorted(checkpoints) if later > epoch)
                break
            if pace is not None and epoch < last and pace.is_due(epoch):
                at = time.perf_counter()
                yield Snapshot.of(self.stack, self.standing, epoch, at - self.started)
                pace.kept(epoch, time.perf_counter() - at)
            if epoch < last:
                self.leave_out_ended(epoch)
        yield Advanced(amount=last - told)

    def train_epoch(self, epoch: int) -> None:
        optimizer = self.stack.optimizer
        by_steps = self.config.eps and not isinstance(optimizer, Lbfgs)
        before = [parameter.clone() for parameter in self.stack.parameters] if by_steps else None
        self.stack.train_epoch()
        if isinstance(optimizer, Lbfgs):
            self.standing.stop_at_optimum(optimizer.ended.tolist(), epoch)
        if before is not None:
            self.standing.stop_small_steps(before, epoch)
        if self.config.select == "best":
            self.standing.keep_best(epoch, self.sets.losses("val", self.stack.parameters))

    def is_over(self) -> bool:
        (finite,) = to_host([finite_models(self.stack, self.stack.parameters)])
        return all(ended or not fine for ended, fine in zip(self.standing.ended_at, finite, strict=True))

    def leave_out_ended(self, epoch: int) -> None:
        """Goes on without the models that have ended where they are a tenth of all, and it may well pay."""
        if not any(self.standing.ended_at) or time.perf_counter() < self.thinned_from:
            return
        cells, draws = find_left(self.stack, self.standing)
        left = [self.numbers[model] for model in models_of(self.stack, cells, draws)]
        if not left or 10 * len(left) > 9 * self.stack.count:
            return
        began = time.perf_counter()
        self.standing.go_back()
        now, kept = (self.measure(epoch, checkpoint=checkpoint).measures for checkpoint in (False, True))
        self.ended.update((number, (now[number], kept[number])) for number in set(self.numbers).difference(left))
        self.numbers = left
        self.take(*thinned(self.stack, self.standing, cells, draws))
        done = time.perf_counter()
        self.thinned_from = done + max(THINNING_SECONDS, THINNING_COST * (done - began))

    def measure(self, epoch: int, *, checkpoint: bool) -> Epoch:
        """Returns the record of an epoch; at a checkpoint, with the weights that the selection keeps."""
        seconds = time.perf_counter() - self.started
        best = self.standing.best_parameters if checkpoint else []
        measured = self.sets.measure(best or self.stack.parameters, weights=checkpoint)
        measures = {number: self._measure(k, measured, epoch, seconds) for k, number in enumerate(self.numbers)}
        for number, ended in self.ended.items():
            measures[number] = replace(ended[checkpoint], seconds=seconds)
        return Epoch(number=epoch, checkpoint=checkpoint, measures=tuple(measures[k] for k in sorted(measures)))

    def _measure(self, k: int, measured: Measured, epoch: int, seconds: float) -> Measure:
        """Returns the measure of one model; one whose weights or training loss are not finite has diverged."""
        fine = bool(measured.finite[k]) and measured.scores["train"][k] is not None
        scores = {side: measured.scores[side][k] if fine else None for side in SIDES}
        passed = min(epoch, self.standing.ended_at[k] or epoch)
        return Measure(
            epoch=passed,
            **_by_side(scores),
            status=_status(scores, passed, self.standing.statuses[k], self.stack.dataset),
            seconds=seconds,
            weights=self.stack.weights(k, measured.parameters) if fine and measured.parameters else None,
            best_epoch=self.standing.best_at[k] if self.config.select == "best" else None,
        )
