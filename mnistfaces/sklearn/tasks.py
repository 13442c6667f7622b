"""What it takes to train a model on arrays, what that comes to, and what is known of it already.

Legend: N rows of a task, D inputs.
"""

import contextlib
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistfaces.config import CLOSED, DeviceName, Status, TrainConfig
from mnistfaces.sklearn.tables import Rows


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """A model to train.

    Attributes:
        config: how.
        rows: what on.
        validation: (N,) bool, the rows that choose the epoch and train nothing.
        seed: of the initial weights and the order of minibatches.
        device: where to compute.
        shape: (H, W) or (H, W, 3) of rows that are images; (D,) of others.
    """

    config: TrainConfig
    rows: Rows
    validation: NDArray[np.bool_]
    seed: int
    device: DeviceName
    shape: tuple[int, ...]

    @property
    def key(self) -> Hashable:
        """Returns what decides what comes out, beside the rows."""
        return self.config, self.seed, self.device, self.validation.tobytes(), self.shape

    @property
    def kind(self) -> Hashable:
        """Returns what tasks that train side by side have in common: where images are changed, their rows as well."""
        changed = id(self.rows) if self.config.augment else None
        return self.rows.kind, self.device, self.config.model in CLOSED, self.shape, changed

    def choosing(self) -> "Task":
        """Returns the task that chooses the epoch, before the rows held out train, too."""
        return replace(self, config=self.config.with_(refit=False))

    def refitted(self, chosen: "Trained") -> "Task":
        """Returns the task that trains all rows up to the chosen epoch."""
        config = self.config.refitted(chosen.best_epoch).with_(refit=False)
        return replace(self, config=config, validation=np.zeros_like(self.validation))


@dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    """What a task came to.

    Attributes:
        weights: parameters by their `torch.nn.Sequential` names, those of an ensemble behind a member's number each;
            None where the training diverged.
        status: how it ended.
        epochs: passes over the training rows.
        best_epoch: that of the lowest loss on rows held out; None where the last is kept.
        curve: epochs and the mean training loss after each, in nats per row; empty unless it was asked for.
        seconds: of training; of a stack, this model's share.
    """

    weights: Mapping[str, NDArray[Any]] | None
    status: Status
    epochs: int
    best_epoch: int | None
    curve: Sequence[tuple[int, float]]
    seconds: float


class Prepared:
    """What tasks came to that were trained before, to be found again by what they are.

    Rows are told by comparing them: that is several times as fast as a hash of them.
    """

    def __init__(self, found: Iterable[tuple[Task, Trained]] = ()) -> None:
        self._found: list[tuple[Rows, dict[Hashable, Trained]]] = []
        by_rows: dict[int, dict[Hashable, Trained]] = {}
        for task, trained in found:
            if id(task.rows) not in by_rows:
                self._found.append((task.rows, by_rows.setdefault(id(task.rows), {})))
            by_rows[id(task.rows)][task.key] = trained

    def find(self, task: Task) -> Trained | None:
        """Returns what the same task came to, None where there was none."""
        for rows, found in self._found:
            if task.key in found and rows.same_as(task.rows):
                return found[task.key]
        return None


_PREPARED: ContextVar[Prepared] = ContextVar("mnistfaces.sklearn", default=Prepared())  # noqa: B039  never written


@contextlib.contextmanager
def prepared(found: Prepared) -> Iterator[None]:
    """Inside the block, tasks that were trained before are not trained again."""
    token = _PREPARED.set(found)
    try:
        yield
    finally:
        _PREPARED.reset(token)


def known(task: Task) -> Trained | None:
    """Returns what a task came to that was trained before; None where it was not."""
    return _PREPARED.get().find(task)
