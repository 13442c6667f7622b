"""What the run directory of one model is filled with: the training itself."""

import csv
import io
import json
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from typing import Any

from mnistfaces.config import DeviceName, TrainConfig
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.normalisation import normalisation_of
from mnistfaces.engine.draws import Draw
from mnistfaces.engine.records import Epoch, Measure
from mnistfaces.experiments.ensembles import Begun, train_model
from mnistfaces.experiments.trials import Row, Trial, counted_fields, history_fields, measured_fields
from mnistfaces.experiments.unfinished import Unfinished
from mnistfaces.files import write_text
from mnistfaces.progress import Event, Note, Stage
from mnistfaces.runs.folder import RunFolder
from mnistfaces.runs.predictions import Answers, Predictions, save_predictions
from mnistfaces.runs.runs import HISTORY, PREDICTIONS, RESULTS, WEIGHTS, save_weights
from mnistfaces.statistics.intervals import accuracy_interval


def fill(folder: RunFolder, dataset: Dataset, trial: Trial, draw: Draw) -> Iterator[Event]:
    """Trains one model and writes all that its run keeps, yielding how far it is.

    Args:
        folder: claimed.
        dataset: the images.
        trial: what to train.
        draw: its split and seed.

    Raises:
        FileError: the disk refuses.
    """
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
    how: dict[str, Any] = {name: folder.asked[name] for name in ("every", "device")}
    if training.refit:
        if training.select == "best" and unfinished.epochs is None:
            unfinished.epochs = yield from _choose_epochs(dataset, training, draw, how["device"], unfinished)
            unfinished.start = None
        training = training.refitted(unfinished.epochs)
    history, last = unfinished.history, None
    yield Stage(name="training", total=training.epochs)
    for event in train_model(dataset, training, draw, **how, start=unfinished.start):
        if isinstance(event, Epoch):
            last = event.measures[0]
            if not history or last.epoch > history[-1]["epoch"]:
                history.append(history_fields(last))
        elif isinstance(event, Begun):
            unfinished.keep(event, history)
        else:
            yield replace(event, detail=_loss_of(last), curves=_curves(history))
    if last is None:
        raise AssertionError("the last epoch is always measured")
    return history, last


def _choose_epochs(
    dataset: Dataset, training: TrainConfig, draw: Draw, device: DeviceName, unfinished: Unfinished
) -> Generator[Event, None, int]:
    """Returns the epoch that validation images choose, before they train: of the lowest loss."""
    yield Stage(name="choosing the epoch", total=training.epochs)
    best, choosing = 0, training.with_(refit=False)
    for event in train_model(dataset, choosing, draw, every=None, device=device, start=unfinished.start):
        if isinstance(event, Epoch):
            best = event.measures[0].best_epoch or training.epochs
        elif isinstance(event, Begun):
            unfinished.keep(event, [])
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
