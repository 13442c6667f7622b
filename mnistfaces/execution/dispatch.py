"""As many tasks in flight as there are workers; what a worker that died was doing goes to another one."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Protocol, Self

from mnistfaces.execution.tasks import Result, Task
from mnistfaces.progress import Advanced, Event, Note

LISTEN_SECONDS = 0.2


class Workers(Protocol):
    """Processes that do tasks while they are entered as a context.

    Attributes:
        threads: of each.
        retries: how often a task is sent again whose worker died.
        deaths: the exceptions that tell of a death.
    """

    threads: int
    retries: int
    deaths: tuple[type[Exception], ...]

    @property
    def count(self) -> int:
        """Returns how many tasks they do at a time."""

    def __enter__(self) -> Self:
        """Starts or finds the workers."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends what `__enter__` started, tasks in flight included."""

    def asked(self) -> AbstractContextManager[object]:
        """Returns a context in which `count` and `where` can be asked for, and no task be sent."""

    def submit(self, number: int, task: Task[Result]) -> Future[Result]:
        """Sends a task to a worker; the number is its own in what workers tell."""

    def told(self) -> Iterable[tuple[int, float]]:
        """Returns what workers told since the last call: the number of a task, and its work done so far."""

    def where(self) -> str:
        """Returns in words where tasks are done."""

    def lost(self) -> Exception:
        """Returns the error of workers that cannot be reached any more."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Done(Generic[Result]):
    """A task that was done.

    Attributes:
        number: of the task.
        result: what it came to.
    """

    number: int
    result: Result


@dataclass(frozen=True, kw_only=True, eq=False)
class Lost:
    """A task that could not be done because its workers died.

    Attributes:
        number: of the task.
        reason: in words.
    """

    number: int
    reason: str


def dispatch(tasks: Sequence[Task[Result]], workers: Workers) -> Iterator[Event | Done[Result] | Lost]:
    """Does tasks on workers, yielding progress, and what each task came to when it is done.

    Args:
        tasks: independent of each other.
        workers: entered as a context.

    Raises:
        WorkerError: a worker refuses, or none can be reached any more.
    """
    waiting = deque(enumerate(tasks))
    running: dict[Future[Result], int] = {}
    deaths, told = [0] * len(tasks), [0.0] * len(tasks)

    def progress(number: int, done: float) -> Iterator[Advanced]:
        if done > told[number]:  # a task that is done again tells the same once more
            yield Advanced(amount=done - told[number])
            told[number] = done

    while waiting or running:
        while waiting and len(running) < workers.count:
            number, task = waiting.popleft()
            yield Note(message=task.words, detail=True)
            running[workers.submit(number, task)] = number
        finished, _ = wait(running, timeout=LISTEN_SECONDS, return_when=FIRST_COMPLETED)
        for number, done in workers.told():
            yield from progress(number, done)
        for future in finished:
            number = running.pop(future)
            ended = _end(future, number, tasks[number], workers)
            if isinstance(ended, Lost) and deaths[number] < workers.retries:
                deaths[number] += 1
                waiting.appendleft((number, tasks[number]))
                continue
            yield from progress(number, tasks[number].amount)
            yield ended


def _end(future: Future[Result], number: int, task: Task[Any], workers: Workers) -> Done[Result] | Lost:
    """Returns what came of a task."""
    try:
        return Done(number=number, result=future.result())
    except CancelledError:
        raise workers.lost() from None
    except workers.deaths:
        return Lost(number=number, reason=f"{task.contents}: their worker died each time (out of memory?)")
