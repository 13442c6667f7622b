"""How the models of a stack stand: which have ended before their time, and the best weights of each so far.

K models; parameters are (T * M, ...) each, model k in the place `stack.places[k]`. What an epoch decides about all
models takes one transfer from the device.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mnistfaces.engine.measuring import sums_of
from mnistfaces.engine.stack import Stack
from mnistfaces.engine.transfer import to_host

if TYPE_CHECKING:
    from mnistfaces.config import Status


PER_MODEL = ("statuses", "ended_at", "best", "best_at")
"""What a standing holds one of per model."""


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
        """Returns whether no model goes on, of those that may end at any epoch."""
        return (self._config.patience is not None or self._config.optimizer == "lbfgs") and all(self.ended_at)

    def begin(self) -> None:
        """Takes the parameters of now for the best, where the best are kept."""
        if self._config.select == "best":
            self.best_parameters = [parameter.clone() for parameter in self._stack.parameters]

    def stop_at_optimum(self, ended: Sequence[int], epoch: int) -> None:
        """Stops models that `lbfgs` has ended, by their places, after an epoch."""
        for k, place in enumerate(self._stack.places):
            if ended[place] and not self.ended_at[k]:
                self.ended_at[k], self.statuses[k] = epoch, "stopped"

    def stop_small_steps(self, before: Sequence[Tensor], epoch: int) -> None:
        """Takes back the steps of models that have ended; stops those that hardly moved.

        Args:
            before: the parameters before the epoch.
            epoch: that was just trained.
        """
        places = self._stack.places
        ended = [place for place, at in zip(places, self.ended_at, strict=True) if at]
        squares = torch.zeros(2, len(places), dtype=torch.float64, device=self._stack.device)  # of biases, of weights
        for parameter, old in zip(self._stack.parameters, before, strict=True):
            parameter[ended] = old[ended]
            steps = parameter[places] - old[places]
            moved = torch.zeros_like(squares[0])
            sums_of(steps.double().square(), out=moved)
            squares[steps.dim() - 2] += moved
        (moves,) = to_host([squares.sqrt()])
        for k, move in enumerate(moves.max(axis=0)):
            if move <= self._config.eps and not self.ended_at[k]:
                self.ended_at[k], self.statuses[k] = epoch, "stopped"

    def keep_best(self, epoch: int, val_losses: Tensor) -> None:
        """Copies the parameters of every model whose validation loss is the lowest so far; ends those out of patience.

        Those that have ended so go back to their best.

        Args:
            epoch: that was just trained.
            val_losses: of all models after it, (K,), on the device.
        """
        if not self.best_parameters:
            self.begin()
        patience = self._config.patience or math.inf
        self.go_back()
        (losses,) = to_host([val_losses])
        better = [k for k, loss in enumerate(losses) if self.statuses[k] != "early" and loss < self.best[k]]
        self._copy(self._stack.parameters, self.best_parameters, better)
        for k in better:
            self.best[k], self.best_at[k] = float(losses[k]), epoch
        for k, at in enumerate(self.best_at):
            if epoch - at >= patience and not self.ended_at[k]:
                self.ended_at[k], self.statuses[k] = epoch, "early"

    def go_back(self) -> None:
        """Puts the models that are out of patience back to their best."""
        if back := [k for k, status in enumerate(self.statuses) if status == "early"]:
            self._copy(self.best_parameters, self._stack.parameters, back)
            self._stack.passes.forget()

    def _copy(self, source: Sequence[Tensor], target: Sequence[Tensor], models: Sequence[int]) -> None:
        """Copies the parameters of some models."""
        places = [self._stack.places[k] for k in models]
        for there, here in zip(target, source, strict=True):
            there[places] = here[places]
