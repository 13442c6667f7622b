"""The parts that all pages are built of: text, tables, pictures, numbers, lines to copy. HTML comes back."""

import base64
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistfaces.text import clean

NOT_THERE = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
UNBROKEN = "\N{NO-BREAK SPACE}"
FULL_INTENSITY = 255


def shown(text: object) -> str:
    """Returns a text from anywhere as HTML that shows it letter by letter."""
    return escape(clean(str(text)))


def percent(value: float | None, digits: int = 1) -> str:
    """Returns a fraction as people read it."""
    return NOT_THERE if value is None else f"{100 * value:.{digits}f} %".replace("-", MINUS)


def _unbroken(text: str) -> str:
    """Returns a text that never ends a line between a number and its percent sign."""
    return text.replace(" %", f"{UNBROKEN}%")


def interval(low: float | None, high: float | None) -> str:
    """Returns an interval of fractions in percent; "" where there is none."""
    return "" if low is None or high is None else f"[{100 * low:.1f}, {100 * high:.1f}]".replace("-", MINUS)


def number(value: float | None, digits: int = 4) -> str:
    """Returns a number with so many significant digits; whole ones with commas."""
    if value is None:
        return NOT_THERE
    if float(value).is_integer() and abs(value) < 1e15:  # noqa: PLR2004  beyond, the exponent reads better
        return f"{int(value):,}".replace("-", MINUS)
    return re.sub(r"e([+-])0", r"e\1", f"{value:.{digits}g}").replace("e+", "e").replace("-", MINUS)


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes:
        text: what it shows.
        value: what it is sorted by; None sorts last.
        small: set below the text, such as an interval.
    """

    text: str
    value: float | str | None = None
    small: str = ""

    @classmethod
    def of(cls, value: Any) -> "Cell":  # noqa: ANN401  a JSON value
        """Returns the cell of a value as it stands in a row."""
        if isinstance(value, bool):
            return cls("yes" if value else "no", int(value))
        if isinstance(value, int | float):
            return cls(number(value, 6), value)
        if isinstance(value, list | tuple):
            text = ", ".join(map(str, value))
            return cls(text, text)
        return cls(NOT_THERE) if value is None else cls(str(value), str(value))

    @classmethod
    def share(cls, value: float | None, low: float | None = None, high: float | None = None) -> "Cell":
        """Returns the cell of a fraction with its interval."""
        return cls(percent(value), value, interval(low, high))


def table(
    caption: str,
    head: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    sortable: bool = False,
    marks: Sequence[str] = (),
) -> str:
    """Returns a table whose first column names its rows.

    Args:
        caption: what it holds; once a page.
        head: titles of the columns.
        rows: cells, as many as there are titles.
        sortable: a click on a title, or Enter, sorts the rows by that column.
        marks: a class name per row, for its look; fewer than rows leave the others plain.
    """
    body = [list(row) for row in rows]
    titles = "".join(
        f'<th scope="col"{_words(body, column)}>'
        f"{f'<button type=button>{shown(title)}</button>' if sortable else shown(title)}</th>"
        for column, title in enumerate(map(_unbroken, head))
    )
    lines = []
    for place, row in enumerate(body):
        mark = f' class="{marks[place]}"' if place < len(marks) and marks[place] else ""
        cells = "".join(_cell(cell, "td", sortable) for cell in row[1:])
        lines.append(f"<tr{mark}>{_cell(row[0], 'th scope=row', sortable)}{cells}</tr>")
    kind = ' class="sortable"' if sortable else ""
    return scrolled(caption, f"<thead><tr>{titles}</tr></thead><tbody>{''.join(lines)}</tbody>", kind)


LONG = 24
"""Letters of a cell from which on it takes several lines."""


def _words(body: Sequence[Sequence[Cell]], column: int) -> str:
    """Returns how the title of a column of words is set; "" for one of numbers."""
    return ' class="words"' if any(isinstance(row[column].value, str) for row in body) else ""


def _cell(cell: Cell, tag: str, sortable: bool) -> str:
    small = f"<small>{shown(cell.small)}</small>" if cell.small else ""
    key = (
        f' data-key="{shown(cell.value)}"'
        if sortable and cell.value is not None and str(cell.value) != cell.text
        else ""
    )
    long = " long" if len(cell.text) > LONG else ""
    words = f' class="words{long}"' if tag == "td" and isinstance(cell.value, str) else ""
    words = ' class="long"' if tag != "td" and long else words
    return f"<{tag}{words}{key}>{shown(cell.text)}{small}</{tag.split(maxsplit=1)[0]}>"


def scrolled(caption: str, inside: str, attributes: str = "", label: str = "") -> str:
    """Returns a table that scrolls sideways by itself where the window is narrow, and says so.

    Args:
        caption: what it holds.
        inside: its head and body, as HTML.
        attributes: of the table, as HTML.
        label: once a page, where the caption is not.
    """
    return (
        f'<div><div class="scroll" role="group" tabindex="0" aria-label="{shown(label or caption)}">'
        f"<table{attributes}><caption><span>{shown(caption)}</span></caption>{inside}</table></div></div>"
    )


def tiles(values: Mapping[str, str]) -> str:
    """Returns the few numbers that a reader wants first, by what they are."""
    cells = "".join(
        f"<div><dt>{shown(_unbroken(name))}</dt><dd>{shown(value)}</dd></div>" for name, value in values.items()
    )
    return f'<dl class="tiles">{cells}</dl>'


def facts(values: Mapping[str, str]) -> str:
    """Returns names and what belongs to them, as HTML, line by line."""
    return (
        '<dl class="facts">'
        + "".join(f"<dt>{shown(name)}</dt><dd>{value}</dd>" for name, value in values.items())
        + "</dl>"
    )


def line(command: str) -> str:
    """Returns a command to copy, which goes on to the next line between its words only."""
    words = " ".join(f"<span>{shown(word)}</span>" for word in command.split(" "))
    return f"<pre><code>{words}</code></pre>"


def cannot(what: str, reason: object) -> str:
    """Returns a sentence that says what a page cannot show, and why."""
    return f'<p class="unmade">{shown(what)} cannot be shown: {shown(reason)}</p>'


def folded(title: str, inside: str) -> str:
    """Returns what opens at a click on its title."""
    return f"<details><summary>{shown(title)}</summary>{inside}</details>"


def data(value: object) -> str:
    """Returns what a script of the page reads, as JSON that no markup can leave."""
    text = json.dumps(value, allow_nan=False, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json">{text}</script>'


def packed(values: NDArray[np.generic]) -> str:
    """Returns an array as base64 of its little-endian bytes."""
    return base64.b64encode(values.astype(values.dtype.newbyteorder("<")).tobytes()).decode("ascii")


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Returns an image of (H, W), (H, W, 3) or (H, W, 4) pixels as the bytes of a PNG."""
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(content, "PNG", optimize=True)
    return content.getvalue()


