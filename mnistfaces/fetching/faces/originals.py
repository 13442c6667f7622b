"""The tree of photographs, each under its SHA-256; nothing else enters it, nothing damaged leaves it.

A photograph that was had once may be gone from the web for good. So a file that does not match its name is moved
aside, never deleted, and one that cannot be read is an error, never a file that is not there.
"""

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

from mnistfaces.errors import FileError
from mnistfaces.fetching.web.policy import image_format
from mnistfaces.files import write_whole

SUFFIXES = {"jpeg": ".jpg", "png": ".png", "gif": ".gif", "webp": ".webp", "bmp": ".bmp", "tiff": ".tif"}
DAMAGED = "damaged"
PREFIX = 2
"""Digits of a SHA-256 that name its folder in the tree."""


class Originals:
    """Photographs on the disk by SHA-256. Several threads may add to it; one process at a time does.

    Attributes:
        folder: where they are; made when the first one comes.
        damaged: where the files lie that this object found damaged and moved aside.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.damaged: list[Path] = []
        self._paths = {path.stem: path for path in _listed(folder)}

    def __contains__(self, sha256: str) -> bool:
        return sha256 in self._paths

    def add(self, sha256: str, body: bytes) -> None:
        """Puts a photograph into the tree, whole or not at all.

        Raises:
            FileError: its SHA-256 is another, or the disk refuses.
        """
        if hashlib.sha256(body).hexdigest() != sha256:
            raise FileError(f"refused to keep bytes that do not have the SHA-256 {sha256}")
        path = self.folder / sha256[:PREFIX] / f"{sha256}{SUFFIXES.get(image_format(body) or '', '')}"
        with write_whole(path) as file:
            file.write(body)
        self._paths[sha256] = path

    def read(self, sha256: str) -> bytes | None:
        """Returns a photograph's bytes, verified; None if it is not here. One that is damaged is moved aside.

        Raises:
            FileError: its file is here but cannot be read.
        """
        path = self._paths.get(sha256)
        if path is None:
            return None
        try:
            body = path.read_bytes()
            if hashlib.sha256(body).hexdigest() == sha256:
                return body
            self.damaged.append(path.replace(free_name(path, self.folder / DAMAGED)))
        except FileNotFoundError:
            pass  # it was taken away since the tree was listed
        except OSError as error:
            raise FileError(f"cannot read the photograph {path}: {error.strerror or error}") from error
        del self._paths[sha256]
        return None

    def remove(self, sha256: str) -> None:
        """Deletes a photograph: only for a person who wants none to be kept."""
        path = self._paths.pop(sha256, None)
        if path is not None:
            with contextlib.suppress(OSError):
                path.unlink()
            with contextlib.suppress(OSError):
                path.parent.rmdir()  # only if it was the last


def free_name(path: Path, folder: Path) -> Path:
    """Returns where in a folder, made if need be, a file can go without taking the place of another one.

    Raises:
        OSError: the disk refuses.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target, number = folder / path.name, 0
    while target.exists():
        number += 1
        target = folder / f"{path.stem}-{number}{path.suffix}"
    return target


def _listed(folder: Path) -> Iterator[Path]:
    """Yields the files of the tree; what a process is still writing, or was killed while writing, is none.

    Raises:
        FileError: a folder of it cannot be read: its photographs are not lost.
    """
    try:
        for inner in folder.iterdir() if folder.exists() else ():
            if len(inner.name) == PREFIX and inner.is_dir():
                yield from (file for file in inner.iterdir() if not file.name.startswith("."))
    except OSError as error:
        raise FileError(f"cannot read the folder {error.filename or folder}: {error.strerror or error}") from error
