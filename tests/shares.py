"""How much of each stage of some work was said to be done."""

from collections.abc import Iterable, Iterator

from mnistfaces.progress import Advanced, Stage


def shares(events: Iterable[object]) -> dict[str, tuple[float | None, float]]:
    """Returns for each stage, by its name, how much there was to do and how much was done."""
    stages: dict[str, tuple[float | None, float]] = {}
    name = ""
    for event in events:
        if isinstance(event, Stage):
            name = event.name
            stages[name] = (event.total, 0)
        elif isinstance(event, Advanced):
            total, done = stages[name]
            stages[name] = (total, done + event.amount)
    return stages


def steps_of(events: Iterable[object], wanted: str) -> Iterator[Advanced]:
    """Yields the steps of one stage, by its name, as they happen."""
    name = ""
    for event in events:
        if isinstance(event, Stage):
            name = event.name
        elif isinstance(event, Advanced) and name == wanted:
            yield event
