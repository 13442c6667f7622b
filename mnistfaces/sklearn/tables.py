"""Rows of arrays that models train on: a table, and the rows that a task takes of it.

Legend: M rows of a table, N of them a task's, D inputs, C classes.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

COMPARED_ROWS = 256
"""Rows are compared by so many at a time, which stay in the processor's cache."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """Rows, of which tasks take some: the folds of a search share one.

    Attributes:
        inputs: (M, D) floats.
        labels: (M,), of any type that sorts.
        weights: (M,) from 0; what a row counts, None where all count 1.
    """

    inputs: NDArray[Any]
    labels: NDArray[Any]
    weights: NDArray[np.float64] | None

    def rows(self, places: NDArray[np.int64]) -> "Rows":
        """Returns the rows in some places, but for those that count nothing.

        Raises:
            ValueError: they hold fewer than two classes.
        """
        if self.weights is not None:
            places = places[self.weights[places] > 0]
        classes = np.unique(self.labels[places])
        if len(classes) < 2:  # noqa: PLR2004  one class is nothing to tell apart
            told = f"one class, {classes.tolist()[0]!r}" if len(classes) else "no class"
            where = "the labels" if self.weights is None else "the labels whose sample_weight is above 0"
            raise ValueError(f"{where} hold {told}: there is nothing to tell apart")
        return Rows(table=self, places=places, classes=classes)


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """The rows of a task.

    Attributes:
        table: where they are.
        places: of the N rows there.
        classes: their C labels, sorted.
    """

    table: Table
    places: NDArray[np.int64]
    classes: NDArray[Any]

    @property
    def labels(self) -> NDArray[np.int64]:
        """Returns the numbers of their classes, (N,)."""
        return np.searchsorted(self.classes, self.table.labels[self.places])

    @property
    def kind(self) -> Hashable:
        """Returns what rows that train side by side have in common."""
        inputs = self.table.inputs
        return inputs.shape[1], inputs.dtype, self.table.weights is None, tuple(self.classes.tolist())

    def alone(self) -> "Rows":
        """Returns the same rows in a table of their own."""
        table, places = self.table, self.places
        weights = None if table.weights is None else table.weights[places]
        own = Table(inputs=table.inputs[places], labels=table.labels[places], weights=weights)
        return Rows(table=own, places=np.arange(len(places)), classes=self.classes)

    def same_as(self, other: "Rows") -> bool:
        """Returns whether other rows are the same to the last bit, in the same order, and count the same."""
        if self.kind != other.kind or len(self.places) != len(other.places):
            return False
        if (self.labels != other.labels).any():
            return False
        weights, theirs = self.table.weights, other.table.weights
        if weights is not None and theirs is not None and (weights[self.places] != theirs[other.places]).any():
            return False
        return all(
            np.array_equal(_bits(self, part), _bits(other, part))
            for first in range(0, len(self.places), COMPARED_ROWS)
            for part in [slice(first, first + COMPARED_ROWS)]
        )


def _bits(rows: Rows, part: slice) -> NDArray[Any]:
    """Returns the inputs of some of the rows as whole numbers of their size."""
    inputs = np.ascontiguousarray(rows.table.inputs[rows.places[part]])
    return inputs.view(f"u{inputs.dtype.itemsize}")
