"""`fetch faces` from the lists to the datasets: a stream of what happens, ending with what became of every row."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnistfaces.config import FACES_RES
from mnistfaces.datasets import synthetic
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.faces import faces_path
from mnistfaces.datasets.variants import Variant
from mnistfaces.errors import UsageError
from mnistfaces.fetching.faces.entries import Selection, select_rows
from mnistfaces.fetching.faces.lists import read_lists
from mnistfaces.fetching.faces.passes import FacesPass, PassConfig
from mnistfaces.fetching.faces.report import Fate, count_states, read_retry
from mnistfaces.fetching.faces.sources import ARCHIVE_URL, Source, WebSource, read_sources
from mnistfaces.fetching.web.client import Client, ClientConfig
from mnistfaces.fetching.web.policy import Rules
from mnistfaces.fetching.web.states import STATES
from mnistfaces.progress import Advanced, Event, Note, Stage
from mnistfaces.text import counted

NOTICE = (
    "these are photographs of real people, fetched by you under the terms of the list: "
    "for research only, not to be passed on"
)
LARGEST_RES = 1024
ENOUGH_TO_TRAIN = 30
"""Faces of every actor from which `mnf train faces` has its 20 to test and some to learn from."""


@dataclass(frozen=True, kw_only=True)
class FacesRequest:
    """What `fetch faces` is asked for.

    Attributes:
        lists: files or URLs; none for the public copies.
        actors: full names or surnames; none for the report's six.
        limit: the largest number of rows per actor.
        sources: `live`, `wayback`, folders and URL templates, in turn.
        archive_url: base of the archive.
        archive_interval_s: between two requests to the archive.
        retry: states to ask again, or `all`.
        variants: of crops.
        jobs: requests at once.
        timeout_s: silence that is waited out.
        keep_originals: keep the photographs once they are cropped.
        allow_private: connect to addresses that are not public, too.
        min_per_actor: fewer faces of an actor than this is less than was asked for.
        dry_run: look, and change nothing.
    """

    lists: Sequence[str] = ()
    actors: Sequence[str] = ()
    limit: int | None = None
    sources: Sequence[str] = ("live",)
    archive_url: str = ARCHIVE_URL
    archive_interval_s: float = 1.0
    retry: Sequence[str] = ()
    variants: tuple[Variant, ...] = (Variant(FACES_RES, color=False),)
    jobs: int = PassConfig.jobs
    timeout_s: float = Rules.read_s
    keep_originals: bool = True
    allow_private: bool = False
    min_per_actor: int = 0
    dry_run: bool = False

    def __post_init__(self) -> None:
        """Raises UsageError for what cannot be meant."""
        for variant in self.variants:
            if not 1 <= variant.res <= LARGEST_RES:
                raise UsageError(f"--res must be from 1 to {LARGEST_RES}, not {variant.res}")
        if self.limit is not None and self.limit < 1:
            raise UsageError(f"--limit must be at least 1, not {self.limit}")
        if self.jobs < 1:
            raise UsageError(f"--jobs must be at least 1, not {self.jobs}")
        if not (self.timeout_s > 0 and self.archive_interval_s >= 0):
            raise UsageError("--timeout must be positive, and --archive-interval must not be negative")
        self.read_sources()
        read_retry(self.retry)

    def read_sources(self) -> tuple[Source, ...]:
        """Returns the sources that the names stand for."""
        return read_sources(
            self.sources,
            Rules(read_s=self.timeout_s),
            archive_url=self.archive_url,
            archive_interval_s=self.archive_interval_s,
        )


@dataclass(frozen=True, kw_only=True)
class Finished:
    """What a pass came to.

    Attributes:
        counts: a row for each actor.
        fates: of every row.
        datasets: by file.
        complete: everything was asked that was to be asked, and no actor has too few.
        next_command: for the person to type.
    """

    counts: Sequence[Mapping[str, Any]]
    fates: Sequence[Fate]
    datasets: Mapping[Path, Dataset]
    complete: bool
    next_command: str


def fetch_faces(data_dir: Path, request: FacesRequest) -> Iterator[Event | Finished]:
    """Yields what happens until everything that was asked for is here or lost; the last event is Finished.

    Raises:
        MnistFacesError: a list cannot be had, the disk refuses, or another pass is at work in the folder.
    """
    folder = data_dir / "faces"
    client = Client(ClientConfig(allow_private=request.allow_private))
    selection = select_rows(read_lists(request.lists, folder / "lists", client), request.actors, request.limit)
    yield Note(message=NOTICE)
    yield from _remarks(selection)
    config = PassConfig(
        sources=request.read_sources(),
        variants=request.variants,
        retry=read_retry(request.retry),
        jobs=request.jobs,
        keep_originals=request.keep_originals,
        dry_run=request.dry_run,
    )
    with FacesPass(folder, selection, config, client) as work:
        datasets: dict[Path, Dataset] = {}
        if request.dry_run:
            yield from _outlook(work)
        else:
            yield from _obtain(work)
            yield from _make(work, datasets, data_dir)
        fates = work.fates()
        for name, reason in work.stopped.items():
            yield Note(message=f"{name} ended early: {reason}")
        counts = count_states(fates, selection.actors)
        short = [str(row["actor"]) for row in counts if row["kept"] < request.min_per_actor]
        if short and not request.dry_run:
            yield Note(message=f"fewer than {request.min_per_actor} faces of {', '.join(short)}")
        complete = request.dry_run or not (short or work.stopped)
        command = _next_command(request, counts)
        yield Finished(counts=counts, fates=fates, datasets=datasets, complete=complete, next_command=command)


def make_synthetic(data_dir: Path, request: FacesRequest, seed: int) -> Iterator[Event | Finished]:
    """Yields what happens until the synthetic faces of every variant are drawn; the last event is Finished."""
    counts: list[dict[str, Any]] = []
    datasets: dict[Path, Dataset] = {}
    if request.dry_run:
        yield Note(
            message=f"would draw {synthetic.PER_IDENTITY} faces of each of {len(synthetic.IDENTITIES)} identities"
        )
    else:
        yield Stage(name="faces-synthetic", total=len(request.variants))
        for variant in request.variants:
            path = synthetic.synthetic_path(data_dir, variant)
            if (dataset := synthetic.kept_synthetic(data_dir, seed, variant)) is None:
                dataset = synthetic.make_synthetic(seed, variant)
                synthetic.save_synthetic(data_dir, dataset)
            datasets[path] = dataset
            yield Advanced(amount=1, kept=1)
            yield Note(message=f"{path}: {len(dataset)} faces")
    for identity in synthetic.IDENTITIES:
        kept = 0 if request.dry_run else synthetic.PER_IDENTITY
        states: dict[str, Any] = {**dict.fromkeys(STATES, 0), "ok": kept, "not_tried": synthetic.PER_IDENTITY - kept}
        counts.append({"actor": identity.name, "listed": synthetic.PER_IDENTITY, "kept": kept, **states})
    command = "mnf train faces-synthetic"
    if Variant(FACES_RES, color=False) not in request.variants:
        command += f" --res {request.variants[0].res}"
    yield Finished(counts=counts, fates=(), datasets=datasets, complete=True, next_command=command)


def _remarks(selection: Selection) -> Iterator[Note]:
    if bad := (*selection.bad, *selection.strays):
        more = f"; {len(bad) - 1} more lines are no rows either: see them with --report FILE.csv" if bad[1:] else ""
        yield Note(message=f"{bad[0].origin}: {bad[0].reason}{more}")
    if selection.repeated:
        yield Note(message=f"{selection.repeated} rows stand in the lists more than once")


def _outlook(work: FacesPass) -> Iterator[Note]:
    """Yields what each source would be asked for, if none before it gave anything."""
    for source in work.config.sources:
        rows = work.todo(source)
        where = f" at {work.hosts(source, rows)} hosts" if isinstance(source, WebSource) else ""
        yield Note(message=f"would ask {source.name} for up to {len(rows)} of {len(work.selection.rows)} rows{where}")


def _obtain(work: FacesPass) -> Iterator[Stage | Advanced]:
    for source in work.config.sources:
        rows = work.todo(source)
        if rows:
            yield Stage(name=source.name, total=len(rows))
            yield from work.obtain(source, rows)


def _make(work: FacesPass, datasets: dict[Path, Dataset], data_dir: Path) -> Iterator[Event]:
    """Makes the datasets that are not as they should be, and tells what they are."""
    started = False
    for crop in work.cut():
        if not started:
            yield Stage(name="crops", total=len(work.crops.faces))
            started = True
        yield Advanced(amount=1, kept=int(crop.state == "ok"))
    if damaged := work.originals.damaged:
        photographs = counted(len(damaged), "photograph was", "photographs were")
        yield Note(message=f"{photographs} damaged on the disk: moved to {damaged[0].parent}")
    before = {variant: len(dataset) for variant, dataset in work.crops.old.items()}
    for dataset in work.save():
        variant = Variant(dataset.meta["res"], dataset.meta["color"])
        path = faces_path(data_dir, variant)
        datasets[path] = dataset
        less = f" (it held {before[variant]} before)" if before.get(variant, 0) > len(dataset) else ""
        pairs = dataset.meta["near_duplicate_pairs"]
        alike = f"{counted(pairs, 'pair')} of near-identical photographs"
        yield Note(message=f"{path}: {counted(len(dataset), 'face')}{less}, {alike} kept together")
    for copy in work.crops.aside:
        yield Note(message=f"{copy}: the dataset before, which held faces that can no longer be cut out")


def _next_command(request: FacesRequest, counts: Sequence[Mapping[str, Any]]) -> str:
    """Returns what to type next: training if there is enough, else another source, else faces without a network."""
    first = request.variants[0]
    default = Variant(FACES_RES, color=False)
    if request.dry_run:
        return shlex.join(["mnf", *_fetch_words(request, request.sources)])
    if min(row["kept"] for row in counts) >= ENOUGH_TO_TRAIN:
        return "mnf train faces" if default in request.variants else f"mnf train faces --res {first.res}"
    if "wayback" not in ",".join(request.sources).split(","):
        return shlex.join(["mnf", *_fetch_words(request, [*request.sources, "wayback"])])
    return "mnf fetch faces --synthetic"


def _fetch_words(request: FacesRequest, sources: Sequence[str]) -> list[str]:
    words = ["fetch", "faces", "--res", ",".join(str(variant.res) for variant in request.variants)]
    for option, values in (("--list", request.lists), ("--actor", request.actors)):
        for value in values:
            words += [option, value]
    return [*words, "--source", ",".join(sources)]
