"""A stack as a worker gets it, and what it sends back: one stack is one task."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from mnistfaces.config import DataConfig, DeviceName
from mnistfaces.execution.reference import KnownDataset, LoadDataset
from mnistfaces.execution.tasks import Task
from mnistfaces.experiments.plan import Draws, StackPlan
from mnistfaces.experiments.stacks import Checkpoint, train_planned
from mnistfaces.progress import Advanced, Note
from mnistfaces.text import counted

if TYPE_CHECKING:
    from mnistfaces.datasets.base import Dataset


def tasks_of(
    stacks: Sequence[StackPlan],
    load: LoadDataset,
    datasets: "Mapping[DataConfig, Dataset]",
    *,
    device: DeviceName,
    threads: int,
    keep_weights: bool,
) -> Iterator[Task[list[Checkpoint | Note]]]:
    """Yields the task of every stack.

    Args:
        stacks: from `plan`.
        load: opens the dataset in a form, from where it lies on the worker's machine.
        datasets: by their form, as they are here.
        device: where a worker computes.
        threads: of a worker.
        keep_weights: whether weights are sent back.
    """
    known = {
        form: KnownDataset(load=load, form=form, name=dataset.name, fingerprint=dataset.fingerprint)
        for form, dataset in datasets.items()
    }
    for number, stack in enumerate(stacks, 1):
        yield Task(
            work=functools.partial(train_task, known[stack.data], stack, device, keep_weights),
            amount=stack.work,
            words=f"stack {number} of {len(stacks)}: {stack.describe()}",
            contents=counted(len(stack.trials), "trial"),
            device=device,
            threads=threads,
        )


def train_task(
    known: KnownDataset, stack: StackPlan, device: DeviceName, keep_weights: bool, tell: Callable[[float], None]
) -> list[Checkpoint | Note]:
    """Trains one stack on a worker and returns its checkpoints, and what there is to say of it.

    Args:
        known: the dataset.
        stack: the stack.
        device: where to compute.
        keep_weights: whether weights are sent back.
        tell: takes the work done so far, in epochs of models.

    Raises:
        WorkerError: the worker has other data.
    """
    dataset = known.open()
    done = 0.0
    made: list[Checkpoint | Note] = []
    for event in train_planned(stack, dataset, _draws(stack.data, dataset), device, keep_weights=keep_weights):
        if isinstance(event, Advanced):
            done += event.amount
            tell(done)
        else:
            made.append(event)
    return made


@functools.lru_cache(maxsize=1)
def _draws(form: DataConfig, dataset: "Dataset") -> Draws:
    """Returns the draws of the dataset that a worker has at hand, each made once."""
    return Draws({form: dataset})
