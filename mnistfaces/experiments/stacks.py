"""The training of one stack: a pure function of what was planned and of the dataset."""

import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mnistfaces.config import DeviceName
from mnistfaces.devices import free_memory, processor_name
from mnistfaces.engine.draws import cell_and_draw
from mnistfaces.errors import DeviceMemoryError
from mnistfaces.experiments.plan import Draws, StackPlan
from mnistfaces.experiments.trials import Row, counted_fields, measured_fields
from mnistfaces.progress import Advanced, Note
from mnistfaces.runs.predictions import Answers, Predictions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mnistfaces.datasets.base import Dataset
    from mnistfaces.engine.records import Epoch


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
    """What trials of a stack came to at one number of epochs.

    Attributes:
        records: one per trial, for the ledger.
        predictions: of these trials, in the same order.
        weights: of each trial by its key, where they are to be kept.
    """

    records: tuple[Row, ...]
    predictions: Predictions
    weights: "Mapping[str, Mapping[str, NDArray[Any]]]"


def train_planned(
    stack: StackPlan, dataset: "Dataset", draws: Draws, device: DeviceName, *, keep_weights: bool = False
) -> Iterator[Advanced | Note | Checkpoint]:
    """Trains one stack, yielding how far it is, and what its trials came to at each checkpoint.

    One that the device's memory does not hold is trained in halves: a model's numbers do not depend on its stack.

    Args:
        stack: from `plan`.
        dataset: at the stack's resolution.
        draws: of the dataset.
        device: where to compute.
        keep_weights: whether each trial's weights are kept.

    Raises:
        DeviceMemoryError: not even one model fits.
    """
    from mnistfaces.experiments.ensembles import train_cells

    drawn = [draws.of(key) for key in stack.draws]
    told, done = 0.0, 0
    try:
        for event in train_cells(dataset, stack.cells, drawn, checkpoints=stack.epochs, device=device):
            if isinstance(event, Advanced):
                told += event.amount
                yield Advanced(amount=stack.size * event.amount)
                continue
            checkpoint = _checkpoint(stack, event, dataset, draws, device, keep_weights=keep_weights)
            done = event.number
            if checkpoint.records:
                yield checkpoint
    except DeviceMemoryError:
        if stack.size == 1:
            raise
    else:
        return
    free_memory(device)
    yield Note(message=f"the device's memory does not hold {stack.size} models at once: half of them at a time")
    yield Advanced(amount=-stack.size * told)
    for half in stack.halves(done):
        yield from train_planned(half, dataset, draws, device, keep_weights=keep_weights)


def _checkpoint(
    stack: StackPlan, epoch: "Epoch", dataset: "Dataset", draws: Draws, device: DeviceName, *, keep_weights: bool
) -> Checkpoint:
    """Returns what those trials came to for which this epoch is the last."""
    answers, records, weights = [], [], {}
    drawn = [draws.of(key) for key in stack.draws]
    counted = [counted_fields(draw, dataset) for draw in drawn]
    where = {"host": platform.node(), "processor": processor_name(device)}
    for k, measure in enumerate(epoch.measures):
        cell, column = cell_and_draw(k, len(stack.draws))
        trial = stack.trials.get((cell, column, epoch.number))
        if trial is None:
            continue
        key, split = trial.key(dataset, device), drawn[column].split
        answers.append(
            Answers(
                key=key,
                split=split,
                val=measure.val.predicted if measure.val else None,
                test=measure.test.predicted if measure.test else None,
            ),
        )
        records.append(
            {
                "trial": key,
                "seed": trial.seed,
                "fold": trial.fold,
                **measured_fields(measure, counted[column]),
                "seconds": measure.seconds / stack.size,
                "status": measure.status,
                "epoch": measure.epoch,
                "best_epoch": measure.best_epoch,
                "timing": "shared" if stack.size > 1 else "isolated",
                **where,
            }
        )
        if keep_weights and measure.weights is not None:
            weights[key] = measure.weights
    return Checkpoint(records=tuple(records), predictions=Predictions.of(dataset, answers), weights=weights)
