"""Workers of a Dask cluster: one that is there, by its scheduler's address, or one of this machine's own."""

import contextlib
import logging
import os
import platform
import queue
import time
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from mnistfaces.config import DeviceName
from mnistfaces.devices import processor_name
from mnistfaces.errors import WorkerError
from mnistfaces.execution.tasks import Result, Task, version
from mnistfaces.text import counted

if TYPE_CHECKING:
    from distributed import Client

REACH_SECONDS = 10
COUNT_SECONDS = 1.0  # between two looks at how many workers there are
KILL_SECONDS = 0.5
DEATHS_ALLOWED = 2  # of a task's workers, after which our own scheduler gives the task up

GPU = "GPU"
"""What workers that compute on a GPU declare: `dask worker --resources GPU=1`."""


class Cluster:
    """The workers of a Dask cluster.

    Attributes:
        address: of the scheduler; None starts a cluster on this machine.
        threads: of each worker.
        retries: none of ours: the scheduler sends a task again whose worker died (`allowed-failures`).
        deaths: the exceptions that tell that it gave up.
    """

    retries = 0
    deaths: tuple[type[Exception], ...] = ()

    def __init__(self, address: str | None, count: int | None, device: DeviceName) -> None:
        """Connects to nothing yet.

        Args:
            address: of the scheduler; None starts a cluster on this machine.
            count: of workers of a cluster on this machine; None is one per core, or one for its GPU.
            device: where they are to compute; `cuda` sends tasks only to workers that declare a GPU.

        Raises:
            WorkerError: Dask is not installed.
        """
        try:
            from distributed import KilledWorker
        except ImportError as error:
            raise WorkerError("--engine dask needs Dask: pip install 'mnistfaces[dask]'") from error
        self.deaths = (KilledWorker,)
        self.address, self.threads = address, 1
        self._resources = {GPU: 1} if device == "cuda" else {}
        self._wanted = count or (1 if self._resources else os.cpu_count()) or 1
        self._open = contextlib.ExitStack()
        self._topic = f"mnistfaces-{uuid.uuid4().hex}"
        self._told: queue.SimpleQueue[tuple[int, float]] = queue.SimpleQueue()
        self._counted, self._count = 0.0, 0

    def __enter__(self) -> Self:
        """Connects, or starts the cluster first, and asks every worker which version of us it has.

        Raises:
            WorkerError: the scheduler cannot be reached, a worker has another version, or none declares a GPU.
        """
        with contextlib.ExitStack() as opened:
            self._scheduler = self.address or opened.enter_context(_local_cluster(self._wanted, self._resources))
            self._client = opened.enter_context(_client(self._scheduler))
            self._refuse_other_versions()
            self._client.subscribe_topic(self._topic, self._hear)
            self._open = opened.pop_all()
        self._executor = self._client.get_executor(pure=False, resources=self._resources or None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Gives up the tasks in flight, disconnects, and ends a cluster of our own."""
        if kind is not None:
            self._executor.shutdown(wait=False)
        self._open.__exit__(kind, error, trace)

    def asked(self) -> contextlib.AbstractContextManager[object]:
        """Returns a context in which workers are only asked of: a cluster of our own is not started for that."""
        return contextlib.nullcontext() if self.address is None else self

    @property
    def count(self) -> int:
        """Returns the number of workers now; 1 while there is none, so that one that joins finds work."""
        if self.address is None:
            return self._wanted
        if time.monotonic() - self._counted > COUNT_SECONDS:
            with contextlib.suppress(OSError, TimeoutError):
                self._count = len(self._able())
            self._counted = time.monotonic()
        return max(1, self._count)

    def submit(self, number: int, task: Task[Result]) -> Future[Result]:
        """Sends a task to the scheduler."""
        sent: Future[Result] = self._executor.submit(_work, self._topic, number, task)
        return sent

    def told(self) -> Iterator[tuple[int, float]]:
        """Yields what the workers told since the last call."""
        with contextlib.suppress(queue.Empty):
            while True:
                yield self._told.get_nowait()

    def where(self) -> str:
        """Returns in words where tasks are done."""
        if self.address is None:
            return f"on {counted(self._wanted, 'worker')} of a Dask cluster on this machine"
        hosts = sorted({facts["host"] for facts in self._facts().values()})
        what = "workers with a GPU" if self._resources else "workers"
        return (
            f"on {self.count} {what} of the Dask cluster at {self._scheduler} ({', '.join(hosts) or 'none there yet'})"
        )

    def lost(self) -> Exception:
        """Returns the error of a scheduler that went away."""
        return WorkerError(
            f"the Dask scheduler at {self._scheduler} went away; finished work is kept: "
            "the same command goes on from there"
        )

    def _hear(self, event: tuple[float, Any]) -> None:
        number, done = event[1]
        self._told.put((number, done))

    def _workers(self) -> dict[str, Any]:
        """Returns what the scheduler knows of its workers, by their addresses."""
        return dict(self._client.sync(self._client.scheduler.identity)["workers"])

    def _able(self) -> dict[str, Any]:
        """Returns those that declare all that a task needs."""
        return {
            address: known
            for address, known in self._workers().items()
            if all(known["resources"].get(name, 0) >= amount for name, amount in self._resources.items())
        }

    def _facts(self) -> dict[str, Any]:
        return dict(self._client.run(_facts, workers=list(self._able()), on_error="return"))

    def _refuse_other_versions(self) -> None:
        able, there = self._able(), len(self._workers())
        if there and not able:
            raise WorkerError(
                f"none of the {there} workers of {self._scheduler} declares a GPU: start one with "
                f"`dask worker {self._scheduler} --resources {GPU}=1`"
            )
        ours = version()
        for worker, facts in self._facts().items():
            theirs = facts["version"] if isinstance(facts, dict) else f"another mnistfaces, or none ({facts})"
            if theirs != ours:
                raise WorkerError(
                    f"worker {worker} of {self._scheduler} has {theirs}, here is {ours}: install the same there"
                )
        self.threads = min((known["nthreads"] for known in able.values()), default=1)


@contextlib.contextmanager
def _local_cluster(count: int, resources: Mapping[str, float]) -> Iterator[str]:
    """Yields the address of a cluster on the loopback whose workers declare some resources each."""
    import dask
    from distributed import LocalCluster

    settings = {"distributed.scheduler.allowed-failures": DEATHS_ALLOWED}
    with (
        dask.config.set(settings),
        LocalCluster(
            n_workers=count,
            threads_per_worker=max(1, (os.cpu_count() or 1) // count),
            resources=dict(resources),
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
        ) as cluster,
    ):
        try:
            yield cluster.scheduler_address
        except BaseException:
            for nanny in cluster.workers.values():  # they would wait seconds for the tasks in flight
                cluster.sync(nanny.kill, timeout=KILL_SECONDS)
            raise


@contextlib.contextmanager
def _client(address: str) -> "Iterator[Client]":
    from distributed import Client

    logging.disable(logging.CRITICAL)  # how a lost connection looks from inside; what matters is one line of ours
    try:
        client = Client(address, timeout=REACH_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise WorkerError(f"no Dask scheduler answers at {address}: start one with `dask scheduler`") from error
    with client:
        yield client


def _facts() -> dict[str, str]:
    """Returns what a worker says of itself."""
    return {"version": version(), "host": platform.node(), "processor": processor_name("cpu")}


def _work(topic: str, number: int, task: Task[Result]) -> Result:
    from distributed import get_worker

    worker = get_worker()
    return task.perform(lambda done: worker.log_event(topic, [number, done]))
