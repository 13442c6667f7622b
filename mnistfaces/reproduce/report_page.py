"""The page of the report: what can be seen and played with first, then the numbers, part by part."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mnistfaces.config import Scale
from mnistfaces.pages import playground
from mnistfaces.pages.page import Section, build_page
from mnistfaces.pages.parts import Cell, cannot, figure, folded, line, picture, scrolled, shown, size_of, table, tiles
from mnistfaces.reproduce.blocks import (
    NOT_THERE,
    Block,
    build_blocks,
    show_bounds,
    show_difference,
    show_interval,
    show_speed,
    show_value,
    title_of,
)
from mnistfaces.reproduce.comparison import FEWEST_TRIALS, MARGIN
from mnistfaces.reproduce.parts import PARTS
from mnistfaces.reproduce.records import Part, PartRecord
from mnistfaces.reproduce.summary import Summary, show_duration, summarize

VERDICTS = {"agrees": ("agree", "✓"), "differs": ("differ", "≠"), "cannot say": ("open", "?"), None: ("", "")}
WIDE = 1.6
"""Of a picture, width over height: beyond it, it is drawn across the page."""

TITLE = "The report again"
LEAD = (
    '<p class="lead">In February 2018 a student&rsquo;s course report classified handwritten digits and the faces of '
    "six actors. This page does it again with the method corrected, and puts every published value beside what comes "
    "out today.</p>"
)
FOOTER = (
    "<p>Published values: a course report, &ldquo;CSC411 Project 2&rdquo; (University of Toronto, 23 February 2018); "
    "those called <i>Elsewhere</i> are the best that others published for the same data and task. Made by "
    "<code>mnf reproduce</code>; the same command continues or shows what is there.</p>"
)
PART_OF_PAGE = ".part.html"


def build_report(records: Sequence[PartRecord], scale: Scale, figures: Path) -> str:
    """Returns the page as HTML.

    Args:
        records: of all parts, in order.
        scale: at which they were done.
        figures: the folder of their figures, which become part of the page.
    """
    summary = summarize(records)
    done = [record for record in records if _measured(record)]
    sections = [
        _summary(summary, scale),
        *(_section(record, figures) for record in done),
        *_timings(summary),
        _meaning(summary),
        *_undone([record for record in records if record not in done], figures),
    ]
    repeated = f'<p class="lead">{shown(summary.repeated)}</p>' if summary.repeated else ""
    return build_page(
        TITLE,
        sections,
        opening=_front(records, figures),
        lead=LEAD + repeated,
        stamp=f"--scale {scale}{' --draw published' if repeated else ''}",
        footer=FOOTER,
    )


def _measured(record: PartRecord) -> int:
    """Returns how many published values of a part were measured."""
    return sum(row["measured"] is not None for row in record.rows)


def _front(records: Sequence[PartRecord], figures: Path) -> list[Section]:
    """Returns what the page opens with: what is seen at a glance before what takes the rest of the screen."""
    known = [each for record in records for each in record.playgrounds]
    pieces = [
        (str(each["caption"]), (figures / each["file"]).read_text(encoding="utf-8"))
        if str(each["file"]).endswith(PART_OF_PAGE)
        else (str(each["caption"]), cannot("It", "an earlier release kept it in a form of its own; make it again"))
        for each in known
    ]
    pieces.sort(key=lambda piece: "data-part=" in piece[1])
    return [
        Section(title=title, inside=inside, name=f"front-{place}", scripts=playground.SCRIPTS)
        for place, (title, inside) in enumerate(pieces, 1)
    ]


def _summary(summary: Summary, scale: Scale) -> Section:
    """Returns the numbers that a reader wants first."""
    first = {
        "published values": f"{summary.published}",
        "of them measured here": f"{summary.measured}",
        "test accuracies that agree, differ, cannot be told": " · ".join(map(str, summary.verdicts)),
    }
    if (fastest := summary.fastest) is not None:
        times = f"{show_duration(fastest.then)} then, {show_duration(fastest.now)} now"
        speed = show_speed(fastest.then, fastest.now).removesuffix("x")
        first[f"times as fast as then: {fastest.table}, {times}"] = speed
    quick = (
        "<p>This is the quick run: the embedded digits, at most three seeds, and no long trainings. "
        "<code>mnf reproduce --scale full</code> is the published protocol.</p>"
        if scale == "quick"
        else ""
    )
    inside = (
        f"{tiles(first)}{quick}"
        f"<p>A published test accuracy is one run on one draw of images. It agrees (✓) where one new run of ours, by "
        f"{FEWEST_TRIALS} trials or more, is shown to lie within {100 * MARGIN:.0f} points of it; it differs (≠) where "
        "it lies outside the interval of 95 % of our runs, with the reason below the table; else nobody can say (?). "
        f"Settings that stand in several tables count once; {NOT_THERE} was not run.</p>"
    )
    return Section(title="In numbers", inside=inside, name="summary")


def _timings(summary: Summary) -> list[Section]:
    """Returns the seconds then and now, table by table."""
    if not summary.timings:
        return []
    rows = (
        [
            Cell(f"Part {timing.part}, {timing.table}"),
            Cell(show_duration(timing.then), timing.then),
            Cell(show_duration(timing.now), timing.now),
            Cell(show_speed(timing.then, timing.now), timing.then / timing.now),
        ]
        for timing in summary.timings
    )
    inside = (
        "<p>Sums over the rows of a table that were done by the same protocol. The report&rsquo;s computer is not this "
        "one, and several models of ours train side by side: a model&rsquo;s time is its share. Trained on fewer "
        "images where fewer could be had.</p>"
        + table("Seconds then and now", ("table", "then", "now", "speed-up"), rows, sortable=True)
    )
    return [Section(title="The seconds then and now", inside=inside, name="seconds")]


def _meaning(summary: Summary) -> Section:
    """Returns what differences mean with as few test images as the report had."""
    items = "".join(f"<li>{shown(sentence)}</li>" for sentence in summary.meaning)
    return Section(title="What differences mean", inside=f"<ul>{items}</ul>", name="meaning")


def _section(record: PartRecord, figures: Path) -> Section:
    """Returns what the page shows of a part that was run."""
    part = PARTS[record.number]
    return Section(
        title=f"Part {part.number}: {part.title}",
        inside=_inside(part, record, figures),
        name=f"part-{part.number}",
        state=f"{_measured(record)} of {len(record.rows)} values",
    )


def _undone(records: Sequence[PartRecord], figures: Path) -> list[Section]:
    """Returns the parts that were not run, a line each that opens at a click."""
    if not records:
        return []
    lines = (
        folded(f"Part {part.number}: {part.title}: {_why(record)}", _inside(part, record, figures))
        for record in records
        for part in (PARTS[record.number],)
    )
    title = "Not run here"
    return [Section(title=title, inside="".join(lines), name="undone", state=f"{len(records)} parts")]


def _why(record: PartRecord) -> str:
    """Returns why a part was not run."""
    notes = (row["note"] for row in record.rows if row["note"])
    return next(iter(record.missing), next(notes, "nothing of it was measured"))


def _inside(part: Part, record: PartRecord, figures: Path) -> str:
    corrections = "".join(f"<li>{shown(text)}</li>" for text in part.corrections)
    remarks = "".join(f"<li>{shown(text)}</li>" for text in record.remarks)
    pieces = [
        f"<p>{shown(part.method)}</p>",
        f"<h3>Corrected</h3><ul>{corrections}</ul>" if corrections else "",
        *(f'<p class="unmade">Not run in full: {shown(reason)}</p>' for reason in record.missing),
        *(_table(part.number, block) for block in build_blocks(record.rows)),
        f"<h3>What came out</h3><ul>{remarks}</ul>" if remarks else "",
        *(_listing(part.number, listing) for listing in record.listings),
        _plots(record.drawings, figures),
    ]
    return "\n".join(piece for piece in pieces if piece)


def _table(part: int, block: Block) -> str:
    """Returns a published table with ours beside it, the reasons of differences, and the lines to copy."""
    groups = "".join(
        f'<th class="group" scope="colgroup" colspan="3">{shown(title_of(name))}</th>' for name in block.quantities
    )
    speeds = {"seconds": "speed-up"}
    columns = "".join(
        f'<th class="group" scope="col">published</th><th scope="col">ours</th>'
        f'<th scope="col">{speeds.get(name, "difference")}</th>'
        for name in block.quantities
    )
    lines = "".join(
        f'<tr><th scope="row">{shown(setting)}</th>'
        + "".join(_cells(part, block, setting, quantity) for quantity in block.quantities)
        + "</tr>"
        for setting in block.settings
    )
    head = f'<thead><tr><th class="first" scope="col" rowspan="2">setting</th>{groups}</tr><tr>{columns}</tr></thead>'
    notes = "".join(f"<li>{shown(note)}</li>" for note in block.notes)
    return (
        scrolled(block.table, f"{head}<tbody>{lines}</tbody>", label=f"Part {part}, {block.table}")
        + (f'<ol class="notes">{notes}</ol>' if notes else "")
        + "".join(line(command) for command in block.commands)
    )


def _cells(part: int, block: Block, setting: str, quantity: str) -> str:
    """Returns the three cells of one published value: published, ours, and the difference."""
    row = block.rows.get((setting, quantity))
    if row is None:
        return '<td class="first-of-group"></td><td></td><td></td>'
    key = shown(f"{part}|{block.table}|{quantity}|{setting}")
    number = block.number_of(row)
    mark = f"<sup>{number}</sup>" if number else ""
    kind, sign = VERDICTS[row["verdict"]]
    if row["measured"] is None:
        kind = "missing"
    status = "" if row["status"] in ("ok", "not_run") else f"<small>{shown(row['status'])}</small>"
    difference = f"{show_difference(row)} {sign}".strip()
    return (
        f'<td class="first-of-group" data-published="{key}">{show_value(quantity, row["published"])}</td>'
        f"<td>{show_value(quantity, row['measured'])}{_small(show_interval(row))}{status}</td>"
        f'<td class="{kind}">{difference}{mark}{_small(show_bounds(row))}</td>'
    )


def _small(interval: str) -> str:
    return f"<small>{interval}</small>" if interval else ""


def _listing(part: int, listing: Mapping[str, Any]) -> str:
    rows: list[dict[str, str]] = listing["rows"]
    head = "".join(f'<th scope="col">{shown(name)}</th>' for name in rows[0])
    lines = "".join("<tr>" + "".join(f"<td>{shown(text)}</td>" for text in row.values()) + "</tr>" for row in rows)
    inside = f"<thead><tr>{head}</tr></thead><tbody>{lines}</tbody>"
    return scrolled(listing["title"], inside, label=f"Part {part}, {listing['title']}")


def _plots(drawings: Iterable[Mapping[str, Any]], figures: Path) -> str:
    drawn = "".join(_plot(drawing, figures / drawing["file"]) for drawing in drawings)
    return f'<div class="plots">{drawn}</div>' if drawn else ""


def _plot(drawing: Mapping[str, Any], path: Path) -> str:
    """Returns a picture with its caption and the line that draws it; one much wider than high has a row for itself."""
    content = path.read_bytes()
    width, height = size_of(content)
    kind = "wide" if width > WIDE * height else ""
    return figure(picture(content, drawing["alt"]), drawing["caption"], kind, line(drawing["line"]))
