"""What models answered: predictions of trials, kept on disk, and what follows from them.

Legend: T trials, M images that some trial validated or tested on, C classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mnistfaces.arrays import read_npz, write_npz
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.splits import Split
from mnistfaces.errors import RunError
from mnistfaces.statistics.scores import TrialScores

NONE, VALIDATED, TESTED = 0, 1, 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """One trial's predicted classes for the images of its split."""

    key: str
    split: Split
    val: NDArray[np.int64] | None
    test: NDArray[np.int64] | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """The predicted class of every validation and test image of every trial.

    Attributes:
        trials: (T,) the trials' keys.
        train_n: (T,) images that each was trained on.
        pool_n: (T,) images among which those that train and those that test were drawn; 0 where no image that tests
            could ever train, -1 where a file of an older release does not say.
        ids: (M,) names of the images.
        labels: (M,) their classes.
        groups: (M,) near-duplicates share a number.
        side: (T, M) int8: 0 the trial did not see the image, 1 it validated, 2 it tested on it.
        predicted: (T, M) int16 class numbers, -1 where there is none.
    """

    trials: NDArray[np.str_]
    train_n: NDArray[np.int64]
    pool_n: NDArray[np.int64]
    ids: NDArray[np.str_]
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    side: NDArray[np.int8]
    predicted: NDArray[np.int16]

    @classmethod
    def of(cls, dataset: Dataset, answers: Sequence[Answers]) -> Self:
        """Returns the predictions of some trials on one dataset."""
        seen = np.zeros(len(dataset), bool)
        for trial in answers:
            seen[trial.split.val] = seen[trial.split.test] = True
        images = np.flatnonzero(seen)
        place_of = np.cumsum(seen) - 1  # an image's column
        side = np.zeros((len(answers), len(images)), np.int8)
        predicted = np.full(side.shape, -1, np.int16)
        for row, trial in enumerate(answers):
            for mark, indices, classes in (
                (VALIDATED, trial.split.val, trial.val),
                (TESTED, trial.split.test, trial.test),
            ):
                if classes is not None:
                    places = place_of[indices]
                    side[row, places], predicted[row, places] = mark, classes
        return cls(
            trials=np.array([trial.key for trial in answers], np.str_),
            train_n=np.array([len(trial.split.train) for trial in answers], np.int64),
            pool_n=np.array([_pool_of(dataset, trial.split) for trial in answers], np.int64),
            ids=dataset.ids[images],
            labels=dataset.labels[images],
            groups=dataset.groups[images],
            side=side,
            predicted=predicted,
        )

    @classmethod
    def joined(cls, parts: Sequence["Predictions"]) -> Self:
        """Returns the predictions of several sets of trials as one."""
        apart = list({part.ids.tobytes(): part for part in parts}.values())  # most parts have the same images
        ids, first = np.unique(np.concatenate([part.ids for part in apart]), return_index=True)
        rows = sum(len(part.trials) for part in parts)
        side = np.zeros((rows, len(ids)), np.int8)
        predicted = np.full(side.shape, -1, np.int16)
        row = 0
        for part in parts:
            places = np.searchsorted(ids, part.ids)
            side[row : row + len(part.trials), places] = part.side
            predicted[row : row + len(part.trials), places] = part.predicted
            row += len(part.trials)
        return cls(
            trials=np.concatenate([part.trials for part in parts]),
            train_n=np.concatenate([part.train_n for part in parts]),
            pool_n=np.concatenate([part.pool_n for part in parts]),
            ids=ids,
            labels=np.concatenate([part.labels for part in apart])[first],
            groups=np.concatenate([part.groups for part in apart])[first],
            side=side,
            predicted=predicted,
        )

    @cached_property
    def rows(self) -> Mapping[str, int]:
        """Returns the row of each trial."""
        return {trial: row for row, trial in enumerate(self.trials.tolist())}

    @cached_property
    def _test_sets(self) -> dict[bytes, tuple[NDArray[np.intp], NDArray[np.str_], NDArray[np.int64]]]:
        """Returns places, names and groups of the images of each test set that was asked for: trials share them."""
        return {}

    def scores(self, trial: str) -> TrialScores | None:
        """Returns one trial's answers on its test images, or None where it has none."""
        row = self.rows[trial]
        tested = self.side[row] == TESTED
        key = tested.tobytes()
        if key not in self._test_sets:
            places = np.flatnonzero(tested)
            self._test_sets[key] = places, self.ids[places], self.groups[places]
        places, ids, groups = self._test_sets[key]
        if not len(places):
            return None
        return TrialScores(
            correct=self.predicted[row, places] == self.labels[places],
            ids=ids,
            groups=groups,
            train_n=int(self.train_n[row]),
            pool_n=int(self.pool_n[row]) if self.pool_n[row] >= 0 else None,
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Returns the arrays by name, as they are kept."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def only(self, trials: Sequence[str]) -> "Predictions":
        """Returns the predictions of these trials alone, in this order."""
        rows = [self.rows[trial] for trial in trials]
        return Predictions(**{**self.arrays(), **{name: getattr(self, name)[rows] for name in PER_TRIAL}})


PER_TRIAL = ("trials", "train_n", "pool_n", "side", "predicted")
SMALL = 32 << 20
"""Predictions of at most this many bytes are compressed; larger ones are mapped from the disk when they are read."""


def _pool_of(dataset: Dataset, split: Split) -> int:
    """Returns how many images could have trained or tested; 0 where the test images are the data's own."""
    return 0 if dataset.given_test[split.test].all() else int(np.count_nonzero(~dataset.given_test))


def save_predictions(path: Path, predictions: Predictions) -> str:
    """Writes predictions, whole or not at all; returns the file's SHA-256."""
    arrays = predictions.arrays()
    return write_npz(path, arrays, compressed=sum(array.nbytes for array in arrays.values()) <= SMALL)


def load_predictions(path: Path) -> Predictions:
    """Returns the predictions in a file.

    Raises:
        DataError: the file is damaged.
        RunError: it does not hold predictions.
    """
    arrays: Mapping[str, NDArray[np.generic]] = read_npz(path)
    arrays = {"pool_n": np.full(np.shape(arrays.get("train_n", [])), -1), **arrays}
    if set(arrays) != set(Predictions.__dataclass_fields__):
        raise RunError(f"{path} does not hold predictions: it has {', '.join(sorted(arrays))}")
    known: dict[str, Any] = dict(arrays)
    predictions = Predictions(**known)
    if not _fits_together(predictions):
        raise RunError(f"{path} does not hold predictions: its arrays do not fit together")
    return predictions


def _fits_together(found: Predictions) -> bool:
    """Returns whether the arrays have the shapes and types that the legend tells of."""
    count, images = found.trials.shape, found.ids.shape
    shapes = {"side": count + images, "predicted": count + images}
    return len(count) == len(images) == 1 and all(
        array.dtype.kind in ("U" if name in ("trials", "ids") else "iu")
        and array.shape == shapes.get(name, count if name in PER_TRIAL else images)
        for name, array in found.arrays().items()
    )
