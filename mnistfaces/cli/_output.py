"""What a command shows: rows on stdout in the chosen format; progress, notes and errors on stderr."""

import contextlib
import csv
import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from mnistfaces.cli._progress import Progress
from mnistfaces.options import Option
from mnistfaces.progress import Advanced, Event, Note, Stage
from mnistfaces.text import clean, clean_json, csv_cell

Format = Literal["auto", "table", "ndjson", "json", "csv", "md", "latex"]
Row = Mapping[str, Any]
Result = TypeVar("Result")

UNFOLDED_WIDTH = 10_000
MARKDOWN_SPECIAL = re.compile(r"[\\`*\[\]<>|]|\b_|_\b")
LATEX_SPECIAL = {char: f"\\{char}" for char in "&%$#_{}"} | {
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
}


@dataclass(frozen=True)
class Column:
    """One column of a table for people.

    Attributes:
        title: what stands above it.
        text: the cell for a row; "" where the row has nothing to say.
        folds: a column with one value in all rows moves to the line above the table.
        number: set flush right.
    """

    title: str
    text: Callable[[Row], str]
    folds: bool = False
    number: bool = True


def text(field: str, title: str | None = None, *, folds: bool = False) -> Column:
    """Returns a column that shows a field as it is."""
    return Column(title or field, lambda row: _plain(row.get(field)), folds, number=False)


def number(field: str, title: str | None = None, *, digits: int = 4, folds: bool = False) -> Column:
    """Returns a column that shows a number, rounded to `digits` significant digits."""
    return Column(title or field, lambda row: _significant(row.get(field), digits), folds)


def percent(field: str, title: str, low: str = "", high: str = "") -> Column:
    """Returns a column that shows a fraction as a percentage, with its interval where one is known."""

    def cell(row: Row) -> str:
        value = row.get(field)
        if value is None:
            return ""
        if row.get(low) is None or row.get(high) is None:
            return f"{value:.1%}"
        return f"{value:.1%} [{100 * row[low]:.1f}, {100 * row[high]:.1f}]"

    return Column(title, cell)


def seconds(field: str = "seconds", title: str = "seconds") -> Column:
    """Returns a column that shows a time with three significant digits."""
    return number(field, title, digits=3)


def option_columns(options: Mapping[str, Option]) -> list[Column]:
    """Returns a column per option; one that takes no list is shown only where it is not the default."""
    return [_option_column(option) for option in options.values()]


def _option_column(option: Option) -> Column:
    if option.declaration.swept:
        return number(option.name, option.title, digits=6, folds=True)

    def cell(row: Row) -> str:
        value = row.get(option.name)
        return "" if value in (None, option.usual) else _significant(value, 6)

    return Column(option.title, cell, folds=True)


class Output:
    """The two streams of a command."""

    def __init__(self, chosen: Format = "auto", *, quiet: bool = False, verbose: bool = False) -> None:
        self.format: Format = chosen if chosen != "auto" else ("table" if sys.stdout.isatty() else "ndjson")
        self.quiet, self.verbose = quiet, verbose
        self.streams = self.format in ("ndjson", "csv")

    def note(self, message: str) -> None:
        """Tells the person something that is not a result; --quiet hides it."""
        if not self.quiet:
            print(clean(message), file=sys.stderr, flush=True)

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
                    bar.advance(event.amount, event.detail or bar.tally(event.kept, event.size))

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
        columns = columns or [_column_of(field, rows) for field in rows[0]]
        constant, varying = _fold(rows, columns)
        cells = [[clean(column.text(row)) for column in varying] for row in rows]
        if constant and self.format != "latex":
            print(clean(", ".join(f"{column.title} {column.text(rows[0])}" for column in constant)))
        if constant and self.format == "md":
            print()
        {"table": _print_table, "md": _print_markdown, "latex": _print_latex}[self.format](varying, cells)


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


def _plain(value: Any) -> str:  # noqa: ANN401  a JSON value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_plain(item) for item in value)
    return "" if value is None else str(value)


def _significant(value: Any, digits: int) -> str:  # noqa: ANN401  a JSON value
    if value is None or isinstance(value, (bool, str)):
        return _plain(value)
    if isinstance(value, int):
        return str(value)
    return f"{value:.{digits}g}"


def _column_of(field: str, rows: list[Row]) -> Column:
    """Returns the usual column of a field, told by its name and its values."""
    if field.endswith("accuracy") or field in ("low", "high", "precision", "recall", "probability"):
        return percent(field, field)
    if field.endswith("seconds"):
        return seconds(field, field)
    numeric = all(isinstance(row.get(field), (int, float, type(None))) for row in rows)
    return number(field) if numeric else text(field)


def _fold(rows: list[Row], columns: Sequence[Column]) -> tuple[list[Column], list[Column]]:
    """Returns the columns with one value throughout that may leave the table, and the others."""
    constant = [column for column in columns if column.folds and len({column.text(row) for row in rows}) == 1]
    shown = [column for column in constant if column.text(rows[0])]
    empty = [column for column in columns if not any(column.text(row) for row in rows)]
    return shown, [column for column in columns if column not in constant and column not in empty]


def _print_table(columns: Sequence[Column], cells: list[list[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console() if sys.stdout.isatty() else Console(width=UNFOLDED_WIDTH)
    table = Table()
    for column in columns:
        table.add_column(column.title, justify="right" if column.number else "left", overflow="fold")
    for line in cells:
        table.add_row(*(Text(cell) for cell in line))
    console.print(table)


def _print_markdown(columns: Sequence[Column], cells: list[list[str]]) -> None:
    print("| " + " | ".join(column.title for column in columns) + " |")
    print("|" + "|".join("---:" if column.number else "---" for column in columns) + "|")
    for line in cells:
        texts = (
            cell if column.number else MARKDOWN_SPECIAL.sub(r"\\\g<0>", cell)
            for column, cell in zip(columns, line, strict=True)
        )
        print("| " + " | ".join(texts) + " |")


def _print_latex(columns: Sequence[Column], cells: list[list[str]]) -> None:
    def escape(cell: str) -> str:
        return "".join(LATEX_SPECIAL.get(char, char) for char in cell)

    print(r"\begin{tabular}{" + "".join("r" if column.number else "l" for column in columns) + "}")
    print(r"\toprule")
    print(" & ".join(escape(column.title) for column in columns) + r" \\")
    print(r"\midrule")
    for line in cells:
        print(" & ".join(escape(cell) for cell in line) + r" \\")
    print(r"\bottomrule")
    print(r"\end{tabular}")
