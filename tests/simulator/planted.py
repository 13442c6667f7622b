"""Known bugs, planted in the program on demand: the simulator has to find each."""

import contextlib
import os
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from mnistfaces import arrays, files
from mnistfaces.cli import app
from mnistfaces.execution import dispatch, processes
from mnistfaces.experiments import kept, listing
from mnistfaces.fetching.faces import originals, passes
from mnistfaces.fetching.faces.crops import CropPlan
from mnistfaces.fetching.faces.originals import Originals
from mnistfaces.fetching.faces.passes import FacesPass
from mnistfaces.fetching.web import client, download, pinned, policy
from mnistfaces.fetching.web.hosts import Task
from mnistfaces.files import ledger, sha256_of_file
from mnistfaces.files.locks import Lease
from mnistfaces.reproduce import reproduction
from mnistfaces.runs import folder
from simulator.faults import DISK

if TYPE_CHECKING:
    from concurrent.futures import Future


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


def _dead_worker_loses_its_task() -> None:
    processes.Processes.retries = 0


def _parts_of_report_forgotten() -> None:
    reproduction.load_record = lambda _: None  # type: ignore[attr-defined]


def _any_line_is_believed() -> None:
    ledger.is_sealed = lambda _: True  # type: ignore[attr-defined]


def _any_part_is_believed() -> None:
    kept.Parts.has = lambda *_: True  # type: ignore[method-assign]


def _opting_out_ignored() -> None:
    policy.opted_out = lambda _: False


def _prunes_too_much() -> None:
    listing.prunable = iter  # type: ignore[attr-defined,assignment]


def _lease_stays() -> None:
    Lease.release = lambda _: None  # type: ignore[method-assign]


def _worker_tells_before_it_is_done() -> None:
    """A task whose worker died is taken for one that came to nothing."""

    def end(future: "Future[Any]", number: int, *_: object) -> "dispatch.Done[Any] | dispatch.Lost":
        error = future.exception()
        if isinstance(error, BrokenProcessPool):
            return dispatch.Done(number=number, result=[])
        return dispatch.Done(number=number, result=future.result())

    dispatch._end = end  # type: ignore[assignment]


@dataclass(frozen=True)
class Bug:
    """A bug that is known, and what finds it.

    Attributes:
        name: in words.
        plant: puts it into this process.
        scenario: that finds it.
        effects: of faults that may happen there; none where two processes, or what lies there, are enough.
        seed: that draws them.
        kinds: of calls at which they happen; none allows all.
    """

    name: str
    plant: Callable[[], None]
    scenario: str
    effects: tuple[str, ...]
    seed: int
    kinds: tuple[str, ...] = ()


BUGS = {
    bug.name: bug
    for bug in (
        Bug("files are written in place", _not_atomic, "train", ("kill", "torn"), 15),
        Bug("no sync before the rename", _no_sync, "reproduce", ("power", "power after"), 3),
        Bug("a ledger that does not look at what the disk took", _ledger_not_sealed, "sweep", ("ENOSPC", "short"), 0),
        Bug(
            "an unreadable photograph is removed",
            _unreadable_is_removed,
            "fetch faces",
            ("EIO", "EMFILE", "EACCES"),
            28,
        ),
        Bug("no lease", _no_lease, "two contours", (), 0),
        Bug("a rebuild drops faces", _rebuild_drops_faces, "damaged faces", (), 1),
        Bug("litter stays", _litter_stays, "train", ("kill",), 4),
        Bug("an error of the machine is a traceback", _errors_are_bugs, "train", ("EIO",), 1),
        Bug(
            "what cannot be read is made again",
            _unreadable_is_made_again,
            "sweep",
            ("EIO", "EMFILE", "EACCES"),
            111,
            kinds=DISK,
        ),
        Bug("time spent is not subtracted", _deadline_starts_again, "fetch faces", ("slow",), 3),
        Bug("each redirect starts the deadline again", _redirect_starts_again, "fetch digits", ("slow",), 0),
        Bug("each redirect of a stream starts the deadline again", _stream_starts_again, "weights", ("slow",), 0),
        Bug("no cap on what gzip becomes", _no_cap_on_gzip, "fetch faces", ("bomb",), 3),
        Bug("the archive is asked for private addresses", _archive_for_private, "lost faces", (), 4),
        Bug("the recipe of crops is ignored", _recipe_ignored, "damaged faces", (), 1),
        Bug("the hash is ignored", _hash_ignored, "fetch faces", ("other",), 3),
        Bug("private addresses are allowed", _private_allowed, "moved faces", (), 0),
        Bug("a worker's death loses its task", _dead_worker_loses_its_task, "jobs", ("dies",), 0),
        Bug("a worker's death is taken for its task's end", _worker_tells_before_it_is_done, "jobs", ("dies",), 0),
        Bug("parts of the report that are done are forgotten", _parts_of_report_forgotten, "reproduce", (), 1),
        Bug("a line of a ledger needs no checksum", _any_line_is_believed, "damaged sweep", (), 0),
        Bug("answers need not be there", _any_part_is_believed, "damaged sweep", (), 0),
        Bug("a site that opts out is not heard", _opting_out_ignored, "fetch faces", ("opted out",), 3),
        Bug("runs that are worth keeping are pruned", _prunes_too_much, "runs", (), 8),
        Bug("a lease is never given back", _lease_stays, "two contours", (), 0),
    )
}


def plant(names: Sequence[str]) -> None:
    """Plants bugs in this process."""
    for name in names:
        BUGS[name].plant()
