"""Test results of trials: of one trial by image, of many cells in the same trials by group.

n images of a test set; C cells, T trials, G groups. A group is an image and its near-duplicates, which count
once: its score is the mean over its images.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mnistfaces.errors import DataError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

BLOCK_BYTES = 64 << 20
"""Cells are taken by blocks whose scores, as float64, stay under this."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TrialScores:
    """One trial's answers on its test images.

    Attributes:
        correct: (n,) bool.
        ids: (n,) strings, one distinct name an image.
        groups: (n,) int64; near-duplicates share a number and count as one group.
        train_n: images that the trial was trained on.
        pool_n: images among which those that train and those that test were drawn; 0 where no image that tests
            could ever have trained; None where nobody wrote it down, which is taken for `train_n` and n together.
    """

    correct: Bools
    ids: NDArray[np.str_]
    groups: NDArray[np.int64]
    train_n: int
    pool_n: int | None = None

    def __post_init__(self) -> None:
        """Raises DataError for scores that no trial can have."""
        sizes = len(self.correct), len(self.ids), len(self.groups)
        if len(set(sizes)) > 1:
            raise DataError("a trial has {} scores, {} image ids and {} group numbers".format(*sizes))
        if not sizes[0] or self.train_n < 1:
            raise DataError("a trial needs at least one test image and one training image")

    def mean(self) -> float:
        """Returns the mean over the groups."""
        return float(_group_means(self.correct[np.newaxis], self.groups)[1].mean())

    def traded(self) -> float:
        """Returns test images for each training image, as far as the two trade places from trial to trial.

        The whole pool in use, that is Nadeau and Bengio's (2003) ratio. Where small training sets are drawn from a
        large pool, two trials hardly share an image: then it is shared training images for each that is not.
        """
        if self.pool_n == 0:
            return 0.0
        pool = max(self.pool_n or 0, self.train_n + len(self.ids))
        return min(len(self.ids) / self.train_n, self.train_n / (pool - self.train_n))


