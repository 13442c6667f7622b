"""What is told of models in training: a record per measured epoch, with a measure per model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistfaces.config import COLLAPSE_EPOCHS, Status
from mnistfaces.datasets.base import Dataset
from mnistfaces.display import Displayed
from mnistfaces.engine.closed.solving import Solution
from mnistfaces.engine.measuring import SIDES, Score, Side


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

    @property
    def scores(self) -> dict[Side, Score | None]:
        """Returns the scores by their set."""
        return {"train": self.train, "val": self.val, "test": self.test}


@dataclass(frozen=True, kw_only=True, eq=False)
class Epoch(Displayed):
    """A recorded epoch of a stack: one measure a model, cell-major; whether it is a checkpoint."""

    number: int
    checkpoint: bool
    measures: tuple[Measure, ...]


def by_side(scores: Mapping[Side, Score | None]) -> dict[str, Any]:
    """Returns scores as the fields of a measure."""
    return {side: scores[side] for side in SIDES}


def status_of(scores: Mapping[Side, Score | None], epochs: int, known: Status, dataset: Dataset) -> Status:
    """Returns how a model stands after so many epochs, by its scores; `known` where they tell nothing."""
    train = scores["train"]
    if train is None:
        return "diverged"
    collapsed = epochs >= COLLAPSE_EPOCHS and len(np.unique(train.predicted)) < len(dataset.classes)
    return "collapsed" if collapsed else known
