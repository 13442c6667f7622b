"""Known bugs, planted in the program on demand: the simulator has to find each."""

from collections.abc import Callable, Mapping, Sequence

BUGS: Mapping[str, Callable[[], None]] = {}


def plant(names: Sequence[str]) -> None:
    """Plants bugs in this process."""
    for name in names:
        BUGS[name]()
