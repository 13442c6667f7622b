"""Run directories taken off the disk: what the run wrote, and nothing else."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mnistfaces.errors import FileError, RunError
from mnistfaces.files.litter import is_litter
from mnistfaces.files.locks import Holder, Lease
from mnistfaces.runs.configuration import CONFIG
from mnistfaces.runs.folder import LOCK

GROWN = ("trials*.ndjson", "parts/*.npz", "weights/*.safetensors", "*.snapshot")
"""Files of a run that its configuration may not list yet when it is killed."""


def size_of(path: Path) -> int:
    """Returns the bytes of all files in a folder."""
    sizes = []
    for file in path.rglob("*"):
        with contextlib.suppress(OSError):
            sizes.append(file.lstat().st_size if not file.is_dir() or file.is_symlink() else 0)
    return sum(sizes)


def holder_of(path: Path) -> Holder | None:
    """Returns the process that is at work in a run directory, or None."""
    for lock in (path / LOCK, *path.glob(f"{LOCK}-*")):
        with contextlib.suppress(OSError):
            if (holder := Lease(lock).holder()) is not None:
                return holder
    return None


def remove(path: Path, config: Mapping[str, Any] | None) -> list[str]:
    """Removes a run: the files that its configuration lists, those by which it grows, and its locks.

    Args:
        path: its directory.
        config: its configuration; None removes temporary files and locks only.

    Returns:
        Names of the files in the folder that are not the run's: they stay, and so does the folder.

    Raises:
        RunError: a process is at work on it.
        FileError: the disk refuses.
    """
    lease = Lease(path / LOCK)
    try:
        if (holder := holder_of(path) or lease.take()) is not None:
            raise RunError(f"{path} is in use by {holder}: it is not removed")
        for file in dict.fromkeys(_own(path, config)):
            file.unlink(missing_ok=True)
        if config is not None:
            (path / CONFIG).unlink(missing_ok=True)  # last: until now the folder says what it is
        lease.release()
        for lock in path.rglob("*.lock*"):
            if lock.name.startswith(LOCK) or lock.with_suffix("").suffix == ".ndjson":
                lock.unlink(missing_ok=True)
        left = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if not file.is_dir())
        if not left:
            for folder in sorted((inner for inner in path.rglob("*") if inner.is_dir()), reverse=True):
                folder.rmdir()
            path.rmdir()
    except OSError as error:
        raise FileError(f"cannot remove {error.filename or path}: {error.strerror or error}") from error
    return left


def _own(path: Path, config: Mapping[str, Any] | None) -> Iterator[Path]:
    """Yields the files of a run but its configuration; never one outside its directory."""
    if config is not None:
        yield from (path / name for name in (*config["files"], *config["sha256"]) if _is_inside(path, name))
        for pattern in GROWN:
            yield from path.glob(pattern)
    yield from (file for file in path.rglob(".*.tmp") if is_litter(file))


def _is_inside(path: Path, name: str) -> bool:
    return path.resolve() in (path / name).resolve().parents
