"""The page of the report: one HTML file with all its pictures, that asks nothing of a network."""

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from mnistfaces.config import Scale
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

PLACE = re.compile(r"<!--(\w+)-->")
VERDICTS = {"agrees": ("agree", "✓"), "differs": ("differ", "≠"), "cannot say": ("open", "?"), None: ("", "")}
WIDE = 1.6
"""Of a picture, width over height: beyond it, it is drawn across the page."""


def build_report(records: Sequence[PartRecord], scale: Scale, figures: Path) -> str:
    """Returns the page as HTML.

    Args:
        records: of all parts, in order.
        scale: at which they were done.
        figures: the folder of their figures, which become part of the page.
    """
    summary = summarize(records)
    body = [_summary(summary, scale), _contents(records), _timings(summary), _meaning(summary)]
    body += [_section(PARTS[record.number], record, figures) for record in records]
    template = files("mnistfaces") / "reproduce" / "template"
    pieces = {
        "style": (template / "report.css").read_text(encoding="utf-8"),
        "stamp": escape(f"mnf {version('mnistfaces')}, --scale {scale}"),
        "body": "\n".join(body),
    }
    page = (template / "report.html").read_text(encoding="utf-8")
    return PLACE.sub(lambda place: pieces[place[1]], page)


def _summary(summary: Summary, scale: Scale) -> str:
    """Returns the figures that a reader wants first."""
    tiles = {
        "published figures": f"{summary.published}",
        "of them measured here": f"{summary.measured}",
        "test accuracies that agree, differ, cannot be told": " · ".join(map(str, summary.verdicts)),
    }
    if (fastest := summary.fastest) is not None:
        times = f"{show_duration(fastest.then)} then, {show_duration(fastest.now)} now"
        tiles[f"times as fast as then: {fastest.table}, {times}"] = f"{fastest.then / fastest.now:,.0f}"
    cells = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in tiles.items())
    repeated = f"<p>{escape(summary.repeated)}</p>" if summary.repeated else ""
    quick = (
        "<p>This is the quick run: the embedded digits, at most three seeds, and no long trainings. "
        "<code>mnf reproduce --scale full</code> is the published protocol.</p>"
        if scale == "quick"
        else ""
    )
    return (
        f'<section id="summary" aria-label="Summary">{repeated}<dl class="tiles">{cells}</dl>{quick}'
        f"<p>A published test accuracy is one run on one draw of images. It agrees (✓) where one new run of ours, by "
        f"{FEWEST_TRIALS} trials or more, is shown to lie within {100 * MARGIN:.0f} points of it; it differs (≠) where "
        "it lies outside the interval of 95 % of our runs, with the reason below the table; else nobody can say (?). "
        "Settings that stand in several tables count once; "
        f"{NOT_THERE} was not run.</p></section>"
    )


def _contents(records: Sequence[PartRecord]) -> str:
    items = []
    for record in records:
        measured = sum(row["measured"] is not None for row in record.rows)
        state = f"{measured} of {len(record.rows)} figures" if measured else "not run"
        title = escape(PARTS[record.number].title)
        items.append(f'<li><a href="#part-{record.number}">{title}</a> <span class="quiet">{state}</span></li>')
    return f'<nav aria-label="Parts"><h2>Parts</h2><ol>{"".join(items)}</ol></nav>'


def _timings(summary: Summary) -> str:
    """Returns the seconds then and now, table by table."""
    if not summary.timings:
        return ""
    lines = "".join(
        f'<tr><th scope="row">Part {timing.part}, {escape(timing.table)}</th><td>{show_duration(timing.then)}</td>'
        f"<td>{show_duration(timing.now)}</td><td>{show_speed(timing.then, timing.now)}</td></tr>"
        for timing in summary.timings
    )
    return (
        '<section><h2 id="seconds">The seconds then and now</h2><p>Sums over the rows of a table that were done by the '
        "same protocol. The report&rsquo;s computer is not this one, and several models of ours train side by side: a "
        "model&rsquo;s time is its share. Trained on fewer images where fewer could be had.</p>"
        + _scrolled(
            "Seconds then and now",
            '<thead><tr><th class="first">table</th><th>then</th><th>now</th><th>speed-up</th></tr></thead>'
            f"<tbody>{lines}</tbody>",
        )
        + "</section>"
    )


def _meaning(summary: Summary) -> str:
    """Returns what differences mean with as few test images as the report had."""
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in summary.meaning)
    return f'<section><h2 id="meaning">What differences mean</h2><ul>{items}</ul></section>'


