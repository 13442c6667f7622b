"""Models in closed form, solved, calibrated and measured.

Legend: G weight decays, n images, D inputs, C classes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mnistfaces.config import ClosedName, TrainConfig
from mnistfaces.datasets.base import Dataset
from mnistfaces.engine.closed.calibration import temperature_of
from mnistfaces.engine.closed.images import Images
from mnistfaces.engine.closed.kernel import Kernel
from mnistfaces.engine.closed.ridge import Ridge
from mnistfaces.engine.closed.sizes import require_size
from mnistfaces.engine.draws import Draw
from mnistfaces.engine.measuring import SIDES, Score, Side
from mnistfaces.progress import Advanced

Model = Ridge | Kernel

CLOSED_MODELS: Mapping[ClosedName, type[Model]] = {"ridge": Ridge, "kernel": Kernel}
"""The class of every model in closed form."""

DECOMPOSING, LEAVING_OUT = 5 / 8, 2 / 8
"""Shares of the work, as measured: making and decomposing a matrix took half to nine tenths."""


@dataclass(frozen=True, kw_only=True)
class Solution:
    """What only a model in closed form tells.

    Attributes:
        loo_accuracy: share of the training images, by what they count, told right by the model without the image's
            group.
        temperature: by which its scores were divided, in the weights that are kept.
        gamma: of the kernel, where it has one.
    """

    loo_accuracy: float
    temperature: float
    gamma: float | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Solved:
    """One model.

    Attributes:
        weights: parameters by their `torch.nn.Sequential` names, so that their logits are calibrated.
        scores: on the three sets of its draw; None without images.
        solution: what more is known of it.
    """

    weights: Mapping[str, NDArray[Any]]
    scores: Mapping[Side, Score | None]
    solution: Solution


def solve(
    dataset: Dataset, cells: Sequence[TrainConfig], draw: Draw, device: torch.device
) -> Iterator[Advanced | list[Solved]]:
    """Yields how much of the work is done, in all 1, and at last the models of one draw, one per cell.

    Args:
        dataset: the images.
        cells: G configurations that differ in weight decay only.
        draw: whose images train.
        device: where to compute; one without float64 leaves it to the processor.

    Raises:
        DataError: the matrix to decompose is too large.
    """
    config, device = cells[0], torch.device("cpu") if device.type == "mps" else device
    require_size(config, len(draw.split.train), dataset.inputs.shape[1])
    images = Images(dataset=dataset, places=draw.split.train, device=device)
    model = CLOSED_MODELS[config.model](images, config)  # type: ignore[index]  # the caller's cells are closed
    yield Advanced(amount=DECOMPOSING)
    groups, targets = dataset.groups[images.places], images.targets()
    labels, counts = targets.argmax(1), images.weights()
    found = []
    left_out = model.smoother.left_out([cell.weight_decay for cell in cells], groups)
    for cell, missed in zip(cells, left_out, strict=True):
        scores = targets - missed  # (n, C), each by the model without the image's group
        temperature = temperature_of(scores, labels, counts)
        right = float(counts @ (scores.argmax(1) == labels).double() / counts.sum())
        solution = Solution(loo_accuracy=right, temperature=temperature, gamma=model.gamma)
        found.append((_calibrated(model.weights(cell.weight_decay), temperature, cell), solution))
    yield Advanced(amount=LEAVING_OUT)
    measured = {
        side: _scores(model, [weights for weights, _ in found], Images(dataset=dataset, places=places, device=device))
        for side in SIDES
        for places in [getattr(draw.split, side)]
    }
    yield Advanced(amount=1 - DECOMPOSING - LEAVING_OUT)
    yield [
        Solved(
            weights={name: values.cpu().numpy() for name, values in weights.items()},
            scores={side: measured[side][number] for side in SIDES},
            solution=solution,
        )
        for number, (weights, solution) in enumerate(found)
    ]


def _calibrated(weights: Mapping[str, Tensor], temperature: float, config: TrainConfig) -> dict[str, Tensor]:
    """Returns weights whose logits are the scores over the temperature, as they are kept."""
    *_, last, bias = weights
    dtype = getattr(torch, config.dtype)
    return {
        name: (values / temperature if name in (last, bias) else values).to(dtype) for name, values in weights.items()
    }


def _scores(model: Model, weights: Sequence[Mapping[str, Tensor]], images: Images) -> list[Score | None]:
    """Returns how models do on a set, each with its own last layer."""
    if not len(images):
        return [None] * len(weights)
    layers = [tuple(values.double() for values in list(own.values())[-2:]) for own in weights]
    labels = images.targets().argmax(1)
    logits = [torch.cat(parts) for parts in zip(*_logits(model, layers, images), strict=True)]
    counts = None if images.dataset.weights is None else images.weights()
    return [_score(found, labels, counts) for found in logits]


def _logits(model: Model, layers: Sequence[tuple[Tensor, ...]], images: Images) -> Iterator[list[Tensor]]:
    """Yields the logits of all models, (m, C) each, for some images at a time."""
    for piece in images.pieces(layers[0][0].shape[1]):
        features = model.features(images.rows(piece))
        yield [features @ weight.T + bias for weight, bias in layers]


def _score(logits: Tensor, labels: Tensor, counts: Tensor | None) -> Score | None:
    """Returns how logits (n, C) do; None where they are not finite."""
    cross_entropy = torch.nn.functional.cross_entropy
    if counts is None:
        loss = float(cross_entropy(logits, labels))
    else:
        loss = float(counts @ cross_entropy(logits, labels, reduction="none") / counts.sum())
    if not np.isfinite(loss):
        return None
    predicted = logits.argmax(1)
    accuracy = int((predicted == labels).sum()) / len(labels)
    return Score(loss=loss, accuracy=accuracy, predicted=predicted.cpu().numpy())
