"""The report as Markdown: the same tables and sentences as the page, the figures beside it."""

from collections.abc import Sequence

from mnistfaces.config import Scale
from mnistfaces.reproduce.blocks import (
    Block,
    build_blocks,
    show_bounds,
    show_difference,
    show_interval,
    show_speed,
    show_value,
    title_of,
)
from mnistfaces.reproduce.parts import PARTS
from mnistfaces.reproduce.records import Part, PartRecord
from mnistfaces.reproduce.summary import show_duration, summarize

SIGNS = {"agrees": " ✓", "differs": " ≠", "cannot say": " ?", None: ""}


def build_markdown(records: Sequence[PartRecord], scale: Scale, figures: str) -> str:
    """Returns the report as Markdown.

    Args:
        records: of all parts, in order.
        scale: at which they were done.
        figures: the folder of the figures, as seen from the file.
    """
    summary = summarize(records)
    lines = [
        "# The report again",
        "",
        (
            f"`mnf reproduce --scale {scale}`: {summary.measured} of {summary.published} published values measured; "
            "of the test accuracies {} agree, {} differ, and of {} nobody can say.".format(*summary.verdicts)
        ),
        "",
        *([summary.repeated, ""] if summary.repeated else []),
        "## The seconds then and now",
        "",
        *_rows(
            ["table", "then", "now", "speed-up"],
            [
                [
                    f"Part {timing.part}, {timing.table}",
                    show_duration(timing.then),
                    show_duration(timing.now),
                    show_speed(timing.then, timing.now),
                ]
                for timing in summary.timings
            ],
        ),
        "## What differences mean",
        "",
        *(f"- {sentence}" for sentence in summary.meaning),
        "",
    ]
    for record in records:
        lines += _part(PARTS[record.number], record, figures)
    return "\n".join(lines)


def _part(part: Part, record: PartRecord, figures: str) -> list[str]:
    lines = [f"## Part {part.number}: {part.title}", "", part.method, ""]
    if part.corrections:
        lines += ["Corrected:", "", *(f"- {text}" for text in part.corrections), ""]
    for reason in record.missing:
        lines += [f"**Not run in full.** {reason}", ""]
    for block in build_blocks(record.rows):
        lines += _table(block)
    lines += [*(f"- {text}" for text in record.remarks), ""] if record.remarks else []
    for listing in record.listings:
        rows = [list(row.values()) for row in listing["rows"]]
        lines += [f"### {listing['title']}", "", *_rows(list(listing["rows"][0]), rows)]
    for drawing in record.drawings:
        lines += [
            f"![{drawing['alt']}]({figures}/{drawing['file']})",
            "",
            f"{drawing['caption']} `{drawing['line']}`",
            "",
        ]
    return lines


def _table(block: Block) -> list[str]:
    """Returns a published table with ours beside it."""
    head = ["setting"]
    for quantity in block.quantities:
        head += [f"{title_of(quantity)}, published", "ours", "speed-up" if quantity == "seconds" else "difference"]
    body = []
    for setting in block.settings:
        line = [setting]
        for quantity in block.quantities:
            row = block.rows.get((setting, quantity))
            if row is None:
                line += ["", "", ""]
                continue
            number = block.number_of(row)
            line += [
                show_value(quantity, row["published"]),
                f"{show_value(quantity, row['measured'])} {show_interval(row)}".strip(),
                f"{show_difference(row)} {show_bounds(row)}".rstrip()
                + f"{SIGNS[row['verdict']]}{f' ({number})' if number else ''}",
            ]
        body.append(line)
    notes = [f"{number}. {note}" for number, note in enumerate(block.notes, 1)]
    commands = ["```", *block.commands, "```", ""] if block.commands else []
    return [f"### {block.table}", "", *_rows(head, body), *notes, *([""] if notes else []), *commands]


def _rows(head: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    """Returns a table, the first column flush left, with an empty line behind it."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *body]
    return [*("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines), ""]
