"""Images that are files: of a folder of any layout, or named one by one.

N images, S pixels per side.
"""

import hashlib
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnistfaces import images
from mnistfaces.config import DataConfig
from mnistfaces.datasets import grouping
from mnistfaces.datasets.found import Found
from mnistfaces.datasets.layouts import layout_of, metadata
from mnistfaces.datasets.layouts.base import Tree, files_below, names_of
from mnistfaces.errors import DataError, FileError, WorkerError
from mnistfaces.execution.tasks import here
from mnistfaces.features.sources import Item, Part, Source
from mnistfaces.files import hash_of, sha256_of_file
from mnistfaces.progress import Advanced, Event, Stage, result_of
from mnistfaces.text import counted

RECIPE = 2
"""Raised whenever the same file would give other pixels than before."""

FILES_AT_ONCE = 256

CHANGED = "it changed while it was read"


class FilesSource(Source):
    """Image files, of each the largest square in the middle; the class is the folder."""

    looks = True

    def __init__(self, name: str, found: Found, side: int, keys: Sequence[str], group_by: str | None = None) -> None:
        """Takes files.

        Args:
            name: of the whole.
            found: paths, names and classes.
            side: pixels per side of what `read` returns.
            keys: their SHA-256; "" for one that cannot be read.
            group_by: what images share that stay together, beside their looks.
        """
        self.name, self._side = name, side
        self._paths = [path for path in found.inputs if isinstance(path, Path)]
        self.ids = np.array(found.names)
        self.classes = tuple(sorted(set(found.labels.tolist())))
        number = {label: position for position, label in enumerate(self.classes)}
        self.labels = np.array([number[label] for label in found.labels.tolist()], np.int64)
        self._keys = grouping.keys_of(found, group_by, name)
        self.keys, self.sha256 = keys, np.array(keys)
        sides = np.full(len(self.ids), "train") if found.sides is None else found.sides
        self.given_test = sides == "test"
        self.given_val = sides == "val" if (sides == "val").any() else None
        listed = [list(three) for three in zip(self.ids.tolist(), found.labels.tolist(), self.keys, strict=True)]
        brought = {"sides": None if found.sides is None else found.sides.tolist(), "keys": self._keys}
        self.fingerprint = hash_of([RECIPE, listed, *[{k: v} for k, v in brought.items() if v is not None]])

    def read(self, index: int) -> Item:
        """Returns one image, or why it cannot be one."""
        return read_file(self._paths[index], self.keys[index], self._side)

    def part(self, positions: Sequence[int]) -> Part:
        """Returns the images at some positions, for a worker to read."""
        files = tuple((str(self._paths[number].absolute()), self.keys[number]) for number in positions)
        return FilesPart(name=self.name, side=self._side, files=files)

    def groups(
        self, kept: NDArray[np.int64], thumbnails: NDArray[np.uint8]
    ) -> Generator[Event, None, NDArray[np.int64]]:
        """Returns groups by looks, as a folder that is trained on directly has them."""
        whole = thumbnails.reshape(len(kept), images.THUMBNAIL, images.THUMBNAIL)
        pairs, _ = yield from result_of(grouping.look_pairs(whole))
        keys = [] if self._keys is None else [self._keys[number] for number in kept.tolist()]
        return images.joined(len(kept), [*pairs, *grouping.key_pairs(keys)])


@dataclass(frozen=True, kw_only=True)
class FilesPart:
    """Image files that a worker reads.

    Attributes:
        name: of the whole.
        side: pixels per side.
        files: path and SHA-256 of each.
    """

    name: str
    side: int
    files: tuple[tuple[str, str], ...]

    def items(self) -> Sequence[Item]:
        """Returns the images.

        Raises:
            WorkerError: a file is not there, or another one is.
        """
        return [self._item(Path(path), key) for path, key in self.files]

    def _item(self, path: Path, key: str) -> Item:
        item = read_file(path, key, self.side)
        if item.problem == CHANGED or not path.exists():
            raise WorkerError(f"{here()} has another content of {self.name} ({path}): copy this machine's data there")
        return item


def read_file(path: Path, key: str, side: int) -> Item:
    """Returns the image in a file, or why it cannot be one: for good, or for the moment.

    Args:
        path: of the file.
        key: its SHA-256.
        side: pixels per side.
    """
    try:
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != key:
            return Item(key=key, problem=CHANGED, lasting=False)
        whole = images.decode(content)
    except OSError as error:
        return Item(key=key, problem=f"cannot be read: {error.strerror or error}", lasting=False)
    except images.Undecodable as error:
        return Item(key=key, problem=str(error))
    square = images.centre_square(whole)
    return Item(
        key=key,
        pixels=images.resize(square, side),
        thumbnail=images.resize(images.luma(square), images.THUMBNAIL).ravel(),
    )


def _source(
    name: str, found: Found, side: int, jobs: int, group_by: str | None = None
) -> Generator[Event, None, FilesSource]:
    """Returns files as a source; each is read once, for its hash, by so many threads.

    Raises:
        DataError: there are no files.
    """
    paths = [path for path in found.inputs if isinstance(path, Path)]
    if not paths:
        raise DataError(f"{name} holds no image: give a folder with one subfolder of images per class, or image files")
    yield Stage(name=f"reading {counted(len(paths), 'file')}", total=len(paths))
    keys: list[str] = []
    with ThreadPoolExecutor(jobs) as pool:
        for start in range(0, len(paths), FILES_AT_ONCE):
            keys += pool.map(_sha256_or_nothing, paths[start : start + FILES_AT_ONCE])
            yield Advanced(amount=len(keys) - start)
    return FilesSource(name, found, side, keys, group_by)


def _sha256_or_nothing(path: Path) -> str:
    try:
        return sha256_of_file(path)
    except OSError:
        return ""


def folder_source(
    path: Path, side: int, jobs: int, data: DataConfig = DataConfig()
) -> Generator[Event, None, FilesSource]:
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
            names=names_of(files, path),
        )
    else:
        found = yield from result_of(layout_of(path, data).read(path, data))
    return (yield from _source(name, found, side, jobs, data.group_by))


def files_source(paths: Iterable[Path], side: int, jobs: int) -> Generator[Event, None, FilesSource]:
    """Returns named image files, each once; the class of each is the name of its folder.

    Raises:
        FileError: one of them is not there.
    """
    distinct = list(dict.fromkeys(paths))
    for path in distinct:
        if not path.is_file():
            raise FileError(f"there is no file {path}")
    labels = np.array([path.resolve().parent.name for path in distinct])
    found = Found(inputs=distinct, labels=labels, names=[path.as_posix() for path in distinct])
    return (yield from _source("files", found, side, jobs))
