"""Where images come from, one at a time, here or on a worker; and those of a dataset of pixels.

N images, S pixels per side.
"""

import functools
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mnistfaces import images
from mnistfaces.datasets.base import Dataset
from mnistfaces.errors import DataError
from mnistfaces.execution.reference import KnownDataset
from mnistfaces.files import hash_of
from mnistfaces.progress import Event

THUMBNAIL_SIZE = images.THUMBNAIL**2
IMAGE_AXES = 2
"""Of a gray image: rows and columns."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Item:
    """One image as a network is to see it, or why there is none.

    Attributes:
        key: the hash that identifies it.
        pixels: (S, S, 3) uint8; None where there is a problem.
        problem: for people.
        lasting: whether the problem is the image's own, and will be the same tomorrow.
        thumbnail: (1024,) gray: to find near-duplicates, where the source does not know them.
    """

    key: str
    pixels: NDArray[np.uint8] | None = None
    problem: str = ""
    lasting: bool = True
    thumbnail: NDArray[np.uint8] | None = None


class Part(Protocol):
    """Some images of a source, as a worker gets them: where they lie, and what they must hash to."""

    def items(self) -> Sequence[Item]:
        """Returns the images, read on the worker.

        Raises:
            WorkerError: the worker has other images, or none.
        """


class Source:
    """Labelled images that are read one at a time.

    Attributes:
        name: as rows and `meta` carry it.
        ids: (N,) one distinct name an image.
        labels: (N,) class numbers.
        classes: names, in class order.
        keys: N hashes, each of what an image is; "" for one that could not be opened.
        sha256: (N,) of the files; None where there are none.
        given_test: (N,) the test set that the data bring along.
        given_val: (N,) the validation set that the data bring along; None where they bring none.
        fingerprint: of all of it.
        looks: whether its items carry thumbnails, from which `groups` are found.
    """

    name: str
    ids: NDArray[np.str_]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    keys: Sequence[str]
    sha256: NDArray[np.str_] | None
    given_test: NDArray[np.bool_]
    given_val: NDArray[np.bool_] | None
    fingerprint: str
    looks: bool

    def read(self, index: int) -> Item:
        """Returns one image; may be called from several threads."""
        raise NotImplementedError

    def part(self, positions: Sequence[int]) -> Part:
        """Returns the images at some positions, for a worker to read."""
        raise NotImplementedError

    def groups(
        self, kept: NDArray[np.int64], thumbnails: NDArray[np.uint8]
    ) -> Generator[Event, None, NDArray[np.int64]]:
        """Returns the groups of near-duplicates of the images at these positions, with their looks if any."""
        raise NotImplementedError


class DatasetSource(Source):
    """The images of a dataset; gray ones become RGB, and those of another size are resized."""

    looks = False

    def __init__(self, dataset: Dataset, side: int, known: KnownDataset | None = None) -> None:
        """Takes the images of a dataset.

        Args:
            dataset: of pixels.
            side: pixels per side of what `read` returns.
            known: how a worker opens the dataset; None where no worker will.

        Raises:
            DataError: the dataset holds no images.
        """
        if dataset.inputs.dtype != np.uint8 or len(dataset.shape) < IMAGE_AXES:
            raise DataError(f"{dataset.name} holds features already: give a dataset of images")
        self._dataset, self._side, self._known = dataset, side, known
        self.name, self.fingerprint = dataset.name, dataset.fingerprint
        self.ids, self.labels, self.classes = dataset.ids, dataset.labels, dataset.classes
        self.sha256, self.given_test, self.given_val = dataset.sha256, dataset.given_test, dataset.given_val
        self.keys = [hash_of([dataset.fingerprint, name]) for name in dataset.ids.tolist()]

    def read(self, index: int) -> Item:
        """Returns one image."""
        pixels = self._dataset.inputs[index].reshape(self._dataset.shape)
        if pixels.shape[:2] != (self._side, self._side):
            pixels = images.resize(pixels, self._side)
        if pixels.ndim == IMAGE_AXES:
            pixels = np.repeat(pixels[:, :, np.newaxis], 3, axis=2)  # (S, S, 3)
        return Item(key=self.keys[index], pixels=pixels)

    def part(self, positions: Sequence[int]) -> Part:
        """Returns the images at some positions, for a worker to read."""
        if self._known is None:
            raise TypeError("a source for workers is made with what they open")
        return DatasetPart(known=self._known, side=self._side, positions=tuple(positions))

    def groups(
        self,
        kept: NDArray[np.int64],
        thumbnails: NDArray[np.uint8],  # noqa: ARG002  a dataset knows its near-duplicates
    ) -> Generator[Event, None, NDArray[np.int64]]:
        """Returns the dataset's own groups."""
        yield from ()
        chosen: NDArray[np.int64] = self._dataset.groups[kept]
        return chosen


@dataclass(frozen=True, kw_only=True)
class DatasetPart:
    """Images of a dataset that a worker opens.

    Attributes:
        known: the dataset.
        side: pixels per side.
        positions: of the images.
    """

    known: KnownDataset
    side: int
    positions: tuple[int, ...]

    def items(self) -> Sequence[Item]:
        """Returns the images.

        Raises:
            WorkerError: this worker has no such dataset, or one of another content.
        """
        source = _source_of(self.known.open(), self.side)
        return [source.read(position) for position in self.positions]


@functools.lru_cache(maxsize=1)
def _source_of(dataset: Dataset, side: int) -> DatasetSource:
    """Returns the source of the dataset that a worker has at hand: its keys take a while."""
    return DatasetSource(dataset, side)
