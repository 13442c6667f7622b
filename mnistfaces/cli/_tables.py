"""Tables for people: in the window of a terminal, as Markdown, as LaTeX.

A table never breaks a number or a path. Where the window is too narrow for all columns, those that matter least are
left out and named below, parts of one thing together; where it is too narrow for two, every row becomes lines of key
and value.
"""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from mnistfaces.cli._columns import Column, Row
from mnistfaces.cli._window import width_of
from mnistfaces.text import clean, display_width, wrapped

GAP = 2
"""Blanks between two columns."""

MARKDOWN_SPECIAL = re.compile(r"[\\`*\[\]<>|]|\b_|_\b")
LATEX_SPECIAL = {char: f"\\{char}" for char in "&%$#_{}"} | {
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
}


@dataclass(frozen=True)
class Table:
    """Rows as text.

    Attributes:
        above: title and value of what is the same in all rows, a sentence each.
        columns: the others, without those that are empty throughout.
        cells: a list per row.
    """

    above: list[str]
    columns: list[Column]
    cells: list[list[str]]


def build_table(rows: Sequence[Row], columns: Sequence[Column]) -> Table:
    """Returns rows as text: what is constant above, what varies and what was measured in the table."""
    texts = [[clean(column.text(row)) for row in rows] for column in columns]
    pairs = [(column, cells) for column, cells in zip(columns, texts, strict=True) if any(cells)]
    above = [(column, cells) for column, cells in pairs if _goes_above(column, cells)]
    inside = [pair for pair in pairs if pair not in above]
    if not inside:
        above, inside = [], pairs
    return Table(
        above=[f"{column.title} {cells[0]}" for column, cells in above],
        columns=[column for column, _ in inside],
        cells=[list(line) for line in zip(*(cells for _, cells in inside), strict=True)],
    )


def _goes_above(column: Column, cells: Sequence[str]) -> bool:
    several = len(cells) > 1
    return len(set(cells)) == 1 and (column.role == "setting" or (column.role == "fact" and several))


def print_window(table: Table) -> None:
    """Prints a table for the window of a terminal; elsewhere it is as wide as it must be."""
    window = width_of(sys.stdout)
    width = window or sys.maxsize
    if table.above:
        print("\n".join(_sentences(table.above, width)))
    if len(table.cells) == 1:
        _print_pairs(table, width)
        return
    kept = _fitting(table, width)
    results = [place for place, column in enumerate(table.columns) if column.role == "result"]
    if len(kept) < min(2, len(table.columns)) or (results and not set(results) & set(kept)):
        _print_pairs(table, width)
        return
    _print_columns(table, kept, width)
    if missing := [column.title for place, column in enumerate(table.columns) if place not in kept]:
        number = "1 more column" if len(missing) == 1 else f"{len(missing)} more columns"
        said = f"{number}: {', '.join(missing)} (--format csv, or a wider window)"
        print("\n".join(wrapped(said.split(), width)))


def _sentences(above: Sequence[str], width: int) -> list[str]:
    """Returns titles and values in lines that break between two of them, or where one alone is too long."""
    joined = [f"{piece}," for piece in above[:-1]] + [above[-1]]
    return wrapped(
        (word for piece in joined for word in ([piece] if display_width(piece) <= width else piece.split())), width
    )


def _print_pairs(table: Table, width: int) -> None:
    """Prints every row as lines of key and value; of two columns of words, the first is the key."""
    if len(table.columns) == 2 and len(table.cells) > 1 and not table.columns[0].number:  # noqa: PLR2004  key and value
        _print_lines([(key, value, table.columns[1].number) for key, value in table.cells], width)
        return
    for number, line in enumerate(table.cells):
        if number:
            print()
        pairs = zip(table.columns, line, strict=True)
        _print_lines([(column.title, cell, column.number) for column, cell in pairs if cell], width)


