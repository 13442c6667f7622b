"""The lines of a CSV file, whoever wrote it: its encoding, and the separators that its cells may have between them.

`csv.Sniffer` is not used: it goes by how often characters occur, and takes the `-` of `test-0-00012` for a separator.
Here every separator that divides the first line is a reading; what the cells mean tells which of them was meant.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from mnistfaces.errors import DataError

SEPARATORS = (",", ";", "\t")
MOST_BYTES = 64 << 20

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16's, which it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""What a file begins with, and how it is then written."""

NAMED_SEPARATOR = re.compile(r"sep=([,;\t])(?=\r?\n)", re.IGNORECASE)
"""The first line of tables that a spreadsheet wrote."""

Line = tuple[int, list[str]]
"""The number of a line, and its cells without spaces around them."""


class UnfitError(ValueError):
    """What is wrong with a file, to stand behind its name."""


def read_text(path: Path) -> str:
    """Returns the text of a file in UTF-8 or, where it begins with their mark, UTF-16 or UTF-32.

    Raises:
        DataError: it cannot be read, is too large for a table of answers, or is written in another way.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    if len(content) > MOST_BYTES:
        raise DataError(f"{path} is no table of answers: it has more than {MOST_BYTES >> 20} MB")
    mark, encoding = next(((mark, name) for mark, name in MARKS if content.startswith(mark)), (b"", "utf-8"))
    try:
        return content[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        reason = f"it is not {encoding.upper()} ({error.reason}); save it as UTF-8"
        raise DataError(f"cannot read {path}: {reason}") from error


def separators_of(text: str) -> list[str]:
    """Returns the separators that divide the first line; the one alone that a first line `sep=;` names.

    Raises:
        UnfitError: by none of them does the first line end.
    """
    if named := NAMED_SEPARATOR.match(text):
        return [named[1]]
    found, problems = [], []
    for separator in SEPARATORS:
        try:
            _, cells = next(lines_of(text, separator), (1, []))
        except UnfitError as problem:
            problems.append(problem)
        else:
            found += [separator] if len(cells) > 1 else []
    if len(problems) == len(SEPARATORS):
        raise problems[0]
    return found


def lines_of(text: str, separator: str) -> Iterator[Line]:
    """Yields the lines that are not blank.

    Raises:
        UnfitError: a quoted cell does not end in its line; a stray quote would swallow all that follows.
    """
    named = NAMED_SEPARATOR.match(text)
    stream = io.StringIO(text[named.end() :] if named else text, newline="")
    reader = csv.reader(stream, delimiter=separator, strict=True, skipinitialspace=separator != "\t")
    number = 1
    try:
        for row in reader:
            if any("\n" in cell or "\r" in cell for cell in row):
                raise UnfitError(f", line {number}: a quoted cell does not end in its line")
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield number, cells
            number = reader.line_num + 1
    except csv.Error as error:
        raise UnfitError(f", line {number}: {error}") from error
