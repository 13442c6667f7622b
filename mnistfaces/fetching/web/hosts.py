"""What waits for one host: its tasks, in the order in which they go."""

from collections import deque
from dataclasses import dataclass, field

from mnistfaces.fetching.web.policy import Host, Outcome


@dataclass(frozen=True)
class Wanted:
    """One thing to download: a URL that should give bytes with a SHA-256."""

    key: str
    url: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Settled:
    """how one download ended.

    Attributes:
        wanted: which.
        outcome: of the last request for it.
        tries: requests made, redirects not counted.
        size: bytes of the body that was kept.
    """

    wanted: Wanted
    outcome: Outcome
    tries: int
    size: int = 0


@dataclass
class Task:
    """A download on its way: the URL to ask now, and the tries, redirects and seconds that it has taken."""

    wanted: Wanted
    url: str
    tries: int = 0
    hops: int = 0
    spent_s: float = 0.0
    not_before: float = 0.0
    last: Outcome | None = None


@dataclass
class Line:
    """The tasks that wait for one host: those never asked go before those to ask again."""

    host: Host
    fresh: deque[Task] = field(default_factory=deque)
    again: list[Task] = field(default_factory=list)
    busy: bool = False

    def ready_at(self) -> float | None:
        """Returns when the next request may go; None when nothing waits or one is under way."""
        if self.busy or not (self.fresh or self.again):
            return None
        due = 0.0 if self.fresh else min(task.not_before for task in self.again)
        return max(self.host.ready_at, due)

    def take(self) -> Task:
        """Takes the next task off the line."""
        if self.fresh:
            return self.fresh.popleft()
        first = min(self.again, key=lambda task: task.not_before)
        self.again.remove(first)
        return first

    def take_all(self) -> list[Task]:
        """Takes everything off the line."""
        tasks = [*self.fresh, *self.again]
        self.fresh.clear()
        self.again.clear()
        return tasks
