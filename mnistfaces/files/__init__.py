"""Files that are whole or absent: atomic writes and content hashes. `ledger` and `locks` are built on them."""

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from mnistfaces.errors import FileError
from mnistfaces.files.litter import sweep_once, temporary_name

CHUNK = 1 << 20
CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


@contextlib.contextmanager
def write_whole(path: Path) -> Iterator[IO[bytes]]:
    """Yields a binary file that becomes `path` when the block ends well, and vanishes when it does not.

    The bytes go to a temporary file in the same folder, are synced, and are renamed over `path`, so a reader
    never sees half a file. What killed processes left half-written in the folder is removed.

    Raises:
        FileError: the folder or the disk refuses; an older `path` stays as it was.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep_once(path.parent)
        wanted = path.with_name(temporary_name(path.name, secrets.token_hex(4)))
        with wanted.open("x+b") as file:
            temporary = wanted
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        temporary = None
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> str:
    """Writes `content`, whole or not at all; returns its SHA-256."""
    with write_whole(path) as file:
        file.write(content)
    return hashlib.sha256(content).hexdigest()


def write_text(path: Path, text: str) -> str:
    """Writes `text` as UTF-8, whole or not at all; returns the SHA-256 of its bytes."""
    return write_bytes(path, text.encode())


def write_json(path: Path, value: object) -> str:
    """Writes `value` as indented JSON, whole or not at all; returns its SHA-256. A NaN is an error: it is not JSON."""
    return write_text(path, json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def read_if_there(path: Path, remedy: str = "") -> bytes | None:
    """Returns what a file holds, None where there is none.

    One that cannot be read for the moment is not one that is gone.

    Args:
        path: of the file.
        remedy: what the message ends with.

    Raises:
        FileError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror or error}{remedy}") from error


def sha256_of_file(path: Path) -> str:
    """Returns the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return sha256_of_open(file)


def sha256_of_open(file: IO[bytes]) -> str:
    """Returns the SHA-256 of an open file's bytes, from its first on, and leaves it at its end."""
    file.seek(0)
    digest = hashlib.sha256()
    while block := file.read(CHUNK):
        digest.update(block)
    return digest.hexdigest()


def hash_of(value: object) -> str:
    """Returns the SHA-256 of a JSON-like value in canonical form: sorted keys, no spaces."""
    return hashlib.sha256(CANONICAL.encode(value).encode()).hexdigest()
