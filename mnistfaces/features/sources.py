"""Where images come from, one at a time: a dataset of pixels, a folder, or files.

N images, S pixels per side.
"""

import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnistfaces import images
from mnistfaces.config import DataConfig
from mnistfaces.datasets import grouping
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.found import Found
from mnistfaces.datasets.layouts import layout_of, metadata
from mnistfaces.datasets.layouts.base import Tree, files_below
from mnistfaces.errors import DataError, FileError
from mnistfaces.files import hash_of, sha256_of_file

THUMBNAIL_SIZE = images.THUMBNAIL**2
IMAGE_AXES = 2
"""Of a gray image: rows and columns."""

RECIPE = 2
"""Raised whenever the same file would give other pixels than before."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Item:
    """One image as a network is to see it, or why there is none.

    Attributes:
        key: the hash that identifies it.
        pixels: (S, S, 3) uint8; None where there is a problem.
        problem: for people.
        thumbnail: (1024,) gray: to find near-duplicates, where the source does not know them.
    """

    key: str
    pixels: NDArray[np.uint8] | None = None
    problem: str = ""
    thumbnail: NDArray[np.uint8] | None = None


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

    def groups(self, kept: NDArray[np.int64], thumbnails: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Returns the groups of near-duplicates of the images at these positions, with their looks if any."""
        raise NotImplementedError


class DatasetSource(Source):
    """The images of a dataset; gray ones become RGB, and those of another size are resized."""

    looks = False

    def __init__(self, dataset: Dataset, side: int) -> None:
        if dataset.inputs.dtype != np.uint8 or len(dataset.shape) < IMAGE_AXES:
            raise DataError(f"{dataset.name} holds features already: give a dataset of images")
        self._dataset, self._side = dataset, side
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

    def groups(
        self,
        kept: NDArray[np.int64],
        thumbnails: NDArray[np.uint8],  # noqa: ARG002  a dataset knows its near-duplicates
    ) -> NDArray[np.int64]:
        """Returns the dataset's own groups."""
        chosen: NDArray[np.int64] = self._dataset.groups[kept]
        return chosen


class FilesSource(Source):
    """Image files, of each the largest square in the middle; the class is the folder."""

    looks = True

    def __init__(self, name: str, found: Found, side: int, jobs: int, group_by: str | None = None) -> None:
        """Reads every file once, for its hash.

        Args:
            name: of the whole.
            found: paths, names and classes.
            side: pixels per side of what `read` returns.
            jobs: threads.
            group_by: what images share that stay together, beside their looks.

        Raises:
            DataError: there are no files.
        """
        if not len(found.inputs):
            raise DataError(
                f"{name} holds no image: give a folder with one subfolder of images per class, or image files"
            )
        self.name, self._side = name, side
        self._paths = [path for path in found.inputs if isinstance(path, Path)]
        self.ids = np.array(found.names)
        self.classes = tuple(sorted(set(found.labels.tolist())))
        number = {label: position for position, label in enumerate(self.classes)}
        self.labels = np.array([number[label] for label in found.labels.tolist()], np.int64)
        self._keys = grouping.keys_of(found, group_by, name)
        with ThreadPoolExecutor(jobs) as pool:
            self.keys = list(pool.map(_sha256_or_nothing, self._paths))
        self.sha256 = np.array(self.keys)
        sides = np.full(len(self.ids), "train") if found.sides is None else found.sides
        self.given_test = sides == "test"
        self.given_val = sides == "val" if (sides == "val").any() else None
        listed = [list(three) for three in zip(self.ids.tolist(), found.labels.tolist(), self.keys, strict=True)]
        brought = {"sides": None if found.sides is None else found.sides.tolist(), "keys": self._keys}
        self.fingerprint = hash_of([RECIPE, listed, *[{k: v} for k, v in brought.items() if v is not None]])

    def read(self, index: int) -> Item:
        """Returns one image, or why it cannot be one."""
        key = self.keys[index]
        try:
            content = self._paths[index].read_bytes()
            if hashlib.sha256(content).hexdigest() != key:
                return Item(key=key, problem="it changed while it was read")
            whole = images.decode(content)
        except OSError as error:
            return Item(key=key, problem=f"cannot be read: {error.strerror or error}")
        except images.Undecodable as error:
            return Item(key=key, problem=str(error))
        square = images.centre_square(whole)
        return Item(
            key=key,
            pixels=images.resize(square, self._side),
            thumbnail=images.resize(images.luma(square), images.THUMBNAIL).ravel(),
        )

    def groups(self, kept: NDArray[np.int64], thumbnails: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Returns groups by looks, as a folder that is trained on directly has them."""
        pairs, _ = grouping.look_pairs(thumbnails.reshape(len(kept), images.THUMBNAIL, images.THUMBNAIL))
        keys = [] if self._keys is None else [self._keys[number] for number in kept.tolist()]
        return images.joined(len(kept), [*pairs, *grouping.key_pairs(keys)])


def _sha256_or_nothing(path: Path) -> str:
    try:
        return sha256_of_file(path)
    except OSError:
        return ""


def folder_source(path: Path, side: int, jobs: int, data: DataConfig = DataConfig()) -> FilesSource:
    """Returns the images of a folder of any layout, with the split that it brings; of itself where it has no subfolder.

    Raises:
        DataError: the folder cannot be read, or holds no file.
    """
    tree = Tree.of(path)
    name = path.resolve().name
    if data.layout is None and len(tree.folders) < 2 and not metadata.fits(tree):  # noqa: PLR2004  one class
        label = tree.folders[0].name if tree.folders else name
        files = files_below(tree.folders[0], []) if tree.folders else list(tree.files)
        found = Found(
            inputs=files,
            labels=np.array([label] * len(files)),
            names=[file.relative_to(path).as_posix() for file in files],
        )
    else:
        found = layout_of(path, data).read(path, data)
    return FilesSource(name, found, side, jobs, data.group_by)


def files_source(paths: Iterable[Path], side: int, jobs: int) -> FilesSource:
    """Returns named image files, each once; the class of each is the name of its folder.

    Raises:
        FileError: one of them is not there.
    """
    distinct = list(dict.fromkeys(paths))
    for path in distinct:
        if not path.is_file():
            raise FileError(f"there is no file {path}")
    labels = np.array([path.resolve().parent.name for path in distinct])
    return FilesSource(
        "files", Found(inputs=distinct, labels=labels, names=[path.as_posix() for path in distinct]), side, jobs
    )
