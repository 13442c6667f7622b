"""A stack on its way: when its models are measured, when they stop, and which weights are kept."""

import time
from collections.abc import Iterator
from dataclasses import replace

from mnistfaces.engine.draws import require_validation
from mnistfaces.engine.lbfgs import Lbfgs
from mnistfaces.engine.measuring import SIDES, Measured, Sets, finite_models
from mnistfaces.engine.records import Epoch, Measure, by_side, status_of
from mnistfaces.engine.snapshots import Pace, Snapshot
from mnistfaces.engine.stack import Stack
from mnistfaces.engine.standing import Standing
from mnistfaces.engine.thinning import find_left, models_of, thinned, widened
from mnistfaces.engine.transfer import to_host
from mnistfaces.progress import Advanced

REPORT_SECONDS = 0.5
"""How often a stack says how far it is: about twice a second, whether an epoch takes a millisecond or a minute."""

CHECK_EPOCHS = 100
"""How often a stack looks whether all its models have stopped or diverged."""

THINNING_SECONDS = 1.0
THINNING_COST = 10
"""Models that have ended are left out once so many seconds have passed since the last time, or so many times as many as
that took: a stack that has nearly arrived is not built again."""


class Session:
    """A stack on its way: its clock, how its models stand, and the sets that they are measured on.

    Attributes:
        stack: the models that are trained.
        numbers: of these among all models that were asked for, (K,).
        ended: what the others came to, by their numbers: as they are, and as the selection keeps them.
        whole: the state of all models when some were last left out, where snapshots are wanted.
    """

    def __init__(self, stack: Stack) -> None:
        self.config = stack.config
        for draw in stack.draws:
            require_validation(self.config, draw.split)
        self.epoch, self.started = 0, time.perf_counter()
        self.numbers, self.ended = list(range(stack.count)), dict[int, tuple[Measure, Measure]]()
        self.thinned_from = self.started + THINNING_SECONDS
        self.first = stack.arrangement
        self.whole: Snapshot | None = None
        self.take(stack, Standing(stack))

    def take(self, stack: Stack, standing: Standing) -> None:
        """Trains these models from now on."""
        self.stack, self.standing, self.sets = stack, standing, Sets(stack)

    def go_on(self, start: Snapshot) -> None:
        """Goes on from a snapshot as if nothing had come between."""
        start.restore(self.stack, self.standing)
        self.epoch, self.started = start.epoch, time.perf_counter() - start.seconds

    def run(
        self, checkpoints: set[int], every: int | None, pace: Pace | None = None
    ) -> Iterator[Advanced | Epoch | Snapshot]:
        """Trains to the last checkpoint, yielding records, how far it is, and snapshots at some pace."""
        last, told, told_at = max(checkpoints), 0, time.perf_counter()
        if every is not None and self.epoch == 0:
            yield self.measure(0, checkpoint=False)
        for epoch in range(self.epoch + 1, last + 1):
            self.train_epoch(epoch)
            over = self.standing.all_ended_early or (epoch % CHECK_EPOCHS == 0 and self.is_over())
            if epoch in checkpoints or (every is not None and (epoch % every == 0 or epoch == last or over)):
                yield self.measure(epoch, checkpoint=epoch in checkpoints)
            if time.perf_counter() - told_at >= REPORT_SECONDS:
                yield Advanced(amount=epoch - told)
                told, told_at = epoch, time.perf_counter()
            if over:
                yield from (self.measure(later, checkpoint=True) for later in sorted(checkpoints) if later > epoch)
                break
            if pace is not None and epoch < last and pace.is_due(epoch):
                at = time.perf_counter()
                yield self.snapshot(epoch)
                pace.kept(epoch, time.perf_counter() - at)
            if epoch < last:
                self.leave_out_ended(epoch, resumable=pace is not None)
        yield Advanced(amount=last - told)

    def train_epoch(self, epoch: int) -> None:
        """Trains every model by one epoch, and notes which of them stop and which weights are to be kept."""
        optimizer = self.stack.optimizer
        by_steps = self.config.eps and not isinstance(optimizer, Lbfgs)
        before = [parameter.clone() for parameter in self.stack.parameters] if by_steps else None
        self.stack.train_epoch()
        if isinstance(optimizer, Lbfgs):
            self.standing.stop_at_optimum(optimizer.ended.tolist(), epoch)
        if before is not None:
            self.standing.stop_small_steps(before, epoch)
        if self.config.select == "best":
            self.standing.keep_best(epoch, self.sets.losses("val", self.stack.parameters))

    def is_over(self) -> bool:
        """Returns whether every model has ended or is no longer finite."""
        (finite,) = to_host([finite_models(self.stack, self.stack.parameters)])
        return all(ended or not fine for ended, fine in zip(self.standing.ended_at, finite, strict=True))

    def snapshot(self, epoch: int) -> Snapshot:
        """Returns all that the epochs to come depend on, after an epoch."""
        taken = Snapshot.of(self.stack, self.standing, epoch, time.perf_counter() - self.started)
        if self.whole is None:
            return taken
        return widened(taken, self.stack.arrangement, self.numbers, self.whole, self.first)

    def leave_out_ended(self, epoch: int, *, resumable: bool) -> None:
        """Goes on without the models that have ended where they are a tenth of all, and it may well pay."""
        if not any(self.standing.ended_at) or time.perf_counter() < self.thinned_from:
            return
        cells, draws = find_left(self.stack, self.standing)
        left = [self.numbers[model] for model in models_of(self.stack, cells, draws)]
        if not left or 10 * len(left) > 9 * self.stack.count:
            return
        began = time.perf_counter()
        self.standing.go_back()
        now, kept = (self.measure(epoch, checkpoint=checkpoint).measures for checkpoint in (False, True))
        if resumable:
            self.whole = self.snapshot(epoch)
        self.ended.update((number, (now[number], kept[number])) for number in set(self.numbers).difference(left))
        self.numbers = left
        self.take(*thinned(self.stack, self.standing, cells, draws))
        done = time.perf_counter()
        self.thinned_from = done + max(THINNING_SECONDS, THINNING_COST * (done - began))

    def measure(self, epoch: int, *, checkpoint: bool) -> Epoch:
        """Returns the record of an epoch; at a checkpoint, with the weights that the selection keeps."""
        seconds = time.perf_counter() - self.started
        best = self.standing.best_parameters if checkpoint else []
        measured = self.sets.measure(best or self.stack.parameters, weights=checkpoint)
        measures = {number: self._measure(k, measured, epoch, seconds) for k, number in enumerate(self.numbers)}
        for number, ended in self.ended.items():
            measures[number] = replace(ended[checkpoint], seconds=seconds)
        return Epoch(number=epoch, checkpoint=checkpoint, measures=tuple(measures[k] for k in sorted(measures)))

    def _measure(self, k: int, measured: Measured, epoch: int, seconds: float) -> Measure:
        """Returns the measure of one model; one whose weights or training loss are not finite has diverged."""
        fine = bool(measured.finite[k]) and measured.scores["train"][k] is not None
        scores = {side: measured.scores[side][k] if fine else None for side in SIDES}
        passed = min(epoch, self.standing.ended_at[k] or epoch)
        return Measure(
            epoch=passed,
            **by_side(scores),
            status=status_of(scores, passed, self.standing.statuses[k], self.stack.dataset),
            seconds=seconds,
            weights=self.stack.weights(k, measured.parameters) if fine and measured.parameters else None,
            best_epoch=self.standing.best_at[k] if self.config.select == "best" else None,
        )
