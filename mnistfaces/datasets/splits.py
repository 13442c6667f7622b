"""Which images train, validate and test."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mnistfaces.config import SplitConfig
from mnistfaces.datasets.base import Dataset, listed
from mnistfaces.errors import DataError, UsageError
from mnistfaces.text import counted

TEST_PER_CLASS = 20
"""Test images per class of data that bring no test set along."""

ADVICE = {"test": ": --test-per-class N takes fewer"}
"""What to type where too few images are left for a purpose that nobody asked for."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """Positions of the training, validation and test images in their dataset, sorted, disjoint."""

    train: NDArray[np.int64]
    val: NDArray[np.int64]
    test: NDArray[np.int64]

    def refitted(self) -> "Split":
        """Returns the division in which the validation images train, too."""
        return replace(self, train=np.sort(np.concatenate([self.train, self.val])), val=self.val[:0])


def settled(config: SplitConfig, dataset: Dataset) -> SplitConfig:
    """Returns a division with the number of test images that its defaults come to for a dataset.

    Raises:
        DataError: all of a test set was asked for, and the data bring none along.
    """
    if config.folds is not None:
        return config
    if dataset.given_test.any():
        return replace(config, test_per_class=None) if config.test_per_class == "all" else config
    if config.test_per_class == "all":
        raise DataError(f"{dataset.name} brings no test set along: give --test-per-class a number")
    return replace(config, test_per_class=config.test_per_class or TEST_PER_CLASS)


def draw_split(dataset: Dataset, config: SplitConfig, seed: int, fold: int = 0) -> Split:
    """Divides a dataset: what the data bring stays as it is, and a seeded draw keeps groups whole.

    The same seed draws nested training sets: the first 50 of 100 per class are those of 50 per class. With folds, the
    images that validate begin where the next fold's test images do, so that over all folds every image validates
    equally often, up to one time.

    Args:
        dataset: what to divide.
        config: how many images per class go where.
        seed: of the draw.
        fold: which of `config.folds` is the test set; ignored without folds.

    Raises:
        UsageError: a share of validation images was asked for, and the data bring theirs.
        DataError: a class has too few images; the message names the counts.
    """
    config = settled(config, dataset)
    draw = _Pool(dataset, seed)
    given_val = dataset.given_val if config.folds is None else None
    draw.discard(dataset.given_test)
    if given_val is not None:
        draw.discard(given_val)
    if config.folds is not None:
        test = draw.take_fold(fold, config.folds)
    elif dataset.given_test.any():
        test = _of_given(dataset, seed, dataset.given_test, config.test_per_class, "test")
    else:
        with draw.apart_from(given_val):
            test = draw.take(int(config.test_per_class or TEST_PER_CLASS), "test")
    train = None if config.train_per_class is None else draw.take(config.train_per_class, "train", last=True)
    if not config.validation:
        val = np.empty(0, np.int64)
    elif given_val is None:
        with draw.apart_from(None if config.folds else dataset.given_test):
            val = _draw_val(draw, config)
    elif config.val_fraction != SplitConfig.val_fraction:
        raise UsageError(f"{dataset.name} brings its validation images: leave out --val-fraction")
    else:
        val = _of_given(dataset, seed, given_val, config.val_per_class, "validate")
    train = draw.take_rest() if train is None else train
    return Split(train=np.sort(train), val=np.sort(val), test=np.sort(test))


def _of_given(
    dataset: Dataset, seed: int, given: NDArray[np.bool_], per_class: int | Literal["all"] | None, purpose: str
) -> NDArray[np.int64]:
    """Returns the images of a side that the data bring: all, or the subset that was asked for."""
    if per_class is None:
        return np.flatnonzero(given)
    return _Pool(dataset, seed, among=given).take(int(per_class), purpose)


def _draw_val(draw: "_Pool", config: SplitConfig) -> NDArray[np.int64]:
    """Returns the validation images: as many as asked, a quarter of those to train, or a share of what is left."""
    if config.val_per_class is not None:
        return draw.take(config.val_per_class, "validate")
    if config.train_per_class is not None:
        return draw.take_up_to(np.full(len(draw.dataset.classes), config.train_per_class // 4))
    return draw.take_up_to(np.rint(draw.available() * config.val_fraction).astype(np.int64))


class _Pool:
    """Images in a random order of their groups, handed out class by class; a group serves one side only.

    Test and validation images are taken from the front of the order. So are training images, but with folds these are
    taken from its end: the front is the next fold's share, which validates.
    """

    def __init__(self, dataset: Dataset, seed: int, among: NDArray[np.bool_] | None = None) -> None:
        self.dataset = dataset
        self.groups = np.unique(dataset.groups, return_inverse=True)[1]
        rank = np.random.default_rng(seed).permutation(self.groups.max(initial=-1) + 1)
        self.order = np.argsort(rank[self.groups], kind="stable")
        self.train_order = self.order
        self.free = np.ones(len(dataset), bool) if among is None else among.copy()

    def available(self) -> NDArray[np.int64]:
        """Returns how many images of each class are still free, (C,)."""
        return np.bincount(self.dataset.labels[self.free], minlength=len(self.dataset.classes))

    def discard(self, images: NDArray[np.bool_]) -> None:
        self.free &= ~images

    @contextlib.contextmanager
    def apart_from(self, images: NDArray[np.bool_] | None) -> Iterator[None]:
        """Takes nothing inside the block that shares a group with these images: a given side that stays as it is."""
        before = self.free.copy()
        if images is not None:
            self.hold_back(images)
        kept_out = before & ~self.free
        yield
        self.free |= kept_out

    def hold_back(self, images: NDArray[np.bool_] | NDArray[np.int64]) -> None:
        """Discards these images (a mask or positions) and their groups."""
        touched = np.zeros(self.groups.max(initial=-1) + 1, bool)
        touched[self.groups[images]] = True
        self.discard(touched[self.groups])

    def take_up_to(self, counts: NDArray[np.int64], *, last: bool = False) -> NDArray[np.int64]:
        """Takes the next `counts[c]` free images of class c, or as many as there are; `last` for those to train."""
        order = self.train_order if last else self.order
        candidates = order[self.free[order]]
        labels = self.dataset.labels[candidates]
        taken: NDArray[np.int64] = candidates[_count_before(labels) < counts[labels]]
        self.hold_back(taken)
        return taken

    def take(self, per_class: int, purpose: str, *, last: bool = False) -> NDArray[np.int64]:
        """Takes exactly `per_class` images of each class."""
        available = self.available()
        if available.min() < per_class:
            scarce = int(available.argmin())
            raise DataError(
                f"{self.dataset.name}: class {self.dataset.classes[scarce]} has "
                f"{counted(int(available[scarce]), 'image')} left to {purpose}, {per_class} were asked for "
                f"(all {len(self.dataset)} images: {self._counts()}){ADVICE.get(purpose, '')}"
            )
        return self.take_up_to(np.full(len(self.dataset.classes), per_class), last=last)

    def take_fold(self, fold: int, folds: int) -> NDArray[np.int64]:
        """Takes the images of one of `folds` parts of equal size, up to groups; the next part comes first after it."""
        part = self._parts(folds)[self.groups]  # (N,)
        candidates = self.order[self.free[self.order]]
        taken: NDArray[np.int64] = candidates[part[candidates] == fold]
        distance = (part - fold - 1) % folds
        self.order = self.order[np.argsort(distance[self.order], kind="stable")]
        self.train_order = self.order[::-1]
        self.hold_back(taken)
        return taken

    def _parts(self, folds: int) -> NDArray[np.int64]:
        """Returns which of the parts each group is in, (G,); -1 for groups that are not free."""
        candidates = self.order[self.free[self.order]]
        present, first, size = np.unique(self.groups[candidates], return_index=True, return_counts=True)
        classes = len(self.dataset.classes)
        pairs = self.groups[candidates] * classes + self.dataset.labels[candidates]
        held, count = np.unique(pairs, return_counts=True)  # each class of each group, in the order of the groups
        distinct = np.bincount(held % classes, minlength=classes)
        if distinct.min() < folds:
            scarce = int(distinct.argmin())
            raise DataError(
                f"{self.dataset.name}: class {self.dataset.classes[scarce]} has {distinct[scarce]} distinct "
                f"images, too few for --folds {folds}"
            )
        by_size = np.lexsort((first, -size))  # large groups first, then in the drawn order
        most_first = held[np.lexsort((held % classes, -count, held // classes))]
        usual = most_first[np.unique(most_first // classes, return_index=True)[1]] % classes  # of most of its images
        usual = usual[by_size]
        part = np.empty(len(present), np.int64)
        part[by_size] = (_count_before(usual) + usual) % folds
        part_of_group = np.full(self.groups.max(initial=-1) + 1, -1)
        part_of_group[present] = part
        return part_of_group

    def take_rest(self) -> NDArray[np.int64]:
        """Takes all that is free; every class must have some."""
        available = self.available()
        if available.min(initial=1) < 1:
            raise DataError(
                f"{self.dataset.name}: class {self.dataset.classes[int(available.argmin())]} has no image left to "
                f"train on (all {len(self.dataset)} images: {self._counts()}): take fewer of them to test, "
                "--test-per-class, or keep fewer of them together"
            )
        taken = np.flatnonzero(self.free)
        self.free[:] = False
        return taken

    def _counts(self) -> str:
        counts = np.bincount(self.dataset.labels, minlength=len(self.dataset.classes))
        return listed([f"{name} {count}" for name, count in zip(self.dataset.classes, counts, strict=True)])


def _count_before(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns how many equal numbers stand before each, (n,)."""
    order = np.argsort(numbers, kind="stable")
    counts = np.bincount(numbers)
    first = np.cumsum(counts) - counts  # where each number's own begin in that order
    before = np.empty(len(numbers), np.int64)
    before[order] = np.arange(len(numbers)) - first[numbers[order]]
    return before
