"""A stack on its way, as it is kept so that a training can go on after the process has ended.

K models, T * M places of a stack's arrangement.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mnistfaces.config import Status
from mnistfaces.engine.stack import Stack
from mnistfaces.engine.standing import Standing
from mnistfaces.errors import DataError

STANDING = ("ended_at", "best", "best_at")
"""What of the models' standing is numbers, one per model."""

EVERY_SECONDS = 30.0
EVERY_SHARE = 0.05
"""A snapshot is due after so many seconds, or after so much of all epochs if that is sooner."""

LEAST_SECONDS = 1.0
COST = 100
"""It waits, however, until the training has lasted so long, and so many times longer than keeping the last one took:
keeping them costs about 1 %, whatever the size of the models and the speed of the disk."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Snapshot:
    """All that the rest of a training depends on, besides its configuration and its images.

    Attributes:
        epoch: how many are done.
        seconds: that they took, measurements included.
        arrays: by name: parameters and what the optimizer remembers, (T * M, ...) each; how every model stands, (K,).
        orders: the states of the generators of minibatch orders, as JSON values; none for full batches.
        statuses: how every model stands.
    """

    epoch: int
    seconds: float
    arrays: Mapping[str, NDArray[Any]]
    orders: list[Any]
    statuses: list[Status]

    @classmethod
    def of(cls, stack: Stack, standing: Standing, epoch: int, seconds: float) -> "Snapshot":
        """Returns all that the epochs to come depend on, after an epoch; a copy, where the device is no CPU."""
        tensors = {name: tensor.cpu().numpy() for name, tensor in _tensors(stack, standing).items()}
        numbers = {name: np.array(getattr(standing, name)) for name in STANDING}
        return cls(
            epoch=epoch,
            seconds=seconds,
            arrays={**tensors, **numbers},
            orders=stack.minibatches.orders if stack.minibatches else [],
            statuses=list(standing.statuses),
        )

    def restore(self, stack: Stack, standing: Standing) -> None:
        """Puts a new stack where this one was.

        Raises:
            DataError: it cannot have been there.
        """
        standing.begin()
        tensors = _tensors(stack, standing)
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        numbers = dict.fromkeys(STANDING, (stack.count,))
        if {name: array.shape for name, array in self.arrays.items()} != {**shapes, **numbers}:
            raise DataError("it is of another training")
        for name, tensor in tensors.items():
            tensor.copy_(torch.from_numpy(self.arrays[name].copy()))  # in place: a recorded step reads and writes there
        for name in STANDING:
            setattr(standing, name, self.arrays[name].tolist())
        if stack.minibatches is not None:
            stack.minibatches.orders = self.orders
        standing.statuses = list(self.statuses)


def _tensors(stack: Stack, standing: Standing) -> dict[str, Tensor]:
    """Returns the tensors that a step or the selection changes, by name."""
    parts = {"now": stack.parameters, "memory": stack.optimizer.memory, "best": standing.best_parameters}
    return {f"{name}.{number}": tensor for name, part in parts.items() for number, tensor in enumerate(part)}


class Pace:
    """Says when the next snapshot is due.

    Args:
        epochs: of the whole training.
        done: of them before this process began.
    """

    def __init__(self, epochs: int, done: int = 0) -> None:
        self._epochs, self._share = epochs, max(1, int(EVERY_SHARE * epochs))
        self._epoch, self._since, self._wait = done, time.perf_counter(), LEAST_SECONDS

    def is_due(self, epoch: int) -> bool:
        """Returns whether to keep the state after an epoch."""
        passed = time.perf_counter() - self._since
        return passed >= self._wait and (passed >= EVERY_SECONDS or epoch - self._epoch >= self._share)

    def kept(self, epoch: int, seconds: float) -> None:
        """Takes note that the state after an epoch was kept, and of how long that took."""
        self._epoch, self._since, self._wait = epoch, time.perf_counter(), max(LEAST_SECONDS, COST * seconds)

    def begin_again(self) -> None:
        """Takes note that the epochs are counted from 0 again: another training follows the one that is over."""
        self._epoch -= self._epochs
