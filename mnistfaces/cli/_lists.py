"""Lists and values as they are typed, read; a bad token is named."""

import math
import re
from collections.abc import Sequence
from typing import Any

import typer

from mnistfaces.config import MOST_TRIALS, read_hidden
from mnistfaces.errors import UsageError
from mnistfaces.options import Option
from mnistfaces.text import is_number

SPACED = ("log:", "lin:")
BRACKETS = ("[", "]", "(", ")", "{", "}")

_SPACED = "evenly spaced ones are log:FIRST:LAST:COUNT or lin:FIRST:LAST:COUNT"

ELSEWHERE = (
    (re.compile(r":|\.\.|^range|\d-\d"), _SPACED),
    (re.compile(r"\d[;|\s]+\S*\d"), "a list is 0.1,0.01"),
    (re.compile(r"\d\s*%"), "a hundredth is 0.01"),
    (re.compile(r"\d(\^|\*\*)"), "a thousandth is 1e-3"),
    (re.compile(r"\d/\d"), "a tenth is 0.1"),
    (re.compile("[\u2010-\u2015\u2212]"), "a minus is a hyphen"),
    (re.compile(r"\d,\d"), "a decimal point is wanted"),
)
"""How numbers are typed elsewhere, and how here."""

_POINTS = re.compile(r"\d{1,3}(\.\d{3})+")
_DIGITS = re.compile("[+-]?[0-9]{1,30}")


def read_option(option: Option, typed: Any) -> tuple[Any, ...]:  # noqa: ANN401  words, or what a flag said
    """Returns the values of a declared option, each once, in the order given.

    Raises:
        typer.BadParameter: names the first bad token, or the option that takes but one.
    """
    if option.kind in ("flag", "text"):  # a text keeps its commas
        return (typed,)
    tokens = [typed] if isinstance(typed, str) else typed
    values = _distinct([value for piece in _pieces(tokens) for value in _values(option, piece)], option.spelled)
    if len(values) > 1 and not option.declaration.swept:
        raise typer.BadParameter("takes one value, no list", param_hint=option.spelled)
    return values


def _values(option: Option, piece: str) -> Sequence[Any]:
    """Returns the values of one piece of a list; `log:` and `lin:` stand for several."""
    if piece == option.declaration.word:
        return (None,)
    if piece in option.choices:
        return (piece,)
    if option.kind == "name":
        raise typer.BadParameter(f"{piece!r} is not one of {', '.join(option.choices)}", param_hint=option.spelled)
    if option.kind == "layers" and ("x" in piece or not (is_number(piece) or piece.startswith(SPACED))):
        return (_layers(piece, option.spelled),)
    return (read_floats if option.kind == "number" else read_integers)([piece], option.spelled)


def read_floats(tokens: Sequence[str], option: str) -> tuple[float, ...]:
    """Returns the numbers of `a,b,c`, `log:1e-5:1e-1:5` or `lin:0:1:11`, each once, in the order given.

    Raises:
        typer.BadParameter: names the first bad token.
    """
    values: list[float] = []
    for token in _pieces(tokens):
        kind, _, rest = token.partition(":")
        values += _spaced(kind, rest, token, option) if f"{kind}:" in SPACED else [_number(token, token, option)]
    return _distinct(values, option)


def read_numbers(token: str, count: int, option: str) -> tuple[float, ...]:
    """Returns exactly `count` numbers such as the two of `-10,10`, in the order given."""
    pieces = token.split(",")
    if len(pieces) != count:
        raise typer.BadParameter(f"{token!r} must be {count} numbers with commas between", param_hint=option)
    return tuple(_number(piece.strip(), token, option) for piece in pieces)


def read_box(token: str) -> tuple[int, int, int, int]:
    """Returns the corners of a box, `X1,Y1,X2,Y2` in pixels."""
    x1, y1, x2, y2 = read_numbers(token, 4, "--box")
    if any(value != int(value) for value in (x1, y1, x2, y2)) or not (0 <= x1 < x2 and 0 <= y1 < y2):
        raise typer.BadParameter(
            f"{token!r} must be whole numbers with 0 <= X1 < X2 and 0 <= Y1 < Y2", param_hint="--box"
        )
    return int(x1), int(y1), int(x2), int(y2)


