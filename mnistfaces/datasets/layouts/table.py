"""`.csv` and `.tsv`, packed or not: a label, and numbers.

N images, D columns of numbers.
"""

import math
import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistfaces.config import DataConfig
from mnistfaces.datasets.found import Found, read_sides
from mnistfaces.datasets.labels import typed
from mnistfaces.datasets.layouts.base import Layout
from mnistfaces.datasets.layouts.rows import read_rows
from mnistfaces.errors import DataError
from mnistfaces.progress import Advanced, Event, Stage

WORDS = ("image", "split", "group")
"""Columns that are no numbers to learn from."""

PIXEL = re.compile(r"pixel\D*(\d{1,9})", re.IGNORECASE)

ROWS_AT_ONCE = 1000

MANY = 3
"""A column of more rows than this that counts them is no measurement."""


def read(path: Path, reading: DataConfig) -> Iterator[Event | Found]:
    """Yields the rows of a table: a label, perhaps `image`, `split` and `group`, and numbers.

    Columns called `pixel…` of whole numbers from 0 to 255 that fill a square are an image, in the order of the numbers
    that they are called by: a table whose columns were sorted has `pixel10` before `pixel2`.

    Raises:
        DataError: a column or a row cannot be meant; the message names it.
    """
    header, rows = read_rows(path)
    label = _label_column(path, header, reading)
    words = [label, *(name for name in header if name in (*WORDS, reading.group_by) and name != label)]
    places = [place for place, name in enumerate(header) if name not in words]
    if reading.read_as != "features":
        places = _by_number(places, header)
    if not places:
        raise DataError(
            f"{path} has no column of numbers besides {', '.join(words)} (a table that names image files is called "
            f"metadata.csv and lies in their folder): {LAYOUT.example} is wanted"
        )
    values, columns = yield from _collected(path, header, rows, places, words)
    names = [_named(header, place) for place in places]
    shape = None if reading.read_as == "features" else _image_of(values, names)
    taken = f"an image of {' x '.join(map(str, shape))}" if shape else "features"
    several = f"the {len(names)} columns {names[0]} to {names[-1]} are {taken}"
    assumed = [several if len(names) > 1 else f"the column {names[0]} is the only feature"]
    assumed += [] if shape else _counting(values, names)
    yield Found(
        inputs=values if shape else values.astype(np.float64),
        labels=typed(columns.pop(label)),
        names=columns.pop("image", None),
        sides=read_sides(columns.pop("split"), f"{path}, split") if "split" in columns else None,
        columns=columns,
        shape=shape,
        assumed=tuple(assumed),
    )


def _collected(
    path: Path, header: list[str], rows: Iterator[tuple[int, list[str]]], places: list[int], words: list[str]
) -> Generator[Event, None, tuple[NDArray[Any], dict[str, list[str]]]]:
    """Returns the numbers of all rows, (N, D), bytes where all are; and their words by column, the label first."""
    where = {name: header.index(name) for name in words}
    columns: dict[str, list[str]] = {name: [] for name in words}
    blocks: list[NDArray[Any]] = []
    numbers: list[NDArray[np.float64]] = []
    yield Stage(name=f"reading the rows of {path.name}", total=None if path.suffix == ".gz" else path.stat().st_size)
    seen = 0  # characters
    for line, row in rows:
        seen += sum(map(len, row)) + len(row)
        for name, place in where.items():
            columns[name].append(row[place].strip())
        if not columns[words[0]][-1]:
            raise DataError(f"{path}, line {line}: {words[0]} is empty")
        numbers.append(_numbers(path, line, header, row, places))
        if len(numbers) == ROWS_AT_ONCE:
            blocks.append(_narrow(numbers))
            yield Advanced(amount=seen)
            seen, numbers = 0, []
    if numbers:
        blocks.append(_narrow(numbers))
    if not blocks:
        raise DataError(f"{path} has a header and no rows: {LAYOUT.example} is wanted")
    return np.concatenate(blocks), columns


