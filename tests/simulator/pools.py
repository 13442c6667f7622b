"""Workers of `--jobs` and of `--engine dask`, any of which may die: their tasks are done in this process.

A task is done when it is waited for, in the order that the seed draws, of what came out of its pickle: whatever only
the process that asked has, is not there. What the libraries promise takes the place of the libraries: a pool whose
process died is broken; a Dask scheduler sends a task again until too many of its workers died, and one that goes away
takes all tasks with it.
"""

import pickle
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError, Future
from concurrent.futures.process import BrokenProcessPool
from types import SimpleNamespace
from typing import Any, Self

import distributed

from mnistfaces.execution import cluster, dispatch, processes
from simulator.world import World

DEATHS = ("dies", "dies after")
"""What happens to a worker: before it has done its task, or before it has told."""

WORKERS = ("tcp://10.0.0.1:1", "tcp://10.0.0.2:1")


class Pools:
    """All workers.

    Attributes:
        world: draws whose task is done next, and what befalls it.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self._waiting: dict[Future[Any], Callable[[], None]] = {}

    def add(self, do: Callable[[Future[Any]], None]) -> "Future[Any]":
        """Takes a task that is to be done."""
        future: Future[Any] = Future()
        self._waiting[future] = lambda: do(future)
        return future

    def wait(self, futures: Iterable["Future[Any]"], **_: object) -> tuple[set["Future[Any]"], set["Future[Any]"]]:
        """Lets one more task come to its end, as `concurrent.futures.wait` would find it."""
        asked = list(futures)
        if able := [future for future in asked if future in self._waiting]:
            self._waiting.pop(self.world.rng.choice(able))()
        done = {future for future in asked if future.done()}
        return done, set(asked) - done

    def dies(self, kind: str) -> str:
        """Counts a call that finds a worker; returns how the worker dies, if it does."""
        fault = self.world.call(kind, "")
        return fault.effect if fault is not None and fault.effect in DEATHS else ""

    def cancel(self) -> None:
        """Ends all that is waited for, as when a scheduler goes away."""
        for future in self._waiting:
            future.set_exception(CancelledError())
        self._waiting.clear()


def _done(work: Callable[..., Any], args: tuple[Any, ...], future: "Future[Any]") -> None:
    """Does a task as a worker does, from its pickle, and sends a pickle back."""
    work, args = pickle.loads(pickle.dumps((work, args)))  # noqa: S301  our own
    try:
        future.set_result(pickle.loads(pickle.dumps(work(*args))))  # noqa: S301  our own
    except Exception as error:  # noqa: BLE001  the one who waits raises it
        future.set_exception(error)


class _Pool:
    """A pool of one process."""

    def __init__(self, pools: Pools, _count: int, *, initargs: tuple[Any, ...] = (), **_: object) -> None:
        self._pools, self._line, self._begun, self._broken = pools, initargs[0], False, False
        self._result_queue = SimpleNamespace(_writer=SimpleNamespace(close=lambda: None))  # nothing comes over a pipe

    def submit(self, work: Callable[..., Any], *args: Any) -> "Future[Any]":  # noqa: ANN401  passed on
        if not self._begun:
            self._pools.world.call("start", "worker")
            self._begun = True
        elif self._broken or self._pools.dies("idle"):
            raise BrokenProcessPool
        return self._pools.add(lambda future: self._do(future, work, args))

    def _do(self, future: "Future[Any]", work: Callable[..., Any], args: tuple[Any, ...]) -> None:
        dies = self._pools.dies("worker")
        if dies != "dies":
            processes._to_client = self._line
            _done(work, args, future if not dies else Future())
            processes._to_client = None
        if dies:
            self._broken = True
            future.set_exception(BrokenProcessPool())

    def shutdown(self, **_: object) -> None:
        pass


class _Client:
    """What knows a Dask scheduler, and is the scheduler as well."""

    def __init__(self, pools: Pools, address: str, **_: object) -> None:
        if pools.world.call("scheduler", address) is not None:
            raise OSError("Timed out trying to connect")
        self._pools, self._hear = pools, lambda _: None
        self.scheduler = SimpleNamespace(identity=self._identity)

    def _identity(self) -> dict[str, Any]:
        return {"workers": {name: {"resources": {}, "nthreads": 1} for name in WORKERS}}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def sync(self, do: Callable[[], Any], **_: object) -> Any:  # noqa: ANN401  passed on
        return do()

    def run(self, do: Callable[[], Any], workers: Iterable[str], **_: object) -> dict[str, Any]:
        return {name: do() for name in workers}

    def subscribe_topic(self, _: str, hear: Callable[[Any], None]) -> None:
        self._hear = hear

    def get_executor(self, **_: object) -> Self:
        return self

    def shutdown(self, **_: object) -> None:
        pass

    def submit(self, work: Callable[..., Any], *args: Any) -> "Future[Any]":  # noqa: ANN401  passed on
        return self._pools.add(lambda future: self._do(future, work, args))

    def _get_worker(self) -> SimpleNamespace:
        return SimpleNamespace(log_event=lambda _, told: self._hear((0.0, told)))

    def _do(self, future: "Future[Any]", work: Callable[..., Any], args: tuple[Any, ...]) -> None:
        if self._pools.world.call("scheduler", "task") is not None:
            future.set_exception(CancelledError())
            self._pools.cancel()
            return
        for _ in range(cluster.DEATHS_ALLOWED + 1):
            dies = self._pools.dies("worker")
            if dies != "dies":
                distributed.get_worker = self._get_worker
                _done(work, args, future if not dies else Future())
            if not dies:
                return
        future.set_exception(distributed.KilledWorker("task", None, cluster.DEATHS_ALLOWED))


class _LocalCluster:
    """A cluster of this machine's own."""

    scheduler_address = "tcp://127.0.0.1:1"

    def __init__(self, **_: object) -> None:
        self.workers: dict[str, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def install(world: World) -> None:
    """Takes the place of process pools and of Dask, in this process and until its end."""
    pools = Pools(world)
    processes.ProcessPoolExecutor = lambda *args, **options: _Pool(pools, *args, **options)  # type: ignore[assignment,misc]
    dispatch.wait = pools.wait  # type: ignore[assignment]
    distributed.Client = lambda *args, **options: _Client(pools, *args, **options)
    distributed.LocalCluster = _LocalCluster
