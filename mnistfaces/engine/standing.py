"""How the models of a stack stand: which have ended before their time, and the best weights of each so far.

K models; parameters are (T * M, ...) each, model k in the place `stack.places[k]`.
"""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from mnistfaces.engine.stack import Stack

if TYPE_CHECKING:
    from mnistfaces.config import Status


class Standing:
    """Of every model of a stack: how it stands, and what was best. One that has ended keeps what it had.

    Args:
        stack: the models, before their first step.

    Attributes:
        statuses: `ok`, `stopped` by `--eps`, or `early` by `--patience`, (K,).
        ended_at: the epoch of the end, (K,); 0 goes on.
        best: the lowest validation loss, (K,).
        best_at: the epoch of it, (K,).
        best_parameters: those of that epoch in the models' places; none where the last ones are kept.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack, self._config = stack, stack.config
        self.statuses: list[Status] = ["ok"] * stack.count
        self.ended_at, self.best_at = [0] * stack.count, [0] * stack.count
        self.best = [math.inf] * stack.count
        self.best_parameters: list[Tensor] = []

    @property
    def all_ended_early(self) -> bool:
        """Returns whether no model has patience left."""
        return self._config.patience is not None and all(self.ended_at)

    def begin(self) -> None:
        """Takes the parameters of now for the best, where the best are kept."""
        if self._config.select == "best":
            self.best_parameters = [parameter.clone() for parameter in self._stack.parameters]

    def stop_small_steps(self, before: Sequence[Tensor], epoch: int) -> None:
        """Takes back the steps of models that have ended; stops those that hardly moved.

        Args:
            before: the parameters before the epoch.
            epoch: that was just trained.
        """
        for k, place in enumerate(self._stack.places):
            moved = {1: 0.0, 2: 0.0}
            for parameter, old in zip(self._stack.parameters, before, strict=True):
                if self.ended_at[k]:
                    parameter[place] = old[place]
                moved[parameter[place].dim()] += float((parameter[place] - old[place]).double().square().sum())
            if not self.ended_at[k] and all(math.sqrt(square) <= self._config.eps for square in moved.values()):
                self.ended_at[k], self.statuses[k] = epoch, "stopped"

    def keep_best(self, epoch: int, val_loss: Callable[[int], float | None]) -> None:
        """Copies the parameters of every model whose validation loss is the lowest so far; ends those out of patience.

        Those that have ended so go back to their best.

        Args:
            epoch: that was just trained.
            val_loss: returns the validation loss of model k, or None where it is not finite.
        """
        if not self.best_parameters:
            self.begin()
        patience = self._config.patience or math.inf
        for k, place in enumerate(self._stack.places):
            if self.statuses[k] == "early":
                _copy(self.best_parameters, self._stack.parameters, place)
                continue
            loss = val_loss(k)
            if loss is not None and loss < self.best[k]:
                self.best[k], self.best_at[k] = loss, epoch
                _copy(self._stack.parameters, self.best_parameters, place)
            elif epoch - self.best_at[k] >= patience and not self.ended_at[k]:
                self.ended_at[k], self.statuses[k] = epoch, "early"


def _copy(source: Sequence[Tensor], target: Sequence[Tensor], place: int) -> None:
    """Copies the parameters in one place."""
    for there, here in zip(target, source, strict=True):
        there[place] = here[place]
