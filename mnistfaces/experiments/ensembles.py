"""Models that answer together: the same setting and split with several seeds, by the mean of their probabilities.

What else has one model takes an ensemble as one: it has one record, one set of answers, one file of weights. Members
train side by side where batches are small, else one after the other, for a full batch is a draw's alone: in rounds, of
which a single model has one. Each is the model that its own seed gives in any company; what they answer together is
counted as any command counts it that asks the kept weights.
"""

import time
from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from mnistfaces.config import STATUS_SEVERITY, DeviceName, TrainConfig
from mnistfaces.datasets.base import Dataset
from mnistfaces.engine.draws import Draw, is_full_batch, require_unlike
from mnistfaces.engine.measuring import Score
from mnistfaces.engine.records import Epoch, Measure, by_side
from mnistfaces.engine.snapshots import Pace, Snapshot
from mnistfaces.engine.training import Records, train_resumable
from mnistfaces.progress import Advanced
from mnistfaces.runs.network import Ensemble, named_members

MEMBER_SEEDS = 1 << 20
"""From one member's seed to the next one's: far enough for no two trials of a sweep to share a member, and near enough
for all members to differ in their lowest 32 bits, which are all that torch's generator takes of a seed."""

NO_PREDICTIONS: NDArray[np.int64] = np.empty(0, np.int64)


@dataclass(frozen=True, kw_only=True, eq=False)
class Begun:
    """A training on its way.

    Attributes:
        told: what every round that has begun has told, without predictions; nothing of the last, which tells all.
        now: where the newest of these is; None is before its first epoch.
    """

    told: Sequence[Sequence[Epoch]]
    now: Snapshot | None


def train_cells(
    dataset: Dataset,
    cells: Sequence[TrainConfig],
    draws: Sequence[Draw],
    *,
    checkpoints: Collection[int] = (),
    every: int | None = None,
    device: DeviceName = "cpu",
) -> Iterator[Advanced | Epoch]:
    """Does what `train_stack` does, with an ensemble for each model where the cells ask for one.

    Between checkpoints an ensemble's measures are means over its members.
    """
    rounds = _Rounds(dataset, cells, draws, Records(checkpoints=checkpoints, every=every))
    for event in rounds.run(device):
        if not isinstance(event, Begun):
            yield event


def train_model(
    dataset: Dataset,
    config: TrainConfig,
    draw: Draw,
    *,
    every: int | None,
    device: DeviceName,
    start: Begun | None = None,
) -> Iterator[Advanced | Epoch | Begun]:
    """Does what `train_cells` does for one model or ensemble, with states to go on from for whoever keeps them.

    Args:
        dataset: the images.
        config: how to train it.
        draw: its split and seed.
        every: records epochs 0, every, 2 * every, ... and the last; None for the last alone.
        device: where to compute.
        start: goes on from there: what follows is what would have followed then, to the last bit.

    Raises:
        DataError: `start` is of another training.
    """
    pace = Pace(config.epochs, start.now.epoch if start and start.now else 0)
    return _Rounds(dataset, [config], [draw], Records(every=every, pace=pace)).run(device, start)


class _Rounds:
    """The stacks that train the members of ensembles one after the other, and what these tell together.

    Args:
        dataset: the images.
        cells: G configurations.
        draws: S splits with their seeds.
        records: what is told.
    """

    def __init__(self, dataset: Dataset, cells: Sequence[TrainConfig], draws: Sequence[Draw], records: Records) -> None:
        config, images = cells[0], len(draws[0].split.train)
        require_unlike(config, images)
        full = is_full_batch(config, images * config.copies)
        members = range(config.ensemble)
        self._rounds = [[member] for member in members] if full else [list(members)]
        self._dataset, self._cells, self._draws, self._records = dataset, cells, draws, records

    def run(self, device: DeviceName, start: Begun | None = None) -> Iterator[Advanced | Epoch | Begun]:
        """Trains them, from where they were."""
        told, now = ([list(part) for part in start.told], start.now) if start else ([[]], None)
        count, pace = len(self._rounds), self._records.pace
        if len(told) > 1:
            yield Advanced(amount=self._cells[0].epochs * (len(told) - 1) / count)
        while len(told) < count:
            for event in self._train(told, device, now):
                if isinstance(event, Epoch):
                    told[-1].append(_without_predictions(event))
                else:
                    yield event
            told, now = [*told, []], None
            if pace is not None:
                pace.begin_again()
                if pace.is_due(0):
                    at = time.perf_counter()
                    yield Begun(told=told, now=None)
                    pace.kept(0, time.perf_counter() - at)
        yield from self._together(told[:-1], self._train(told, device, now), now)

    def _train(
        self, told: Sequence[Sequence[Epoch]], device: DeviceName, now: Snapshot | None
    ) -> Iterator[Advanced | Epoch | Begun]:
        """Yields what the round that is on its way tells."""
        members = self._rounds[len(told) - 1]
        drawn = [replace(draw, seed=draw.seed + member * MEMBER_SEEDS) for draw in self._draws for member in members]
        for event in train_resumable(self._dataset, self._cells, drawn, self._records, device=device, start=now):
            if isinstance(event, Snapshot):
                yield Begun(told=told, now=event)
            elif isinstance(event, Advanced):
                yield replace(event, amount=event.amount / len(self._rounds))
            else:
                yield event

    def _together(
        self, told: Sequence[Sequence[Epoch]], events: Iterator[Advanced | Epoch | Begun], now: Snapshot | None
    ) -> Iterator[Advanced | Epoch | Begun]:
        """Yields what the last round tells, with records of all rounds for its own.

        Rounds end at different epochs: one that is over stays as it is. An epoch that one round alone has told, its
        last, is left out.
        """
        every, since = self._records.every, now.epoch if now else -1
        before: Sequence[Epoch] = ()
        earlier = sorted({epoch.number for part in told for epoch in part if every and epoch.number % every == 0})
        for event in events:
            if not isinstance(event, Epoch):
                yield event
                continue
            for number in earlier[bisect_right(earlier, since) :]:
                if number < event.number:
                    found = [_at(part, number) for part in [*told, [*before, event]]]
                    yield self._united(number, found, checkpoint=False)
            if not told or event.checkpoint or (every and event.number % every == 0):
                found = [*(_at(part, event.number) for part in told), event]
                yield self._united(event.number, found, checkpoint=event.checkpoint)
            before, since = (event,), event.number

    def _united(self, number: int, found: Sequence[Epoch], *, checkpoint: bool) -> Epoch:
        """Returns the record of an epoch of ensembles, of the records of it in every round."""
        config, models = self._cells[0], len(self._cells) * len(self._draws)
        if config.ensemble == 1:
            return found[0]
        measures = []
        for model in range(models):
            by_round = [_of_model(epoch, model, models) for epoch in found]
            own, draw = [measure for part in by_round for measure in part], self._draws[model % len(self._draws)]
            united = _united(own, config, self._dataset, draw) if checkpoint else _mean(own)
            measures.append(replace(united, seconds=sum(part[0].seconds for part in by_round)))
        return Epoch(number=number, checkpoint=checkpoint, measures=tuple(measures))


