"""Workers that are processes on this machine, spawned, each with its share of the cores.

Every worker is a pool of its own, so that one that dies takes no other's work with it.
"""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

from mnistfaces.errors import WorkerError
from mnistfaces.execution.tasks import Result, Task


class Processes:
    """Local processes.

    Attributes:
        count: how many.
        threads: of each.
        retries: how often a task is done again whose process died.
        deaths: the exceptions that tell of a death.
    """

    retries = 2
    deaths: tuple[type[Exception], ...] = (BrokenProcessPool,)

    def __init__(self, count: int) -> None:
        self.count = count
        self.threads = max(1, (os.cpu_count() or 1) // count)
        self._seats: list[_Seat] = []

    def __enter__(self) -> Self:
        """Starts nothing yet: a process is started when there is a task for it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the processes, whatever they are doing."""
        for seat in self._seats:
            seat.close()
        self._seats = []

    def asked(self) -> contextlib.AbstractContextManager[object]:
        """Returns a context in which processes are only asked of."""
        return self

    def submit(self, number: int, task: Task[Result]) -> Future[Result]:
        """Sends a task to a process that has none."""
        for seat in [seat for seat in self._seats if seat.is_free()]:
            try:
                return seat.submit(number, task)
            except BrokenProcessPool:  # it died of its last task, or idle
                seat.close()
                self._seats.remove(seat)
        self._seats.append(_Seat())
        return self._seats[-1].submit(number, task)

    def told(self) -> Iterator[tuple[int, float]]:
        """Yields what the processes told since the last call."""
        for seat in self._seats:
            yield from seat.told()

    def where(self) -> str:
        """Returns in words where tasks are done."""
        return f"in {self.count} processes of {self.threads} threads on this machine"

    def lost(self) -> Exception:
        """Returns the error of processes that cannot be reached any more."""
        return WorkerError("the processes of --jobs cannot be reached any more: the same command goes on")


class _Seat:
    """A pool of one process, and a line to it: progress comes up; when our end closes, the process ends."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._line, far = context.Pipe()
        self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=_begin, initargs=(far,))
        self._far = far
        self._future: Future[Any] | None = None

    def is_free(self) -> bool:
        return self._future is None or self._future.done()

    def submit(self, number: int, task: Task[Result]) -> Future[Result]:
        future = self._pool.submit(_work, number, task)
        if self._future is None:
            self._end_results_with_process()
        self._future = future
        return future

    def _end_results_with_process(self) -> None:
        """Leaves the process alone with the end of the pipe that results go into.

        While the pool has that end, too, it waits for the rest of a result whose process died in the middle of it.
        """
        self._pool._result_queue._writer.close()  # type: ignore[attr-defined]  # noqa: SLF001  no other way is offered

    def told(self) -> Iterator[tuple[int, float]]:
        while self._line.poll():
            yield self._line.recv()

    def close(self) -> None:
        self._line.close()
        self._far.close()
        self._pool.shutdown(cancel_futures=True)


_to_client: Connection | None = None


def _begin(line: Connection) -> None:
    """Makes this process a worker: it ends with the client, and leaves Ctrl-C to it."""
    global _to_client  # noqa: PLW0603  a process has one client
    _to_client = line
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(line,), daemon=True).start()


def _end_with(line: Connection) -> None:
    """Waits until the client's end of the line is closed, by it or by its death, and ends this process."""
    try:
        line.recv()
    except (EOFError, OSError):
        os._exit(1)


def _work(number: int, task: Task[Result]) -> Result:
    if _to_client is None:
        raise RuntimeError("a worker begins with _begin")
    line = _to_client
    return task.perform(lambda done: line.send((number, done)))
