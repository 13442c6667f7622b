"""The language of long work: a generator that yields stages, steps of them, notes, and its results."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stretch of the work begins.

    Attributes:
        name: what is done, as a person calls it.
        total: how much there is to do, in any unit (rows, images, bytes, epochs); None where nobody knows.
    """

    name: str
    total: float | None = None


@dataclass(frozen=True, kw_only=True)
class Advanced:
    """More of the stage is done.

    Attributes:
        amount: how much more, in the unit of the stage's total.
        detail: what a person may like to see beside the bar, for example a loss; "" leaves what stood there.
        kept: how much of the amount came to something; None in a stage in which nothing is lost.
        size: bytes that came with it.
        curves: how some numbers went until now, by name, the most important first; a terminal draws them.
    """

    amount: float
    detail: str = ""
    kept: int | None = None
    size: int = 0
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Note:
    """Something that the person should know.

    Attributes:
        message: one line.
        detail: whether only --verbose shows it: what was found in a cache, chosen, or skipped.
    """

    message: str
    detail: bool = False


Event = Stage | Advanced | Note


def result_of(work: Iterable[Event | Result]) -> Generator[Event, None, Result]:
    """Passes on the events of a part of some work, and returns what the part came to.

    A longer work calls a shorter one so: `model = yield from result_of(train_and_keep(...))`.

    Raises:
        ValueError: the part ended without a result, or with several.
    """
    results: list[Result] = []
    for record in work:
        if isinstance(record, Event):
            yield record
        else:
            results.append(record)
    (result,) = results
    return result


def drained(work: Iterable[Event | Result]) -> Result:
    """Does some work unwatched, and returns what it came to.

    Raises:
        ValueError: the work ended without a result, or with several.
    """
    (result,) = (record for record in work if not isinstance(record, Event))
    return result