def read_integers(tokens: Sequence[str], option: str) -> tuple[int, ...]:
    """Returns the whole numbers of a list such as `1,10` or `log:10:10000:4`, each once, in the order given."""
    values: list[int] = []
    for piece in _pieces(tokens):
        if _DIGITS.fullmatch(piece):  # every digit counts, also where a float would round
            values.append(int(piece))
            continue
        if _POINTS.fullmatch(piece):
            raise typer.BadParameter(
                f"{piece!r} can mean {piece.replace('.', '')} or {float(piece):g}", param_hint=option
            )
        for value in read_floats([piece], option):
            if value != int(value):
                raise typer.BadParameter(f"{value:g} is not a whole number", param_hint=option)
            values.append(int(value))
    return _distinct(values, option)


def read_sizes(tokens: Sequence[str], option: str, word: str) -> tuple[int | None, ...]:
    """Returns whole numbers of a list in which `word` stands for all there is (None)."""
    values: list[int | None] = []
    for token in _pieces(tokens):
        values += [None] if token == word else read_integers([token], option)
    return _distinct(values, option)


def _layers(piece: str, option: str) -> int | str:
    try:
        return read_hidden(piece)
    except UsageError as error:
        raise typer.BadParameter(str(error).removeprefix(f"{option} "), param_hint=option) from error


def _pieces(tokens: Sequence[str]) -> list[str]:
    return [piece.strip() for token in tokens for piece in token.split(",")]


def _number(piece: str, token: str, option: str) -> float:
    try:
        value = float(piece)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        within = "" if piece == token else f" in {token!r}"
        raise typer.BadParameter(f"{piece!r}{within} is not a number{meant_number(piece)}", param_hint=option)
    return value


def meant_number(piece: str) -> str:
    """Returns how a number or a list is typed that was typed as elsewhere; "" where none was meant."""
    if piece[:1] in BRACKETS or piece[-1:] in BRACKETS:
        return "; a list is 0.1,0.01, without brackets"
    return next((f"; {meant}" for pattern, meant in ELSEWHERE if pattern.search(piece)), "")


def _spaced(kind: str, rest: str, token: str, option: str) -> list[float]:
    """Returns the numbers of `log:FIRST:LAST:COUNT` or `lin:FIRST:LAST:COUNT`, both ends included."""
    pieces = rest.split(":")
    if len(pieces) != 3:  # noqa: PLR2004  first, last and count
        raise typer.BadParameter(f"{token!r} must read {kind}:FIRST:LAST:COUNT", param_hint=option)
    first, last, count = (_number(piece, token, option) for piece in pieces)
    if count != int(count) or count < 1:
        raise typer.BadParameter(f"{token!r} must count a whole number of values", param_hint=option)
    if count > MOST_TRIALS:
        raise typer.BadParameter(f"{token!r} counts too many values: {MOST_TRIALS:,} at most", param_hint=option)
    if kind == "log" and (first <= 0 or last <= 0):
        raise typer.BadParameter(f"{token!r} needs positive ends", param_hint=option)
    if count == 1:
        return [first]
    steps = [index / (int(count) - 1) for index in range(int(count))]
    if kind == "lin":
        return [_rounded(first + (last - first) * step) for step in steps]
    low, high = math.log10(first), math.log10(last)
    return [_rounded(10 ** (low + (high - low) * step)) for step in steps]


def _rounded(value: float) -> float:
    """Returns the value without the noise of its last bits: 0.3, not 0.30000000000000004."""
    return float(f"{value:.14g}")


def _distinct(values: Sequence[Any], option: str) -> tuple[Any, ...]:
    if not values:
        raise typer.BadParameter("the list is empty", param_hint=option)
    return tuple(dict.fromkeys(values))
