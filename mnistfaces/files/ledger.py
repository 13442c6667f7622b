"""The append-only ledger: a file of JSON records, one per line, each with a checksum, that survives kills and damage.

Who opens a ledger holds the folder it lies in: one process writes at a time, others read. Lines of release 0.1.0 have
no checksum; they count where no line of the ledger has one, and get theirs when it is opened for writing.
"""

import contextlib
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnistfaces.errors import FileError
from mnistfaces.files import write_whole
from mnistfaces.files.schema import parse_json, problem_of
from mnistfaces.files.seals import CHECK, is_sealed, seal_line

_MARK = f'"{CHECK}"'.encode()


@dataclass(frozen=True, kw_only=True)
class _Scan:
    """The lines of a ledger: the good ones and their records, the bad ones, and whether the last one is torn.

    Attributes:
        unsealed: how many good ones have no checksum.
    """

    records: list[dict[str, Any]]
    good: list[bytes]
    bad: list[bytes]
    unsealed: int
    torn: bool


def _scan(path: Path, schema: type, sha256: str | None) -> _Scan:
    complete, _, torn = path.read_bytes().rpartition(b"\n")
    records: list[dict[str, Any]] = []
    good: list[bytes] = []
    bad: list[bytes] = []
    old = _MARK not in complete and (sha256 is None or _begins_with(complete, sha256))
    unsealed = 0
    for line in complete.split(b"\n") if complete else []:
        sealed = is_sealed(line)
        record = _record_of(line, schema, sealed=sealed) if sealed or old else None
        if record is None:
            bad.append(line + b"\n")
            continue
        records.append(record)
        good.append(line + b"\n" if sealed else seal_line(record))
        unsealed += not sealed
    return _Scan(records=records, good=good, bad=bad, unsealed=unsealed, torn=bool(torn))


def _begins_with(content: bytes, sha256: str) -> bool:
    """Returns whether some first lines have a SHA-256: release 0.1.0 kept that of a finished sweep's ledger."""
    digest = hashlib.sha256()
    for line in content.split(b"\n"):
        digest.update(line + b"\n")
        if digest.hexdigest() == sha256:
            return True
    return False


def _record_of(line: bytes, schema: type, *, sealed: bool) -> dict[str, Any] | None:
    """Returns the record of a line without its checksum, or None where it does not fit the schema."""
    try:
        record = parse_json(line)
    except ValueError:
        return None
    if sealed and isinstance(record, dict):
        record.pop(CHECK, None)
    return None if problem_of(record, schema) else record


def read_records(path: Path, schema: type, sha256: str | None = None) -> list[dict[str, Any]]:
    """Returns the good records of a ledger that another process may be writing, and leaves the file alone.

    Args:
        path: the file.
        schema: the dataclass of its records.
        sha256: of its first lines; without them, lines that have no checksum are not believed. None believes them.

    Raises:
        FileError: the file cannot be read.
    """
    try:
        return _scan(path, schema, sha256).records
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror or error}") from error


class Ledger:
    """A ledger opened by its one writer.

    Opening it cuts off a torn last line, sets bad lines aside in `<name>.bad` and seals those of release 0.1.0.

    Attributes:
        path: the file.
        records: what was on the disk when it was opened, then what this process appended.
        notes: what a person should know of the opening.
    """

    def __init__(self, path: Path, schema: type, sha256: str | None = None) -> None:
        """Opens a ledger, or begins it.

        Args:
            path: the file, in a folder that this process holds.
            schema: the dataclass of its records.
            sha256: as for `read_records`.

        Raises:
            FileError: the folder or the disk refuses.
        """
        self.path = path
        self.records: list[dict[str, Any]] = []
        self.notes: list[str] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists():
                self._take_up(_scan(path, schema, sha256))
        except OSError as error:
            raise FileError(f"cannot open {path}: {error.strerror or error}") from error

    def append(self, record: Mapping[str, object]) -> None:
        """Adds one record: it is on the disk when this returns.

        Raises:
            FileError: the disk refuses; the ledger keeps what it had.
        """
        self.extend([record])

    def extend(self, records: Sequence[Mapping[str, object]]) -> None:
        """Adds records with a single write and a sync: a kill can leave the first of them alone, each whole.

        Raises:
            FileError: the disk refuses; the ledger keeps what it had.
        """
        lines = b"".join(map(seal_line, records))
        try:
            with self.path.open("a+b", buffering=0) as file:
                end = file.seek(0, os.SEEK_END)
                if end:
                    file.seek(end - 1)
                    if file.read(1) != b"\n":  # a process that should not have been here died in the middle of a line
                        lines = b"\n" + lines
                try:
                    if file.write(lines) != len(lines):
                        raise OSError(None, "the disk took only a part of the record")
                    os.fsync(file.fileno())
                except OSError:
                    with contextlib.suppress(OSError):
                        file.truncate(end)
                    raise
        except OSError as error:
            raise FileError(f"cannot write {self.path}: {error.strerror or error}") from error
        self.records += map(dict, records)

    def _take_up(self, found: _Scan) -> None:
        """Keeps the good lines; the file is rewritten when there are others."""
        self.records = found.records
        if found.bad:
            aside = self.path.with_name(f"{self.path.name}.bad")
            with aside.open("ab") as file:
                file.writelines(found.bad)
                file.flush()
                os.fsync(file.fileno())  # before the ledger no longer has them
            many = f"{len(found.bad)} damaged lines were" if len(found.bad) > 1 else "a damaged line was"
            self.notes.append(f"{self.path}: {many} set aside in {aside.name}; that work is done again")
        if found.unsealed:
            self.notes.append(f"{self.path}: written by an earlier release; its lines have checksums now")
        if found.bad or found.torn or found.unsealed:
            with write_whole(self.path) as file:
                file.writelines(found.good)
