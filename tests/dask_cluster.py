"""A Dask scheduler and workers on the loopback, each a process of its own that a test may kill."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

ALLOWED_FAILURES = "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES"


class DaskCluster:
    """What `dask scheduler` and `dask worker` start on several machines, on one.

    Attributes:
        address: of the scheduler.
        scheduler: its process.
        workers: theirs.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder, self._environment = folder, dict(environment)
        self._file = folder / "scheduler.json"
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-show")
        while not self._file.exists():
            time.sleep(0.05)
        self.address = str(json.loads(self._file.read_text())["address"])
        self.workers: list[subprocess.Popen[bytes]] = []

    def add_worker(self, *arguments: str) -> None:
        self.workers.append(self._start("worker", "--nthreads", "1", "--no-nanny", *arguments))

    def close(self) -> None:
        for process in [*self.workers, self.scheduler]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
            process.wait()

    def _start(self, part: str, *arguments: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [
                *(sys.executable, "-m", f"distributed.cli.dask_{part}"),
                *("--scheduler-file", str(self._file), "--no-dashboard"),
                *arguments,
            ],
            cwd=self._folder,
            env={**self._environment, ALLOWED_FAILURES: "2"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


@contextlib.contextmanager
def dask_cluster(folder: Path, environment: Mapping[str, str], workers: int) -> Iterator[DaskCluster]:
    folder.mkdir()
    cluster = DaskCluster(folder, environment)
    try:
        for _ in range(workers):
            cluster.add_worker()
        yield cluster
    finally:
        cluster.close()
