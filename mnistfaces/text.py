"""Text that comes from data, made fit to be shown: class names, file names, rows of a list."""

import math
import re

_CONTROLS = "\x00-\x1f\x7f-\x9f\u2028\u2029"
_DIRECTIONS = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
"""Marks that make a terminal or a page show what follows them in another order."""

_UNFIT = re.compile(f"[{_CONTROLS}{_DIRECTIONS}\ud800-\udfff]")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""With these a spreadsheet begins what it runs."""


def clean(text: str) -> str:
    """Returns a text with every control character, mark of direction and half character as Python's escape for it."""
    return _UNFIT.sub(lambda match: ascii(match[0])[1:-1], text)


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
