"""One model, trained and kept: the run directory behind `mnf train`."""

import csv
import io
import json
import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mnistfaces.config import CLOSED, DataConfig, DeviceName, TrainConfig
from mnistfaces.datasets.augmentation import notes_on, require_images
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.normalisation import normalisation_of
from mnistfaces.datasets.splits import draw_split, settled
from mnistfaces.devices import resolve_device
from mnistfaces.engine.closed.sizes import matrix_size, require_size
from mnistfaces.engine.draws import Draw, require_unlike, require_validation
from mnistfaces.engine.records import Epoch, Measure
from mnistfaces.engine.snapshots import Snapshot
from mnistfaces.engine.training import train_model
from mnistfaces.experiments.ensembles import train_cells
from mnistfaces.experiments.trials import Row, Trial, counted_fields, history_fields, measured_fields
from mnistfaces.experiments.unfinished import Unfinished
from mnistfaces.files import write_text
from mnistfaces.progress import Advanced, Event, Note, Stage
from mnistfaces.runs.configuration import configuration, describe
from mnistfaces.runs.folder import RunFolder
from mnistfaces.runs.predictions import Answers, Predictions, save_predictions
from mnistfaces.runs.runs import PREDICTIONS, RESULTS, WEIGHTS, Run, load_run, save_weights
from mnistfaces.runs.snapshots import SNAPSHOTS
from mnistfaces.statistics.intervals import accuracy_interval

HISTORY = "history.csv"
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
            yield from _fill(folder, dataset, trial, Draw(split=split, seed=trial.seed))
    yield load_run(folder.path)


def _fill(folder: RunFolder, dataset: Dataset, trial: Trial, draw: Draw) -> Iterator[Event]:
    """Trains one model and writes all that its run keeps."""
    history, last = yield from _train(folder, dataset, trial.cell.training, draw)
    draw = replace(draw, split=draw.split.refitted()) if trial.cell.training.refit else draw
    row = _row(folder, dataset, trial, draw, last)
    answers = Answers(
        key=trial.key(dataset, str(folder.asked["device"])),
        split=draw.split,
        val=last.val.predicted if last.val else None,
        test=last.test.predicted if last.test else None,
    )
    wrote = {} if last.weights is None else {WEIGHTS: save_weights(folder.path / WEIGHTS, last.weights)}
    wrote[PREDICTIONS] = save_predictions(folder.path / PREDICTIONS, Predictions.of(dataset, [answers]))
    wrote[HISTORY] = write_text(folder.path / HISTORY, _as_csv(history))
    wrote[RESULTS] = write_text(folder.path / RESULTS, json.dumps(row, allow_nan=False) + "\n")
    folder.finish(wrote, normalisation=normalisation_of(dataset))


def _train(
    folder: RunFolder, dataset: Dataset, training: TrainConfig, draw: Draw
) -> Generator[Event, None, tuple[list[Row], Measure]]:
    """Trains one model, yielding how far it is; returns its learning curve and its last measure."""
    unfinished = Unfinished(folder)
    yield from unfinished.find()
    history, last = unfinished.history, None
    how: dict[str, Any] = {name: folder.asked[name] for name in ("every", "device")}
    if training.refit:
        if training.select == "best" and unfinished.epochs is None:
            unfinished.epochs = yield from _choose_epochs(dataset, training, draw, how["device"])
        training = training.refitted(unfinished.epochs)
    yield Stage(name="training", total=training.epochs)
    if training.ensemble > 1:
        events: Iterator[Advanced | Epoch | Snapshot] = train_cells(dataset, [training], [draw], **how)
    else:
        events = train_model(dataset, training, draw, **how, start=unfinished.start)
    for event in events:
        if isinstance(event, Epoch):
            last = event.measures[0]
            if not history or last.epoch > history[-1]["epoch"]:
                history.append(history_fields(last))
        elif isinstance(event, Snapshot):
            unfinished.keep(event, history)
        else:
            yield replace(event, detail=_loss_of(last), curves=_curves(history))
    if last is None:
        raise AssertionError("the last epoch is always measured")
    return history, last


def _choose_epochs(
    dataset: Dataset, training: TrainConfig, draw: Draw, device: DeviceName
) -> Generator[Event, None, int]:
    """Returns the epoch that validation images choose, before they train: of the lowest loss."""
    yield Stage(name="choosing the epoch", total=training.epochs)
    best = 0
    for event in train_cells(dataset, [training.with_(refit=False)], [draw], device=device):
        if isinstance(event, Epoch):
            best = event.measures[0].best_epoch or training.epochs
        else:
            yield event
    yield Note(message=f"validation chose epoch {best:,}: {len(draw.split.val)} validation images now train, too")
    return best


def _curves(history: Sequence[Row]) -> dict[str, list[float]]:
    """Returns the losses until now as a terminal draws them beside the bar."""
    sides = {"loss": "train_loss", "val": "val_loss"}
    return {name: [row[field] for row in history if row[field] is not None] for name, field in sides.items()}


def _loss_of(measure: Measure | None) -> str:
    """Returns what stands beside the bar."""
    if measure is None:
        return ""
    return f"loss {measure.train.loss:.4g}" if measure.train else "diverged"


def _row(folder: RunFolder, dataset: Dataset, trial: Trial, draw: Draw, measure: Measure) -> Row:
    """Returns the row of a trained model."""
    options = trial.cell.options()
    if measure.solution is not None:
        options["gamma"] = measure.solution.gamma  # the value used, where none was asked for
    tested: Row = dict.fromkeys(("test_low", "test_high"))
    if measure.test is not None:
        answers = Answers(key="", split=draw.split, val=None, test=measure.test.predicted)
        scores = Predictions.of(dataset, [answers]).scores("")
        if scores is not None:
            interval = accuracy_interval([scores])
            tested = {"test_accuracy": interval.mean, "test_low": interval.low, "test_high": interval.high}
    return {
        **options,
        "dataset": dataset.name,
        "seed": trial.seed,
        **measured_fields(measure, counted_fields(draw, dataset)),
        **tested,
        "seconds": measure.seconds,
        "status": measure.status,
        "epoch": measure.epoch,
        "run": str(folder.path),
    }


def _as_csv(rows: Sequence[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def load_history(path: Path) -> dict[str, list[float | None]]:
    """Returns the columns of a learning curve; None where there was no number."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) if row[name] else None for row in rows] for name in rows[0]}
