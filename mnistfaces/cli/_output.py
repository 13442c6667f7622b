"""What a command shows: rows on stdout in the chosen format; progress, notes and errors on stderr."""

import contextlib
import csv
import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from mnistfaces.cli._columns import Column, Row, column_of
from mnistfaces.cli._progress import Progress
from mnistfaces.cli._tables import build_table, print_latex, print_markdown, print_window
from mnistfaces.cli._window import say, set_command, set_file, set_lines
from mnistfaces.progress import Advanced, Event, Note, Stage
from mnistfaces.text import clean, clean_json, csv_cell

Format = Literal["auto", "table", "ndjson", "json", "csv", "md", "latex"]
Result = TypeVar("Result")


class Output:
    """The two streams of a command.

    Attributes:
        format: in which rows are shown; never `auto`.
        streams: whether each row is shown as soon as it is known.
    """

    def __init__(self, chosen: Format = "auto", *, quiet: bool = False, verbose: bool = False) -> None:
        self.format: Format = chosen if chosen != "auto" else ("table" if sys.stdout.isatty() else "ndjson")
        self.quiet, self.verbose = quiet, verbose
        self.streams = self.format in ("ndjson", "csv")

    def note(self, message: str) -> None:
        """Tells the person something that is not a result; --quiet hides it."""
        if not self.quiet:
            say(set_lines(clean(message), sys.stderr))

    def suggest(self, lead: str, command: str) -> None:
        """Tells the person which command to type next, on lines that can be copied."""
        if not self.quiet:
            say(set_command(clean(lead), clean(command), sys.stderr))

    def wrote(self, *paths: Path | None) -> None:
        """Names the files that were written, a line each: the last that a command says; None was not asked for."""
        for path in paths:
            if path is not None and not self.quiet:
                say(set_file("wrote", path, sys.stderr))

    def detail(self, message: str) -> None:
        """Tells what only --verbose asks for."""
        if self.verbose:
            self.note(message)

    @contextlib.contextmanager
    def busy(self, description: str, total: float | None = None) -> Iterator[Progress]:
        """Says while the block lasts that the command is at work; yields the progress that does so."""
        from rich.console import Console

        bar = Progress(Console(stderr=True), description, total, silent=self.quiet)
        try:
            yield bar
        finally:
            bar.stop()

    def follow(self, events: Iterable[Event | Result]) -> Iterator[Result]:
        """Shows each stage and note of long work, and yields its records of other kinds."""
        with contextlib.ExitStack() as shown:
            bar: Progress | None = None
            for event in events:
                if isinstance(event, Stage):
                    shown.close()  # the bar of the stage before
                    bar = shown.enter_context(self.busy(event.name, event.total))
                elif isinstance(event, Note):
                    (self.detail if event.detail else self.note)(event.message)
                elif not isinstance(event, Advanced):
                    yield event
                elif bar is not None:
                    bar.advance(event.amount, event.detail or bar.tally(event.kept, event.size), event.curves)

    def result(self, events: Iterable[Event | Result]) -> Result:
        """Shows each stage and note of long work, and returns the one record of another kind that it came to.

        Raises:
            ValueError: the work ended without a result, or with several.
        """
        (found,) = self.follow(events)
        return found

    def rows(
        self,
        rows: Iterable[Row],
        columns: Sequence[Column] | None = None,
        together: Callable[[list[Row]], list[Row]] | None = None,
    ) -> list[Row]:
        """Prints rows, each as soon as it is known where the format allows, and returns them.

        Args:
            rows: the results; all have the same fields.
            columns: of the table for people; None shows every field.
            together: adds to all rows what only their whole can tell, where rows are written together.
        """
        shown: list[Row] = []
        writer: Any = None
        for row in rows:
            plain = {field: _json_value(value) for field, value in row.items()}
            shown.append(plain)
            if self.format == "ndjson":
                print(clean_json(json.dumps(plain, allow_nan=False, ensure_ascii=False)), flush=True)
            elif self.format == "csv":
                if writer is None:
                    writer = csv.writer(sys.stdout, lineterminator="\n")
                    writer.writerow(plain)
                writer.writerow([_machine(value) for value in plain.values()])
                sys.stdout.flush()
        if not self.streams:
            whole = together(shown) if together else shown
            self._print_whole([{field: _json_value(value) for field, value in row.items()} for row in whole], columns)
        return shown

    def _print_whole(self, rows: list[Row], columns: Sequence[Column] | None) -> None:
        if self.format == "json":
            print(clean_json(json.dumps(rows, allow_nan=False, ensure_ascii=False, indent=2)))
            return
        if not rows:
            return
        table = build_table(rows, columns or [column_of(field, rows) for field in rows[0]])
        {"table": print_window, "md": print_markdown, "latex": print_latex}[self.format](table)


def _json_value(value: Any) -> Any:  # noqa: ANN401  a JSON value
    """Returns a JSON value: NumPy scalars as Python's, a number that does not exist as None."""
    if hasattr(value, "item") and not isinstance(value, (str, bytes)):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, (list, tuple)):
        return [_json_value(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _json_value(item) for key, item in value.items()}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


def _machine(value: Any) -> str:  # noqa: ANN401  a JSON value
    if isinstance(value, str):
        return csv_cell(value)
    return "" if value is None else clean_json(json.dumps(value, ensure_ascii=False))
