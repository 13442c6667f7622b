"""One pass over some rows: what is settled, what to ask, what became of every row, and the crops of it.

The ledger holds how each request ended, by a hash of source, URL and SHA-256; the tree holds the photographs.
Everything else follows from these two and the list.
"""

import contextlib
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.faces import Crop
from mnistfaces.datasets.variants import Variant
from mnistfaces.errors import FileError
from mnistfaces.fetching.faces.crops import CropPlan, plan_crops
from mnistfaces.fetching.faces.entries import Entry, Selection
from mnistfaces.fetching.faces.originals import Originals
from mnistfaces.fetching.faces.report import Fate
from mnistfaces.fetching.faces.sources import FolderSource, Source, WebSource
from mnistfaces.fetching.web.client import Client
from mnistfaces.fetching.web.download import Download
from mnistfaces.fetching.web.failures import RequestFailed
from mnistfaces.fetching.web.hosts import Settled, Wanted
from mnistfaces.fetching.web.policy import Outcome, is_host_failure
from mnistfaces.fetching.web.states import State
from mnistfaces.fetching.web.urls import host_of
from mnistfaces.files import hash_of
from mnistfaces.files.ledger import Ledger, read_records
from mnistfaces.files.locks import Lease
from mnistfaces.progress import Advanced

NEVER_ELSEWHERE: frozenset[State] = frozenset({"opted_out"})
"""What a site asked not to be used is not taken from another place either."""

NOT_ON_THE_WEB: frozenset[State] = frozenset({"bad_url", "private_address"})


@dataclass(frozen=True, kw_only=True)
class RequestRecord:
    """What a line of the ledger says of a request that ended.

    Attributes:
        unit: hash of source, URL and SHA-256.
        source: that was asked.
        state: how it ended.
        status: of HTTP; None without an answer.
        sha256: that the list gives.
        url: that was asked for.
        tries: how often.
        bytes: that came.
        detail: what went wrong.
        time: when, in seconds since 1970.
    """

    unit: str
    source: str
    state: State
    status: int | None
    sha256: str
    url: str
    tries: int
    bytes: int
    detail: str
    time: int


@dataclass(frozen=True, kw_only=True)
class PassConfig:
    """How a pass goes about it.

    Attributes:
        sources: asked in turn for what is still missing.
        variants: of crops to make.
        retry: recorded states that are asked again.
        jobs: requests at once.
        keep_originals: keep the photographs once they are cropped.
        dry_run: look, and change nothing.
    """

    sources: tuple[Source, ...]
    variants: tuple[Variant, ...]
    retry: frozenset[State] = frozenset()
    jobs: int = 64
    keep_originals: bool = True
    dry_run: bool = False


