"""Lists of faces from files and URLs; one from a URL is kept, so that it is asked for once."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from mnistfaces.errors import FetchError, FileError
from mnistfaces.fetching.faces.entries import BadEntry, Entry, parse_list
from mnistfaces.fetching.web.client import Client
from mnistfaces.files import write_whole
from mnistfaces.files.litter import sweep_once

PUBLIC_LISTS = tuple(
    f"https://raw.githubusercontent.com/faceteam/facescrub/master/facescrub_{kind}.txt"
    for kind in ("actors", "actresses")
)
LIMIT_BYTES = 256 << 20
DEADLINE_S = 300.0
OK = 200


def read_lists(names: Sequence[str], folder: Path, client: Client) -> Iterator[Entry | BadEntry]:
    """Yields the lines of some lists, one list after the other.

    Args:
        names: files or URLs; none for the public copies.
        folder: where lists from URLs are kept.
        client: asks for a URL.

    Raises:
        FileError: a file cannot be read.
        FetchError: a URL does not give its list.
    """
    sweep_once(folder)
    for name in names or PUBLIC_LISTS:
        content = _from_web(name, folder, client) if "://" in name else _from_file(Path(name))
        yield from parse_list(content, name.rsplit("/", 1)[-1])


def _from_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FileError(f"cannot read the list {path}: {error.strerror or error}") from error


def _from_web(url: str, folder: Path, client: Client) -> bytes:
    copy = folder / f"{hashlib.sha256(url.encode()).hexdigest()[:16]}.txt"
    if copy.exists() and _names_faces(content := _from_file(copy)):
        return content
    hint = "give a copy with --list FILE"
    try:
        reply = client.get(url, limit_bytes=LIMIT_BYTES, deadline_s=DEADLINE_S)
    except FetchError as error:
        raise FetchError(f"cannot get the list {url}: {error}: {hint}") from error
    if reply.status != OK:
        raise FetchError(f"cannot get the list {url}: HTTP {reply.status}: {hint}")
    if not _names_faces(reply.body):
        raise FetchError(f"{url} gave no list of faces but {reply.body[:40]!r}: {hint}")
    with write_whole(copy) as file:
        file.write(reply.body)
    return reply.body


def _names_faces(content: bytes) -> bool:
    """Returns whether a list has a row at all; a page that says that it moved has none, and is never kept."""
    return any(isinstance(line, Entry) for line in parse_list(content, ""))
