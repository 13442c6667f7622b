"""Time that passes when it is waited for, and threads that take turns by a seed.

The threads of the downloads run one at a time: who waits hands the turn to one that can go on, and where none can,
time goes to where the first one wakes. Threads of pools do their work at once, where it is submitted.
"""

import concurrent.futures
import functools
import os
import queue
import random
import threading
import time
import types
from collections import deque
from collections.abc import Callable
from typing import Any

from mnistfaces.fetching.web import addresses, download
from simulator.world import World

CORES = 2
"""Processors that every machine has, so that a seed means the same on all."""


class Turns:
    """Who of some threads may run.

    Attributes:
        world: whose time passes.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self._rng = random.Random(world.rng.random())  # noqa: S311  faults, not secrets
        self._seats: list[_Seat] = [_Seat()]
        self._mine = threading.local()
        self._mine.seat = self._seats[0]

    @property
    def _seat(self) -> "_Seat | None":
        return getattr(self._mine, "seat", None)

    def start(self, work: Callable[[], None]) -> None:
        """Starts a thread; it waits for its turn."""
        seat = _Seat()
        self._seats.append(seat)

        def run() -> None:
            self._mine.seat = seat
            seat.go.acquire()
            try:
                work()
            finally:
                self._seats.remove(seat)
                self._next().go.release()

        threading.Thread(target=run, daemon=True).start()

    def wait(self, ready: Callable[[], bool], until: float | None = None) -> None:
        """Lets others go until something is so, or it is late."""
        seat = self._seat
        if seat is None:
            return
        seat.ready, seat.until = ready, until
        chosen = self._next()
        if chosen is not seat:
            chosen.go.release()
            seat.go.acquire()
        seat.ready, seat.until = _always, None

    def between(self) -> None:
        """Gives another thread its chance before a call."""
        if len(self._seats) > 1 and self._seat is not None and self._rng.random() < 0.3:
            self.wait(_always)

    def _next(self) -> "_Seat":
        """Chooses who goes on, in the time when somebody can."""
        while True:
            able = [seat for seat in self._seats if seat.ready() or seat.is_due(self.world.time)]
            if able:
                return self._rng.choice(able)
            times = [seat.until for seat in self._seats if seat.until is not None]
            if not times:
                raise AssertionError("every thread waits for another one")
            self.world.time = max(self.world.time, min(times))


def _always() -> bool:
    return True


class _Seat:
    """A thread's place: what it waits for, and until when."""

    def __init__(self) -> None:
        self.go = threading.Semaphore(0)
        self.ready: Callable[[], bool] = _always
        self.until: float | None = None

    def is_due(self, now: float) -> bool:
        return self.until is not None and self.until <= now


def install(world: World, turns: Turns) -> None:
    """Takes the place of clocks, of sleeping, and of the threads that download, in this process until its end."""
    start = time.time()  # files have real times

    def calendar() -> float:
        world.call("time", "")
        return start + world.time + world.shift

    def steady() -> float:
        world.time += 1e-6
        return world.time

    def sleep(seconds: float) -> None:
        world.call("sleep", "")
        turns.wait(lambda: False, world.time + max(seconds, 0.0))

    time.time, time.sleep = calendar, sleep
    time.monotonic = time.perf_counter = steady
    os.cpu_count = lambda: CORES
    concurrent.futures.ThreadPoolExecutor.submit = functools.partialmethod(_at_once, world)  # type: ignore[method-assign,assignment]

    for module in (addresses, download):
        module.threading = types.SimpleNamespace(Thread=functools.partial(_Thread, turns))  # type: ignore[attr-defined]
        module.queue = types.SimpleNamespace(SimpleQueue=functools.partial(_Queue, turns), Empty=queue.Empty)  # type: ignore[attr-defined]


def _at_once(
    pool: Any,  # noqa: ANN401  as concurrent.futures has it
    world: World,
    work: Callable[..., Any],
    /,
    *args: Any,  # noqa: ANN401  passed on
    **options: Any,  # noqa: ANN401  passed on
) -> "concurrent.futures.Future[Any]":
    future: concurrent.futures.Future[Any] = concurrent.futures.Future()
    if pool._max_workers > (begun := getattr(pool, "begun", 0)):
        pool.begun = begun + 1
        world.call("thread", "")
    try:
        future.set_result(work(*args, **options))
    except Exception as error:  # noqa: BLE001  the one who waits raises it
        future.set_exception(error)
    return future


class _Thread:
    """A thread that waits for its turn."""

    def __init__(self, turns: Turns, target: Callable[..., None], args: tuple[Any, ...] = (), **_: object) -> None:
        self._turns, self._work = turns, lambda: target(*args)

    def start(self) -> None:
        self._turns.world.call("thread", "")
        self._turns.start(self._work)


class _Queue:
    """A queue whose readers wait in the simulated time."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._items: deque[Any] = deque()

    def put(self, item: Any) -> None:  # noqa: ANN401  as queue has it
        self._items.append(item)

    def get(self, timeout: float | None = None) -> Any:  # noqa: ANN401  as queue has it
        until = None if timeout is None else self._turns.world.time + timeout
        self._turns.wait(lambda: bool(self._items), until)
        if not self._items:
            raise queue.Empty
        return self._items.popleft()