def _section(part: Part, record: PartRecord, figures: Path) -> str:
    """Returns what the page shows of a part."""
    corrections = "".join(f"<li>{escape(text)}</li>" for text in part.corrections)
    remarks = "".join(f"<li>{escape(text)}</li>" for text in record.remarks)
    pieces = [
        f'<section id="part-{part.number}"><h2>Part {part.number}: {escape(part.title)}</h2>',
        f"<p>{escape(part.method)}</p>",
        f"<h3>Corrected</h3><ul>{corrections}</ul>" if corrections else "",
        *(f'<p class="unmade">Not run in full: {escape(reason)}</p>' for reason in record.missing),
        *(_table(part.number, block) for block in build_blocks(record.rows)),
        f"<h3>What came out</h3><ul>{remarks}</ul>" if remarks else "",
        *(_listing(listing) for listing in record.listings),
        _plots(record.drawings, figures),
        *(_playground(playground, figures) for playground in record.playgrounds),
        "</section>",
    ]
    return "\n".join(piece for piece in pieces if piece)


def _table(part: int, block: Block) -> str:
    """Returns a published table with ours beside it, the reasons of differences, and the lines to copy."""
    groups = "".join(f'<th class="group" colspan="3">{escape(title_of(name))}</th>' for name in block.quantities)
    speeds = {"seconds": "speed-up"}
    columns = "".join(
        f'<th class="group">published</th><th>ours</th><th>{speeds.get(name, "difference")}</th>'
        for name in block.quantities
    )
    lines = "".join(
        f'<tr><th scope="row">{escape(setting)}</th>'
        + "".join(_cells(part, block, setting, quantity) for quantity in block.quantities)
        + "</tr>"
        for setting in block.settings
    )
    head = f'<thead><tr><th class="first" rowspan="2">setting</th>{groups}</tr><tr>{columns}</tr></thead>'
    notes = "".join(f"<li>{escape(note)}</li>" for note in block.notes)
    return (
        _scrolled(block.table, f"{head}<tbody>{lines}</tbody>")
        + (f'<ol class="notes">{notes}</ol>' if notes else "")
        + "".join(f"<pre><code>{escape(line)}</code></pre>" for line in block.commands)
    )


def _cells(part: int, block: Block, setting: str, quantity: str) -> str:
    """Returns the three cells of one published figure: published, ours, and the difference."""
    row = block.rows.get((setting, quantity))
    if row is None:
        return '<td class="first-of-group"></td><td></td><td></td>'
    key = escape(f"{part}|{block.table}|{quantity}|{setting}")
    number = block.number_of(row)
    mark = f"<sup>{number}</sup>" if number else ""
    kind, sign = VERDICTS[row["verdict"]]
    if row["measured"] is None:
        kind = "missing"
    status = "" if row["status"] in ("ok", "not_run") else f"<small>{escape(row['status'])}</small>"
    difference = f"{show_difference(row)} {sign}".strip()
    return (
        f'<td class="first-of-group" data-figure="{key}">{show_value(quantity, row["published"])}</td>'
        f"<td>{show_value(quantity, row['measured'])}{_small(show_interval(row))}{status}</td>"
        f'<td class="{kind}">{difference}{mark}{_small(show_bounds(row))}</td>'
    )


def _small(interval: str) -> str:
    return f"<small>{interval}</small>" if interval else ""


def _listing(listing: Mapping[str, Any]) -> str:
    rows: list[dict[str, str]] = listing["rows"]
    head = "".join(f"<th>{escape(name)}</th>" for name in rows[0])
    lines = "".join("<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row.values()) + "</tr>" for row in rows)
    return _scrolled(listing["title"], f"<thead><tr>{head}</tr></thead><tbody>{lines}</tbody>")


def _scrolled(caption: str, inside: str) -> str:
    """Returns a table that scrolls sideways by itself where the window is narrow."""
    name = escape(caption)
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{name}"><table><caption>{name}</caption>'
        f"{inside}</table></div>"
    )


def _plots(drawings: Iterable[Mapping[str, Any]], figures: Path) -> str:
    shown = "".join(_plot(drawing, figures / drawing["file"]) for drawing in drawings)
    return f'<div class="plots">{shown}</div>' if shown else ""


def _plot(drawing: Mapping[str, Any], path: Path) -> str:
    """Returns a picture with its caption and the line that draws it; one much wider than high has a row for itself."""
    content = path.read_bytes()
    width, height = (int.from_bytes(content[start : start + 4]) for start in (16, 20))  # as a PNG begins
    shape = ' class="wide"' if width > WIDE * height else ""
    data = base64.b64encode(content).decode("ascii")
    return (
        f'<figure{shape}><img src="data:image/png;base64,{data}" alt="{escape(drawing["alt"])}"><figcaption>'
        f"{escape(drawing['caption'])}<pre><code>{escape(drawing['line'])}</code></pre></figcaption></figure>"
    )


def _playground(playground: Mapping[str, Any], figures: Path) -> str:
    """Returns a page inside the page: its scripts and styles keep to themselves."""
    inside = escape((figures / playground["file"]).read_text(encoding="utf-8"))
    title = escape(playground["caption"])
    return f'<h3 class="screen">{title}</h3><iframe title="{title}" srcdoc="{inside}"></iframe>'
