"""One writer at a time: a lease on a folder that ends with its process, and says who holds it.

The operating system's lock on a file is taken where the file system has one; it ends with its holder, however that
ends. Where there is none (some network file systems) a file that only one process can create stands in for it; it is
taken over when its holder was a process of this machine that is no more.
"""

import contextlib
import errno
import json
import os
import platform
import secrets
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from mnistfaces.files.processes import birth_of, is_alive
from mnistfaces.files.schema import parse_json, problem_of

UNSUPPORTED = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL}
TAKEN = {errno.EAGAIN, errno.EACCES, errno.EDEADLK}
WRITING_SECONDS = 10.0
"""How long a process that is alive needs, at most, until the file that stands for its lease says so."""

LOOK_SECONDS = 0.25

SETTLING_SECONDS = 0.05
"""How long two processes that take over the same dead holder's file need, at most, to see who came last."""


@dataclass(frozen=True, kw_only=True)
class Holder:
    """The process that holds a lease.

    Attributes:
        pid: its number; 0 where it is not known.
        host: the machine.
        since: when it took the lease, in UTC.
        birth: when it began, as `birth_of` tells it.
    """

    pid: int
    host: str
    since: str
    birth: str = ""

    def __str__(self) -> str:
        """Returns who it is, in words."""
        if not self.pid:
            return "another process"
        return f"process {self.pid} on {self.host or 'this machine'}, since {self.since} UTC"

    @property
    def is_this_process(self) -> bool:
        """Whether it is the asking process itself."""
        me = (os.getpid(), platform.node())
        return (self.pid, self.host) == me and self.birth in ("", birth_of(self.pid))

    @property
    def is_gone(self) -> bool:
        """Whether it was a process of this machine and is no more."""
        return self.host == platform.node() and not is_alive(self.pid, self.birth)


UNKNOWN = Holder(pid=0, host="", since="")


class Lease:
    """The right to write, which one process at a time has.

    Attributes:
        path: the file that stands for it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None
        self._created: str | None = None

    def __del__(self) -> None:
        self.release()

    def take(self) -> Holder | None:
        """Takes the lease; returns None, or the process that has it.

        Raises:
            OSError: the folder or the disk refuses.
        """
        if self.is_held:
            return None
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        with contextlib.ExitStack() as unless_taken:
            unless_taken.callback(_close, descriptor)
            try:
                _lock(descriptor)
            except OSError as error:
                if error.errno in TAKEN:
                    return _read(self.path) or UNKNOWN
                if error.errno in UNSUPPORTED:
                    return self._create()
                raise
            if not _is_at(descriptor, self.path):  # its last holder took the file away: this one is nobody's
                return self.take()
            unless_taken.pop_all()
            self._descriptor = descriptor
            unless_taken.callback(self.release)
            with contextlib.suppress(OSError):  # a full disk does not keep a process from what it may do
                os.ftruncate(descriptor, 0)
                os.write(descriptor, _me().encode())
            if (holder := self._stander()) is not None:  # there were no locks for a moment
                return holder
            self._sweep()
            unless_taken.pop_all()
        return None

    @property
    def is_held(self) -> bool:
        """Whether this process has it, by this object."""
        return self._descriptor is not None or self._created is not None

    def release(self) -> None:
        """Gives it back; nothing happens where it was not held."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            with contextlib.suppress(OSError):  # Windows lets no open file go
                self.path.unlink(missing_ok=True)
            _close(descriptor)
        if self._created is not None:
            with contextlib.suppress(OSError):
                self.path.unlink(missing_ok=True)
            self._sweep()
            self._created = None

    def holder(self) -> Holder | None:
        """Returns the process that has the lease, or None where it is free.

        Raises:
            OSError: the folder or the disk refuses.
        """
        if not (self.path.exists() or self._standing.exists()) or (holder := self.take()) is None:
            self.release()
            return None
        return holder

    @property
    def _standing(self) -> Path:
        return self.path.with_name(f"{self.path.name}.held")

    def _stander(self) -> Holder | None:
        """Returns who created the file that stands for the lease; None where nobody did, or one who is gone.

        Whoever has created it is about to say who he is in it, or has died: that shows in a while, by this process's
        own clock, as that of a file may be another machine's.
        """
        began = time.monotonic()
        while (holder := _read(self._standing)) is None and self._standing.exists():
            if time.monotonic() - began > WRITING_SECONDS:
                return None
            time.sleep(LOOK_SECONDS)
        return None if holder is None or holder.is_gone else holder

    def _sweep(self) -> None:
        """Removes what stands for the lease: ours, or what dead processes left."""
        with contextlib.suppress(OSError):
            for left in self.path.parent.glob(f"{self._standing.name}*"):
                left.unlink(missing_ok=True)

    def _create(self) -> Holder | None:
        """Takes the lease by creating a file that must not be there, or returns who has it.

        Who took it while there were locks wrote who he is into the lock's file before he looked for that other one;
        here it is the other way round: of two that meet, at least one sees the other.
        """
        if (holder := self._stand()) is not None:
            return holder
        locker = _read(self.path)
        if locker is None or locker.is_gone:
            return None
        self._sweep()
        self._created = None
        return locker

    def _stand(self) -> Holder | None:
        """Creates the file that stands for the lease, or returns who has done so."""
        me, standing = _me(), self._standing
        if self._try_to_create(me):
            return None
        if (holder := self._stander()) is not None:
            return holder
        aside = standing.with_name(f"{standing.name}.{secrets.token_hex(4)}")
        with contextlib.suppress(OSError):
            standing.replace(aside)
            aside.unlink()
        if not self._try_to_create(me):
            return self._stander() or UNKNOWN
        time.sleep(SETTLING_SECONDS)
        if (other := _read(standing)) != _read_text(me):  # a second process took the dead one's file away, and ours
            self._created = None
            return other or UNKNOWN
        return None

    def _try_to_create(self, me: str) -> bool:
        try:
            descriptor = os.open(self._standing, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            return False
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(me)
                file.flush()
                os.fsync(file.fileno())  # after a crash of the machine it still says who held the lease
            self._created = me
        finally:
            if self._created is None:  # a file that says nothing would keep others out
                self._sweep()
        return True


def _close(descriptor: int) -> None:
    """Closes a file, and with it lets its lock go, whatever the disk makes of its last bytes."""
    with contextlib.suppress(OSError):
        os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    """Returns whether an open file is the one that bears a name now."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False


def _me() -> str:
    since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
    me = Holder(pid=os.getpid(), host=platform.node(), since=since, birth=birth_of(os.getpid()))
    return json.dumps(asdict(me))


def _read(path: Path) -> Holder | None:
    """Returns whom a file names; None where it names nobody, or is not there.

    Raises:
        OSError: it cannot be read.
    """
    try:
        return _read_text(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def _read_text(text: str) -> Holder | None:
    value = parse_json(text.encode())
    return None if problem_of(value, Holder) else Holder(**value)


def _lock(descriptor: int) -> None:
    """Locks a file for this process alone, without waiting.

    Raises:
        OSError: another has it, or the file system knows no locks.
    """
    if os.name == "nt":
        import msvcrt

        os.lseek(descriptor, 1 << 30, os.SEEK_SET)  # far behind the text, which others read
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        os.lseek(descriptor, 0, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
