"""Arrays and facts of unfinished work in one file that proves itself.

The file is the SHA-256 of what follows, in hexadecimal, a line break, and a `.safetensors` with facts as JSON in its
metadata. The one before stays beside the newest, so damage costs the time from one to the next.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnistfaces.errors import FileError
from mnistfaces.files import read_if_there, write_bytes
from mnistfaces.files.schema import parse_json
from mnistfaces.progress import Note

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEWEST, BEFORE = "newest.snapshot", "before.snapshot"
SNAPSHOTS = (NEWEST, BEFORE)

FACTS = "facts"
DIGEST = 64
"""Hexadecimal digits of a SHA-256."""

State = tuple[dict[str, "NDArray[Any]"], dict[str, Any]]
"""Arrays by name, and facts."""


def save_snapshot(folder: Path, arrays: "Mapping[str, NDArray[Any]]", facts: Mapping[str, object]) -> None:
    """Writes the newest snapshot of a folder, whole or not at all, and keeps the one before.

    Raises:
        FileError: the disk refuses.
    """
    from safetensors.numpy import save

    content = save(dict(arrays), {FACTS: json.dumps(facts, allow_nan=False)})
    newest = folder / NEWEST
    try:
        if newest.exists():
            newest.replace(folder / BEFORE)
    except OSError as error:
        raise FileError(f"cannot rename {newest}: {error.strerror or error}") from error
    write_bytes(newest, hashlib.sha256(content).hexdigest().encode() + b"\n" + content)


def read_snapshots(folder: Path) -> Iterator[State | Note]:
    """Yields the snapshots of a folder that are whole, the newest first, and a note for each that is not.

    Raises:
        FileError: one may be whole, but cannot be read now: to begin again would cost what it holds.
    """
    for name in SNAPSHOTS:
        path = folder / name
        content = read_if_there(path, "; if it never can be, remove it")
        if content is None:
            continue
        try:
            yield _state_in(content)
        except ValueError as error:
            yield Note(message=f"{path} is damaged ({error}): it is not used")


def _state_in(content: bytes) -> State:
    """Returns what a snapshot holds; raises ValueError where it is damaged."""
    from safetensors.numpy import load

    digest, body = content[:DIGEST], content[DIGEST + 1 :]
    if digest != hashlib.sha256(body).hexdigest().encode():
        raise ValueError("its SHA-256 differs")
    length = int.from_bytes(body[:8], "little")  # of safetensors' header, which numpy's reader does not give
    header = parse_json(body[8 : 8 + length])
    return dict(load(body)), dict(parse_json(header["__metadata__"][FACTS].encode()))
