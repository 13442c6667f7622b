"""Training as a stream of records: when models are measured, when they stop, and which weights are kept.

Legend: K models of a stack, J blocks of B images a set, C classes.
"""

import contextlib
import math
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mnistfaces.config import COLLAPSE_EPOCHS, DeviceName, Status, TrainConfig, default_split, default_training
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.splits import draw_split
from mnistfaces.devices import choose_device
from mnistfaces.display import Displayed
from mnistfaces.engine.batches import Batch
from mnistfaces.engine.draws import Draw, require_validation
from mnistfaces.engine.snapshots import Pace, Snapshot
from mnistfaces.engine.stack import Stack
from mnistfaces.engine.standing import Standing
from mnistfaces.progress import Advanced

REPORT_SECONDS = 0.5
"""How often a stack says how far it is: about twice a second, whether an epoch takes a millisecond or a minute."""

CHECK_EPOCHS = 100
"""How often a stack looks whether all its models have stopped or diverged."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Score:
    """How a model does on a set: mean loss in nats an image, accuracy in [0, 1], predicted classes (n,)."""

    loss: float
    accuracy: float
    predicted: NDArray[np.int64]


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
    """

    epoch: int
    train: Score | None
    val: Score | None
    test: Score | None
    status: Status
    seconds: float
    weights: Mapping[str, NDArray[Any]] | None


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
            is the report's for this kind of dataset.
        draws: S splits with their seeds; full batches take one. None given is the report's split with seed 0.
        checkpoints: epochs whose records carry weights; none given are the cells' numbers of epochs.
        every: records epochs 0, every, 2 * every, ... too.
        device: where to compute.

    Yields:
        Records of K = G * S measures, cell-major.
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
        session = _Session(Stack(dataset, [config], [draw], choose_device(device)))
        if start is not None:
            session.go_on(start)
        yield from session.run({config.epochs}, every, Pace(config.epochs, session.epoch))


@contextlib.contextmanager
def _own_arithmetic() -> Iterator[None]:
    """Sets what of torch's arithmetic is the program's, not the run's, and puts it back."""
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    torch.set_flush_denormal(True)  # a step on small residuals is several times slower without
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_float32_matmul_precision(precision)


class _Session:
    """A stack on its way: its clock, how its models stand, and the sets that they are measured on."""

    def __init__(self, stack: Stack) -> None:
        self.stack, self.config = stack, stack.config
        splits = [draw.split for draw in stack.draws]
        self.train = [stack.whole, *(stack.load(split.train) for split in splits[1:])]
        self.val = [stack.load(split.val) if len(split.val) else None for split in splits]
        self.test = [stack.load(split.test) if len(split.test) else None for split in splits]
        for split in splits:
            require_validation(self.config, split)
        self.standing = Standing(stack)
        self.epoch, self.started = 0, time.perf_counter()

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
        yield Advanced(amount=last - told)

    def train_epoch(self, epoch: int) -> None:
        before = [parameter.clone() for parameter in self.stack.parameters] if self.config.eps else None
        self.stack.train_epoch()
        if before is not None:
            self.standing.stop_small_steps(before, epoch)
        if self.config.select == "best":
            self.standing.keep_best(epoch, self._val_loss)

    def is_over(self) -> bool:
        return all(ended or not self._is_finite(k) for k, ended in enumerate(self.standing.ended_at))

    def measure(self, epoch: int, *, checkpoint: bool) -> Epoch:
        """Returns the record of an epoch; at a checkpoint, with the weights that the selection keeps."""
        seconds = time.perf_counter() - self.started
        current = self.stack.parameters
        if checkpoint and self.standing.best_parameters:
            self.stack.parameters = self.standing.best_parameters
            self.stack.forget_passes()
        measures = tuple(self._measure(k, epoch, seconds, checkpoint=checkpoint) for k in range(self.stack.count))
        if self.stack.parameters is not current:
            self.stack.parameters = current
            self.stack.forget_passes()
        return Epoch(number=epoch, checkpoint=checkpoint, measures=measures)

    def _measure(self, k: int, epoch: int, seconds: float, *, checkpoint: bool) -> Measure:
        draw = k % len(self.stack.draws)
        train = self._score(k, self.train[draw], len(self.stack.draws[draw].split.train))
        status, passed = self.standing.statuses[k], min(epoch, self.standing.ended_at[k] or epoch)
        val = test = weights = None
        if train is None or not self._is_finite(k):
            train, status = None, "diverged"
        else:
            split = self.stack.draws[draw].split
            val = self._score(k, self.val[draw], len(split.val))
            test = self._score(k, self.test[draw], len(split.test))
            weights = self.stack.weights(k) if checkpoint else None
            if passed >= COLLAPSE_EPOCHS and len(np.unique(train.predicted)) < len(self.stack.dataset.classes):
                status = "collapsed"
        return Measure(
            epoch=passed,
            train=train,
            val=val,
            test=test,
            status=status,
            seconds=seconds,
            weights=weights,
        )

    def _val_loss(self, k: int) -> float | None:
        draw = k % len(self.stack.draws)
        score = self._score(k, self.val[draw], len(self.stack.draws[draw].split.val))
        return None if score is None else score.loss

    def _score(self, k: int, batch: Batch | None, count: int) -> Score | None:
        """Returns the score of model k on a set of `count` images, or None where its loss is not finite."""
        if batch is None:
            return None
        log_probs = self.stack.log_probs(k, batch)  # (J, C, B)
        picked = log_probs.gather(1, batch.labels).masked_fill_(batch.padding, 0)  # (J, 1, B)
        predicted = _argmax(log_probs)  # (J, 1, B)
        loss = -float(picked.sum(dtype=torch.float64)) / count
        if not math.isfinite(loss):
            return None
        return Score(
            loss=loss,
            accuracy=int((predicted == batch.labels).masked_fill_(batch.padding, value=False).sum()) / count,
            predicted=predicted.flatten()[:count].cpu().numpy(),
        )

    def _is_finite(self, k: int) -> bool:
        place = self.stack.places[k]
        return all(bool(torch.isfinite(parameter[place]).all()) for parameter in self.stack.parameters)


def _argmax(log_probs: Tensor) -> Tensor:
    """Returns the first class with the largest log-probability, (J, 1, B).

    torch's own argmax along an inner axis takes as long as a product of the whole training step.
    """
    classes = log_probs.shape[1]
    backwards = torch.arange(classes, 0, -1, dtype=torch.int16, device=log_probs.device)[:, None]
    ties = (log_probs == log_probs.amax(1, keepdim=True)) * backwards  # (J, C, B)
    return classes - ties.amax(1, keepdim=True).to(torch.int64)
