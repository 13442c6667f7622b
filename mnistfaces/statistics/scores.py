"""Test results of trials, and their means over units, trials and test sets.

n images of a test set, U units (near-duplicates are one, its score their mean), T trials, S test sets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from mnistfaces.errors import DataError

Design = Literal["one", "seeds", "splits"]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Values:
    """A number per test image of one trial: 1 for right and 0 for wrong, or a difference of two such.

    Attributes:
        values: (n,) float64.
        ids: (n,) strings, one distinct name an image.
        groups: (n,) int64; near-duplicates share a number and count as one unit.
        train_n: images that the trial was trained on.
    """

    values: Floats
    ids: NDArray[np.str_]
    groups: NDArray[np.int64]
    train_n: int

    def magnitudes(self) -> "Values":
        """Returns the values without their signs."""
        return Values(values=np.abs(self.values), ids=self.ids, groups=self.groups, train_n=self.train_n)


@dataclass(frozen=True, kw_only=True, eq=False)
class TrialScores:
    """One trial's answers on its test images.

    Attributes:
        correct: (n,) bool.
        ids: (n,) strings, one distinct name an image.
        groups: (n,) int64; near-duplicates share a number and count as one unit.
        train_n: images that the trial was trained on.
    """

    correct: NDArray[np.bool_]
    ids: NDArray[np.str_]
    groups: NDArray[np.int64]
    train_n: int

    def __post_init__(self) -> None:
        """Raises DataError for scores that no trial can have."""
        sizes = len(self.correct), len(self.ids), len(self.groups)
        if len(set(sizes)) > 1:
            raise DataError("a trial has {} scores, {} image ids and {} group numbers".format(*sizes))
        if not sizes[0] or self.train_n < 1:
            raise DataError("a trial needs at least one test image and one training image")
        if len(set(self.ids.tolist())) < len(self.ids):
            names, counts = np.unique(self.ids, return_counts=True)
            raise DataError(f"image {names[counts.argmax()]} is scored {counts.max()} times in one trial")

    def values(self) -> Values:
        """Returns 1 for each image that was right, 0 for each that was wrong."""
        return Values(values=self.correct.astype(np.float64), ids=self.ids, groups=self.groups, train_n=self.train_n)


def subtract(a: Sequence[TrialScores], b: Sequence[TrialScores]) -> list[Values]:
    """Returns a's scores less b's, image by image, in a's order; a single trial meets each of the other side.

    Raises:
        DataError: the trials or their images do not match; the message says where.
    """
    if len(a) != len(b) and 1 not in (len(a), len(b)):
        raise DataError(f"{len(a)} trials against {len(b)}: a paired comparison needs the same trials of both")
    total = max(len(a), len(b)) if a and b else 0
    differences = []
    for number in range(total):
        one, other = a[number % len(a)], b[number % len(b)]
        order = _order_of(other.ids, one.ids)
        if order is None:
            alone = np.setxor1d(one.ids, other.ids)
            side = "first" if alone[0] in one.ids else "second"
            raise DataError(
                f"trial {number + 1} of {total}: {len(alone)} test images are on one side only, such as "
                f"{alone[0]} on the {side}: a paired comparison needs the same images on both"
            )
        differences.append(
            Values(
                values=one.correct.astype(np.float64) - other.correct[order],
                ids=one.ids,
                groups=one.groups,
                train_n=min(one.train_n, other.train_n),
            ),
        )
    return differences


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """Means of some trials' values, and the design that decides how sure they are.

    Attributes:
        design: `one` trial (or several alike on every unit), `seeds` on one test set, or several `splits`.
        mean: over the trials, of the mean over all images of each.
        of_units: (U,) means over the test sets that hold the unit.
        of_sets: (T,) means over the units of each trial; with several test sets, (S,), of each of those.
        overlap: test images for each training image.
        n: distinct test images.
    """

    design: Design
    mean: float
    of_units: Floats
    of_sets: Floats
    overlap: float
    n: int

    @classmethod
    def of(cls, trials: Sequence[Values]) -> Self:
        """Reads the design off the trials and averages.

        Raises:
            DataError: there is no trial.
        """
        if not trials:
            raise DataError("there is no trial to judge")
        sets = _by_test_set(trials)
        reduced = [_unit_means(np.stack([t.values for t in s]), s[0].groups) for s in sets]  # S of (T, U)
        of_trials = reduced[0][1]
        if len(sets) == 1:
            design: Design = "one" if (of_trials == of_trials[0]).all() else "seeds"
            of_units, of_sets = of_trials.mean(axis=0), of_trials.mean(axis=1)  # (U,), (T,)
        else:
            design = "splits"
            numbers, place = np.unique(np.concatenate([units for units, _ in reduced]), return_inverse=True)
            means = np.concatenate([values.mean(axis=0) for _, values in reduced])
            of_units = np.bincount(place, means) / np.bincount(place, minlength=len(numbers))  # (U,)
            of_sets = np.array([values.mean() for _, values in reduced])  # (S,)
        return cls(
            design=design,
            mean=float(np.mean([t.values.mean() for t in trials])),
            of_units=of_units,
            of_sets=of_sets,
            overlap=sum(len(t.ids) for t in trials) / sum(t.train_n for t in trials),
            n=len(np.unique(np.concatenate([s[0].ids for s in sets]))),
        )


def _by_test_set(trials: Sequence[Values]) -> list[list[Values]]:
    """Returns the trials that share their test images together, the images of each list in one order."""
    sets: list[list[Values]] = []
    for trial in trials:
        for known in sets:
            order = _order_of(trial.ids, known[0].ids)
            if order is not None:
                known.append(
                    Values(
                        values=trial.values[order],
                        ids=known[0].ids,
                        groups=known[0].groups,
                        train_n=trial.train_n,
                    )
                )
                break
        else:
            sets.append([trial])
    return sets


def _order_of(ids: NDArray[np.str_], wanted: NDArray[np.str_]) -> NDArray[np.intp] | slice | None:
    """Returns what puts `ids` into the order of `wanted`; None if they are other images."""
    if np.array_equal(ids, wanted):
        return slice(None)
    if len(ids) != len(wanted):
        return None
    order, target = np.argsort(ids), np.argsort(wanted)
    if not np.array_equal(ids[order], wanted[target]):
        return None
    placed = np.empty(len(ids), np.intp)
    placed[target] = order
    return placed


def _unit_means(values: Floats, groups: NDArray[np.int64]) -> tuple[NDArray[np.int64], Floats]:
    """Returns the groups present, (U,), and the means of (T, n) values within each, (T, U)."""
    order = np.argsort(groups, kind="stable")
    units, first, counts = np.unique(groups[order], return_index=True, return_counts=True)
    return units, np.add.reduceat(values[:, order], first, axis=1) / counts
