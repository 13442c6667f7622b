"""Models that answer together: the same setting and split with several seeds, by the mean of their probabilities.

What else has one model takes an ensemble as one: it has one record, one set of answers, one file of weights. Members
train side by side where batches are small, else one after the other, for a full batch is a draw's alone. Each is the
model that its own seed gives in any company; what they answer together is counted as any command counts it that asks
the kept weights.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from mnistfaces.config import STATUS_SEVERITY, DeviceName, TrainConfig
from mnistfaces.datasets.base import Dataset
from mnistfaces.engine.draws import Draw, is_full_batch, require_unlike
from mnistfaces.engine.measuring import Score
from mnistfaces.engine.records import Epoch, Measure
from mnistfaces.engine.training import train_stack
from mnistfaces.progress import Advanced
from mnistfaces.runs.network import Ensemble, named_members

MEMBER_SEEDS = 1 << 32
"""From one member's seed to the next one's: far enough for no two trials of a sweep to share a member."""


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

    An ensemble's epochs come together at the end. Between checkpoints its measures are means over its members.
    """
    count = cells[0].ensemble
    if count == 1:
        yield from train_stack(dataset, cells, draws, checkpoints=checkpoints, every=every, device=device)
        return
    images = len(draws[0].split.train)
    require_unlike(cells[0], images)
    full = is_full_batch(cells[0], images * cells[0].copies)
    rounds = [[member] for member in range(count)] if full else [list(range(count))]
    records: dict[int, list[Epoch]] = {}
    for members in rounds:
        drawn = [replace(draw, seed=draw.seed + member * MEMBER_SEEDS) for draw in draws for member in members]
        for event in train_stack(dataset, cells, drawn, checkpoints=checkpoints, every=every, device=device):
            if isinstance(event, Epoch):
                records.setdefault(event.number, []).append(event)
            else:
                yield replace(event, amount=event.amount / len(rounds))
    for number, found in sorted(records.items()):
        measures = []
        for model in range(len(cells) * len(draws)):
            own = [part for epoch in found for part in _of_model(epoch, model, len(cells) * len(draws))]
            draw = draws[model % len(draws)]
            measures.append(_united(own, cells[0], dataset, draw) if found[0].checkpoint else _mean(own))
        yield Epoch(number=number, checkpoint=found[0].checkpoint, measures=tuple(measures))


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
        seconds=max(member.seconds for member in members),
        best_epoch=round(fmean(best)) if best else None,
    )


def _mean_score(scores: Sequence[Score | None]) -> Score | None:
    known = [score for score in scores if score is not None]
    if len(known) < len(scores):
        return None
    return replace(
        known[0], loss=fmean(score.loss for score in known), accuracy=fmean(score.accuracy for score in known)
    )
