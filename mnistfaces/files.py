"""Files that are whole or absent: atomic writes, content hashes, and the append-only ledger."""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from mnistfaces.errors import FileError

CHUNK = 1 << 20
CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


@contextlib.contextmanager
def write_whole(path: Path) -> Iterator[IO[bytes]]:
    """Yields a binary file that becomes `path` when the block ends well, and vanishes when it does not.

    The bytes go to a temporary file in the same folder, are synced, and are renamed over `path`, so a reader
    never sees half a file.

    Raises:
        FileError: the folder or the disk refuses; an older `path` stays as it was.
    """
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
        temporary = None
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes `text` as UTF-8, whole or not at all."""
    with write_whole(path) as file:
        file.write(text.encode())


def write_json(path: Path, value: object) -> None:
    """Writes `value` as indented JSON, whole or not at all. A NaN is an error: it is not JSON."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def sha256_of_file(path: Path) -> str:
    """Returns the SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()


def hash_of(value: object) -> str:
    """Returns the SHA-256 of a JSON-like value in canonical form: sorted keys, no spaces."""
    return hashlib.sha256(CANONICAL.encode(value).encode()).hexdigest()


def read_records(path: Path) -> list[dict[str, Any]]:
    """Returns the good records of a ledger that another process may be writing, and leaves the file alone."""
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror or error}") from error
    return [record for record in map(_record_of, lines) if record is not None]


def _record_of(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


class Ledger:
    """An append-only file of JSON records, one a line, safe against kills and against a second writer.

    Opening it cuts off a torn last line and sets bad lines aside in `<name>.bad`; `append` returns once the
    record is on the disk.

    Attributes:
        path: the file.
        records: what was on the disk when it was opened, then what this process appended.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.records: list[dict[str, Any]] = []
        from filelock import FileLock

        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(f"{path}.lock")
            with self._lock:
                self.records = self._repair() if path.exists() else []
        except OSError as error:
            raise FileError(f"cannot open {path}: {error.strerror or error}") from error

    def append(self, record: Mapping[str, object]) -> None:
        """Adds one record with a single write and a sync.

        Raises:
            FileError: the disk refuses; the ledger keeps what it had.
        """
        self.extend([record])

    def extend(self, records: Sequence[Mapping[str, object]]) -> None:
        """Adds records with a single write and a sync: a kill can leave the first of them alone, each whole.

        Raises:
            FileError: the disk refuses; the ledger keeps what it had.
        """
        text = "".join(json.dumps(record, allow_nan=False, ensure_ascii=False) + "\n" for record in records)
        lines = text.encode()
        try:
            with self._lock, self.path.open("ab", buffering=0) as file:
                end = file.tell()
                try:
                    written = file.write(lines)
                    if written != len(lines):
                        raise OSError(None, "the disk took only a part of the records")
                    os.fsync(file.fileno())
                except OSError:
                    with contextlib.suppress(OSError):
                        file.truncate(end)
                    raise
        except OSError as error:
            raise FileError(f"cannot write {self.path}: {error.strerror or error}") from error
        self.records.extend(dict(record) for record in records)

    def _repair(self) -> list[dict[str, Any]]:
        """Returns the good records; rewrites the file without the others when there are any."""
        content = self.path.read_bytes()
        complete, _, torn = content.rpartition(b"\n")
        good: list[dict[str, Any]] = []
        kept: list[bytes] = []
        bad: list[bytes] = []
        for line in complete.split(b"\n") if complete else []:
            record = _record_of(line)
            if record is not None:
                good.append(record)
                kept.append(line + b"\n")
            else:
                bad.append(line + b"\n")
        if bad:
            with self.path.with_name(f"{self.path.name}.bad").open("ab") as aside:
                aside.writelines(bad)
        if bad or torn:
            with write_whole(self.path) as file:
                file.writelines(kept)
        return good