def _at(told: Sequence[Epoch], number: int) -> Epoch:
    """Returns the record of an epoch; that of a round that is over is its end: out of patience, its best."""
    found, last = told[bisect_right(told, number, key=lambda epoch: epoch.number) - 1], told[-1]
    return last if found.number < number and last.measures[0].status == "early" else found


def _without_predictions(epoch: Epoch) -> Epoch:
    """Returns the record of an epoch without what takes most of its memory."""
    measures = []
    for measure in epoch.measures:
        slim = {side: score and replace(score, predicted=NO_PREDICTIONS) for side, score in measure.scores.items()}
        measures.append(replace(measure, **by_side(slim)))
    return replace(epoch, measures=tuple(measures))


def _of_model(epoch: Epoch, model: int, models: int) -> tuple[Measure, ...]:
    """Returns the measures of the members of one of so many models that trained together: they stand side by side."""
    members = len(epoch.measures) // models
    return epoch.measures[model * members : (model + 1) * members]


def _united(members: Sequence[Measure], config: TrainConfig, dataset: Dataset, draw: Draw) -> Measure:
    """Returns what some models answer together; one that has diverged leaves nothing to be answered."""
    weights = [member.weights for member in members if member.weights is not None]
    if len(weights) < len(members):
        return replace(_mean(members), train=None, val=None, test=None, weights=None, status="diverged")
    named = named_members(weights)
    ensemble = Ensemble.of(named, config.activation)
    split = draw.split.refitted() if config.refit else draw.split
    train, val, test = (_score(ensemble, dataset, images) for images in (split.train, split.val, split.test))
    return replace(_mean(members), train=train, val=val, test=test, weights=named)


def _score(ensemble: Ensemble, dataset: Dataset, images: NDArray[np.int64]) -> Score | None:
    """Returns how an ensemble does on some images, in float64; None without any."""
    if not len(images):
        return None
    probabilities, labels = ensemble.probabilities_of(dataset, images), dataset.labels[images]
    predicted = probabilities.argmax(axis=1)
    told = probabilities[np.arange(len(images)), labels]
    loss = np.average(-np.log(np.maximum(told, np.finfo(np.float64).tiny)), weights=dataset.weights_of(images))
    return Score(loss=float(loss), accuracy=float((predicted == labels).mean()), predicted=predicted)


def _mean(members: Sequence[Measure]) -> Measure:
    """Returns the mean of some measures; the predicted classes are the first one's."""
    best = [member.best_epoch for member in members if member.best_epoch is not None]
    return replace(
        members[0],
        epoch=max(member.epoch for member in members),
        train=_mean_score([member.train for member in members]),
        val=_mean_score([member.val for member in members]),
        test=_mean_score([member.test for member in members]),
        status=max((member.status for member in members), key=STATUS_SEVERITY.index),
        best_epoch=round(fmean(best)) if best else None,
    )


def _mean_score(scores: Sequence[Score | None]) -> Score | None:
    known = [score for score in scores if score is not None]
    if len(known) < len(scores):
        return None
    return replace(
        known[0], loss=fmean(score.loss for score in known), accuracy=fmean(score.accuracy for score in known)
    )
