"""Which images train, validate and test."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mnistfaces.config import SplitConfig
from mnistfaces.datasets.base import Dataset
from mnistfaces.errors import DataError

TEST_PER_CLASS = 20
"""Test images per class of data that bring no test set along."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """Positions of the training, validation and test images in their dataset, sorted, disjoint."""

    train: NDArray[np.int64]
    val: NDArray[np.int64]
    test: NDArray[np.int64]


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
    """Divides a dataset by a seeded draw that keeps near-duplicates on one side.

    The same seed draws nested training sets: the first 50 of 100 a class are those of 50 a class.

    Args:
        dataset: what to divide.
        config: how many images a class go where.
        seed: of the draw.
        fold: which of `config.folds` is the test set; ignored without folds.

    Raises:
        DataError: a class has too few images; the message names the counts.
    """
    config = settled(config, dataset)
    draw = _Draw(dataset, seed)
    if config.folds is not None:
        draw.discard(dataset.given_test)
        test = draw.take_fold(fold, config.folds)
    elif dataset.given_test.any():
        draw.hold_back(dataset.given_test)
        test = np.flatnonzero(dataset.given_test)
        if config.test_per_class is not None:
            test = _Draw(dataset, seed, among=dataset.given_test).take(int(config.test_per_class), "test")
    else:
        test = draw.take(int(config.test_per_class or TEST_PER_CLASS), "test")
    none = np.empty(0, np.int64)
    if config.train_per_class is not None:
        train = draw.take(config.train_per_class, "train")
        wanted = config.train_per_class // 4 if config.val_per_class is None else config.val_per_class
        if not config.validation:
            val = none
        elif config.val_per_class is None:
            val = draw.take_up_to(np.full(len(dataset.classes), wanted))
        else:
            val = draw.take(wanted, "validate")
    else:
        if not config.validation:
            val = none
        elif config.val_per_class is not None:
            val = draw.take(config.val_per_class, "validate")
        else:
            val = draw.take_up_to(np.rint(draw.available() * config.val_fraction).astype(np.int64))
        train = draw.take_rest()
    return Split(train=np.sort(train), val=np.sort(val), test=np.sort(test))


class _Draw:
    """Images in a random order of their groups, handed out class by class; a group serves one side only."""

    def __init__(self, dataset: Dataset, seed: int, among: NDArray[np.bool_] | None = None) -> None:
        self.dataset = dataset
        self.groups = np.unique(dataset.groups, return_inverse=True)[1]
        rank = np.random.default_rng(seed).permutation(self.groups.max(initial=-1) + 1)
        self.order = np.argsort(rank[self.groups], kind="stable")
        self.free = np.ones(len(dataset), bool) if among is None else among.copy()

    def available(self) -> NDArray[np.int64]:
        """Returns how many images of each class are still free, (C,)."""
        return np.bincount(self.dataset.labels[self.free], minlength=len(self.dataset.classes))

    def discard(self, images: NDArray[np.bool_]) -> None:
        self.free &= ~images

    def hold_back(self, images: NDArray[np.bool_] | NDArray[np.int64]) -> None:
        """Discards these images (a mask or positions) and their near-duplicates."""
        touched = np.zeros(self.groups.max(initial=-1) + 1, bool)
        touched[self.groups[images]] = True
        self.discard(touched[self.groups])

    def take_up_to(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Takes the next `counts[c]` free images of class c, or as many as there are."""
        candidates = self.order[self.free[self.order]]
        labels = self.dataset.labels[candidates]
        position = np.empty(len(candidates), np.int64)
        for number in range(len(self.dataset.classes)):
            of_class = labels == number
            position[of_class] = np.arange(np.count_nonzero(of_class))
        taken: NDArray[np.int64] = candidates[position < counts[labels]]
        self.hold_back(taken)
        return taken

    def take(self, per_class: int, purpose: str) -> NDArray[np.int64]:
        """Takes exactly `per_class` images of each class."""
        available = self.available()
        if available.min() < per_class:
            scarce = int(available.argmin())
            raise DataError(
                f"{self.dataset.name}: class {self.dataset.classes[scarce]} has {available[scarce]} images left "
                f"to {purpose}, {per_class} were asked for "
                f"(all {len(self.dataset)} images: {self._counts()})"
            )
        return self.take_up_to(np.full(len(self.dataset.classes), per_class))

    def take_fold(self, fold: int, folds: int) -> NDArray[np.int64]:
        """Takes the images of one of `folds` parts of equal size, up to near-duplicates."""
        candidates = self.order[self.free[self.order]]
        present, first, size = np.unique(self.groups[candidates], return_index=True, return_counts=True)
        by_size = np.lexsort((first, -size))  # large groups first, then in the drawn order
        labels = self.dataset.labels[candidates[first[by_size]]]
        part = np.empty(len(present), np.int64)
        for number in range(len(self.dataset.classes)):
            of_class = np.flatnonzero(labels == number)
            if len(of_class) < folds:
                raise DataError(
                    f"{self.dataset.name}: class {self.dataset.classes[number]} has {len(of_class)} distinct "
                    f"images, too few for --folds {folds}"
                )
            part[by_size[of_class]] = (np.arange(len(of_class)) + number) % folds
        part_of_group = np.full(self.groups.max() + 1, -1)
        part_of_group[present] = part
        taken: NDArray[np.int64] = candidates[part_of_group[self.groups[candidates]] == fold]
        self.hold_back(taken)
        return taken

    def take_rest(self) -> NDArray[np.int64]:
        """Takes all that is free; every class must have some."""
        available = self.available()
        if available.min(initial=1) < 1:
            raise DataError(
                f"{self.dataset.name}: class {self.dataset.classes[int(available.argmin())]} has no image left to "
                f"train on (all {len(self.dataset)} images: {self._counts()})"
            )
        taken = np.flatnonzero(self.free)
        self.free[:] = False
        return taken

    def _counts(self) -> str:
        counts = np.bincount(self.dataset.labels, minlength=len(self.dataset.classes))
        return ", ".join(f"{name} {count}" for name, count in zip(self.dataset.classes, counts, strict=True))
