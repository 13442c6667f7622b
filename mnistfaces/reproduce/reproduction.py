"""The report done again in its folder: part by part, each kept as soon as it is done, then the page of all."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mnistfaces.config import DeviceName, Protocol, Scale
from mnistfaces.errors import DataError
from mnistfaces.files import hash_of, write_json, write_text
from mnistfaces.files.seals import seal
from mnistfaces.progress import Advanced, Event, Note, Stage
from mnistfaces.reproduce.comparison import judge
from mnistfaces.reproduce.markdown import build_markdown
from mnistfaces.reproduce.parts import PARTS
from mnistfaces.reproduce.published import Published, published_in
from mnistfaces.reproduce.records import (
    FEATURES,
    FigureFile,
    Finding,
    Found,
    Listing,
    Part,
    PartRecord,
    Piece,
    Playground,
    Remark,
    Setup,
    load_record,
)
from mnistfaces.reproduce.report_page import build_report
from mnistfaces.runs.configuration import configuration
from mnistfaces.runs.folder import RunFolder
from mnistfaces.runs.runs import RESULTS

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
        draw: `published` measures Tables 1 and 2 on the images that the report drew, by its own descent.
        out: the folder; None names it after the scale and the device.
        force: replaces what another configuration, or an earlier reproduction, left there.
    """

    parts: tuple[int, ...]
    scale: Scale = "quick"
    device: DeviceName = "cpu"
    data_dir: Path | None = None
    features: Path = FEATURES
    draw: Protocol = "corrected"
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
            RunError: another configuration's results are in the folder.
        """
        self.config = config
        drawn = {} if config.draw == "corrected" else {"draw": config.draw}
        asked = configuration("reproduce", scale=config.scale, device=config.device, **drawn)
        files = [PAGE, MARKDOWN, RESULTS]
        self.folder = RunFolder(asked, files, out=config.out, force=config.force, grows=f"{KEPT}/*.json")
        self.setup = Setup(
            scale=config.scale,
            figures=self.folder.path / FIGURES,
            device=config.device,
            data_dir=config.data_dir,
            features=config.features,
            draw=config.draw,
        )
        self.records: dict[int, PartRecord] = {}
        if not self.folder.replaces:
            for number in PARTS:
                if (record := load_record(self._path(number))) is not None:
                    self.records[number] = record

    @property
    def page(self) -> Path:
        """Returns where the page is."""
        return self.folder.path / PAGE

    def run(self) -> Iterator[Event | PartRecord]:
        """Does the parts that were asked for, yielding how far the whole is, and each part once it is on the disk.

        Raises:
            FileError: the disk refuses.
        """
        parts = [PARTS[number] for number in self.config.parts]
        with self.folder:
            yield from self.folder.claim()
            yield Stage(name="looking for data and for what is done")
            costs = {part.number: 0.0 if self._is_settled(part) else self._cost(part) for part in parts}
            yield Stage(name="reproduce", total=sum(costs.values()))
            for part in parts:
                if self._is_settled(part):
                    gone = "" if self._identity(part) else " with data that are not here now; its numbers are kept"
                    yield Note(message=f"part {part.number} was done before{gone}", detail=not gone)
                else:
                    yield from self._do(part)
                yield self.records[part.number]

    @property
    def all_records(self) -> list[PartRecord]:
        """Returns a record for every part, also of those that nobody has asked for yet."""
        return [self.records.get(number) or _untried(part) for number, part in PARTS.items()]

    def finish(self) -> None:
        """Writes the page, its Markdown and all rows.

        Raises:
            FileError: the disk refuses.
        """
        records = self.all_records
        rows = [row for record in records for row in record.rows]
        texts = {
            RESULTS: "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows),
            MARKDOWN: build_markdown(records, self.config.scale, FIGURES),
            PAGE: build_report(records, self.config.scale, self.setup.figures),
        }
        with self.folder:
            for _ in self.folder.claim():
                pass
            wrote = {name: write_text(self.folder.path / name, text) for name, text in texts.items()}
            made = (
                path for folder in (self.setup.figures, self.setup.paired) for path in sorted(folder.glob("[!.]*.*"))
            )
            self.folder.finish(wrote, [path.relative_to(self.folder.path).as_posix() for path in made])

    def _path(self, number: int) -> Path:
        return self.folder.path / KEPT / f"{number}.json"

    def _is_settled(self, part: Part) -> bool:
        """Returns whether a part was done in full with the data that are here now, or at all with data that are not.

        What was measured is never given up because another data folder is set.
        """
        record = self.records.get(part.number)
        if record is None:
            return False
        identity = self._identity(part)
        if not identity:
            return record.measured > 0
        return record.identity == identity and not record.missing and self._beside(part) in ("", record.beside)

    def _cost(self, part: Part) -> float:
        """Returns about how many seconds a part will take: next to none where its data are not here."""
        return sum(step.cost(self.config.scale) for step in part.steps) if self._identity(part) else 0.0

    def _identity(self, part: Part) -> str:
        """Returns the hash of what a part's numbers depend on; "" where its data are not here."""
        try:
            fingerprints = [self.setup.load(role).fingerprint for role in part.roles]
        except DataError:
            return ""
        return hash_of([version("mnistfaces"), fingerprints, [asdict(figure) for figure in published_in(part.number)]])

    def _beside(self, part: Part) -> str:
        """Returns the hash of what a part is compared with; "" where there is no such thing, or none of it here."""
        try:
            return hash_of([self.setup.load(role).fingerprint for role in part.beside]) if part.beside else ""
        except DataError:
            return ""

    def _do(self, part: Part) -> Iterator[Event]:
        """Does a part and keeps it, yielding how many of its steps' seconds are done."""
        found: list[Found] = []
        missing: dict[str, str] = {}
        here = bool(self._identity(part))
        for step in part.steps:
            share = _Share(step.cost(self.config.scale) if here else 0.0, _named(part, step))
            yield share.grown()
            try:
                for event in step.work(self.setup):
                    if isinstance(event, Note):
                        yield replace(event, detail=True)
                    elif isinstance(event, Stage | Advanced):
                        yield share.grown(event)
                    else:
                        found.append(event)
            except DataError as error:
                missing[str(error)] = ""
                found += _not_run(_unreached(part, step.tables, found), str(error))
            yield share.ended()
        record = _record(part, self._identity(part), found, tuple(missing))
        self.records[part.number] = replace(record, beside=self._beside(part))
        write_json(self._path(part.number), seal(asdict(self.records[part.number])))


