"""What a table for people says of a row: its columns, and how values are written in them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mnistfaces.options import Option

Row = Mapping[str, Any]
Role = Literal["setting", "fact", "result"]


@dataclass(frozen=True)
class Column:
    """One column of a table for people.

    Attributes:
        title: what stands above it.
        text: the cell for a row; "" where the row has nothing to say.
        role: with one value in all rows, a `setting` stands on the line above the table, a `fact` does so above a
            table of several rows, and a `result` stays in the table.
        number: set flush right, never broken; the words of other cells may stand on several lines.
        rank: of columns that do not fit the window those of the highest rank go first, of equal ones the rightmost.
        within: what the column is a part of, such as the place in a plane; parts of one thing stay or go together.
    """

    title: str
    text: Callable[[Row], str]
    role: Role = "fact"
    number: bool = True
    rank: int = 1
    within: str = ""


def text(field: str, title: str | None = None, *, role: Role = "fact", rank: int = 1, within: str = "") -> Column:
    """Returns a column that shows a field as it is."""
    return Column(title or field, lambda row: plain(row.get(field)), role, number=False, rank=rank, within=within)


def number(
    field: str, title: str | None = None, *, digits: int = 4, role: Role = "fact", rank: int = 1, within: str = ""
) -> Column:
    """Returns a column that shows a number, rounded to `digits` significant digits."""
    return Column(title or field, lambda row: _significant(row.get(field), digits), role, rank=rank, within=within)


def percent(field: str, title: str, low: str = "", high: str = "", *, rank: int = 1) -> Column:
    """Returns a column that shows a fraction as a percentage, with its interval where one is known."""

    def cell(row: Row) -> str:
        value = row.get(field)
        if value is None:
            return ""
        if row.get(low) is None or row.get(high) is None:
            return f"{value:.1%}"
        return f"{value:.1%} [{100 * row[low]:.1f}, {100 * row[high]:.1f}]"

    return Column(title, cell, "result", rank=rank)


def seconds(field: str = "seconds", title: str = "seconds") -> Column:
    """Returns a column that shows a time with three significant digits; it is the first to go."""
    return number(field, title, digits=3, role="result", rank=5)


def option_columns(options: Mapping[str, Option]) -> list[Column]:
    """Returns a column per option; one that takes no list is shown only where it is not the default."""
    return [_option_column(option) for option in options.values()]


def _option_column(option: Option) -> Column:
    if option.declaration.swept:
        return number(option.name, option.title, digits=6, role="setting")

    def cell(row: Row) -> str:
        value = row.get(option.name)
        return "" if value in (None, option.usual) else _significant(value, 6)

    return Column(option.title, cell, "setting")


def column_of(field: str, rows: Sequence[Row]) -> Column:
    """Returns the usual column of a field, told by its name and its values."""
    if field.endswith("accuracy") or field in ("low", "high", "precision", "recall", "probability"):
        return percent(field, field)
    title = field.replace("_", " ")
    if field.endswith("seconds"):
        return seconds(field, title)
    numeric = all(isinstance(row.get(field), (int, float, type(None))) for row in rows)
    return number(field, title) if numeric else text(field, title)


def plain(value: Any) -> str:  # noqa: ANN401  a JSON value
    """Returns a value as it is read aloud: lists with commas, yes and no."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(plain(item) for item in value)
    return "" if value is None else str(value)


def _significant(value: Any, digits: int) -> str:  # noqa: ANN401  a JSON value
    if value is None or isinstance(value, (bool, str)):
        return plain(value)
    if isinstance(value, int):
        return str(value)
    return f"{value:.{digits}g}"
