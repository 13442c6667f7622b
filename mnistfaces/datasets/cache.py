"""What was found out about files of data once and need not be found out again, in the data folder.

An entry's name is a hash of what it was made of: the files' names, sizes and times, and how they were read. A file
that was changed has another entry. Entries may be removed at any time.
"""

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.store import fingerprint_of, open_dataset, save_dataset
from mnistfaces.errors import DataError, FileError
from mnistfaces.files import hash_of, write_text
from mnistfaces.progress import Event, result_of

CACHE = "cache"
ENTRY = re.compile(r"[0-9a-f]{32}\.(npz|txt)")
FINGERPRINT = re.compile(r"[0-9a-f]{64}")
RECIPE = 4
"""Raised whenever the same files would give another dataset than before."""


def cache_folder(data_dir: Path) -> Path:
    """Returns where a data folder keeps what it remembers."""
    return data_dir / CACHE


def cache_size(data_dir: Path) -> tuple[int, int]:
    """Returns how many entries the cache of a data folder has, and their bytes."""
    sizes = []
    for path in _entries(data_dir):
        with contextlib.suppress(OSError):  # another process has just removed it
            sizes.append(path.stat().st_size)
    return len(sizes), sum(sizes)


def clear_cache(data_dir: Path) -> tuple[int, int]:
    """Removes every entry of the cache of a data folder; returns how many there were, and their bytes.

    Raises:
        FileError: the folder refuses.
    """
    count, size = cache_size(data_dir)
    for path in _entries(data_dir):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise FileError(f"cannot remove {path}: {error.strerror or error}") from error
    return count, size


def _entries(data_dir: Path) -> list[Path]:
    """Returns the files that are entries by their names; others that lie there are nobody's to remove."""
    return sorted(path for path in cache_folder(data_dir).glob("*") if ENTRY.fullmatch(path.name))


def stamps_of(files: Iterable[Path]) -> list[tuple[str, int, int]]:
    """Returns the path, size and time (nanoseconds) of files.

    Raises:
        DataError: one of them is gone.
    """
    try:
        here = Path.cwd()
        return [(os.path.join(here, file), (known := os.stat(file)).st_size, known.st_mtime_ns) for file in files]  # noqa: PTH116, PTH118  twice as fast as Path
    except OSError as error:
        raise DataError(f"cannot read {error.filename}: {error.strerror or error}") from error


def remembered(
    made_of: object, data_dir: Path | None, build: Callable[[], Iterator[Event | Dataset]]
) -> Iterator[Event | Dataset]:
    """Yields the dataset that `build` gives, from the disk where it was built before.

    One that lacks images which could not be read for the moment is not kept: the next command tries them again.

    Args:
        made_of: JSON-like; all that decides the dataset.
        data_dir: the data folder; one that cannot be written is read as it is. None remembers nothing.
        build: makes it, and says how far it is.
    """
    if data_dir is None:
        yield from build()
        return
    path = cache_folder(data_dir) / f"{hash_of([RECIPE, made_of])[:32]}.npz"
    if path.is_file():
        with contextlib.suppress(DataError):  # damaged: it is made again
            yield open_dataset(path)
            return
    dataset = yield from result_of(build())
    if not dataset.meta.get("unread"):
        with contextlib.suppress(FileError):
            save_dataset(path, dataset)
    yield dataset


def open_verified(path: Path, data_dir: Path | None) -> Dataset:
    """Returns the dataset in a file that this package wrote, under the fingerprint of what the file holds now.

    A file whose arrays were changed and whose `meta` was not is another dataset, and `remarks` say so. The fingerprint
    is computed once, and again when the file's size or time is another.

    Raises:
        DataError: the file is no dataset.
    """
    dataset = open_dataset(path)
    fingerprint = known_fingerprint(dataset, stamps_of([path]), data_dir)
    if fingerprint == dataset.fingerprint:
        return dataset
    changed = "its arrays were changed after it was written: it is another dataset than its `meta` says"
    return replace(dataset, fingerprint=fingerprint, remarks=(*dataset.remarks, changed))


def known_fingerprint(dataset: Dataset, made_of: object, data_dir: Path | None) -> str:
    """Returns `fingerprint_of` a dataset, which reads all of it, from the disk where it was computed before.

    Args:
        dataset: what the fingerprint is of.
        made_of: JSON-like; all that decides it.
        data_dir: the data folder; one that cannot be written is read as it is. None remembers nothing.
    """
    if data_dir is None:
        return fingerprint_of(dataset)
    known = cache_folder(data_dir) / f"{hash_of([RECIPE, made_of])[:32]}.txt"
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if FINGERPRINT.fullmatch(said := known.read_text(encoding="utf-8").strip()):
            return said
    fingerprint = fingerprint_of(dataset)
    with contextlib.suppress(FileError):
        write_text(known, f"{fingerprint}\n")
    return fingerprint