def _by_number(places: list[int], header: list[str]) -> list[int]:
    """Returns the columns of an image in the order of their numbers, where each is called `pixel` and one number."""
    found = [PIXEL.fullmatch(header[place]) for place in places]
    numbers = [int(match[1]) for match in found if match]
    if len(set(numbers)) < len(places):
        return places
    return [place for _, place in sorted(zip(numbers, places, strict=True))]


def _narrow(rows: list[NDArray[np.float64]]) -> NDArray[Any]:
    """Returns rows as one block, of bytes where nothing is lost: an eighth of the memory."""
    block = np.stack(rows)
    with np.errstate(invalid="ignore"):
        narrow = block.astype(np.uint8)
    return narrow if np.array_equal(narrow, block) else block


def _label_column(path: Path, header: list[str], reading: DataConfig) -> str:
    wanted = reading.label_column or "label"
    if wanted in header:
        return wanted
    listed = ", ".join(header[:8]) + (f", … ({len(header)} in all)" if len(header) > 8 else "")  # noqa: PLR2004
    advice = f"name one with --label-column, or write {LAYOUT.example}"
    if len(header) == 1:
        advice = "a comma, a semicolon or a tab is wanted between the values"
    raise DataError(f"{path} has no column {wanted!r}; it has {listed}: {advice}")


def _numbers(path: Path, number: int, header: list[str], row: list[str], places: list[int]) -> NDArray[np.float64]:
    words = [row[place] for place in places]
    try:
        values = np.array(words, np.float64)
    except ValueError:
        values = np.array([_number(word) for word in words])
    if "_" in "".join(words):  # Python reads 1_5 as 15
        values[["_" in word for word in words]] = np.nan
    if not np.isfinite(values).all():
        place = places[int(np.flatnonzero(~np.isfinite(values))[0])]
        raise DataError(f"{path}, line {number}: {_named(header, place)} is {_no_number(row[place])}")
    return values


def _named(header: list[str], place: int) -> str:
    return header[place] or f"column {place + 1}, which has no name,"


def _no_number(text: str) -> str:
    """Returns what is wrong with a value that should be a number."""
    if not text.strip():
        return "empty: a number is wanted, or a table without the row or the column"
    if math.isfinite(_number(text.replace(",", "."))):
        return f"{text!r}: a decimal point is wanted"
    return f"{text!r}, not a number (words are read from label, {', '.join(WORDS)} only)"


def _number(text: str) -> float:
    try:
        return math.nan if "_" in text else float(text)
    except ValueError:
        return math.nan


def _counting(values: NDArray[Any], names: list[str]) -> list[str]:
    """Returns what to say of columns that number the rows, as programs write them beside what was measured."""
    if len(values) <= MANY:
        return []
    counts = (np.arange(len(values)), np.arange(1, len(values) + 1))
    numbered = zip(names, values.T, strict=True)
    counting = [name for name, column in numbered if any(np.array_equal(column, rows) for rows in counts)]
    return [f"{name} counts the rows, and is learnt from as a feature: remove it if it is none" for name in counting]


def _image_of(values: NDArray[Any], names: list[str]) -> tuple[int, ...] | None:
    """Returns the shape of an image where the columns are one, of bytes; else None."""
    if values.dtype != np.uint8 or not all(name.lower().startswith("pixel") for name in names):
        return None
    side, rgb = math.isqrt(len(names)), math.isqrt(len(names) // 3)
    shape = (side, side) if side * side == len(names) else (rgb, rgb, 3)
    return shape if math.prod(shape) == len(names) else None


LAYOUT = Layout(
    name="table",
    wants="a header with `label` and columns of numbers",
    example="the lines `label,a,b` `cat,1,2.5` `dog,3,4`",
    read=read,
    takes=("read_as", "label_column"),
    kind=lambda _: "arrays",
    endings=(".csv", ".tsv", ".csv.gz", ".tsv.gz"),
)
