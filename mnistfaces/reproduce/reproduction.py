"""The report done again in its folder: part by part, each kept as soon as it is done, then the page of all."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mnistfaces.config import DeviceName, Scale
from mnistfaces.errors import DataError, RunError
from mnistfaces.files import hash_of, write_json, write_text
from mnistfaces.reproduce.comparison import judge
from mnistfaces.reproduce.markdown import build_markdown
from mnistfaces.reproduce.parts import PARTS
from mnistfaces.reproduce.published import Published, published_in
from mnistfaces.reproduce.records import (
    FEATURES,
    Advanced,
    Drawing,
    Event,
    Finding,
    Listing,
    Part,
    PartRecord,
    Playground,
    Remark,
    Setup,
)
from mnistfaces.reproduce.report_page import build_report
from mnistfaces.runs.runs import RESULTS, RunFolder, configuration, read_json

PAGE = "report.html"
MARKDOWN = "report.md"
KEPT = "parts"
FIGURES = "figures"
NOT_RUN = "not_run"


@dataclass(frozen=True, kw_only=True)
class ReproduceConfig:
    """What is to be done again.

    Attributes:
        parts: their numbers, in order.
        scale: `quick` or `full`.
        device: where to compute; `cpu`, `cuda` or `mps`.
        data_dir: where data live.
        features: the features of Part 10.
        out: the folder; None names it after the scale and the device.
        force: replaces what another configuration, or an earlier reproduction, left there.
    """

    parts: tuple[int, ...]
    scale: Scale = "quick"
    device: DeviceName = "cpu"
    data_dir: Path | None = None
    features: Path = FEATURES
    out: Path | None = None
    force: bool = False


class Reproduction:
    """The report in its folder, which grows part by part.

    Attributes:
        folder: the run directory.
        records: of the parts that were tried, by number.
    """

    def __init__(self, config: ReproduceConfig) -> None:
        """Opens the folder and reads which parts are done.

        Raises:
            RunError: another configuration's results are in the folder, or a kept part is damaged.
        """
        self.config = config
        asked = configuration("reproduce", scale=config.scale, device=config.device)
        self.folder = RunFolder(asked, [PAGE, MARKDOWN, RESULTS], out=config.out, force=config.force)
        self.setup = Setup(
            scale=config.scale,
            figures=self.folder.path / FIGURES,
            device=config.device,
            data_dir=config.data_dir,
            features=config.features,
        )
        self.records: dict[int, PartRecord] = {}
        if not self.folder.replaces:
            for number in PARTS:
                if (path := self._path(number)).exists():
                    self.records[number] = _load_record(path)

    @property
    def page(self) -> Path:
        """Returns where the page is."""
        return self.folder.path / PAGE

    def run(self) -> Iterator[Advanced | PartRecord]:
        """Does the parts that were asked for, yielding how far the whole is, and each part once it is on the disk.

        Raises:
            FileError: the disk refuses.
        """
        self.folder.claim()
        total = sum(step.seconds for number in self.config.parts for step in PARTS[number].steps)
        before = 0.0
        for number in self.config.parts:
            part = PARTS[number]
            seconds = sum(step.seconds for step in part.steps)
            if not self._is_done(part):
                for event in self._do(part):
                    share = (before + event.share * seconds) / total
                    yield Advanced(what=f"Part {number}: {event.what}", share=share)
            before += seconds
            yield Advanced(what=f"Part {number}", share=before / total)
            yield self.records[number]

    def finish(self) -> None:
        """Writes the page, its Markdown and all rows.

        Raises:
            FileError: the disk refuses.
        """
        records = [self.records.get(number) or _untried(part) for number, part in PARTS.items()]
        rows = [row for record in records for row in record.rows]
        write_text(self.folder.path / RESULTS, "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows))
        write_text(self.folder.path / MARKDOWN, build_markdown(records, self.config.scale, FIGURES))
        write_text(self.page, build_report(records, self.config.scale, self.setup.figures))
        kept = [self._path(number) for number in self.records]
        drawn = sorted(self.setup.figures.glob("*.*"))
        self.folder.finish([path.relative_to(self.folder.path).as_posix() for path in (*kept, *drawn)])

    def _path(self, number: int) -> Path:
        return self.folder.path / KEPT / f"{number}.json"

    def _is_done(self, part: Part) -> bool:
        """Returns whether a part was done in full, with the data that are here now."""
        record = self.records.get(part.number)
        return record is not None and not record.missing and record.identity == self._identity(part)

    def _identity(self, part: Part) -> str:
        """Returns the hash of what a part's numbers depend on; "" where its data are not here."""
        try:
            fingerprints = [self.setup.load(role).fingerprint for role in part.roles]
        except DataError:
            return ""
        return hash_of([version("mnistfaces"), fingerprints, [asdict(figure) for figure in published_in(part.number)]])

    def _do(self, part: Part) -> Iterator[Advanced]:
        """Does a part and keeps it, yielding which share of it is done."""
        total, before = sum(step.seconds for step in part.steps), 0.0
        events: list[Event] = []
        missing: dict[str, str] = {}
        for step in part.steps:
            yield Advanced(what=step.name, share=before / total)
            try:
                for event in step.work(self.setup):
                    if isinstance(event, Advanced):
                        yield Advanced(what=step.name, share=(before + event.share * step.seconds) / total)
                    else:
                        events.append(event)
            except DataError as error:
                missing[str(error)] = ""
                events += _not_run(_unreached(part, step.tables, events), str(error))
            before += step.seconds
        self.records[part.number] = _record(part, self._identity(part), events, tuple(missing))
        write_json(self._path(part.number), asdict(self.records[part.number]))


def _unreached(part: Part, tables: tuple[str, ...], events: Sequence[Event]) -> list[Published]:
    """Returns the published figures of some tables that no finding reaches."""
    found = {event.figure for event in events if isinstance(event, Finding)}
    return [figure for figure in published_in(part.number, tables) if figure not in found]


def _not_run(figures: Iterable[Published], why: str) -> list[Finding]:
    return [Finding(figure=figure, value=None, status=NOT_RUN, note=why) for figure in figures]


def _record(part: Part, identity: str, events: Sequence[Event], missing: tuple[str, ...]) -> PartRecord:
    """Returns what is kept of a part; every published figure has its finding, or the part is at fault."""
    findings = {event.figure: event for event in events if isinstance(event, Finding)}

    def kept(kind: type[Drawing] | type[Listing] | type[Playground]) -> tuple[dict[str, Any], ...]:
        return tuple(asdict(event) for event in events if isinstance(event, kind))

    return PartRecord(
        number=part.number,
        identity=identity,
        rows=tuple(judge(findings[figure]) for figure in published_in(part.number)),
        drawings=kept(Drawing),
        listings=kept(Listing),
        remarks=tuple(event.text for event in events if isinstance(event, Remark)),
        playgrounds=kept(Playground),
        missing=missing,
    )


def _load_record(path: Path) -> PartRecord:
    """Returns a kept part.

    Raises:
        RunError: the file is damaged, or no part of a report.
    """
    try:
        return PartRecord(**read_json(path))
    except TypeError as error:
        raise RunError(f"{path} is no part of a report: do it again with --force") from error


def _untried(part: Part) -> PartRecord:
    """Returns the record of a part that nobody has asked for yet."""
    why = f"Not asked for yet: mnf reproduce {part.number}"
    return _record(part, "", _not_run(published_in(part.number), why), (why,))
