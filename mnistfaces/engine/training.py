"""Training as a stream of records: of stacks, with snapshots where they are wanted, and of models in closed form.

Legend: K models of a stack, G cells, S draws.
"""

import contextlib
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from mnistfaces.config import (
    CLOSED,
    COLLAPSE_EPOCHS,
    DeviceName,
    TrainConfig,
    default_split,
    default_training,
)
from mnistfaces.datasets.augmentation import with_copies
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.splits import draw_split
from mnistfaces.devices import choose_device
from mnistfaces.engine.closed.solving import solve
from mnistfaces.engine.draws import Draw
from mnistfaces.engine.records import Epoch, Measure, by_side, status_of
from mnistfaces.engine.session import Session
from mnistfaces.engine.snapshots import Pace, Snapshot
from mnistfaces.engine.stack import Stack
from mnistfaces.errors import DeviceMemoryError
from mnistfaces.progress import Advanced


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
    records = Records(checkpoints=checkpoints, every=every)
    for event in train_resumable(dataset, cells, draws, records, device=device):
        if not isinstance(event, Snapshot):
            yield event


@dataclass(frozen=True, kw_only=True)
class Records:
    """Which epochs of a stack are told.

    Attributes:
        checkpoints: those whose records carry weights; none given are the cells' numbers of epochs.
        every: records of epochs 0, every, 2 * every, ... too, and of that in which the last model ends; None for none.
        pace: of snapshots; None for none.
    """

    checkpoints: Collection[int] = ()
    every: int | None = None
    pace: Pace | None = None


def train_resumable(
    dataset: Dataset,
    cells: Sequence[TrainConfig],
    draws: Sequence[Draw],
    records: Records,
    *,
    device: DeviceName,
    start: Snapshot | None = None,
) -> Iterator[Advanced | Epoch | Snapshot]:
    """Does what `train_stack` does, with snapshots now and then for whoever keeps them.

    Args:
        dataset: the images.
        cells: G configurations.
        draws: S splits with their seeds.
        records: what is told.
        device: where to compute.
        start: goes on from there: what follows is what would have followed then, to the last bit.

    Yields:
        Records of the epochs after `start`, the first with all epochs up to there as done; snapshots, each to be kept
        before more is asked for.

    Raises:
        DataError: `start` is of another training.
    """
    with own_arithmetic():
        dataset, draws = _trained_on(dataset, cells[0], draws)
        if cells[0].model in CLOSED:
            yield from _solve_stack(dataset, cells, draws, choose_device(device))
            return
        session = Session(Stack(dataset, cells, draws, choose_device(device)))
        if start is not None:
            session.go_on(start)
        checkpoints = set(records.checkpoints) or {cell.epochs for cell in cells}
        yield from session.run(checkpoints, records.every, records.pace)


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
    by_draw = []
    for draw in draws:
        for event in solve(dataset, cells, draw, device):
            if isinstance(event, Advanced):
                yield replace(event, amount=event.amount / len(draws))
            else:
                by_draw.append(event)
    seconds = time.perf_counter() - started
    measures = [
        Measure(
            epoch=1,
            **by_side(solved.scores),
            status=status_of(solved.scores, COLLAPSE_EPOCHS, "ok", dataset),
            seconds=seconds,
            weights=solved.weights if solved.scores["train"] else None,
            solution=solved.solution,
        )
        for of_cell in zip(*by_draw, strict=True)
        for solved in of_cell
    ]
    yield Epoch(number=1, checkpoint=True, measures=tuple(measures))


@contextlib.contextmanager
def own_arithmetic() -> Iterator[None]:
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
