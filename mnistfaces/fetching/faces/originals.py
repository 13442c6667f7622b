"""The tree of photographs, each under its SHA-256; nothing else enters it, nothing damaged leaves it."""

import contextlib
import hashlib
from pathlib import Path

from mnistfaces.errors import FileError
from mnistfaces.fetching.web.policy import image_format
from mnistfaces.files import write_whole

SUFFIXES = {"jpeg": ".jpg", "png": ".png", "gif": ".gif", "webp": ".webp", "bmp": ".bmp", "tiff": ".tif"}


class Originals:
    """Photographs on the disk by SHA-256. Several threads may add to it; one process at a time does.

    Attributes:
        folder: where they are; made when the first one comes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._paths = {path.stem: path for path in folder.glob("??/*") if not path.name.startswith(".")}

    def __contains__(self, sha256: str) -> bool:
        return sha256 in self._paths

    def add(self, sha256: str, body: bytes) -> None:
        """Puts a photograph into the tree, whole or not at all.

        Raises:
            FileError: its SHA-256 is another, or the disk refuses.
        """
        if hashlib.sha256(body).hexdigest() != sha256:
            raise FileError(f"refused to keep bytes that do not have the SHA-256 {sha256}")
        path = self.folder / sha256[:2] / f"{sha256}{SUFFIXES.get(image_format(body) or '', '')}"
        with write_whole(path) as file:
            file.write(body)
        self._paths[sha256] = path

    def read(self, sha256: str) -> bytes | None:
        """Returns a photograph's bytes, verified; None if it is not here. One that is damaged is removed."""
        path = self._paths.get(sha256)
        if path is None:
            return None
        try:
            body = path.read_bytes()
        except OSError:
            body = b""
        if hashlib.sha256(body).hexdigest() == sha256:
            return body
        self.remove(sha256)
        return None

    def remove(self, sha256: str) -> None:
        """Takes a photograph out of the tree."""
        path = self._paths.pop(sha256, None)
        if path is not None:
            with contextlib.suppress(OSError):
                path.unlink()
            with contextlib.suppress(OSError):
                path.parent.rmdir()  # only if it was the last