@dataclass
class FacesPass:
    """A pass over some rows, in a folder that is locked for as long as it is open.

    Attributes:
        folder: of the faces inside the data folder.
        selection: the rows asked for.
        config: how to go about it.
        client: asks for one URL.
        stopped: sources that had to end early, with the reason.
    """

    folder: Path
    selection: Selection
    config: PassConfig
    client: Client
    stopped: dict[str, str] = field(default_factory=dict)

    def __enter__(self) -> Self:
        """Takes the folder, clears what a killed pass left half-written, and reads the ledger."""
        self._stack = contextlib.ExitStack()
        ledger = self.folder / "ledger.ndjson"
        self.ledger: Ledger | None = None
        records: list[dict[str, Any]] = []
        if not self.config.dry_run:
            self._lock()
            self._clear_unfinished()
            self.ledger = Ledger(ledger, RequestRecord)
            records = self.ledger.records
        elif ledger.exists():
            records = read_records(ledger, RequestRecord)
        self.originals = Originals(self.folder / "originals")  # as the process before left it
        self.records: dict[str, Mapping[str, Any]] = {record["unit"]: record for record in records}
        self.crops: CropPlan = self._plan_crops()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Gives the folder back, without folders whose last photograph was moved aside or removed."""
        if not self.config.dry_run:
            for folder in self.folder.glob("originals/??"):
                with contextlib.suppress(OSError):
                    folder.rmdir()
        self._stack.close()

    def todo(self, source: Source) -> list[Entry]:
        """Returns the rows that a source is to be asked for, in the order of the list."""
        return [row for row in self.selection.rows if self._is_asked(row, source)]

    def hosts(self, source: WebSource, rows: Iterable[Entry]) -> int:
        """Returns how many hosts a source would ask for these rows."""
        names: set[str] = set()
        for row in rows:
            with contextlib.suppress(RequestFailed):
                names.add(host_of(source.url_of(row)))
        return len(names)

    def obtain(self, source: Source, rows: Sequence[Entry]) -> Iterator[Advanced]:
        """Asks a source for rows, and yields each step once it is on the disk.

        Raises:
            FileError: the disk refuses.
        """
        if isinstance(source, FolderSource):
            yield from self._from_folder(source, rows)
        else:
            yield from self._from_web(source, rows)

    def cut(self) -> Iterator[Crop]:
        """Makes the crops that the datasets lack, and yields each one; `save` follows."""
        self.crops = self._plan_crops()
        yield from self.crops.cut()

    def save(self) -> tuple[Dataset, ...]:
        """Writes the datasets, and returns those that have any face; without originals if so configured.

        A photograph goes only once every one of its crops is in a dataset.
        """
        datasets = self.crops.save()
        if not self.config.keep_originals:
            for face in self.crops.faces:
                if self.crops.has(face.key):
                    self.originals.remove(face.sha256)
        return datasets

    def fates(self) -> list[Fate]:
        """Returns what became of every row and bad line, actor by actor."""
        rows = [self._fate(row) for row in self.selection.rows]
        return rows + [
            Fate(row=line, state="bad_row", detail=line.reason)
            for line in (*self.selection.bad, *self.selection.strays)
        ]

    def _lock(self) -> None:
        lease = Lease(self.folder / "fetch.lock")
        try:
            holder = lease.take()
        except OSError as error:
            raise FileError(f"cannot write {lease.path}: {error.strerror or error}") from None
        if holder is not None:
            raise FileError(f"{self.folder} is in use by {holder}: wait for its end, or choose another --data-dir")
        self._stack.callback(lease.release)

    def _clear_unfinished(self) -> None:
        """Removes what a killed pass was writing: whoever holds the lock is the only one to write these."""
        for pattern in ("originals/??/.*.tmp", ".faces-[0-9]*.tmp", ".ledger.*.tmp"):
            for path in self.folder.glob(pattern):
                with contextlib.suppress(OSError):
                    path.unlink()

    def _plan_crops(self) -> CropPlan:
        return plan_crops(self.folder.parent, self.selection, self.originals, self.config.variants)

    def _record(self, source: Source, row: Entry) -> Mapping[str, Any] | None:
        return self.records.get(_key(source, row)) if isinstance(source, WebSource) else None

    def _is_asked(self, row: Entry, source: Source) -> bool:
        if row.sha256 in self.originals or self.crops.has(row.key):
            return False
        earlier = {record["state"] for one in self.config.sources if (record := self._record(one, row))}
        if earlier & NEVER_ELSEWHERE and not self.config.retry & NEVER_ELSEWHERE:
            return False
        if isinstance(source, FolderSource):
            return True
        if source.name == "wayback" and earlier & NOT_ON_THE_WEB:
            return False
        record = self._record(source, row)
        return record is None or record["state"] == "ok" or record["state"] in self.config.retry

    def _from_folder(self, source: FolderSource, rows: Sequence[Entry]) -> Iterator[Advanced]:
        copies = Counter(row.sha256 for row in rows)
        limit = max(
            (one.rules.limit_bytes for one in self.config.sources if isinstance(one, WebSource)), default=1 << 28
        )
        for sha256, body in source.find(copies, limit):
            self.originals.add(sha256, body)
            count = copies.pop(sha256)
            yield Advanced(amount=count, kept=count, size=len(body))
        for count in copies.values():
            yield Advanced(amount=count, kept=0)

    def _from_web(self, source: WebSource, rows: Sequence[Entry]) -> Iterator[Advanced]:
        units = {key: Wanted(key, source.url_of(row), row.sha256) for row in rows for key in [_key(source, row)]}
        copies = Counter(_key(source, row) for row in rows)
        jobs = source.jobs or self.config.jobs
        pending = Download(self.client, self.originals.add, source.rules, self._hosts_that_answered())
        for settled in pending.run(units.values(), jobs):
            self._keep_record(source, settled)
            count = copies[settled.wanted.key]
            yield Advanced(amount=count, kept=count * (settled.outcome.state == "ok"), size=settled.size)

    def _keep_record(self, source: WebSource, settled: Settled) -> None:
        outcome = settled.outcome
        if outcome.state == "not_tried" or (source.rules.refusal_ends and outcome.state == "refused"):
            self.stopped.setdefault(source.name, outcome.detail)
            return
        record = {
            "unit": settled.wanted.key,
            "source": source.name,
            "state": outcome.state,
            "status": outcome.status,
            "sha256": settled.wanted.sha256,
            "url": settled.wanted.url,
            "tries": settled.tries,
            "bytes": settled.size,
            "detail": outcome.detail[:200],
            "time": int(time.time()),
        }
        if self.ledger is not None:
            self.ledger.append(record)
        self.records[settled.wanted.key] = record

    def _hosts_that_answered(self) -> set[str]:
        hosts: set[str] = set()
        for record in self.records.values():
            outcome = Outcome(state=record.get("state", "not_tried"), status=record.get("status"))
            if outcome.state not in ("host_left", "bad_url") and not is_host_failure(outcome):
                with contextlib.suppress(RequestFailed):
                    hosts.add(host_of(str(record.get("url"))))
        return hosts

    def _fate(self, row: Entry) -> Fate:
        said = [(one, record) for one in self.config.sources if (record := self._record(one, row))]
        source, record = said[0] if said else (None, {})  # why it was lost, not that later ones lacked it too
        if row.sha256 in self.originals or self.crops.has(row.key):
            state, detail = self.crops.state_of(row)
            name = next((one.name for one, good in said if good["state"] == "ok"), "")
            return Fate(row=row, state=state, source=name, detail=detail)
        state = record.get("state", "not_tried")
        if state == "ok":
            return Fate(row=row, state="not_tried", detail="its photograph is no longer here: fetch again")
        name = source.name if source else ""
        return Fate(row=row, state=state, source=name, status=record.get("status"), detail=record.get("detail", ""))


def _key(source: WebSource, row: Entry) -> str:
    """Returns the identity of a download: source, URL and SHA-256, never a position."""
    return hash_of([source.identity, source.url_of(row), row.sha256])
