"""What a value read from JSON must be: told by the type hints of dataclasses, checked without trusting the text.

A schema is a dataclass whose fields say what a record holds; a field with a default may be missing. `problem_of` is
compiled once per type, for a ledger has thousands of lines.
"""

import dataclasses
import functools
import json
import math
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, NoReturn, Union, get_args, get_origin, get_type_hints

LARGEST = 2**63
"""Whole numbers are smaller than this in size: a digit added by damage must not become a count."""

NAME_BYTES = 255

Check = Callable[[Any], str | None]
"""Returns what is wrong with a value, or None."""

FileName = Annotated[str, "file name"]
"""One part of a path: no folder, nothing above it."""


def parse_json(content: bytes) -> Any:  # noqa: ANN401  a JSON value
    """Returns the JSON value of some bytes.

    Raises:
        ValueError: they are not JSON in UTF-8, hold a NaN, or are nested too deeply.
    """
    try:
        return _DECODER.decode(content.decode())
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)


def problem_of(value: object, hint: Any) -> str | None:  # noqa: ANN401  a type, or a form of typing's
    """Returns what is wrong with a JSON value that should be of a type, in words, or None.

    Args:
        value: as `parse_json` gives it.
        hint: a dataclass, `str`, `int`, `float` (whole numbers, too), `bool`, `FileName`, a Literal, a list, a tuple
            (a JSON array), a mapping of text, a union of these, or `Any` for any JSON.
    """
    try:
        return _check(hint)(value)
    except RecursionError:
        return "is nested too deeply"


@functools.cache
def _check(hint: Any) -> Check:  # noqa: ANN401  as above
    """Returns the check of a type."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint in _PLAIN:
        return _PLAIN[hint]
    if dataclasses.is_dataclass(hint):
        return _record(hint)
    if origin is Literal:
        return lambda value: None if type(value) is str and value in inner else f"is none of {', '.join(inner)}"
    if origin in (Union, types.UnionType):
        return _union([_check(one) for one in inner])
    if origin in (list, tuple, Sequence):
        return _array(_check(inner[0]))
    if origin in (dict, Mapping):
        return _mapping(_check(inner[1]))
    raise TypeError(f"no JSON value is checked against {hint}")


def _is_text(value: object) -> str | None:
    if type(value) is not str:
        return "is not a text"
    try:
        value.isascii() or value.encode()
    except UnicodeEncodeError:
        return "holds something that is no character"
    return None


def _is_file_name(value: object) -> str | None:
    if (wrong := _is_text(value)) or not isinstance(value, str):
        return wrong
    fine = value not in ("", ".", "..") and not set("/\\\0") & set(value) and len(value.encode()) <= NAME_BYTES
    return None if fine else "is not the name of a file"


def _is_whole(value: object) -> str | None:
    return None if type(value) is int and -LARGEST < value < LARGEST else "is not a whole number"


def _is_number(value: object) -> str | None:
    if type(value) is float and math.isfinite(value):
        return None
    return None if _is_whole(value) is None else "is not a number"


def _is_json(value: object) -> str | None:
    if isinstance(value, list):
        return _array(_is_json)(value)
    if isinstance(value, dict):
        return _mapping(_is_json)(value)
    if value is None or isinstance(value, bool):
        return None
    return _is_text(value) if isinstance(value, str) else _is_number(value)


_PLAIN: dict[Any, Check] = {
    str: _is_text,
    int: _is_whole,
    float: _is_number,
    bool: lambda value: None if type(value) is bool else "is neither true nor false",
    types.NoneType: lambda value: None if value is None else "is not null",
    Any: _is_json,
    FileName: _is_file_name,
}


def _union(checks: Sequence[Check]) -> Check:
    def check(value: object) -> str | None:
        wrong = [one(value) for one in checks]
        return None if None in wrong else wrong[0]

    return check


def _array(item: Check) -> Check:
    def check(value: object) -> str | None:
        if not isinstance(value, list):
            return "is not a list"
        return next((f"[{place}] {wrong}" for place, one in enumerate(value) if (wrong := item(one))), None)

    return check


def _mapping(item: Check) -> Check:
    def check(value: object) -> str | None:
        if not isinstance(value, dict):
            return "is not an object"
        wrong = ((name, _is_text(name) or item(one)) for name, one in value.items())
        return next((f"{name!r} {problem}" for name, problem in wrong if problem), None)

    return check


def _record(schema: Any) -> Check:  # noqa: ANN401  a dataclass
    """Returns the check of a dataclass: its fields alone, and all of those without a default."""
    hints = get_type_hints(schema, include_extras=True)
    fields = dataclasses.fields(schema)
    needed = [
        field.name
        for field in fields
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    checks = {field.name: _check(hints[field.name]) for field in fields}

    def check(value: object) -> str | None:
        if not isinstance(value, dict):
            return "is not an object"
        for name in needed:
            if name not in value:
                return f"has no {name}"
        for name, one in value.items():
            if name not in checks:
                return f"has {name!r}, which is no field of it"
            if wrong := checks[name](one):
                return f"{name}: {wrong}"
        return None

    return check


def only_known(value: Mapping[str, Any], schema: Any) -> dict[str, Any]:  # noqa: ANN401  a dataclass
    """Returns the fields of a record that its schema knows."""
    known = {field.name for field in dataclasses.fields(schema)}
    return {name: one for name, one in value.items() if name in known}
