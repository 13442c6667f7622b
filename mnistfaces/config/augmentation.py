"""How `--augment` is written: changes with commas between, such as `mirror,shift:2,rotate:10`."""

import functools
import math
from typing import NamedTuple, get_args

from mnistfaces.config.checks import REMEMBERED, require
from mnistfaces.config.names import ChangeName
from mnistfaces.errors import UsageError

MOST_CHANGES = 16
"""Each adds a whole training set: more are a slip of the pen."""

MOST_DEGREES = 180


class Change(NamedTuple):
    """One change of an image, and the most of it: pixels of a shift, degrees of a rotation; 0 for a mirror."""

    name: ChangeName
    most: float

    def __str__(self) -> str:
        return f"{self.name}:{self.most:g}" if self.most else self.name


@functools.lru_cache(maxsize=REMEMBERED)
def read_augment(text: str) -> tuple[Change, ...]:
    """Returns the changes that a text names, in its order.

    Raises:
        UsageError: a change is not known, or its size cannot be meant.
    """
    changes = tuple(_change(part.strip()) for part in text.split(","))
    require(len(changes) <= MOST_CHANGES, f"--augment names {len(changes)} changes: {MOST_CHANGES} at most")
    return changes


def copies_of(augment: str | None) -> int:
    """Returns how often each training image stands in the training set: once, and once per change."""
    return 1 if augment is None else 1 + len(read_augment(augment))


def _change(part: str) -> Change:
    name, colon, size = part.partition(":")
    if name not in get_args(ChangeName):
        raise UsageError(f"--augment {part!r} is not one of mirror, shift:PIXELS, rotate:DEGREES, or several of them")
    if name == "mirror":
        require(not colon, f"--augment {part!r}: a mirror has no size")
        return Change("mirror", 0)
    try:
        most = float(size)
    except ValueError:
        most = math.nan
    if name == "shift":
        require(most >= 1 and most.is_integer(), f"--augment {part!r}: shift:PIXELS takes a whole number from 1")
        return Change("shift", most)
    require(0 < most <= MOST_DEGREES, f"--augment {part!r}: rotate:DEGREES takes a number above 0, to {MOST_DEGREES}")
    return Change("rotate", most)
