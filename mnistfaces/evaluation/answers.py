"""Answers that others' programs wrote: CSV files of image and class, read as they were meant or not at all.

Of the readings by different separators the one counts that fits the images and the classes; where two fit and differ,
the file is refused.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnistfaces.datasets.base import class_number
from mnistfaces.errors import DataError
from mnistfaces.evaluation.csv_lines import Line, UnfitError, lines_of, read_text, separators_of
from mnistfaces.text import counted

IMAGE_COLUMNS = ("image", "image_id", "imageid", "id", "index", "name", "file", "filename", "file_name", "path")
ANSWER_COLUMNS = ("prediction", "predicted", "label", "class")
UNANSWERED = -1
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")


@dataclass(frozen=True, kw_only=True, eq=False)
class AnswerTable:
    """What a file answers.

    Attributes:
        predicted: (n,) class numbers of the images asked for; UNANSWERED where there is none.
        extra: rows for other images.
        missing: images asked for that have no answer.
    """

    predicted: NDArray[np.int16]
    extra: int
    missing: int

    def note(self) -> str:
        """Returns what does not fit, in words; "" where all does."""
        said = []
        if self.missing:
            said.append(
                f"no answer for {self.missing} of {counted(len(self.predicted), 'image')}, which counts as wrong"
            )
        if self.extra:
            said.append(f"{counted(self.extra, 'row')} for other images")
        return "; ".join(said)


@dataclass(frozen=True, kw_only=True, eq=False)
class Question:
    """What a file is asked.

    Attributes:
        ids: (n,) names of the images.
        classes: their names. A number in a file is a position among them, unless names are numbers themselves.
        order: gives the names of all images that plain numbers 0, 1, 2, ... stand for; called where they are used.
    """

    ids: NDArray[np.str_]
    classes: tuple[str, ...]
    order: Callable[[], NDArray[np.str_]]


def read_answers(path: Path, question: Question) -> AnswerTable:
    """Returns what a file answers.

    The file has a header with one column for the image and one for the answer (IMAGE_COLUMNS, ANSWER_COLUMNS; others
    are not looked at), or two columns and no header; commas, semicolons or tabs between; UTF-8 or, with their marks,
    UTF-16 and UTF-32.

    Raises:
        DataError: it cannot be read, or can be read in two ways; the message names the file and the line.
    """
    text = read_text(path)
    try:
        readings = list(_readings(text, question))
    except UnfitError as problem:
        raise DataError(f"{path}{problem}") from problem
    if any(not np.array_equal(one.predicted, readings[0].predicted) for one in readings[1:]):
        raise DataError(f"{path} can be read in two ways, by one separator or another: put its cells in quotes")
    return readings[0]


def _readings(text: str, question: Question) -> Iterator[AnswerTable]:
    """Yields the table by each separator that fits; raises what is wrong by the first one where none does."""
    separators = separators_of(text)
    if not separators:
        start = text.lstrip().split("\n", 1)[0].strip()
        raise UnfitError(
            f", line 1: expected image and class with a comma, semicolon or tab between, got {start[:60]!r}"
        )
    problems = []
    for separator in separators:
        try:
            yield _read(list(lines_of(text, separator)), question)
        except UnfitError as problem:
            problems.append(problem)
    if len(problems) == len(separators):
        raise problems[0]


def _read(lines: Sequence[Line], question: Question) -> AnswerTable:
    """Returns what some lines answer."""
    (image, answer), body = _columns(lines)
    if not body:
        raise UnfitError(" holds no answers")
    width, number_of = len(lines[0][1]), _ClassReader(question.classes)
    given: dict[str, int] = {}
    for line, row in body:
        if len(row) != width:
            raise UnfitError(f", line {line}: expected {width} columns, got {len(row)}: {', '.join(row)[:60]!r}")
        if row[image] in given:
            raise UnfitError(f", line {line}: image {row[image]} is answered twice")
        try:
            given[row[image]] = number_of(row[answer])
        except DataError as error:
            raise UnfitError(f", line {line}: {error}") from error
    named = _named(given, question)
    places = {name: place for place, name in enumerate(question.ids.tolist())}
    predicted = np.full(len(places), UNANSWERED, np.int16)
    for name in named.keys() & places.keys():
        predicted[places[name]] = named[name]
    return AnswerTable(
        predicted=predicted,
        extra=len(named.keys() - places.keys()),
        missing=int(np.count_nonzero(predicted == UNANSWERED)),
    )


def _columns(lines: Sequence[Line]) -> tuple[tuple[int, int], Sequence[Line]]:
    """Returns the positions of the image and of the answer, and the lines below the header, if there is one."""
    number, first = lines[0] if lines else (1, [])
    names = [cell.lower() for cell in first]
    images, answers = (
        [place for place, name in enumerate(names) if name in known] for known in (IMAGE_COLUMNS, ANSWER_COLUMNS)
    )
    if len(images) == len(answers) == 1:
        return (images[0], answers[0]), lines[1:]
    if images and len(answers) > 1:
        doubled = " and ".join(names[place] for place in answers)
        raise UnfitError(f", line {number}: which column is the answer, {doubled}? keep one")
    if images or answers:
        raise UnfitError(
            f", line {number}: the header needs one column image and one of {', '.join(ANSWER_COLUMNS)}, "
            f"got {', '.join(first)[:60]!r}"
        )
    if len(first) > 2:  # noqa: PLR2004  image and class
        raise UnfitError(f", line {number}: {len(first)} columns need a header that names image and class")
    if len(first) == 1:
        raise UnfitError(f", line {number}: expected image and class, got {first[0][:60]!r}")
    return (0, 1), lines


class _ClassReader:
    """Reads a cell as a class: by its name, or by its position where no name is a number; also as `7.0`."""

    def __init__(self, classes: tuple[str, ...]) -> None:
        self.classes, self.known = classes, {"": UNANSWERED}
        self.names = {name.casefold() for name in classes}
        self.numbered = any(name.strip().isdecimal() for name in classes)

    def __call__(self, cell: str) -> int:
        if cell not in self.known:
            number = _whole(cell)
            word = cell if number is None or cell.casefold() in self.names else str(number)
            if self.numbered and number is not None and word.casefold() not in self.names:
                raise DataError(f"no class is called {cell!r}: the classes are {', '.join(self.classes)}")
            self.known[cell] = class_number(self.classes, word)
        return self.known[cell]


def _named(given: dict[str, int], question: Question) -> dict[str, int]:
    """Returns answers by the names of images: as they are given, with slashes, or for plain numbers.

    Raises:
        UnfitError: none of the images is named, or two names are one image's.
    """
    ids = set(question.ids.tolist())
    if not ids & given.keys():
        numbers = [_whole(name) for name in given]
        if None not in numbers:
            return _numbered(dict(zip(numbers, given.values(), strict=True)), len(numbers), question)
        slashes = {name.replace("\\", "/").removeprefix("./"): answer for name, answer in given.items()}
        if ids & slashes.keys() and len(slashes) == len(given):
            return slashes
        asked = f"none of the {len(ids)} images, such as {question.ids[0]}"
        raise UnfitError(f" names {asked}; it has {next(iter(given))}")
    return given


def _numbered(given: dict[int | None, int], count: int, question: Question) -> dict[str, int]:
    """Returns answers by the names of images that plain numbers stand for."""
    try:
        order = question.order()
    except DataError as error:
        raise UnfitError(f": {error}") from error
    wrong = [number for number in given if number is None or not 0 <= number < len(order)]
    if wrong:
        first_is_one = 0 not in given and len(order) in given
        hint = ": do they count from 1?" if first_is_one else ""
        raise UnfitError(f": numbers of images go from 0 to {len(order) - 1}, and {wrong[0]} is none{hint}")
    if len(given) < count:
        raise UnfitError(" answers an image twice, under two spellings of its number")
    return {str(order[number]): answer for number, answer in given.items() if number is not None}


def _whole(text: str) -> int | None:
    """Returns the whole number that a text is, `7.0` and `7e0` too; None if it is none."""
    if not NUMBER.fullmatch(text):
        return None
    value = float(text)
    return int(value) if value.is_integer() else None
