"""What a shell offers for half a word: datasets, kept runs, closed values. Nothing heavy is imported."""

from collections.abc import Callable, Iterable
from pathlib import Path

from mnistfaces.datasets import NAMES
from mnistfaces.runs.configuration import CONFIG
from mnistfaces.runs.folder import RUNS

Offer = Callable[[str], list[str]]


def offer_datasets(incomplete: str) -> list[str]:
    """Returns the names of datasets that begin so; for a path the shell itself offers files."""
    return _beginning(incomplete, ("digits", *NAMES))


def offer_runs(incomplete: str) -> list[str]:
    """Returns `last` and the run directories below `runs` that begin so, the newest first."""
    try:
        found = [(path.stat().st_mtime, str(path.parent)) for path in Path(RUNS).glob(f"*/{CONFIG}")]
    except OSError:
        found = []
    return _beginning(incomplete, ["last", *(name for _, name in sorted(found, reverse=True))])


def offer_values(names: Iterable[str], *, several: bool) -> Offer:
    """Returns what offers closed values; of a list that has begun, each that may come next."""
    known = tuple(names)

    def offer(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",") if several else ("", "", incomplete)
        chosen = before.split(",")
        return [f"{before}{comma}{name}" for name in _beginning(last, known) if name not in chosen]

    return offer


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(name for name in names if name.startswith(incomplete)))
