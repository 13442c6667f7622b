"""Finished rows of an extraction that goes on: a file of rows and a ledger of batches, beside the file to be.

F features. A row is one image's features, and its looks where its source does not know near-duplicates.
"""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mnistfaces.arrays import Rows
from mnistfaces.errors import FileError
from mnistfaces.features.sources import THUMBNAIL_SIZE
from mnistfaces.files.ledger import Ledger
from mnistfaces.files.locks import Lease

ROWS_NAME = "rows.bin"
LEDGER_NAME = "batches.ndjson"
LOCK_NAME = ".lock"


@dataclass(frozen=True, kw_only=True)
class BatchRecord:
    """What a line of the ledger says of a batch.

    Attributes:
        key: hash of what decides its numbers, the images aside.
        start: position of its first row.
        units: keys of the images whose features they are.
        skipped: by key, what is wrong with the others.
        sha256: of its rows' bytes.
    """

    key: str
    start: int
    units: list[str]
    skipped: dict[str, str]
    sha256: str


def row_type(features: int, *, looks: bool) -> np.dtype[Any]:
    """Returns the type of a row on disk."""
    fields: list[tuple[str, str, tuple[int, ...]]] = [("features", "<f4", (features,))]
    if looks:
        fields.append(("thumbnail", "|u1", (THUMBNAIL_SIZE,)))
    return np.dtype(fields)


def folder_of(target: Path) -> Path:
    """Returns the folder of the unfinished part of a file."""
    return target.with_name(f".{target.name}.partial")


def sweep_partial(target: Path) -> None:
    """Removes what a process left that was killed when its file was whole, unless another one is at work there."""
    folder = folder_of(target)
    if folder.exists():
        lease = Lease(folder / LOCK_NAME)
        with contextlib.suppress(OSError):
            if lease.take() is None:
                lease.release()
                shutil.rmtree(folder, ignore_errors=True)


class Partial:
    """The folder of an unfinished extraction, used by one process at a time.

    Batches under another key, and batches whose bytes are not those that were written, are done again.

    Attributes:
        rows: by key, the position of its row.
        skipped: by key, what is wrong with it.
    """

    def __init__(self, target: Path, key: str, kind: np.dtype[Any]) -> None:
        """Opens, or begins, the unfinished part of `target`.

        Args:
            target: the file to be.
            key: hash of what decides the numbers, the images aside.
            kind: of a row.

        Raises:
            FileError: another process is at it, or the disk refuses.
        """
        self.folder = folder_of(target)
        self.rows: dict[str, int] = {}
        self.skipped: dict[str, str] = {}
        self._path, self._key, self._kind, self._end = self.folder / ROWS_NAME, key, kind, 0
        self._made: list[Path] = []
        self._lease = Lease(self.folder / LOCK_NAME)
        try:
            missing = [folder for folder in (self.folder, *self.folder.parents) if not folder.exists()]
            self.folder.mkdir(parents=True, exist_ok=True)
            self._made = missing
            if (holder := self._lease.take()) is not None:
                raise FileError(f"{target} is being made by {holder}: wait for its end, or give another --out")
            self._ledger = Ledger(self.folder / LEDGER_NAME, BatchRecord)
            self._path.touch()
            self._take_up()
        except OSError as error:
            raise FileError(f"cannot write {self.folder}: {error.strerror or error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lease.release()

    def _take_up(self) -> None:
        """Indexes the batches of this key that are whole, and cuts off what no batch claims."""
        width = self._kind.itemsize
        size = self._path.stat().st_size
        with self._path.open("r+b") as file:
            for record in self._ledger.records:
                if record["key"] != self._key or record["start"] < 0:
                    continue
                start, keys = record["start"], record["units"]
                if start + len(keys) > size // width:
                    continue
                file.seek(start * width)
                if hashlib.sha256(file.read(len(keys) * width)).hexdigest() == record["sha256"]:
                    self.rows.update(zip(keys, range(start, start + len(keys)), strict=True))
                    self.skipped.update(record["skipped"])
                    self._end = max(self._end, start + len(keys))
            file.truncate(self._end * width)

    def append(self, keys: Sequence[str], rows: NDArray[Any], skipped: Mapping[str, str]) -> None:
        """Keeps a batch: its rows are on the disk before the ledger says so.

        Raises:
            FileError: the disk refuses; what was kept before stays.
        """
        content = rows.tobytes()
        try:
            with self._path.open("r+b") as file:
                file.seek(self._end * self._kind.itemsize)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise FileError(f"cannot write {self._path}: {error.strerror or error}") from error
        digest = hashlib.sha256(content).hexdigest()
        self._ledger.append(
            {
                "key": self._key,
                "start": self._end,
                "units": list(keys),
                "skipped": dict(skipped),
                "sha256": digest,
            },
        )
        self._ledger.records.clear()  # they are on the disk; memory must not grow with them
        self.rows.update(zip(keys, range(self._end, self._end + len(keys)), strict=True))
        self.skipped.update(skipped)
        self._end += len(keys)

    def read(self, field: str, positions: NDArray[np.int64]) -> NDArray[Any]:
        """Returns one field of the rows at these positions, (n, ...)."""
        if not len(positions):
            return np.empty((0, *self._kind[field].shape), self._kind[field].base)
        mapped = np.memmap(self._path, self._kind, mode="r")
        chosen: NDArray[Any] = mapped[field][positions]  # a copy: the map is let go
        return chosen

    def remove(self) -> None:
        """Takes the folder away, and the folders above it that were made for it and are empty."""
        self._lease.release()
        shutil.rmtree(self.folder, ignore_errors=True)
        for folder in self._made:
            try:
                folder.rmdir()
            except OSError:
                if folder.exists():
                    break


class StoredFeatures(Rows):
    """The features of chosen rows, (n, F) float32, read from the disk slice by slice."""

    def __init__(self, partial: Partial, positions: NDArray[np.int64], features: int) -> None:
        self._partial, self._positions = partial, positions
        self.shape, self.dtype, self.ndim = (len(positions), features), np.dtype("<f4"), 2

    def __getitem__(self, rows: slice) -> NDArray[np.float32]:
        return self._partial.read("features", self._positions[rows])
