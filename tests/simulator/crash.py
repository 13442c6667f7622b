"""What a crash of the machine takes: whatever no `fsync` has made safe, or a part of it.

The bytes of a file are safe once it was synced; names (made, changed, removed) are safe once any file was synced after
them, as journals of file systems keep their order. Of what is not safe a random part is lost: of bytes the last ones,
or they read as zeros; of names the last ones.
"""

import contextlib
import io
import os
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class _Dirty:
    """A file that was written to since it was last synced: where it is, and what it held then."""

    path: str
    safe: bytes


class Unsafe:
    """What a crash would lose now.

    Attributes:
        shadow: a folder that keeps what a crash may bring back.
    """

    def __init__(self, shadow: Path, real: Mapping[str, Any]) -> None:
        """Begins with a disk on which all is safe.

        Args:
            shadow: a folder beside the one that is looked at, on the same disk.
            real: the calls of `os` by name, as they were before anything took their place.
        """
        self.shadow, self._real, self._copies = shadow, real, 0
        self._dirty: dict[int, _Dirty] = {}
        self._names: list[tuple[str, ...]] = []

    def opened(self, descriptor: int, full: str, *, makes: bool, empties: bool) -> None:
        """Takes note of a file that may be written to."""
        if makes:
            self._names.append(("create", full))
        inode = self._real["fstat"](descriptor).st_ino
        if inode not in self._dirty:
            safe = b""
            if not makes and not empties:
                with contextlib.suppress(OSError), io.FileIO(full) as file:
                    safe = file.readall()
            self._dirty[inode] = _Dirty(full, safe)

    def named(self, what: str, full: str, copy: str) -> None:
        """Takes note of a name that was made or removed; `copy` is what `keep` made of it before."""
        self._names.append((what, full, copy))

    def renamed(self, old: str, new: str, copy: str) -> None:
        """Takes note of a name that was changed; `copy` is what `keep` made of the new name before."""
        self._names.append(("rename", old, new, copy))
        for dirty in self._dirty.values():
            dirty.path = new if dirty.path == old else dirty.path

    def keep(self, path: str) -> str:
        """Links a file into the shadow, so that it can come back; returns the link, or nothing."""
        self._copies += 1
        copy = str(self.shadow / f"{os.getpid()}-{self._copies}")
        with contextlib.suppress(OSError):
            self._real["link"](path, copy)
            return copy
        return ""

    def synced(self, descriptor: int) -> None:
        """Makes a file safe, and with it every name that was given until now. No disk is waited for."""
        self._dirty.pop(self._real["fstat"](descriptor).st_ino, None)
        self._names.clear()

    def lose(self, rng: random.Random) -> None:
        """Loses a random part of what is not safe."""
        for dirty in self._dirty.values():
            _lose_bytes(dirty, rng)
        for _ in range(rng.randint(0, len(self._names))):
            with contextlib.suppress(OSError):
                self._undo(*self._names.pop())

    def _undo(self, what: str, path: str, *more: str) -> None:
        if what == "create":
            self._real["unlink"](path)
        elif what == "mkdir":
            self._real["rmdir"](path)
        elif what == "rmdir":
            self._real["mkdir"](path)
        elif what == "rename":
            self._real["replace"](more[0], path)
            if more[1]:
                self._real["replace"](more[1], more[0])
        elif more[0]:
            self._real["replace"](more[0], path)


def _lose_bytes(dirty: _Dirty, rng: random.Random) -> None:
    """Makes of a file what may be left of it when its last bytes never came to the disk."""
    with contextlib.suppress(OSError), io.FileIO(dirty.path, "r+") as file:
        now = file.readall()
        how = rng.choice(("all", "none", "cut", "zeros"))
        if how == "all" or now == dirty.safe:
            return
        appended = now.startswith(dirty.safe)
        kept = rng.randint(len(dirty.safe) if appended else 0, len(now))
        left = {"none": dirty.safe, "cut": now[:kept], "zeros": now[:kept] + bytes(len(now) - kept)}[how]
        file.seek(0)
        file.truncate()
        file.write(left)
