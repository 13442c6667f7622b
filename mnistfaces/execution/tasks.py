"""What workers are given: a task is a function of what it tells, and of nothing that only this process has."""

import platform
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata
from typing import Generic, TypeVar

from mnistfaces.config import ARITHMETIC, DeviceName
from mnistfaces.devices import resolve_device
from mnistfaces.errors import UsageError, WorkerError

Result = TypeVar("Result")
Tell = Callable[[float], None]
"""Takes the work of a task that is done so far."""


def version() -> str:
    """Returns what must be the same here and on every worker: our release, and the number of our arithmetic."""
    return f"mnistfaces {metadata.version('mnistfaces')}, arithmetic {ARITHMETIC}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Task(Generic[Result]):
    """A piece of work that a worker does in one go; it is sent there as a pickle.

    Attributes:
        work: does it.
        amount: of work, in the unit of the stage's total.
        words: what it is, for --verbose.
        contents: what is lost where it cannot be done: `4 trials`.
        device: where it computes.
        threads: that it computes with.
        version: of the process that asks.
    """

    work: Callable[[Tell], Result]
    amount: float
    words: str
    contents: str
    device: DeviceName
    threads: int
    version: str = field(default_factory=version)

    def perform(self, tell: Tell) -> Result:
        """Does the work, on a worker.

        Raises:
            WorkerError: the worker has another version of us, or no such device.
        """
        if self.version != version():
            raise WorkerError(f"{here()} has {version()}, here is {self.version}: install the same there")
        try:
            resolve_device(self.device)
        except UsageError as error:
            raise WorkerError(f"{here()}: {error}") from error
        import torch

        torch.set_num_threads(self.threads)
        return self.work(tell)


def here() -> str:
    """Returns what the process that works is called."""
    return f"worker {platform.node()}"
