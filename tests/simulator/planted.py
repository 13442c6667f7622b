"""Known bugs, planted in the program on demand: the simulator has to find each."""

import contextlib
import os
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from mnistfaces import arrays, files
from mnistfaces.cli import app
from mnistfaces.experiments import kept
from mnistfaces.fetching.faces import originals, passes
from mnistfaces.fetching.faces.crops import CropPlan
from mnistfaces.fetching.faces.originals import Originals
from mnistfaces.fetching.faces.passes import FacesPass
from mnistfaces.fetching.web import client, download, pinned, policy
from mnistfaces.fetching.web.hosts import Task
from mnistfaces.files import ledger, sha256_of_file
from mnistfaces.files.locks import Lease
from mnistfaces.runs import folder


def _not_atomic() -> None:
    @contextlib.contextmanager
    def write_at_once(path: Path) -> Iterator[IO[bytes]]:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())

    for module in (files, arrays, ledger, originals):
        module.write_whole = write_at_once  # type: ignore[attr-defined]


def _no_sync() -> None:
    class Unsynced:
        fsync = staticmethod(lambda _: None)

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401  of os
            return getattr(os, name)

    files.os = Unsynced()  # type: ignore[attr-defined]


def _ledger_not_sealed() -> None:
    def extend(self: ledger.Ledger, records: Sequence[Mapping[str, object]]) -> None:
        with contextlib.suppress(OSError), self.path.open("ab", buffering=0) as file:
            file.write(b"".join(map(ledger.seal_line, records)))
        self.records += map(dict, records)

    ledger.Ledger.extend = extend  # type: ignore[method-assign]


def _unreadable_is_removed() -> None:
    def read(self: Originals, sha256: str) -> bytes | None:
        path = self._paths.get(sha256)
        try:
            return path.read_bytes() if path is not None else None
        except OSError:
            assert path is not None
            path.unlink()
            del self._paths[sha256]
            return None

    Originals.read = read  # type: ignore[method-assign]


def _no_lease() -> None:
    Lease.take = lambda _: None  # type: ignore[method-assign]


def _rebuild_drops_faces() -> None:
    CropPlan._old_crop = lambda *_: None  # type: ignore[method-assign]
    CropPlan._spare_old = lambda *_: None  # type: ignore[method-assign]


def _litter_stays() -> None:
    files.sweep_once = lambda _: None  # type: ignore[assignment]
    FacesPass._clear_unfinished = lambda _: None  # type: ignore[method-assign]


def _errors_are_bugs() -> None:
    app._line_of = lambda _: None  # type: ignore[assignment]


def _unreadable_is_made_again() -> None:
    def sha256_if_there(path: Path) -> str | None:
        try:
            return sha256_of_file(path)
        except OSError:
            return None

    folder.sha256_if_there = kept.sha256_if_there = sha256_if_there  # type: ignore[attr-defined]


def _deadline_starts_again() -> None:
    Task.spent_s = property(lambda _: 0.0, lambda *_: None)  # type: ignore[assignment]


def _redirect_starts_again() -> None:
    """Each request of `Client.get` may take the whole time."""

    def get(self: client.Client, url: str, *, limit_bytes: int, deadline_s: float) -> client.Reply:
        for _ in range(self.config.max_redirects + 1):
            reply = self.get_once(url, limit_bytes=limit_bytes, deadline_s=deadline_s)
            if reply.location is None:
                return reply
            url = reply.location
        raise client.RequestFailed("redirects", "more")

    client.Client.get = get  # type: ignore[method-assign]


def _stream_starts_again() -> None:
    """Each request of `Client.stream` may take the whole time."""

    class Endless(float):
        def __sub__(self, _: float) -> "Endless":
            return self

        def __radd__(self, _: float) -> "Endless":
            return self

    stream = client.Client.stream

    def restarted(self: client.Client, url: str, *, limit_bytes: int, deadline_s: float) -> Iterator[bytes]:
        return stream(self, url, limit_bytes=limit_bytes, deadline_s=Endless(deadline_s))

    client.Client.stream = restarted  # type: ignore[method-assign]


def _no_cap_on_gzip() -> None:
    def decoded(blocks: Iterator[bytes], coding: str, limit_bytes: int) -> bytes:
        body = b"".join(blocks)
        return zlib.decompress(body, zlib.MAX_WBITS | 32) if coding in ("gzip", "deflate") else body[: limit_bytes + 1]

    client._decoded = decoded  # type: ignore[assignment]


def _archive_for_private() -> None:
    passes.NOT_ON_THE_WEB = frozenset()


def _recipe_ignored() -> None:
    CropPlan.wanted = lambda self: [one for one in self.variants if one not in self.old]  # type: ignore[method-assign]


def _hash_ignored() -> None:
    def judge(status: int, headers: Mapping[str, str], body: bytes, sha256: str) -> policy.Outcome:
        judged = policy.judge(status, headers, body, sha256)
        return replace(judged, state="ok") if judged.state == "other_image" else judged

    def add(self: originals.Originals, sha256: str, body: bytes) -> None:
        path = self.folder / sha256[:2] / f"{sha256}.png"
        with originals.write_whole(path) as file:
            file.write(body)
        self._paths[sha256] = path

    download.judge = judge  # type: ignore[attr-defined]
    originals.Originals.add = add  # type: ignore[method-assign]


def _private_allowed() -> None:
    pinned.is_public = lambda _: True  # type: ignore[attr-defined,assignment]


BUGS: Mapping[str, Callable[[], None]] = {
    "files are written in place": _not_atomic,
    "no sync before the rename": _no_sync,
    "a ledger that does not look at what the disk took": _ledger_not_sealed,
    "an unreadable photograph is removed": _unreadable_is_removed,
    "no lease": _no_lease,
    "a rebuild drops faces": _rebuild_drops_faces,
    "litter stays": _litter_stays,
    "an error of the machine is a traceback": _errors_are_bugs,
    "what cannot be read is made again": _unreadable_is_made_again,
    "time spent is not subtracted": _deadline_starts_again,
    "each redirect starts the deadline again": _redirect_starts_again,
    "each redirect of a stream starts the deadline again": _stream_starts_again,
    "no cap on what gzip becomes": _no_cap_on_gzip,
    "the archive is asked for private addresses": _archive_for_private,
    "the recipe of crops is ignored": _recipe_ignored,
    "the hash is ignored": _hash_ignored,
    "private addresses are allowed": _private_allowed,
}


def plant(names: Sequence[str]) -> None:
    """Plants bugs in this process."""
    for name in names:
        BUGS[name]()