def _named(part: Part, piece: Piece) -> str:
    """Returns what a person calls a piece of work: `Part 4: Table 1`."""
    return f"Part {part.number}" if piece.name == f"Part {part.number}" else f"Part {part.number}: {piece.name}"


class _Share:
    """How much of a step is done, in its seconds: stages that nobody foresaw never take back what was told."""

    def __init__(self, seconds: float, what: str) -> None:
        self.seconds, self.what = seconds, what
        self.told = self.done = self.total = 0.0

    def grown(self, event: Stage | Advanced | None = None) -> Advanced:
        """Counts what a stage will have to do, or has done; returns how much more of the step that makes."""
        if isinstance(event, Stage):
            self.total += event.total or 0
        elif event is not None:
            self.done += event.amount
        share = self.done / self.total if self.total else 0.0
        return self._told(max(self.told, share * self.seconds), event.detail if isinstance(event, Advanced) else "")

    def ended(self) -> Advanced:
        """Returns the rest of the step."""
        return self._told(self.seconds, "")

    def _told(self, seconds: float, detail: str) -> Advanced:
        amount, self.told = seconds - self.told, seconds
        return Advanced(amount=amount, detail=f"{self.what} {detail}".rstrip())


def _unreached(part: Part, tables: tuple[str, ...], found: Sequence[Found]) -> list[Published]:
    """Returns the published values of some tables that no finding reaches."""
    reached = {each.figure for each in found if isinstance(each, Finding)}
    return [figure for figure in published_in(part.number, tables) if figure not in reached]


def _not_run(figures: Iterable[Published], why: str) -> list[Finding]:
    return [Finding(figure=figure, value=None, status=NOT_RUN, note=why) for figure in figures]


def _record(part: Part, identity: str, found: Sequence[Found], missing: tuple[str, ...]) -> PartRecord:
    """Returns what is kept of a part; every published value has its finding, or the part is at fault."""
    findings = {each.figure: each for each in found if isinstance(each, Finding)}
    for remark in (each for each in found if isinstance(each, Remark)):
        for figure in remark.figures:
            finding = findings[figure]
            findings[figure] = replace(finding, note=" ".join(filter(None, (finding.note, remark.text))))

    def kept(kind: type[FigureFile] | type[Listing] | type[Playground]) -> tuple[dict[str, Any], ...]:
        return tuple(asdict(each) for each in found if isinstance(each, kind))

    return PartRecord(
        number=part.number,
        identity=identity,
        rows=tuple(judge(findings[figure]) for figure in published_in(part.number)),
        drawings=kept(FigureFile),
        listings=kept(Listing),
        remarks=tuple(each.text for each in found if isinstance(each, Remark)),
        playgrounds=kept(Playground),
        missing=missing,
    )


def _untried(part: Part) -> PartRecord:
    """Returns the record of a part that nobody has asked for yet."""
    why = f"Not asked for yet: mnf reproduce {part.number}"
    return _record(part, "", _not_run(published_in(part.number), why), (why,))
