"""Lists in the format of FaceScrub: one face a line, tab-separated; a bad line is a record, never the end.

Columns: name, image_id, face_id, url, box (x1,y1,x2,y2 in stored pixels), sha256; with a header line or without.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from mnistfaces.datasets.faces import REPORT_ACTORS
from mnistfaces.errors import DataError
from mnistfaces.files import hash_of

COLUMNS = ("name", "image_id", "face_id", "url", "box", "sha256")
HEADER_NAMES = {"bbox": "box"}
BOM = b"\xef\xbb\xbf"

_NAME = re.compile(r".*\S.*")
_TEXT = re.compile(r".+")
_NUMBER = re.compile(r"[0-9]{1,18}")
_EDGE = r"\s*[+-]?[0-9]{1,9}\s*"
_BOX = re.compile(rf"{_EDGE},{_EDGE},{_EDGE},{_EDGE}")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")

Box = tuple[int, int, int, int]
"""x1, y1, x2, y2: columns x1 to x2 - 1 and rows y1 to y2 - 1 of the stored pixels."""


@dataclass(frozen=True)
class Entry:
    """One face of the list.

    Attributes:
        name: of the person.
        image_id: the list's number of the photograph.
        face_id: the list's number of the face; a photograph may show several.
        url: where the photograph was.
        box: of the face.
        sha256: of the photograph's bytes, lower case.
        origin: file and line, for messages; not part of what the row is.
    """

    name: str
    image_id: int
    face_id: int
    url: str
    box: Box
    sha256: str
    origin: str = ""

    @cached_property
    def key(self) -> str:
        """The identity of the face: a hash of all that defines it."""
        return hash_of([self.name, self.image_id, self.face_id, self.url, list(self.box), self.sha256])


@dataclass(frozen=True)
class BadEntry:
    """A line that is no row: where it stands, whose it seems to be, and what is wrong."""

    origin: str
    name: str
    reason: str


def parse_list(content: bytes, label: str) -> Iterator[Entry | BadEntry]:
    """Yields a row, or what is wrong, for every line of a list that is not blank and not its header.

    Args:
        content: the bytes of the list; UTF-8, with or without a byte order mark, lines ended by LF or CRLF.
        label: of the list, for messages.
    """
    order: Sequence[str] = COLUMNS
    first = True
    for number, line in enumerate(content.removeprefix(BOM).split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            cells = line.decode().removesuffix("\r").split("\t")
        except UnicodeDecodeError as error:
            yield BadEntry(f"{label}:{number}", "", f"not UTF-8: {error.reason} at byte {error.start}")
            continue
        header = _header(cells) if first else None
        first = False
        if header is None:
            yield _row(cells, order, f"{label}:{number}")
        else:
            order = header


def _header(cells: Sequence[str]) -> Sequence[str] | None:
    """Returns the order of the columns that a header line names; None for a line that is none."""
    names = [HEADER_NAMES.get(cell.strip().lower(), cell.strip().lower()) for cell in cells]
    return names if set(COLUMNS) <= set(names) else None


def _row(cells: Sequence[str], order: Sequence[str], origin: str) -> Entry | BadEntry:
    cell = {column: value.strip() for column, value in zip(order, cells, strict=False)}
    name = cell.get("name", "")
    name = name if name.isprintable() else ""
    reason = f"{len(cells)} fields instead of {len(order)}" if len(cells) != len(order) else _complaint(cell)
    if reason:
        return BadEntry(origin, name, reason)
    x1, y1, x2, y2 = (int(edge) for edge in cell["box"].split(","))
    return Entry(
        name=name,
        image_id=int(cell["image_id"]),
        face_id=int(cell["face_id"]),
        url=cell["url"],
        box=(x1, y1, x2, y2),
        sha256=cell["sha256"].lower(),
        origin=origin,
    )


def _complaint(cell: Mapping[str, str]) -> str:
    """Returns what is wrong with the cells of a line; empty if nothing is."""
    for column, pattern, kind in (
        ("name", _NAME, "a printable name"),
        ("image_id", _NUMBER, "a number"),
        ("face_id", _NUMBER, "a number"),
        ("url", _TEXT, "an address"),
        ("box", _BOX, "x1,y1,x2,y2"),
        ("sha256", _SHA256, "64 hexadecimal digits"),
    ):
        if not pattern.fullmatch(cell[column]) or not cell[column].isprintable():
            return f"{column} {cell[column][:70]!r} is not {kind}"
    return ""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The rows that were asked for.

    Attributes:
        actors: names, in class order.
        rows: each once, in the order of the lists.
        bad: lines of these actors that are no rows.
        strays: lines that are no rows and name nobody of the lists.
        repeated: how many rows stood in the lists a second time.
    """

    actors: tuple[str, ...]
    rows: tuple[Entry, ...]
    bad: tuple[BadEntry, ...]
    strays: tuple[BadEntry, ...]
    repeated: int


def select_rows(lines: Iterable[Entry | BadEntry], wanted: Sequence[str] = (), limit: int | None = None) -> Selection:
    """Returns the rows of some actors: those of the report unless others are wanted.

    Args:
        lines: of all lists together.
        wanted: full names or surnames, in any case.
        limit: the largest number of rows per actor.

    Raises:
        DataError: an actor is on no list, or a surname is that of several.
    """
    rows: dict[str, dict[str, Entry]] = {}
    bad: list[BadEntry] = []
    repeated = 0
    for line in lines:
        if isinstance(line, BadEntry):
            bad.append(line)
            continue
        of_actor = rows.setdefault(line.name, {})
        repeated += line.key in of_actor
        of_actor.setdefault(line.key, line)
    actors = _actors(tuple(rows), wanted)
    return Selection(
        actors=actors,
        rows=tuple(row for actor in actors for row in list(rows[actor].values())[:limit]),
        bad=tuple(line for line in bad if line.name in actors),
        strays=tuple(line for line in bad if line.name not in rows),
        repeated=repeated,
    )


def class_order(names: Iterable[str]) -> tuple[str, ...]:
    """Returns names in class order: the report's actors in the report's order, then others by name."""
    given = set(names)
    known = [name for name in REPORT_ACTORS if name in given]
    return (*known, *sorted(given - set(known)))


def _actors(listed: tuple[str, ...], wanted: Sequence[str]) -> tuple[str, ...]:
    if not wanted:
        found = class_order(name for name in listed if name in REPORT_ACTORS)
        if not found:
            raise DataError(f"the lists name none of {', '.join(REPORT_ACTORS)}: choose with --actor")
        return found
    return class_order(_find(listed, name) for name in wanted)


def _find(listed: tuple[str, ...], name: str) -> str:
    asked = name.strip().casefold()
    exact = [known for known in listed if known.casefold() == asked]
    found = exact or [known for known in listed if known.casefold().split()[-1:] == [asked]]
    if len(found) == 1:
        return found[0]
    if found:
        raise DataError(f"--actor {name} may be {' or '.join(found)}: write the full name")
    some = ", ".join(sorted(listed)[:20])
    raise DataError(f"--actor {name} is not on the list, which has {len(listed)} names: {some}")
