"""The file system below one folder: every call to it counted, refused where a fault says so, and lost in a crash.

The model of a crash of the machine: the bytes of a file are safe once it was synced; names (made, changed, removed)
are safe once any file was synced after them, as journals of file systems keep their order. Of what is not safe a
random part is lost: of bytes the last ones, or they read as zeros; of names the last ones.
"""

import builtins
import contextlib
import fcntl
import io
import os
import random
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.world import World, is_taken

_PASSING = re.compile(r"[0-9a-f]{8}-\d+-[0-9a-f]{8}\.tmp$|\.held\.[0-9a-f]{8}$")
_KINDS = {
    "stat": "stat",
    "lstat": "stat",
    "listdir": "list",
    "scandir": "list",
    "mkdir": "mkdir",
    "rmdir": "rmdir",
    "unlink": "unlink",
    "remove": "unlink",
    "utime": "utime",
    "truncate": "truncate",
}
_TWO_PATHS = ("rename", "replace", "link", "symlink")


@dataclass
class _Dirty:
    """A file that was written to since it was last synced: where it is, and what it held then."""

    path: str
    safe: bytes


class Disk:
    """The calls to files below a folder.

    Attributes:
        root: the folder.
        world: counts the calls.
        shadow: a folder beside it that holds what a crash may bring back.
    """

    def __init__(self, root: Path, shadow: Path, world: World) -> None:
        self.root, self.world = str(root), world
        self._shadow, self._copies = shadow, 0
        self._real = {name: getattr(os, name) for name in (*_KINDS, *_TWO_PATHS, "open", "fsync", "ftruncate", "write")}
        self._dirty: dict[int, _Dirty] = {}
        self._names: list[tuple[str, ...]] = []
        self._inside = 0
        world.crash = self.crash

    def install(self) -> None:
        """Takes the place of the calls, in this process and until its end."""
        for name, kind in _KINDS.items():
            self._replace(os, name, self._one_path(name, kind))
        for name in _TWO_PATHS:
            self._replace(os, name, self._two_paths(name))
        self._replace(os, "open", self._os_open)
        for name, kind in (("fsync", "sync"), ("ftruncate", "truncate"), ("write", "write")):
            self._replace(os, name, self._descriptor(name, kind))
        self._replace(os, "fdatasync", os.fsync)
        self._flock = fcntl.flock
        self._replace(fcntl, "flock", self._lock)
        self._open = io.open
        builtins.open = io.open = self._io_open  # type: ignore[assignment]
        sys.addaudithook(self._audit)

    @staticmethod
    def _replace(module: Any, name: str, call: Callable[..., Any]) -> None:  # noqa: ANN401  os or fcntl
        old = getattr(module, name)
        for known in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks, os.supports_effective_ids):
            if old in known:
                known.add(call)
        setattr(module, name, call)

    def place(self, path: Any, dir_fd: int | None = None) -> str | None:  # noqa: ANN401  path, bytes or descriptor
        """Returns what a path is called in the log; None for one outside of the folder."""
        if isinstance(path, int):
            return self._named(os.readlink(f"/proc/self/fd/{path}").removesuffix(" (deleted)"))
        text = os.fsdecode(os.fspath(path))
        if dir_fd is not None:
            text = os.path.join(os.readlink(f"/proc/self/fd/{dir_fd}"), text)
        return self._named(os.path.abspath(text))

    def _named(self, path: str) -> str | None:
        if path != self.root and not path.startswith(self.root + os.sep):
            return None
        return _PASSING.sub("*", path[len(self.root) + 1 :]) or "."

    def _one_path(self, name: str, kind: str) -> Callable[..., Any]:
        real = self._real[name]

        def call(path: Any = ".", *args: Any, **options: Any) -> Any:  # noqa: ANN401  as os has it
            dir_fd = options.get("dir_fd")
            place = self.place(path, dir_fd)
            if place is None or self._inside:
                return real(path, *args, **options)
            return self.world.perform(kind, place, self._doing(name, path, dir_fd, real), path, *args, **options)

        return call

    def _doing(self, name: str, path: Any, dir_fd: int | None, real: Callable[..., Any]) -> Callable[..., Any]:  # noqa: ANN401
        """Returns a call that takes note of what a crash may undo."""
        if name not in ("mkdir", "rmdir", "unlink", "remove"):
            return real
        full = self._full(path, dir_fd)

        def do(*args: Any, **options: Any) -> Any:  # noqa: ANN401  as os has it
            copy = self._copy(full) if name in ("unlink", "remove") else ""
            result = real(*args, **options)
            self._names.append((name, full, copy))
            return result

        return do

    @staticmethod
    def _full(path: Any, dir_fd: int | None) -> str:  # noqa: ANN401  as os has it
        folder = os.readlink(f"/proc/self/fd/{dir_fd}") if dir_fd is not None else os.getcwd()
        return os.path.join(folder, os.fsdecode(path))

    def _copy(self, path: str) -> str:
        """Links a file into the shadow, so that it can come back; returns the link, or nothing."""
        self._copies += 1
        copy = str(self._shadow / f"{os.getpid()}-{self._copies}")
        with contextlib.suppress(OSError):
            self._real["link"](path, copy)
            return copy
        return ""

    def _two_paths(self, name: str) -> Callable[..., Any]:
        real = self._real[name]

        def call(source: Any, target: Any, **options: Any) -> Any:  # noqa: ANN401  as os has it
            place = self.place(target)
            if place is None or self._inside:
                return real(source, target, **options)

            def do() -> None:
                copy = self._copy(os.path.abspath(target))
                real(source, target, **options)
                old, new = os.path.abspath(source), os.path.abspath(target)
                self._names.append(("rename", old, new, copy))
                for dirty in self._dirty.values():
                    dirty.path = new if dirty.path == old else dirty.path

            return self.world.perform("rename", place, do)

        return call

    def _descriptor(self, name: str, kind: str) -> Callable[..., Any]:
        real = self._real[name]

        def call(descriptor: int, *args: Any) -> Any:  # noqa: ANN401  as os has it
            place = self.place(descriptor) if descriptor > 2 else None
            if place is None or self._inside:
                return real(descriptor, *args)
            if kind == "write":
                return self._write(place, args[0], lambda block: real(descriptor, block))
            return self.world.perform(kind, place, self._synced if kind == "sync" else real, descriptor, *args)

        return call

    def _synced(self, descriptor: int) -> None:
        """Makes a file safe, and with it every name that was given until now. No disk is waited for."""
        self._dirty.pop(os.fstat(descriptor).st_ino, None)
        self._names.clear()

    def _lock(self, descriptor: Any, operation: int) -> None:  # noqa: ANN401  as fcntl has it
        number = descriptor if isinstance(descriptor, int) else descriptor.fileno()
        place = self.place(number)
        if place is not None and not operation & fcntl.LOCK_UN and (error := is_taken(self.world.call("lock", place))):
            raise error
        self._flock(number, operation)

    def _os_open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:  # noqa: ANN401
        place = self.place(path, dir_fd)
        if place is None or self._inside:
            return int(self._real["open"](path, flags, mode, dir_fd=dir_fd))
        full = self._full(path, dir_fd)
        makes = bool(flags & os.O_CREAT) and not os.path.lexists(full)
        kind = "create" if makes else "open"

        def do() -> int:
            with self._quietly():
                descriptor = int(self._real["open"](path, flags, mode, dir_fd=dir_fd))
            if flags & (os.O_WRONLY | os.O_RDWR):
                self._opened(descriptor, full, makes=makes, empties=bool(flags & os.O_TRUNC))
            return descriptor

        return self.world.perform(kind, place, do)

    def _opened(self, descriptor: int, full: str, *, makes: bool, empties: bool) -> None:
        """Takes note of a file that may be written to."""
        if makes:
            self._names.append(("create", full))
        inode = os.fstat(descriptor).st_ino
        if inode not in self._dirty:
            safe = b""
            if not makes and not empties:
                with contextlib.suppress(OSError), self._quietly(), io.FileIO(full) as file:
                    safe = file.readall()
            self._dirty[inode] = _Dirty(full, safe)

    @contextlib.contextmanager
    def _quietly(self) -> Any:  # noqa: ANN401  a context
        """Makes calls of our own."""
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        """Counts what opens files past `open`, such as FileIO itself."""
        if event == "open" and not self._inside and isinstance(args[0], (str, bytes, os.PathLike)):
            with self._quietly():
                place = self.place(args[0])
            if place is not None:
                self.world.call("open", place)

    def _io_open(  # noqa: PLR0913, PLR0917  as io has it
        self,
        file: Any,  # noqa: ANN401  as io has it
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,
        opener: Any = None,  # noqa: ANN401  as io has it
    ) -> Any:  # noqa: ANN401  as io has it
        place = None if opener or self._inside or file in (0, 1, 2) else self.place(file)
        if place is None:
            with self._quietly():
                return self._open(file, mode, buffering, encoding, errors, newline, closefd, opener)
        plain = "".join(mark for mark in mode if mark not in "tbU")
        if isinstance(file, int):
            raw = _File(file, plain, closefd)
            raw.bind(self, place)
        else:
            raw = self._raw(os.path.abspath(os.fspath(file)), place, plain)
        if buffering == 0:
            return raw
        buffered: Any
        if raw.readable() and raw.writable():
            buffered = io.BufferedRandom(raw)
        else:
            buffered = io.BufferedWriter(raw) if raw.writable() else io.BufferedReader(raw)
        if "b" in mode:
            return buffered
        text = io.TextIOWrapper(buffered, encoding, errors, newline, buffering == 1)
        text.mode = mode  # type: ignore[misc]
        return text

    def _raw(self, full: str, place: str, mode: str) -> "_File":
        makes = mode[0] in "wxa" and not os.path.lexists(full)
        writes = mode[0] in "wxa" or "+" in mode

        def do() -> _File:
            with self._quietly():
                file = _File(full, mode)
            file.bind(self, place)
            if writes:
                self._opened(file.fileno(), full, makes=makes, empties=mode[0] in "wx")
            return file

        return self.world.perform("create" if makes else "open", place, do)

    def write(self, place: str, block: Any, real: Callable[[Any], int]) -> int:  # noqa: ANN401  a buffer
        return self._write(place, block, real)

    def _write(self, place: str, block: Any, real: Callable[[Any], int]) -> int:  # noqa: ANN401  a buffer
        fault = self.world.call("write", place)
        if fault is None:
            return real(block)
        if fault.effect in ("short", "torn"):
            written = real(memoryview(block).cast("B")[: max(1, int(fault.share * len(block)))])
            if fault.effect == "torn":
                self.world.end("kill")
            return written
        written = real(block)
        if fault.effect.endswith(" after"):
            self.world.end(fault.effect.split()[0])
        return written

    def crash(self) -> None:
        """Loses a random part of what is not safe."""
        rng = self.world.rng
        self._inside += 1
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


