"""All parts of the report, and how they are named on a command line."""

import re
from collections.abc import Sequence

from mnistfaces.errors import UsageError
from mnistfaces.reproduce import digits, faces, growth, surfaces
from mnistfaces.reproduce.records import Part

PARTS: dict[int, Part] = {
    part.number: part
    for part in sorted((*digits.PARTS, surfaces.PART, growth.PART, *faces.PARTS), key=lambda part: part.number)
}
"""By number, in order."""

GROUPS = {"digits": range(1, 8), "faces": range(8, 11)}
RANGE = re.compile(r"(\d+)(?:-(\d+))?")
RANGE_FROM = 2
"""More parts in a row than this are spelled as a range."""


def read_parts(names: Sequence[str]) -> tuple[int, ...]:
    """Returns the parts that some words mean, in order, each once; all without a word.

    Args:
        names: `4`, `1-7`, `digits`, `faces`, or several of these with commas between.

    Raises:
        UsageError: a word means no part.
    """
    wanted: set[int] = set()
    for name in (piece.strip() for token in names for piece in token.split(",")):
        match = RANGE.fullmatch(name)
        first = int(match[1]) if match else 0
        numbers = GROUPS.get(name) or range(first, int(match[2] or first) + 1 if match else 0)
        if not numbers or not set(numbers) <= PARTS.keys():
            raise UsageError(f"no part {name!r}: give 1 to {max(PARTS)}, a range such as 1-7, digits, or faces")
        wanted |= set(numbers)
    return tuple(sorted(wanted)) or tuple(PARTS)


def spell_parts(parts: Sequence[int]) -> str:
    """Returns the word that means some parts, given in order: `8-10`, `1,2,9`; "" for all."""
    if len(parts) == len(PARTS):
        return ""
    runs: list[list[int]] = []
    for part in parts:
        if runs and part == runs[-1][-1] + 1:
            runs[-1].append(part)
        else:
            runs.append([part])
    words = (f"{run[0]}-{run[-1]}" if len(run) > RANGE_FROM else ",".join(map(str, run)) for run in runs)
    return ",".join(words)
