"""The one shape of a dataset in memory, and its division into training, validation and test images.

N images, D inputs an image, C classes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistfaces.config import DatasetKind
from mnistfaces.display import Displayed
from mnistfaces.errors import DataError
from mnistfaces.text import counted

FULL_INTENSITY = 255
MOST_LISTED = 20


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset(Displayed):
    """Labelled images, or features of images.

    Attributes:
        name: the resolved name, as rows and configurations carry it.
        kind: which defaults apply.
        inputs: (N, D); uint8 pixels of 0 to 255, or floats taken as they are. May be memory-mapped, read-only.
        labels: (N,) int64 class numbers.
        classes: C names, in class order.
        ids: (N,) strings, one distinct name an image.
        shape: of one image: (H, W), (H, W, 3), or (F,) for features.
        groups: (N,) int64; images of one group are near-duplicates, or of one person, and never stand on two sides
            of a drawn split.
        given_test: (N,) bool; the test set that the data bring along; all False when they bring none.
        given_val: (N,) bool; the validation set that the data bring along; None when they bring none.
        weights: (N,) above 0; what an image counts in a cost, as if it stood there so many times; None is 1 each.
        fingerprint: SHA-256 of the content.
        meta: where it came from: source, licence, and for features the recipe that made them.
        sha256: (N,) strings, of the files that the images were cut from; None where there are none.
        remarks: sentences on what was not read, for people; no part of what the dataset is.
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
    given_val: NDArray[np.bool_] | None = None
    weights: NDArray[np.float64] | None = None
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def values(self, indices: NDArray[np.int64], dtype: str = "float32") -> NDArray[Any]:
        """Returns the inputs of some images, (n, D), pixels scaled to [0, 1]."""
        chosen: NDArray[Any] = self.inputs[indices]
        if chosen.dtype == np.uint8:
            scaled: NDArray[Any] = np.divide(chosen, FULL_INTENSITY, dtype=dtype)
            return scaled
        return chosen.astype(dtype, copy=False)

    def weights_of(self, indices: NDArray[np.int64]) -> NDArray[np.float64]:
        """Returns what some images count in a cost, (n,)."""
        return np.ones(len(indices)) if self.weights is None else self.weights[indices]

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
        """Returns what a person should know of the data: what was assumed, what is left out, what stays together."""
        notes = [f"{self.name}: {said}" for said in (*self.meta.get("assumed", []), *self.remarks)]
        if self.meta.get("skipped"):
            named = "; ".join(_by_reason(self.meta.get("skipped_files", [])))
            notes.append(f"{self.name}: {counted(self.meta['skipped'], 'file was', 'files were')} left out: {named}")
        if (groups := self.count_groups(np.arange(len(self)))) < len(self):
            pairs = self.meta.get("near_duplicate_pairs")
            alike = f" (near-duplicate pairs: {pairs})" if pairs else ""
            notes.append(
                f"{self.name}: {counted(groups, 'group stands', 'groups stand')} behind the {len(self)} images{alike}; "
                "images of one group stay on one side of a drawn split"
            )
        if crossing := self.count_crossing():
            notes.append(
                f"{self.name}: {counted(crossing, 'group stands', 'groups stand')} on more than one side "
                "of the split that the data bring, which is kept as given: its test accuracy may flatter"
            )
        return notes

    def summary(self) -> str:
        """Returns in one line what there is: images, classes, form, the split that the data bring, groups."""
        form = " x ".join(map(str, self.shape)) if len(self.shape) > 1 else f"{self.shape[0]} features"
        sides = self.given_sides()
        given = [f"{count} {side}" for side in ("train", "val", "test") if (count := np.count_nonzero(sides == side))]
        groups = self.count_groups(np.arange(len(self)))
        parts = [f"{len(self)} images of {len(self.classes)} classes", form]
        parts += [f"split {', '.join(given)}"] if given else []
        parts += [counted(groups, "group")] if groups < len(self) else []
        parts += [f"{counted(self.meta['skipped'], 'file')} left out"] if self.meta.get("skipped") else []
        return "; ".join(parts)

    def count_groups(self, indices: NDArray[np.int64]) -> int:
        """Returns how many groups stand behind some images: near-duplicates count once."""
        return len(np.unique(self.groups[indices]))

    def given_sides(self) -> NDArray[np.str_]:
        """Returns `train`, `val` or `test` for each image, as the data bring it, (N,); all "" when they bring none."""
        if not self.given_test.any() and self.given_val is None:
            return np.full(len(self), "")
        sides = np.where(self.given_test, "test", "train")
        return sides if self.given_val is None else np.where(self.given_val, "val", sides)

    def count_crossing(self) -> int:
        """Returns how many groups stand on several sides of the split that the data bring."""
        pairs = np.unique(np.stack([self.groups, np.unique(self.given_sides(), return_inverse=True)[1]]), axis=1)
        return int(np.count_nonzero(np.unique(pairs[0], return_counts=True)[1] > 1))

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
    raise DataError(f"no class is called {name!r}: the classes are {listed(classes)}")


def listed(words: Sequence[str]) -> str:
    """Returns words with commas between; of many only the first."""
    more = f", … ({len(words)} in all)" if len(words) > MOST_LISTED else ""
    return ", ".join(words[:MOST_LISTED]) + more


def _by_reason(problems: Iterable[str]) -> list[str]:
    """Returns `name: reason` of files that were left out with the names of one reason together."""
    named: dict[str, list[str]] = {}
    for problem in problems:
        name, _, reason = problem.partition(": ")
        named.setdefault(reason, []).append(name)
    return [": ".join(filter(None, [", ".join(names), reason])) for reason, names in named.items()]
