"""The file system below one folder: every call to it counted, refused where a fault says so, and noted for a crash."""

import builtins
import contextlib
import fcntl
import io
import mmap
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simulator.counted_file import CountedFile
from simulator.crash import Unsafe
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
_DESCRIPTORS = {"fsync": "sync", "ftruncate": "truncate", "write": "write", "close": "close", "fstat": "stat"}
_TWO_PATHS = ("rename", "replace", "link", "symlink")


class Disk:
    """The calls to files below a folder.

    Attributes:
        root: the folder.
        world: counts the calls.
        unsafe: what a crash would lose.
    """

    def __init__(self, root: Path, shadow: Path, world: World) -> None:
        self.root, self.world = str(root), world
        self._real = {name: getattr(os, name) for name in (*_KINDS, *_TWO_PATHS, *_DESCRIPTORS, "open")}
        self.unsafe = Unsafe(shadow, self._real)
        self._inside = 0
        world.crash = self.crash

    def install(self) -> None:
        """Takes the place of the calls, in this process and until its end."""
        for name, kind in _KINDS.items():
            self._replace(os, name, self._one_path(name, kind))
        for name in _TWO_PATHS:
            self._replace(os, name, self._two_paths(name))
        self._replace(os, "open", self._os_open)
        for name, kind in _DESCRIPTORS.items():
            self._replace(os, name, self._descriptor(name, kind))
        self._map = mmap.mmap
        self._replace(mmap, "mmap", self._mapped)
        self._replace(os, "fdatasync", os.fsync)
        self._flock = fcntl.flock
        self._replace(fcntl, "flock", self._lock)
        self._open = io.open
        builtins.open = io.open = self._io_open  # type: ignore[assignment]
        sys.addaudithook(self._audit)

    @staticmethod
    def _replace(module: Any, name: str, call: Callable[..., Any]) -> None:  # noqa: ANN401  os, fcntl or mmap
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
            copy = self.unsafe.keep(full) if name in ("unlink", "remove") else ""
            result = real(*args, **options)
            self.unsafe.named(name, full, copy)
            return result

        return do

    @staticmethod
    def _full(path: Any, dir_fd: int | None) -> str:  # noqa: ANN401  as os has it
        folder = os.readlink(f"/proc/self/fd/{dir_fd}") if dir_fd is not None else os.getcwd()
        return os.path.join(folder, os.fsdecode(path))

    def _two_paths(self, name: str) -> Callable[..., Any]:
        real = self._real[name]

        def call(source: Any, target: Any, **options: Any) -> Any:  # noqa: ANN401  as os has it
            place = self.place(target)
            if place is None or self._inside:
                return real(source, target, **options)

            def do() -> None:
                old, new = os.path.abspath(source), os.path.abspath(target)
                copy = self.unsafe.keep(new)
                real(source, target, **options)
                if name in ("link", "symlink"):
                    self.unsafe.named("create", new, "")
                else:
                    self.unsafe.renamed(old, new, copy)

            return self.world.perform("rename", place, do)

        return call

    def _descriptor(self, name: str, kind: str) -> Callable[..., Any]:
        real = self._real[name]

        def call(descriptor: int, *args: Any) -> Any:  # noqa: ANN401  as os has it
            place = self.place(descriptor) if descriptor > 2 else None
            if place is None or self._inside:
                return real(descriptor, *args)
            if kind == "write":
                return self.write(place, args[0], lambda block: real(descriptor, block))
            if kind == "close":  # whatever is told of it, it is closed
                real(descriptor)
                return self.world.call(kind, place)
            return self.world.perform(kind, place, self.unsafe.synced if kind == "sync" else real, descriptor, *args)

        return call

    def _mapped(self, descriptor: int, *args: Any, **options: Any) -> mmap.mmap:  # noqa: ANN401  as mmap has it
        place = None if self._inside or descriptor < 0 else self.place(descriptor)
        if place is None:
            return self._map(descriptor, *args, **options)
        return self.world.perform("map", place, self._map, descriptor, *args, **options)

    def _lock(self, descriptor: Any, operation: int) -> None:  # noqa: ANN401  as fcntl has it
        number = descriptor if isinstance(descriptor, int) else descriptor.fileno()
        place = self.place(number)
        fault = None if place is None or operation & fcntl.LOCK_UN else self.world.call("lock", place)
        if error := is_taken(fault):
            raise error
        self._flock(number, operation)
        self.world.follow(fault)

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
        with self._quietly():
            self.unsafe.opened(descriptor, full, makes=makes, empties=empties)

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
            raw = CountedFile(file, plain, closefd)
            raw.bind(self.world, self.write, place)
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

    def _raw(self, full: str, place: str, mode: str) -> CountedFile:
        makes = mode[0] in "wxa" and not os.path.lexists(full)
        writes = mode[0] in "wxa" or "+" in mode

        def do() -> CountedFile:
            with self._quietly():
                file = CountedFile(full, mode)
            file.bind(self.world, self.write, place)
            if writes:
                self._opened(file.fileno(), full, makes=makes, empties=mode[0] in "wx")
            return file

        return self.world.perform("create" if makes else "open", place, do)

    def write(self, place: str, block: Any, real: Callable[[Any], int]) -> int:  # noqa: ANN401  a buffer
        """Writes some bytes to a file, or what a fault makes of that."""
        fault = self.world.call("write", place)
        if fault is None:
            return real(block)
        if fault.effect in ("short", "torn"):
            written = real(memoryview(block).cast("B")[: max(1, int(fault.share * len(block)))])
            if fault.effect == "torn":
                self.world.end("kill")
            return written
        written = real(block)
        self.world.follow(fault)
        return written

    def crash(self) -> None:
        """Loses a random part of what is not safe."""
        self._inside += 1
        self.unsafe.lose(self.world.rng)