@dataclass(frozen=True, kw_only=True, eq=False)
class Board:
    """What cells answered in the same trials.

    Attributes:
        values: (C, T, G) the share of a group's images that a trial had right; 0 where it did not test the group.
        tested: (T, G) whether a trial tested the group.
        ended: (C, T) False for a trial that failed: all its answers are wrong.
        traded: (C, T) `TrialScores.traded` of each.
        images: distinct images in all groups.
    """

    values: NDArray[Any]
    tested: Bools
    ended: Bools
    traded: Floats
    images: int

    @classmethod
    def of(cls, cells: Sequence[Sequence[TrialScores | None]]) -> Self:
        """Returns the board of C cells with T trials each; None for a trial that failed.

        Images that some cell did not test in a trial are left out of it for all, and so are trials that all failed.

        Raises:
            DataError: nothing is left to judge, or a trial scores an image twice.
        """
        columns = [_shared(column) for column in zip(*cells, strict=True) if any(column)]
        columns = [column for column in columns if len(column.ids)]
        if not columns:
            raise DataError("there is no trial to judge")
        present = {id(column.groups): np.unique(column.groups) for column in columns}
        groups = np.unique(np.concatenate(list(present.values())))
        single = all(len(present[id(column.groups)]) == len(column.groups) for column in columns)
        shape = len(cells), len(columns), len(groups)
        values = np.zeros(shape, np.uint8 if single else np.float64)  # 0 and 1 take a byte
        tested = np.zeros(shape[1:], np.bool_)
        for number, column in enumerate(columns):
            found, means = _group_means(column.correct, column.groups)  # (u,), (C, u)
            places = np.searchsorted(groups, found)
            values[:, number, places], tested[number, places] = means, True
        return cls(
            values=values,
            tested=tested,
            ended=np.stack([column.ended for column in columns], axis=1),
            traded=np.stack([column.traded for column in columns], axis=1),
            images=_count(_distinct(column.ids for column in columns)),
        )

    def __len__(self) -> int:
        return len(self.values)

    def only(self, cells: NDArray[np.intp] | slice, trials: NDArray[np.intp] | slice = slice(None)) -> "Board":
        """Returns some cells in some of the trials; groups that those do not test stay, untested."""
        return replace(
            self,
            values=self.values[cells][:, trials],
            tested=self.tested[trials],
            ended=self.ended[cells][:, trials],
            traded=self.traded[cells][:, trials],
        )

    @property
    def one_test_set(self) -> bool:
        """Returns whether all trials tested the same groups."""
        return bool((self.tested == self.tested[0]).all())

    def means(self) -> Floats:
        """Returns the mean over the groups of each trial, (C, T); of a failed one, 0."""
        means: Floats = self.values.sum(axis=2, dtype=np.float64) / self.tested.sum(axis=1)
        return means

    def by_test_set(self) -> "Board":
        """Returns a board whose trials are test sets: several that share one are averaged. One test set: as it is."""
        if self.one_test_set:
            return self
        sets, place = distinct_rows(self.tested)
        if len(sets) == len(place):
            return self
        weight = (place == np.arange(len(sets))[:, np.newaxis]) / np.bincount(place)[:, np.newaxis]  # (S, T)
        return replace(
            self,
            values=np.einsum("st,ctu->csu", weight, self.values),
            tested=sets,
            ended=np.ones((len(self), len(sets)), np.bool_),
            traded=self.traded @ weight.T,
        )

    def blocks(self) -> Iterator[slice]:
        """Yields slices of cells that are worked on together."""
        size = max(1, BLOCK_BYTES // (8 * self.values[0].size))
        yield from (slice(start, start + size) for start in range(0, len(self), size))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Column:
    """One trial of all cells on the n images that each of them tested: `correct` is (C, n)."""

    correct: Bools
    ids: NDArray[np.str_]
    groups: NDArray[np.int64]
    ended: Bools
    traded: Floats


def _shared(column: Sequence[TrialScores | None]) -> _Column:
    known = [scores for scores in column if scores is not None]
    for ids in _distinct(scores.ids for scores in known):
        if len(set(ids.tolist())) < len(ids):
            names, counts = np.unique(ids, return_counts=True)
            raise DataError(f"image {names[counts.argmax()]} is scored {counts.max()} times in one trial")
    ids = known[0].ids
    for other in known[1:]:
        if order_of(other.ids, ids) is None:
            ids = ids[np.isin(ids, other.ids)]
    kept = slice(None) if len(ids) == len(known[0].ids) else np.isin(known[0].ids, ids)
    correct = np.zeros((len(column), len(ids)), np.bool_)
    for row, scores in enumerate(column):
        if scores is not None:
            order = order_of(scores.ids, ids)
            if order is None:  # it tested more than all have in common
                inside = np.flatnonzero(np.isin(scores.ids, ids))
                order = inside[order_of(scores.ids[inside], ids)]
            correct[row] = scores.correct[order]
    return _Column(
        correct=correct,
        ids=ids,
        groups=known[0].groups[kept],
        ended=np.array([scores is not None for scores in column]),
        traded=np.array([scores.traded() if scores is not None else known[0].traded() for scores in column]),
    )


def _distinct(arrays: Iterable[NDArray[np.str_]]) -> list[NDArray[np.str_]]:
    """Returns each array once: trials on the same images share their array of names, which are slow to compare."""
    return list({id(array): array for array in arrays}.values())


def _count(arrays: Sequence[NDArray[np.str_]]) -> int:
    """Returns how many different names there are in arrays that hold each name once."""
    return len(arrays[0]) if len(arrays) == 1 else len(set().union(*(array.tolist() for array in arrays)))


def distinct_rows(rows: Bools) -> tuple[Bools, NDArray[np.intp]]:
    """Returns the distinct rows of (R, N) truth values, sorted, and which of them each row is, (R,).

    NumPy's own unique along an axis takes milliseconds for a single row of a thousand.
    """
    known = {row.tobytes(): row for row in rows}
    order = {content: number for number, content in enumerate(sorted(known))}
    place = np.array([order[row.tobytes()] for row in rows], np.intp)
    return np.stack([known[content] for content in order]), place


def order_of(ids: NDArray[np.str_], wanted: NDArray[np.str_]) -> NDArray[np.intp] | slice | None:
    """Returns what puts `ids` into the order of `wanted`; None if they are other images."""
    if ids is wanted or np.array_equal(ids, wanted):
        return slice(None)
    if len(ids) != len(wanted):
        return None
    order, target = np.argsort(ids), np.argsort(wanted)
    if not np.array_equal(ids[order], wanted[target]):
        return None
    placed = np.empty(len(ids), np.intp)
    placed[target] = order
    return placed


def _group_means(values: Bools, groups: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Returns the groups present, (u,), and the means of (C, n) values within each, (C, u)."""
    order = np.argsort(groups, kind="stable")
    distinct, first, counts = np.unique(groups[order], return_index=True, return_counts=True)
    if len(distinct) == len(groups):
        return distinct, values[:, order]
    return distinct, np.add.reduceat(values[:, order].astype(np.float64), first, axis=1) / counts
