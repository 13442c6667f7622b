"""How `mnf reproduce` ends for a person: a line per part, the figures that matter, what to do next."""

import re
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from mnistfaces.cli._columns import Column, Row, number, text
from mnistfaces.cli._output import Output

if TYPE_CHECKING:
    from mnistfaces.reproduce.records import PartRecord
    from mnistfaces.reproduce.reproduction import Reproduction
    from mnistfaces.reproduce.summary import Summary

PART_COLUMNS: tuple[Column, ...] = (
    number("part", role="result"),
    text("about", role="result", rank=3),
    text("figures", role="result"),
    text("accuracies", role="result", rank=2),
    text("to_run_it", "to run it", role="result"),
)
COMMAND = re.compile(r"mnf \S.*$")
"""With this ends the sentence that says why something could not be done."""


def _shown(field: str) -> Column:
    """Returns a column of values as people read them."""

    def cell(row: Row) -> str:
        from mnistfaces.reproduce.blocks import show_value

        return show_value(str(row["quantity"]), row[field])

    return Column(field, cell, within="value")


def _difference(row: Row) -> str:
    from mnistfaces.reproduce.blocks import show_bounds, show_difference

    return f"{show_difference(dict(row))} {show_bounds(dict(row))}".strip()


COLUMNS: tuple[Column, ...] = (
    number("part"),
    text("setting"),
    text("quantity"),
    _shown("published"),
    _shown("measured"),
    Column("difference [95 %]", _difference),
    text("verdict"),
    text("status", role="result", rank=2),
)


def sum_up(streams: Output, job: "Reproduction") -> None:
    """Prints a line per part that was asked for, and the few figures that a reader wants first."""
    from mnistfaces.reproduce.summary import summarize

    streams.rows([_line(job.records[part]) for part in job.config.parts], PART_COLUMNS)
    print()
    streams.rows([_headlines(summarize(job.all_records))])


def _line(record: "PartRecord") -> Row:
    """Returns what came of a part: how many figures, how they compare, and how its data are got."""
    from mnistfaces.reproduce.parts import PARTS
    from mnistfaces.reproduce.summary import count_verdicts

    return {
        "part": record.number,
        "about": PARTS[record.number].title,
        "figures": f"{record.measured} of {len(record.rows)}" if record.measured else "not run",
        "accuracies": show_verdicts(count_verdicts(record.rows)),
        "to_run_it": next((found[0] for reason in record.missing if (found := COMMAND.search(reason))), ""),
    }


def show_verdicts(verdicts: tuple[int, int, int]) -> str:
    """Returns how many accuracies agree with the published ones, differ, and cannot be told."""
    words = zip(verdicts, ("agree", "differ", "open"), strict=True)
    return ", ".join(f"{count} {word}" for count, word in words if count)


def _headlines(summary: "Summary") -> Row:
    """Returns the figures that matter, by what they are called."""
    from mnistfaces.reproduce.summary import show_duration

    lines = {"measured": f"{summary.measured} of {summary.published} published values"}
    if any(summary.verdicts):
        lines["test accuracies"] = f"{show_verdicts(summary.verdicts)} (what these images cannot tell)"
    if (fastest := summary.fastest) is not None:
        lines["then and now"] = (
            f"{fastest.table}: {show_duration(fastest.then)} then, {show_duration(fastest.now)} now, "
            f"{fastest.then / fastest.now:,.0f} times as fast"
        )
    return lines


def suggest_next(streams: Output, job: "Reproduction") -> None:
    """Says which command comes next for the parts that were asked for: data, the published protocol, or one's own."""
    from mnistfaces.reproduce.parts import GROUPS, spell_parts
    from mnistfaces.reproduce.records import FEATURES

    config = job.config
    digits = any(part in GROUPS["digits"] for part in config.parts)
    if config.scale == "full":
        streams.suggest("next, an experiment of your own", f"mnf sweep {'' if digits else 'faces '}--lr 1e-3,1e-4")
        return
    features = ["--features", str(config.features)] if config.features != FEATURES else []
    drawn = [] if config.draw == "corrected" else ["--draw", config.draw]
    if digits and not replace(job.setup, scale="full").has("digits"):
        streams.suggest("next, all of MNIST", "mnf fetch digits")
    words = ["mnf", "reproduce", *filter(None, [spell_parts(config.parts)]), "--scale", "full", *drawn, *features]
    streams.suggest("then the published protocol", shlex.join(words))