class _File(io.FileIO):
    """An open file whose calls are counted."""

    _disk: Disk | None = None
    _place = ""

    def bind(self, disk: Disk, place: str) -> None:
        self._disk, self._place = disk, place

    def write(self, block: Any, /) -> int:  # noqa: ANN401  as io has it
        assert self._disk is not None
        return self._disk.write(self._place, block, super().write)

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401  as io has it
        assert self._disk is not None
        return self._disk.world.perform("read", self._place, super().readinto, buffer)

    def readall(self) -> bytes:
        assert self._disk is not None
        return self._disk.world.perform("read", self._place, super().readall)

    def read(self, size: int | None = -1, /) -> bytes:
        assert self._disk is not None
        return self._disk.world.perform("read", self._place, super().read, -1 if size is None else size)

    def truncate(self, size: int | None = None, /) -> int:
        assert self._disk is not None
        return self._disk.world.perform("truncate", self._place, super().truncate, *(() if size is None else (size,)))

    def close(self) -> None:
        if self.closed:
            return
        disk, writes = self._disk, self.writable()
        super().close()
        if disk is not None and writes:
            disk.world.call("close", self._place)


def clear(folder: Path) -> None:
    """Removes a folder with all that is in it, whoever replaced the calls."""
    shutil.rmtree(folder, ignore_errors=True)
