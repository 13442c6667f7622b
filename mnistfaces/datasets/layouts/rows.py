"""Rows of a table of text: header first, every row as long as the header."""

import csv
import gzip
import io
import math
import zlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from mnistfaces.errors import DataError

INFLATED_FREE = 64 << 20
INFLATED_RATIO = 100
"""A packed table may take INFLATED_FREE characters and INFLATED_RATIO times its size."""

SEPARATORS = (",", ";", "\t")
"""Between the values of a `.csv`: the first of them that its first line has. Spreadsheets write semicolons where commas
stand in numbers."""


def read_rows(path: Path) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """Returns the header of a `.csv` or `.tsv`, packed or not, and its rows with their numbers, from 1.

    Raises:
        DataError: it cannot be read, has no header or one of numbers, names a column twice, or a row is longer or
            shorter.
    """
    rows = _rows(path)
    header = [name.strip() for _, names in (next(rows, (0, [])),) for name in names]
    if not any(header):
        raise DataError(f"{path} is empty: a header is wanted")
    if _is_data(header):
        raise DataError(f"{path} begins with a row of numbers: a header is wanted, such as label,{_names(header)}")
    if twice := [name for name in header if header.count(name) > 1]:
        raise DataError(f"{path} has two columns {twice[0]!r}: rename one")
    return header, _checked(path, header, rows)


def _is_data(header: list[str]) -> bool:
    """Returns whether the first line is a row already: numbers, and not those by which some programs call columns."""
    counted = [[str(number + first) for number in range(len(header))] for first in (0, 1)]
    return len(header) > 1 and header not in counted and all(map(_is_number, header))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _names(row: list[str]) -> str:
    """Returns what the columns beside the label of a table without a header could be called."""
    side = math.isqrt(len(row) - 1)
    word = "pixel" if side > 1 and side * side == len(row) - 1 else "x"
    return f"{word}1" if len(row) == 2 else f"{word}1,…,{word}{len(row) - 1}"  # noqa: PLR2004  the label, and one


def _checked(path: Path, header: list[str], rows: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    for number, row in rows:
        if len(row) != len(header):
            raise DataError(f"{path}, line {number}: {len(row)} values, the header has {len(header)}")
        yield number, row


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yields the rows that are not empty, each with the number of the line it ends on."""
    try:
        with path.open("rb") as packed:
            lines = gzip.GzipFile(fileobj=packed) if path.suffix.lower() == ".gz" else packed
            text = io.TextIOWrapper(lines, encoding="utf-8-sig", newline="")
            first = text.readline(INFLATED_FREE)
            reader = csv.reader(chain([first], text), delimiter=_separator(path, first), strict=True)
            most, seen = INFLATED_FREE + INFLATED_RATIO * path.stat().st_size, 0
            for row in reader:
                seen += sum(map(len, row)) + len(row) + 1
                if seen > most:
                    raise DataError(f"{path} unpacks to more than {most} characters")
                if row:
                    yield reader.line_num, row
    except UnicodeDecodeError as error:
        raise DataError(
            f"cannot read {path}: it is not UTF-8 (byte {error.object[error.start]:#04x}): save it as UTF-8"
        ) from error
    except (OSError, EOFError, zlib.error, csv.Error) as error:
        raise DataError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error


def _separator(path: Path, first: str) -> str:
    """Returns what stands between the values of a file with such a first line."""
    if ".tsv" in path.name.lower():
        return "\t"
    return next((separator for separator in SEPARATORS if separator in first), SEPARATORS[0])
