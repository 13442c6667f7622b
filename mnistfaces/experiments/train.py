"""One model, trained and kept: the run directory behind `mnf train`."""

import csv
import math
from collections.abc import Iterator
from pathlib import Path

from mnistfaces.config import CLOSED, DataConfig, DeviceName
from mnistfaces.datasets.augmentation import notes_on, require_images
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.splits import draw_split, settled
from mnistfaces.devices import resolve_device
from mnistfaces.engine.closed.sizes import matrix_size, require_size
from mnistfaces.engine.draws import Draw, require_unlike, require_validation
from mnistfaces.experiments.trials import Trial
from mnistfaces.progress import Event, Note
from mnistfaces.runs.configuration import configuration, describe
from mnistfaces.runs.folder import RunFolder
from mnistfaces.runs.runs import HISTORY, PREDICTIONS, RESULTS, WEIGHTS, Run, load_run
from mnistfaces.runs.snapshots import SNAPSHOTS

HISTORY_POINTS = 3000
"""A learning curve has at most about so many points: longer trainings are measured every few epochs."""


def open_training(
    dataset: Dataset, trial: Trial, *, device: DeviceName, every: int | None, out: Path | None, force: bool = False
) -> RunFolder:
    """Returns the run directory of one training; `finished` says that it was done before.

    Args:
        dataset: the images.
        trial: what to train.
        device: where to compute.
        every: measures every so many epochs; None is as often as gives a curve of some 3,000 points.
        out: the directory; None names it after the configuration.
        force: replaces what another configuration left there.

    Raises:
        RunError: another configuration's results are there.
        UsageError: the device is not there, or images are to be changed where there are none.
    """
    require_images(dataset, trial.cell.training.augment)
    asked = configuration(
        "train",
        dataset=describe(dataset),
        training=trial.cell.training.to_dict(),
        split=settled(trial.cell.split, dataset),
        seed=trial.seed,
        split_seed=trial.split_seed,
        **_form(trial.cell.data),
        every=every or max(1, math.ceil(trial.cell.training.epochs / HISTORY_POINTS)),
        device=resolve_device(device),
    )
    return RunFolder(asked, [WEIGHTS, PREDICTIONS, HISTORY, RESULTS], out=out, force=force, passing=SNAPSHOTS)


def _form(data: DataConfig) -> dict[str, object]:
    """Returns what a configuration says of the form of the data; all but the size only where it was asked for."""
    return {"res": data.res, **data.asked()}


def train_and_keep(folder: RunFolder, dataset: Dataset, trial: Trial) -> Iterator[Event | Run]:
    """Trains one model and keeps it, yielding how far it is, with its loss, and at last the kept run.

    Args:
        folder: from `open_training`; where it is finished, nothing is trained.
        dataset: the images.
        trial: what to train.

    Raises:
        DataError: a class has too few images for the split, or a model in closed form has too many.
        UsageError: validation images choose the weights, and there are none.
        FileError: the disk refuses.
    """
    split = draw_split(dataset, trial.cell.split, trial.split_seed, trial.fold)
    training = trial.cell.training
    whole = split.refitted() if training.refit else split
    size = len(whole.train) * training.copies, dataset.inputs.shape[1]
    require_validation(training, split)
    require_size(training, *size)
    require_unlike(training, len(split.train))
    with folder:
        yield from folder.claim()
        if folder.finished:
            yield Note(message=f"{folder.path} holds this run already: it is not trained again")
        else:
            lines = [*dataset.notes(), *notes_on(dataset, trial.cell.training.augment)]
            yield from (Note(message=line) for line in lines)
            yield Note(message=f"training on {dataset.name}, seed {trial.seed}, into {folder.path}")
            if training.model in CLOSED:
                yield Note(message=f"{training.model} decomposes {matrix_size(training, *size)}")
            from mnistfaces.experiments.filling import fill  # torch: not where a run is shown again

            yield from fill(folder, dataset, trial, Draw(split=split, seed=trial.seed))
    yield load_run(folder.path)


def load_history(path: Path) -> dict[str, list[float | None]]:
    """Returns the columns of a learning curve; None where there was no number."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) if row[name] else None for row in rows] for name in rows[0]}
