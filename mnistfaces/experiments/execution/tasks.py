"""What a worker is told, what it refuses, and what it sends back: one stack is one task."""

import functools
import pickle
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from typing import TYPE_CHECKING

from mnistfaces.config import ARITHMETIC, DataConfig, DeviceName
from mnistfaces.errors import MnistFacesError, WorkerError
from mnistfaces.experiments.execution.stacks import Checkpoint, train_planned
from mnistfaces.experiments.plan import Draws, StackPlan
from mnistfaces.experiments.trials import LoadDataset

if TYPE_CHECKING:
    from mnistfaces.datasets.base import Dataset


def version() -> str:
    """Returns what must be the same here and on every worker: our release, and the number of our arithmetic."""
    return f"mnistfaces {metadata.version('mnistfaces')}, arithmetic {ARITHMETIC}"


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What all tasks of a sweep have in common.

    Attributes:
        version: of the process that asks.
        load: opens the dataset in a form, from where it lies on the worker's machine.
        known: name and fingerprint of the dataset in each form.
        device: where a worker computes.
        threads: of a worker.
        keep_weights: whether weights are sent back.
    """

    version: str
    load: LoadDataset
    known: Mapping[DataConfig, tuple[str, str]]
    device: DeviceName
    threads: int
    keep_weights: bool


def train_task(terms: Terms, stack: StackPlan, tell: Callable[[float], None]) -> list[Checkpoint]:
    """Trains one stack on a worker and returns its checkpoints.

    Args:
        terms: of the sweep.
        stack: the stack.
        tell: takes the work done so far, in epochs of models.

    Raises:
        WorkerError: the worker has another version of us, or other data.
    """
    if terms.version != version():
        raise WorkerError(f"worker {platform.node()} has {version()}, here is {terms.version}: install the same there")
    dataset, draws = _open(pickle.dumps((terms.load, stack.data)), stack.data)
    name, fingerprint = terms.known[stack.data]
    if dataset.fingerprint != fingerprint:
        raise WorkerError(
            f"worker {platform.node()} has another content of {name} (fingerprint {dataset.fingerprint[:12]}, "
            f"here {fingerprint[:12]}): copy this machine's data there"
        )
    import torch

    torch.set_num_threads(terms.threads)
    done, checkpoints = 0.0, []
    named = replace(dataset, name=name)  # a path may be spelled in another way here
    for event in train_planned(stack, named, draws, terms.device, keep_weights=terms.keep_weights):
        if isinstance(event, Checkpoint):
            checkpoints.append(event)
        else:
            done += event.amount
            tell(done)
    return checkpoints


@functools.lru_cache(maxsize=4)
def _open(pickled: bytes, data: DataConfig) -> "tuple[Dataset, Draws]":
    """Returns a dataset and its draws, opened once in a worker."""
    load, form = pickle.loads(pickled)  # noqa: S301  made by train_task, in this process
    try:
        dataset = load(form)
    except MnistFacesError as error:
        raise WorkerError(f"worker {platform.node()}: {error}") from error
    return dataset, Draws({data: dataset})
