"""As many stacks in flight as there are workers; what a worker that died was training goes to another one."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from mnistfaces.experiments.execution.stacks import Checkpoint
from mnistfaces.experiments.execution.tasks import Terms
from mnistfaces.experiments.plan import StackPlan
from mnistfaces.progress import Advanced, Event, Note

LISTEN_SECONDS = 0.2


class Workers(Protocol):
    """Processes that train stacks while they are entered as a context.

    Attributes:
        threads: of each.
        retries: how often a stack is sent again whose worker died.
        deaths: the exceptions that tell of a death.
    """

    threads: int
    retries: int
    deaths: tuple[type[Exception], ...]

    @property
    def count(self) -> int:
        """Returns how many stacks they train at a time."""

    def __enter__(self) -> Self:
        """Starts or finds the workers."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends what `__enter__` started, tasks in flight included."""

    def submit(self, terms: Terms, number: int, stack: StackPlan) -> Future[list[Checkpoint]]:
        """Sends a stack to a worker."""

    def told(self) -> Iterable[tuple[int, float]]:
        """Returns what workers told since the last call: the number of a stack, and its work done so far."""

    def where(self) -> str:
        """Returns in words where stacks are trained."""

    def lost(self) -> Exception:
        """Returns the error of workers that cannot be reached any more."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Lost:
    """A stack that could not be trained because its workers died.

    Attributes:
        stack: the stack.
        reason: in words.
    """

    stack: StackPlan
    reason: str


def dispatch(stacks: Sequence[StackPlan], terms: Terms, workers: Workers) -> Iterator[Event | Checkpoint | Lost]:
    """Trains stacks on workers, yielding progress, and the checkpoints of each stack when it is done.

    Args:
        stacks: from `plan`.
        terms: of the sweep.
        workers: entered as a context.

    Raises:
        WorkerError: a worker refuses, or none can be reached any more.
    """
    waiting = deque(enumerate(stacks))
    running: dict[Future[list[Checkpoint]], int] = {}
    deaths, told = [0] * len(stacks), [0.0] * len(stacks)

    def progress(number: int, done: float) -> Iterator[Advanced]:
        if done > told[number]:  # a stack that is trained again tells the same once more
            yield Advanced(amount=done - told[number])
            told[number] = done

    while waiting or running:
        while waiting and len(running) < workers.count:
            number, stack = waiting.popleft()
            yield Note(message=f"stack {number + 1} of {len(stacks)}: {stack.describe()}", detail=True)
            running[workers.submit(terms, number, stack)] = number
        finished, _ = wait(running, timeout=LISTEN_SECONDS, return_when=FIRST_COMPLETED)
        for number, done in workers.told():
            yield from progress(number, done)
        for future in finished:
            number = running.pop(future)
            stack = stacks[number]
            checkpoints = _result(future, workers)
            if checkpoints is None and deaths[number] < workers.retries:
                deaths[number] += 1
                waiting.appendleft((number, stack))
                continue
            yield from progress(number, stack.work)
            if checkpoints is None:
                reason = f"{len(stack.trials)} trials: their worker died each time (out of memory?)"
                yield Lost(stack=stack, reason=reason)
            else:
                yield from checkpoints


def _result(future: Future[list[Checkpoint]], workers: Workers) -> list[Checkpoint] | None:
    """Returns what came of a stack; None if its worker died."""
    try:
        return future.result()
    except CancelledError:
        raise workers.lost() from None
    except workers.deaths:
        return None