def picture(content: bytes, alt: str, kind: str = "") -> str:
    """Returns a PNG as an image of the page, with its size, so that nothing moves while it is read."""
    width, height = size_of(content)
    look = f' class="{kind}"' if kind else ""
    text = base64.b64encode(content).decode("ascii")
    return f'<img{look} src="data:image/png;base64,{text}" width="{width}" height="{height}" alt="{shown(alt)}">'


def size_of(content: bytes) -> tuple[int, int]:
    """Returns width and height of a PNG."""
    return int.from_bytes(content[16:20]), int.from_bytes(content[20:24])


FOR, AGAINST = (217, 72, 15), (25, 103, 210)
"""Colours of what speaks for a class and of what speaks against it: apart in every kind of colour vision."""


def weight_picture(weights: NDArray[np.floating[Any]], limit: float, alt: str) -> str:
    """Returns the weights into an output or a hidden unit as an image: warm above zero, cool below, none at zero.

    Args:
        weights: (H, W), or (H, W, 3), of which the mean over the colours is drawn.
        limit: the magnitude that is drawn in full.
        alt: what is seen.
    """
    flat = weights if weights.ndim == 2 else weights.mean(axis=2)  # noqa: PLR2004  rows and columns
    pixels = np.empty((*flat.shape, 4), np.uint8)
    pixels[..., :3] = np.where(flat[..., None] > 0, FOR, AGAINST)
    pixels[..., 3] = np.rint(FULL_INTENSITY * np.clip(np.abs(flat) / limit if limit > 0 else 0 * flat, 0, 1))
    return picture(png(pixels), alt, "pixels")


def figure(inside: str, caption: str, kind: str = "", below: str = "") -> str:
    """Returns a picture with its caption, as text, and what stands below that, as HTML."""
    look = f' class="{kind}"' if kind else ""
    said = f"<figcaption>{shown(caption)}{below}</figcaption>" if caption else ""
    return f"<figure{look}>{inside}{said}</figure>"
