"""How good a kept model is: on the images it was tested on, or on others.

Legend: M images, C classes.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistfaces.config import DataConfig
from mnistfaces.datasets import grouping, kind_of, read_dataset
from mnistfaces.datasets.base import Dataset, class_number
from mnistfaces.errors import DataError, MnistFacesError, RunError
from mnistfaces.evaluation.confusion import class_scores, confusion_matrix
from mnistfaces.progress import Event, drained, result_of
from mnistfaces.runs.models import (
    answering_of,
    classes_of,
    origin_of,
    read_dataset_of,
    reading_of,
    shape_of,
    size_and_color,
    split_of,
)
from mnistfaces.runs.network import Ensemble, Network
from mnistfaces.runs.predictions import TESTED
from mnistfaces.runs.runs import Run
from mnistfaces.statistics.intervals import accuracy_interval
from mnistfaces.statistics.scores import TrialScores
from mnistfaces.text import counted


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """What a kept model answered on some images.

    Attributes:
        run: which model.
        what: the images, for people.
        classes: C names.
        ids: (M,) names of the images.
        labels: (M,) true classes.
        predicted: (M,) answers.
        groups: (M,) near-duplicates share a number.
        dataset: that holds the images; None is the run's own, not opened.
        notes: what a person should know.
    """

    run: Run
    what: str
    classes: tuple[str, ...]
    ids: NDArray[np.str_]
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    groups: NDArray[np.int64]
    dataset: Dataset | None
    notes: tuple[str, ...] = ()

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """Returns images of class i, by row, that were called j, (C, C)."""
        return confusion_matrix(self.labels, self.predicted, len(self.classes))

    def rows(self) -> list[dict[str, Any]]:
        """Returns a row per class with the interval of its recall, then the row `all` with that of the accuracy.

        Near-duplicates count once in both. The intervals are of 95 %, for new images.
        """
        rows = [
            {
                "class": name,
                "precision": score.precision,
                "recall": score.recall,
                "support": score.support,
                "accuracy": None,
                **self._share(self.labels == number, "recall"),
            }
            for number, (name, score) in enumerate(zip(self.classes, class_scores(self.confusion), strict=True))
        ]
        whole = self._share(np.ones(len(self.labels), bool), "accuracy")
        return [*rows, {"class": "all", "precision": None, "recall": None, "support": len(self.labels), **whole}]

    def _share(self, chosen: NDArray[np.bool_], field: str) -> dict[str, Any]:
        """Returns the share of right answers on some images, under the name of a field, with its interval."""
        if not chosen.any():
            return {field: None, "low": None, "high": None, "n": 0}
        scores = TrialScores(
            correct=(self.labels == self.predicted)[chosen],
            ids=self.ids[chosen],
            groups=self.groups[chosen],
            train_n=int(self.run.row["train_n"]),
        )
        interval = accuracy_interval([scores])
        return {field: interval.mean, "low": interval.low, "high": interval.high, "n": interval.n}


def evaluate(
    run: Run, name: str | None = None, *, reading: DataConfig = DataConfig(), data_dir: Path | None = None
) -> Evaluation:
    """Returns what `watch_evaluation` yields in the end."""
    return drained(watch_evaluation(run, name, reading=reading, data_dir=data_dir))


def watch_evaluation(
    run: Run, name: str | None = None, *, reading: DataConfig = DataConfig(), data_dir: Path | None = None
) -> Iterator[Event | Evaluation]:
    """Yields what a kept model answers on the images it was tested on, or on those of a dataset; first how far it is.

    Of a dataset these are its test images, or all where it has no test set of its own; the images that trained
    or validated the model are left out, with their near-duplicates.

    Args:
        run: which model.
        name: of a dataset, or its path; None is the run's own test images, for which no dataset is opened.
        reading: how the data at a path are read; without it as the run read its own, where that was of the same kind.
        data_dir: where data live.

    Raises:
        RunError: the run keeps no model, or was not tested.
        DataError: the images are not those that the model takes, or have other classes.
    """
    network = answering_of(run)
    if name is None:
        yield _evaluate_kept(run)
        return
    kind, shape = kind_of(name), shape_of(run)
    if kind not in ("features", "arrays") and len(shape) == 1:
        raise DataError(f"{run.path} takes {shape[0]} features: extract those of {name} first, mnf extract-features")
    asked = reading.reading or (reading_of(run) if kind == origin_of(run)["kind"] else {})
    form = DataConfig(**size_and_color(kind, shape), **asked)
    dataset = yield from result_of(read_dataset(name, form, data_dir=data_dir))
    if dataset.fingerprint == origin_of(run)["fingerprint"]:
        yield _evaluate_kept(run, dataset)
        return
    yield from _evaluate_other(run, network, dataset, data_dir)


def _evaluate_kept(run: Run, dataset: Dataset | None = None) -> Evaluation:
    classes, predictions = classes_of(run), run.predictions()
    tested = predictions.side[0] == TESTED
    if not tested.any():
        raise RunError(f"{run.path} answered no test images: its status is {run.row['status']}")
    what = f"{np.count_nonzero(tested):,} test images of {origin_of(run)['name']}"
    return Evaluation(
        run=run,
        what=what,
        classes=classes,
        ids=predictions.ids[tested],
        labels=predictions.labels[tested],
        predicted=predictions.predicted[0, tested].astype(np.int64),
        groups=predictions.groups[tested],
        dataset=dataset,
        notes=("these are the run's own test images: its kept answers are counted",),
    )


def _evaluate_other(
    run: Run, network: Network | Ensemble, dataset: Dataset, data_dir: Path | None
) -> Iterator[Event | Evaluation]:
    if dataset.shape != shape_of(run):
        raise DataError(f"{run.path} takes inputs of {_size(shape_of(run))}, {dataset.name} has {_size(dataset.shape)}")
    classes = classes_of(run)
    number_of, notes = _class_numbers(dataset.classes, classes)
    own = dataset.given_test.any()
    chosen = np.flatnonzero(dataset.given_test) if own else np.arange(len(dataset))
    seen, note = yield from _known_to(run, dataset, chosen, data_dir)
    chosen = chosen[~seen]
    if not len(chosen):
        raise DataError(f"{run.path} knows all {len(seen)} images of {dataset.name}: none is left to evaluate it on")
    what = f"{len(chosen):,} {'test images' if own else 'images'} of {dataset.name}"
    what += "" if own else " (it has no test set of its own)"
    yield Evaluation(
        run=run,
        what=what,
        classes=classes,
        ids=dataset.ids[chosen],
        labels=number_of[dataset.labels[chosen]],
        predicted=network.probabilities_of(dataset, chosen).argmax(axis=1),
        groups=dataset.groups[chosen],
        dataset=dataset,
        notes=(*notes, *note),
    )


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _class_numbers(names: Sequence[str], classes: tuple[str, ...]) -> tuple[NDArray[np.int64], list[str]]:
    """Returns for each class of a dataset its number in the model, and what to say of names that are not the same."""
    numbers = [class_number(classes, name) for name in names]
    pairs = zip(names, numbers, strict=True)
    other = [f"{name} as {classes[number]}" for name, number in pairs if name != classes[number]]
    return np.array(numbers, np.int64), [f"classes taken: {', '.join(other)}"] if other else []


def _known_to(
    run: Run, dataset: Dataset, chosen: NDArray[np.int64], data_dir: Path | None
) -> Generator[Event, None, tuple[NDArray[np.bool_], list[str]]]:
    """Returns which of the chosen images the run knows, and what to say.

    It knows what trained or validated it, to the last bit; all that stands in one group with such an image, in its
    dataset or in this one; and what looks like such an image.
    """
    try:
        own = yield from result_of(read_dataset_of(run, data_dir))
    except MnistFacesError as error:
        doubt = f"images that trained the model may be among these: {error}"
        return np.zeros(len(chosen), bool), [doubt]
    split = split_of(run, own)
    used = np.concatenate([split.train, split.val])
    grouped = np.flatnonzero(np.isin(own.groups, own.groups[used]))
    rows = {row.tobytes() for row in own.inputs[grouped]}
    known = np.array([row.tobytes() in rows for row in dataset.inputs], bool)
    known[chosen] |= yield from _alike(own, used, dataset, chosen)
    seen = np.isin(dataset.groups[chosen], dataset.groups[known])
    count = int(np.count_nonzero(seen))
    said = f"{counted(count, 'image')} trained or validated the model, or are near-duplicates of such: left out"
    return seen, [said] if count else []


def _alike(
    own: Dataset, used: NDArray[np.int64], dataset: Dataset, chosen: NDArray[np.int64]
) -> Generator[Event, None, NDArray[np.bool_]]:
    """Returns which of the chosen images look like an image that was used, by the measure that finds near-duplicates.

    Digits are alike without being copies: of them only what is equal counts. So it is where the measure takes more
    images for one than copies could be.
    """
    alike = np.zeros(len(chosen), bool)
    if "digits" in (own.kind, dataset.kind):
        return alike
    both = [own.inputs[used], dataset.inputs[chosen]]
    if own.inputs.dtype == np.uint8 and len(own.shape) > 1:
        thumbnails = np.concatenate([grouping.thumbnails_of(inputs, own.shape) for inputs in both])
        pairs, _ = yield from result_of(grouping.look_pairs(thumbnails))
    else:
        pairs = grouping.feature_pairs(np.concatenate(both))
    if grouping.tells_apart(pairs, len(used) + len(chosen)):
        alike[[second - len(used) for first, second in pairs if first < len(used) <= second]] = True
    return alike
