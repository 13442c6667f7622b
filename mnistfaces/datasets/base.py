"""The one shape of a dataset in memory, and its division into training, validation and test images.

N images, D inputs an image, C classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistfaces.config import DatasetKind, SplitConfig
from mnistfaces.errors import DataError

FULL_INTENSITY = 255


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Labelled images, or features of images.

    Attributes:
        name: the resolved name, as rows and configurations carry it.
        kind: which defaults apply.
        inputs: (N, D); uint8 pixels of 0 to 255, or floats taken as they are. May be memory-mapped, read-only.
        labels: (N,) int64 class numbers.
        classes: C names, in class order.
        ids: (N,) strings, one distinct name an image.
        shape: of one image: (H, W), (H, W, 3), or (F,) for features.
        groups: (N,) int64; images of one group are near-duplicates and never stand on two sides of a split.
        given_test: (N,) bool; the test set that the data bring along; all False when they bring none.
        fingerprint: SHA-256 of the content.
        meta: where it came from: source, licence, and for features the recipe that made them.
        sha256: (N,) strings, of the files that the images were cut from; None where there are none.
    """

    name: str
    kind: DatasetKind
    inputs: NDArray[Any]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    ids: NDArray[np.str_]
    shape: tuple[int, ...]
    groups: NDArray[np.int64]
    given_test: NDArray[np.bool_]
    fingerprint: str
    meta: Mapping[str, Any] = field(default_factory=dict)
    sha256: NDArray[np.str_] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def values(self, indices: NDArray[np.int64], dtype: str = "float32") -> NDArray[Any]:
        """Returns the inputs of some images, (n, D), pixels scaled to [0, 1]."""
        chosen: NDArray[Any] = self.inputs[indices]
        if chosen.dtype == np.uint8:
            scaled: NDArray[Any] = np.divide(chosen, FULL_INTENSITY, dtype=dtype)
            return scaled
        return chosen.astype(dtype)

    def images(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Returns some images, (n, H, W) or (n, H, W, 3).

        Raises:
            DataError: the dataset holds features, not images.
        """
        if self.inputs.dtype != np.uint8 or len(self.shape) not in (2, 3):
            raise DataError(f"{self.name} holds features, not images: it cannot be drawn")
        chosen: NDArray[np.uint8] = self.inputs[indices]
        return chosen.reshape(-1, *self.shape)

    def notes(self) -> list[str]:
        """Returns what a person should know of the data: files that could not be read, things that were assumed."""
        notes = [f"{self.name}: {assumed}" for assumed in self.meta.get("assumed", [])]
        if self.meta.get("skipped"):
            named = "; ".join(self.meta.get("skipped_files", []))
            notes.append(f"{self.name}: {self.meta['skipped']} files were left out: {named}")
        return notes

    def draw_images(self, per_class: int, seed: int) -> dict[str, NDArray[np.uint8]]:
        """Returns some random images of each class, by its name, (n, H, W) or (n, H, W, 3).

        Raises:
            DataError: the dataset holds features, not images.
        """
        generator = np.random.default_rng(seed)
        members = [np.flatnonzero(self.labels == number) for number in range(len(self.classes))]
        drawn = [np.sort(generator.permutation(indices)[:per_class]) for indices in members]
        return {name: self.images(indices) for name, indices in zip(self.classes, drawn, strict=True)}


def class_number(classes: tuple[str, ...], name: str) -> int:
    """Returns the position of the class called `name`: its full name, its surname, or its number.

    Raises:
        DataError: no class, or more than one, is called so.
    """
    wanted = name.strip().casefold()
    lowered = [known.casefold() for known in classes]
    if wanted in lowered:
        return lowered.index(wanted)
    by_surname = [number for number, known in enumerate(lowered) if known.split()[-1:] == [wanted]]
    if len(by_surname) == 1:
        return by_surname[0]
    if wanted.isdecimal() and int(wanted) < len(classes):
        return int(wanted)
    raise DataError(f"no class is called {name!r}: the classes are {', '.join(classes)}")


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """Positions of the training, validation and test images in their dataset, sorted, disjoint."""

    train: NDArray[np.int64]
    val: NDArray[np.int64]
    test: NDArray[np.int64]


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
    draw = _Draw(dataset, seed)
    if config.folds is not None:
        draw.discard(dataset.given_test)
        test = draw.take_fold(fold, config.folds)
    elif dataset.given_test.any():
        draw.hold_back(dataset.given_test)
        test = np.flatnonzero(dataset.given_test)
        if config.test_per_class is not None:
            test = _Draw(dataset, seed, among=dataset.given_test).take(config.test_per_class, "test")
    else:
        test = draw.take(20 if config.test_per_class is None else config.test_per_class, "test")
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
