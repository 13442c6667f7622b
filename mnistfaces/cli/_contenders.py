"""What `mnf compare` shows: pairs of contenders, or all of them on a board."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mnistfaces.cli._columns import Column, Row, number, percent, text
from mnistfaces.cli._output import Output

if TYPE_CHECKING:
    from mnistfaces.evaluation.contenders import Field


def _verdict(row: Row) -> str:
    """Returns the verdict in the letters of the table, which has the names beside it; its caution is a note."""
    said = str(row["verdict"]).partition(" (")[0]
    letter = next((letter for letter in ("a", "b") if said.startswith(f"{row[letter]} is ")), None)
    return said if letter is None else letter + said.removeprefix(str(row[letter]))


COLUMNS: tuple[Column, ...] = (
    text("a", within="pair"),
    text("b", within="pair"),
    percent("difference", "a - b [95 %]", "low", "high"),
    number("p", digits=2, role="result", rank=2),
    number("n", "images", rank=3),
    number("discordant", rank=3),
    percent("a_above_b", "P(a > b)", rank=4),
    Column("verdict", _verdict, "result", number=False),
)
BOARD_COLUMNS: tuple[Column, ...] = (
    number("rank", role="result"),
    Column("", lambda row: "~" if row["tied"] else "", number=False),
    text("contender"),
    percent("accuracy", "accuracy [95 %]", "low", "high"),
    number("n", "images", rank=3),
    text("status", rank=2),
    text("note", rank=4),
)


def show_pairs(streams: Output, field: "Field", margin: float | None) -> Sequence[Row]:
    """Prints a row per pair, and what it would take to tell the best two apart."""
    from mnistfaces.evaluation import compare as comparing

    contenders = field.sound()
    for contender in contenders:
        if contender.note:
            streams.note(f"{contender.name}: {contender.note}")
    rows = list(comparing.compare(contenders, margin=margin))
    streams.rows(rows, COLUMNS)
    if streams.format == "table":
        for said in dict.fromkeys(str(row["verdict"]) for row in rows if " (" in str(row["verdict"])):
            streams.note(said)
    for caution in dict.fromkeys(str(row["caution"]) for row in rows if row["caution"]):
        streams.note(caution)
    if len(rows) > 1:
        streams.note(f"p is adjusted for {len(rows)} pairs (Holm); each interval stands for its pair alone")
    advice = comparing.advice(contenders)
    if advice:
        streams.note(advice)
    return rows


def show_board(streams: Output, field: "Field", ladder: Path | None) -> Sequence[Row]:
    """Prints a row per contender, the best first."""
    from mnistfaces.evaluation.ladder import climb_all, opened
    from mnistfaces.evaluation.ranking import rank

    if ladder is None:
        contenders = field.contenders()
    else:
        with opened(ladder, field.reference) as state:
            contenders = [*field.runs, *climb_all(state, field.entries)]
    rows: list[Row] = [*rank(contenders, field.reference.trials)]
    streams.rows(rows, BOARD_COLUMNS)
    tied = [row["tied"] for row in rows if row["rank"] is not None]
    streams.note(
        f"{sum(tied)} of {len(tied)} cannot be told from the most accurate (~): the 95 % confidence set of the best"
    )
    if failed := [row for row in rows if row["status"] == "failed"]:
        streams.note(f"{len(failed)} of {len(rows)} could not be judged: the note says why")
    return rows
