"""What became of the rows of a list: counted by actor, written as a report, told as the next command to type."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnistfaces.errors import UsageError
from mnistfaces.fetching.faces.entries import BadEntry, Entry
from mnistfaces.fetching.web.states import MEANINGS, STATES, State
from mnistfaces.files import write_text
from mnistfaces.text import csv_cell

REPORT_FIELDS = (
    "name",
    "image_id",
    "face_id",
    "url",
    "sha256",
    "state",
    "source",
    "status",
    "detail",
    "line",
)


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What became of one row.

    Attributes:
        row: of the list.
        state: its one name.
        source: that gave it, or the first that lost it; empty when none was asked.
        status: of HTTP, where there was one.
        detail: for people.
    """

    row: Entry | BadEntry
    state: State
    source: str = ""
    status: int | None = None
    detail: str = ""


def read_retry(tokens: Sequence[str]) -> frozenset[State]:
    """Returns the states that `all` or `dns,timeout,…` names.

    Raises:
        UsageError: names the first word that is no state of a failure.
    """
    failures: dict[str, State] = {state: state for state in STATES if state != "ok"}
    words = [word.strip() for token in tokens for word in token.split(",") if word.strip()]
    for word in words:
        if word not in ("all", *failures):
            raise UsageError(f"--retry {word!r} is neither all nor one of {', '.join(failures)}")
    return frozenset(failures.values() if "all" in words else (failures[word] for word in words))


def count_states(fates: Iterable[Fate], actors: Sequence[str]) -> list[dict[str, Any]]:
    """Returns a row for each actor: `actor listed kept` and a count for every state; the counts add up."""
    counts: dict[str, Counter[State]] = {actor: Counter() for actor in actors}
    for fate in fates:
        if fate.row.name in counts:
            counts[fate.row.name][fate.state] += 1
    return [
        {"actor": actor, "listed": of.total(), "kept": of["ok"], **{state: of[state] for state in STATES}}
        for actor, of in counts.items()
    ]


def explain_states(counts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns a line for each state that some rows of the list ended in: how many, and what it means."""
    totals = {state: sum(row[state] for row in counts) for state in STATES}
    return [f"{state} ({total}): {MEANINGS[state]}" for state, total in totals.items() if total]


def write_report(path: Path, fates: Iterable[Fate]) -> None:
    """Writes every row with its state as CSV, whole or not at all."""
    text = io.StringIO()
    writer = csv.DictWriter(text, REPORT_FIELDS, lineterminator="\n")
    writer.writeheader()
    for fate in fates:
        known: Mapping[str, Any] = (
            {} if isinstance(fate.row, BadEntry) else {field: getattr(fate.row, field) for field in REPORT_FIELDS[1:5]}
        )
        told = {
            **known,
            "name": fate.row.name,
            "state": fate.state,
            "source": fate.source,
            "status": fate.status,
            "detail": fate.detail,
            "line": fate.row.origin,
        }
        writer.writerow({name: csv_cell(one) if isinstance(one, str) else one for name, one in told.items()})
    write_text(path, text.getvalue())
