"""Text made fit to be shown: names that come from data, lines that fit a window, words that were meant."""

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

_CONTROLS = "\x00-\x1f\x7f-\x9f\u2028\u2029"
_DIRECTIONS = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
"""Marks that make a terminal or a page show what follows them in another order."""

_UNFIT = re.compile(f"[{_CONTROLS}{_DIRECTIONS}\ud800-\udfff]")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""With these a spreadsheet begins what it runs."""


def clean(text: str) -> str:
    """Returns a text with every control character, mark of direction and half character as Python's escape for it."""
    return _UNFIT.sub(lambda match: ascii(match[0])[1:-1], text)


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Returns a number of things in words: 1 cell, 2 cells, 2 classes where that plural is given."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


def clean_json(text: str) -> str:
    """Returns JSON with the same characters as JSON's escapes; line ends between its tokens stay."""
    return _UNFIT.sub(lambda match: match[0] if match[0] == "\n" else f"\\u{ord(match[0]):04x}", text)


def csv_cell(text: str) -> str:
    """Returns a cell that no terminal obeys and no spreadsheet runs: what is no number gets an apostrophe before it."""
    safe = text if not text.startswith(FORMULA) or is_number(text) else f"'{text}"
    return "\n".join(map(clean, safe.split("\n")))


def is_number(text: str) -> bool:
    """Returns whether a text is a finite number."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def display_width(text: str) -> int:
    """Returns how many columns of a terminal a text takes: two per wide character, none per accent on another."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def wrapped(pieces: Iterable[str], width: int, *, indent: str = "", end: str = "") -> list[str]:
    """Returns pieces set in lines with a space between two; a piece is never broken, however long it is.

    Args:
        pieces: in order, for example the words of a sentence.
        width: of a line, in columns of a terminal.
        indent: before every line but the first.
        end: after every line but the last, such as the backslash of a command that goes on.
    """
    lines: list[str] = []
    for piece in pieces:
        if lines and display_width(lines[-1]) + 1 + display_width(piece) + display_width(end) <= width:
            lines[-1] += f" {piece}"
        else:
            lines.append(f"{indent}{piece}" if lines else piece)
    return [f"{line}{end}" for line in lines[:-1]] + lines[-1:]


def nearest(
    word: str, names: Sequence[str], meanings: Mapping[str, str] | None = None, *, cutoff: float = 0.7
) -> str | None:
    """Returns the name that a word was most likely meant for, or None where none is near.

    Args:
        word: as it was typed.
        names: that there are.
        meanings: other words for names, as people know them from elsewhere; those for names that are not here are
            passed over.
        cutoff: how like a name the word must be, from 0 to 1. The hyphens before an option make nothing alike.
    """
    import difflib

    known = {other: name for other, name in (meanings or {}).items() if name in names}
    if word in known or word.lower() in known:
        return known.get(word) or known[word.lower()]
    bare = word.lower().lstrip("-")
    spelled = {other.lower().lstrip("-"): name for other, name in (*known.items(), *zip(names, names, strict=True))}
    found = difflib.get_close_matches(bare, [name for name in spelled if len(name) > 1], n=1, cutoff=cutoff)
    if found:
        return spelled[found[0]]
    swapped = [name for name in names if sorted(name.lower()) == sorted(word.lower())]
    longer = [name for name in names if len(bare) > 2 and name.lower().lstrip("-").startswith(bare)]  # noqa: PLR2004  two letters begin too much
    return next(iter([*swapped, *longer]), None)