def _print_lines(pairs: Sequence[tuple[str, str, bool]], width: int) -> None:
    """Prints keys and values, the third saying whether the value is one piece; one that does not fit stands below."""
    keys = max((display_width(key) for key, _, _ in pairs), default=0) + GAP
    for key, value, whole in pairs:
        words = [value] if whole else value.split(" ")
        if keys + max(map(display_width, words)) <= width:
            first = _padded(key, keys) + words[0]
            print("\n".join(wrapped([first, *words[1:]], width, indent=" " * keys)))
        else:
            print("\n".join([key, *wrapped([f"  {words[0]}", *words[1:]], width, indent="  ")]))


def _padded(text: str, width: int) -> str:
    return text + " " * (width - display_width(text))


def _fitting(table: Table, width: int) -> list[int]:
    """Returns the places of the columns that fit, in order: the first column stays longest.

    Columns that are parts of one thing stay or go together. Wide ones may have to go where narrower ones of a higher
    rank still fit.
    """
    units: dict[object, list[int]] = {}
    for place, column in enumerate(table.columns):
        units.setdefault(column.within or place, []).append(place)
    kept = list(units.values())
    gone: list[list[int]] = []
    while kept and _width(table, kept) > width:
        gone.append(max(kept, key=lambda unit: (max(table.columns[place].rank for place in unit), unit)))
        kept.remove(gone[-1])
    for unit in reversed(gone):
        if sum(map(len, kept)) > 1 and _width(table, [*kept, unit]) <= width:
            kept.append(unit)
    return sorted(place for unit in kept for place in unit)


def _width(table: Table, units: Sequence[Sequence[int]]) -> int:
    """Returns how narrow a table of some columns can be."""
    places = [place for unit in units for place in unit]
    return sum(_least(table, place) for place in places) + GAP * (len(places) - 1)


def _least(table: Table, place: int) -> int:
    """Returns how narrow a column can be: its longest number, or the longest word of a text."""
    column = table.columns[place]
    title = max(map(display_width, column.title.split(" ")))
    cells = [line[place] for line in table.cells]
    pieces = cells if column.number else [word for cell in cells for word in cell.split(" ")]
    return max(title, *map(display_width, pieces))


def _print_columns(table: Table, kept: Sequence[int], width: int) -> None:
    """Prints some columns: as wide as they would like to be, the widest texts giving way first."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    least = {place: _least(table, place) for place in kept}
    widths = {
        place: max(display_width(text) for text in (table.columns[place].title, *(line[place] for line in table.cells)))
        for place in kept
    }
    while sum(widths.values()) + GAP * (len(kept) - 1) > width:
        widths[max((place for place in kept if widths[place] > least[place]), key=lambda place: widths[place])] -= 1
    drawn = RichTable(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for place in kept:
        column = table.columns[place]
        drawn.add_column(column.title, justify="right" if column.number else "left", width=widths[place])
    for line in table.cells:
        drawn.add_row(*(Text(line[place]) for place in kept))
    Console(width=sum(widths.values()) + GAP * len(kept)).print(drawn)


def print_markdown(table: Table) -> None:
    """Prints a table as Markdown, with what is constant in a sentence above it."""
    if table.above:
        print(", ".join(table.above), end="\n\n")
    print("| " + " | ".join(column.title for column in table.columns) + " |")
    print("|" + "|".join("---:" if column.number else "---" for column in table.columns) + "|")
    for line in table.cells:
        texts = (
            cell if column.number else MARKDOWN_SPECIAL.sub(r"\\\g<0>", cell)
            for column, cell in zip(table.columns, line, strict=True)
        )
        print("| " + " | ".join(texts) + " |")


def print_latex(table: Table) -> None:
    """Prints a table as LaTeX, with what is constant in a comment above it."""

    def escape(cell: str) -> str:
        return "".join(LATEX_SPECIAL.get(char, char) for char in cell)

    if table.above:
        print("% " + ", ".join(table.above))
    print(r"\begin{tabular}{" + "".join("r" if column.number else "l" for column in table.columns) + "}")
    print(r"\toprule")
    print(" & ".join(escape(column.title) for column in table.columns) + r" \\")
    print(r"\midrule")
    for line in table.cells:
        print(" & ".join(escape(cell) for cell in line) + r" \\")
    print(r"\bottomrule")
    print(r"\end{tabular}")
