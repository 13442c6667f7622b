"""What every configuration is held to: closed names hold one of theirs, counts are such as a machine could work off.

Each distinct value is checked once: a grid of 100,000 cells has few values of most fields.
"""

import functools
from types import NoneType
from typing import TYPE_CHECKING, Literal, get_args, get_origin, get_type_hints

from mnistfaces.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

MAX_SEED = 2**62
"""Far more than anyone needs, and few enough for torch's generators when S, S + 1, ... are counted from there."""

MOST = 1_000_000_000
MOST_HIDDEN = 1_000_000
"""Of epochs, images and steps, and of hidden units: more are a slip of the pen, too."""

MOST_TRIALS = 1_000_000
"""Values of a list, cells of a grid and trials of a sweep: more are a slip of the pen, and are refused unbuilt."""

REMEMBERED = 1 << 12  # of the values that were checked


def require(condition: bool, message: str) -> None:
    """Raises UsageError with a message unless a condition holds."""
    if not condition:
        raise UsageError(message)


def require_bounded(config: "DataclassInstance") -> None:
    """Raises UsageError for a count that no machine could work off."""
    for field, value in vars(config).items():
        _require_bounded(field, value)


@functools.lru_cache(maxsize=REMEMBERED, typed=True)
def _require_bounded(field: str, value: object) -> None:
    counts = value if isinstance(value, tuple) else (value,)
    most = MOST_HIDDEN if field == "hidden" else MOST
    if field != "seed" and any(isinstance(count, int) and count > most for count in counts):
        raise UsageError(f"--{field.replace('_', '-')} is too large: {most:,} at most")


def require_known_names(config: "DataclassInstance") -> None:
    """Raises UsageError for a field of closed names that holds another one."""
    for field, names in _closed_names(type(config)).items():
        value = getattr(config, field)
        if value not in names:
            known = ", ".join(map(str, names))
            raise UsageError(f"--{field.replace('_', '-')} {value!r} is not one of {known}")


@functools.cache
def _closed_names(configuration: "type[DataclassInstance]") -> dict[str, tuple[str | None, ...]]:
    """Returns what each field can hold whose type is a `Literal`, or that and None."""
    found: dict[str, tuple[str | None, ...]] = {}
    for field, hint in get_type_hints(configuration).items():
        for part in (hint, *get_args(hint)):
            if get_origin(part) is Literal:
                found[field] = (*get_args(part), *((None,) if NoneType in get_args(hint) else ()))
    return found
