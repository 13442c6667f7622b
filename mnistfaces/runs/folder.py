"""The run directory as its writer sees it: opened for a configuration, held by one process, finished with proof."""

import contextlib
import itertools
import os
import platform
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

from mnistfaces.errors import FileError, RunError
from mnistfaces.files import sha256_of_file, write_json
from mnistfaces.files.locks import Holder, Lease
from mnistfaces.files.seals import CHECK, seal
from mnistfaces.progress import Note
from mnistfaces.runs.configuration import CONFIG, name_of, read_config

RUNS = Path("runs")
LOCK = ".lock"
WAIT_SECONDS = 0.2
LOOKS = 5
"""How often a folder is looked at before it counts as in use: a process that only asks who holds it is gone by then."""
LOOK_SECONDS = 0.05


class RunFolder:
    """The directory of one run, opened for its configuration.

    What `claim` takes is given back at the end of a `with` block:

        with folder:
            yield from folder.claim()
            if not folder.finished:
                ...
                folder.finish({name: write_text(folder.path / name, text)})

    Attributes:
        path: the folder.
        finished: whether the same command ended well here before, and what it left is whole and not to be replaced.
        replaces: whether `claim` will remove what is there.
    """

    def __init__(
        self,
        asked: Mapping[str, object],
        files: Sequence[str],
        *,
        out: Path | None = None,
        force: bool = False,
        grows: str = "",
        passing: Sequence[str] = (),
    ) -> None:
        """Looks at the folder; nothing is written before `claim`.

        Args:
            asked: the configuration that the folder stands for.
            files: names that the run will write and read again, besides `config.json`.
            out: the folder; None is `runs/<command>-<hash>`.
            force: lets `claim` remove what another configuration, or a finished run of this one, left: the files
                that its `config.json` lists. Where that file is damaged or gone, it and what bears the names of
                `files` are set aside instead.
            grows: pattern of the files by which a finished run may grow. They prove themselves, record by record, so
                they stay when the configuration is damaged or gone.
            passing: names of files that the run needs only until it is finished.

        Raises:
            RunError: another configuration's results are there, or the configuration is damaged.
        """
        self.asked, self.files, self.grows, self._force = asked, list(files), grows, force
        self._passing = passing
        self.hash = name_of(asked)
        self.path = out or RUNS / f"{asked['command']}-{self.hash}"
        self._lease: Lease | None = None
        self._look()

    def claim(self, part: str = "") -> Iterator[Note]:
        """Makes the folder this configuration's and this process's, before any work goes into it.

        Another process that works at the same configuration is waited for. It may do everything: look at `finished`
        again afterwards. A finished run that cannot grow is not held, it only becomes the newest for `last`.

        Args:
            part: several processes may hold a folder at once, each for another part of the work.

        Yields:
            What a person should know.

        Raises:
            RunError: a process is at work on another configuration here, or on what was to be replaced.
            FileError: the disk refuses.
        """
        if not self.finished or self.grows:
            yield from self._take(part)
        else:
            self._sweep_lock()
        self._look()
        for name in self._damaged:
            yield Note(message=f"{self.path / name} is not the file that was written: it is made again")
        yield from self._make_room()
        if self.finished:
            yield from self._renew()
        else:
            self._write({})

    def finish(self, wrote: Mapping[str, str], more: Sequence[str] = (), **found: object) -> None:
        """Records that the work is done.

        Args:
            wrote: SHA-256 of each file that is read again, as it was when it was written.
            more: names of further files.
            found: facts that the work brought forth.

        Raises:
            FileError: the disk refuses.
        """
        self.files = list(dict.fromkeys([*self.files, *wrote, *more]))
        self._write(wrote, found)
        self._remove(self._passing)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Gives the folder back to other processes."""
        if self._lease is not None:
            self._lease.release()
            self._lease = None

    @property
    def sha256(self) -> Mapping[str, str]:
        """Returns the SHA-256 of each file that the same command kept here when it was finished."""
        return {} if self._known is None or self.replaces else self._known["sha256"]

    def _look(self) -> None:
        """Reads what is there."""
        self._old: list[str] = []
        self._strange: list[str] = []
        there = [name for name in self.files if (self.path / name).exists()]
        try:
            self._known = read_config(self.path) if (self.path / CONFIG).exists() else None
        except RunError:
            if not self._force:
                raise
            self._known, self._strange = None, [CONFIG, *there]
        known = self._known
        if known is None and not self._strange and (strange := [*there, *self._growth()]):
            if not self._force:
                raise RunError(
                    f"{self.path / strange[0]} is there, but no {CONFIG} that says whose it is: choose another --out, "
                    "or go on with --force, which sets aside what is in the way and keeps the work that proves itself"
                )
            self._strange = there
        same, done = known is not None and known["hash"] == self.hash, known is not None and known["sha256"] != {}
        if known is not None and not same and not self._force:
            raise RunError(
                f"{self.path} holds another run ({known['command']} {known['hash']}): "
                "choose another --out, or replace it with --force"
            )
        proven = known["sha256"] if known is not None and same and not self._force else {}
        self._damaged = [
            name for name in self.files if name in proven and sha256_if_there(self.path / name) != proven[name]
        ]
        self.finished = same and done and not self._force and not self._damaged
        self.replaces = known is not None and (not same or (done and self._force))
        if known is not None and self.replaces:
            self._old = known["files"]

    def _growth(self) -> list[str]:
        """Returns the names of the files by which the run has grown."""
        return (
            sorted(path.relative_to(self.path).as_posix() for path in self.path.glob(self.grows)) if self.grows else []
        )

    def _take(self, part: str) -> Iterator[Note]:
        """Takes the folder's lease, or that of a part, once no other process is in the way."""
        lease = Lease(self.path / (f"{LOCK}-{part}" if part else LOCK))
        for look in itertools.count(1):
            if (holder := self._try_to_take(lease, part)) is None:
                break
            if holder.is_this_process or (self._force and look >= LOOKS):
                raise RunError(f"{self.path} is in use by {holder}: wait for its end, or choose another --out")
            if look == LOOKS:
                yield Note(message=f"waiting for {self.path}: it is in use by {holder}")
            time.sleep(LOOK_SECONDS if look < LOOKS else WAIT_SECONDS)
        self._lease = lease

    def _sweep_lock(self) -> None:
        """Removes the lock of a process that was killed when all was done."""
        with contextlib.suppress(OSError):
            Lease(self.path / LOCK).holder()

    def _try_to_take(self, lease: Lease, part: str) -> Holder | None:
        """Takes the lease unless a process is in the way; returns that process, or None.

        Who is in the way is looked for before the lease is taken as well as after, so that a process that waits does
        not stand in the way of others.
        """
        try:
            if (holder := self._other_holder(part) or lease.take()) is None and (holder := self._other_holder(part)):
                lease.release()
        except OSError as error:
            raise FileError(f"cannot write {lease.path}: {error.strerror or error}") from error
        return holder

    def _other_holder(self, part: str) -> Holder | None:
        """Returns a process that has a lease which shuts this one out: the whole's, or for the whole that of a part."""
        for path in [self.path / LOCK] if part else self.path.glob(f"{LOCK}-*"):
            if re.fullmatch(rf"{LOCK}(-\w+)*", path.name) and (holder := Lease(path).holder()) is not None:
                return holder
        return None

    def _make_room(self) -> Iterator[Note]:
        """Removes what is to be replaced, and sets aside what nothing tells of."""
        self._remove([*self._old, *(self._passing if self.finished or self._force else ())])
        for name in self._strange:
            aside = next(path for path in _asides(self.path / name) if not path.exists())
            try:
                (self.path / name).rename(aside)
            except OSError as error:
                raise FileError(f"cannot move {self.path / name}: {error.strerror}") from error
            yield Note(message=f"{self.path / name} was set aside as {aside.name}")

    def _renew(self) -> Iterator[Note]:
        """Makes a finished run the newest, and gives a configuration of release 0.1.0 its checksum."""
        place = self.path / CONFIG
        with contextlib.suppress(OSError, FileError):  # a shared run that only its owner may write is read as it is
            if self._known is not None and CHECK not in self._known:
                write_json(place, seal(self._known))
                yield Note(message=f"{place}: written by an earlier release; it has a checksum now")
            os.utime(place)

    def _write(self, sha256: Mapping[str, str], found: Mapping[str, object] | None = None) -> None:
        files = [*self.files, *self._growth(), *(() if sha256 else self._passing)]
        known = {"hash": self.hash, "files": files, "sha256": dict(sha256), "versions": versions()}
        write_json(self.path / CONFIG, seal({**self.asked, **known, **(found or {})}))

    def _remove(self, names: Iterable[str]) -> None:
        for name in names:
            target = self.path / name
            if self.path.resolve() not in target.resolve().parents:
                raise RunError(f"{self.path / CONFIG} lists {name!r}, which is not a file of its folder")
            try:
                target.unlink(missing_ok=True)
            except OSError as error:
                raise FileError(f"cannot remove {target}: {error.strerror}") from error


def versions() -> dict[str, str]:
    """Returns the versions of the programs that make a run."""
    from importlib import metadata  # a fifth of what completion of a line may take

    found = {"python": platform.python_version()}
    for package in ("mnistfaces", "numpy", "torch"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def sha256_if_there(path: Path) -> str | None:
    """Returns the SHA-256 of a file; None where there is none.

    Raises:
        FileError: it may be sound, but cannot be read now.
    """
    try:
        return sha256_of_file(path)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return None
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror or error}; if it never can be, remove it") from error


def _asides(path: Path) -> Iterator[Path]:
    yield path.with_name(f"{path.name}.bad")
    number = 2
    while True:
        yield path.with_name(f"{path.name}.bad{number}")
        number += 1
