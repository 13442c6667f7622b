"""What a kept model looks for: the weights of its outputs, or its hidden units that matter for some classes.

N images, C classes, U hidden units.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mnistfaces.config import Criterion
from mnistfaces.datasets.base import Dataset, class_number
from mnistfaces.datasets.splits import Split
from mnistfaces.errors import DataError, UsageError
from mnistfaces.inspection.weight_images import (
    IMAGE_AXES,
    Floats,
    WeightImage,
    ablation_scores,
    activation_scores,
    class_images,
    top_units,
    weight_scores,
)
from mnistfaces.runs.models import classes_of, dataset_of, network_of, origin_of, shape_of, split_of
from mnistfaces.runs.network import Network
from mnistfaces.runs.runs import Run

TOP = 4
SIGNS = {-1: "-", 0: "0", 1: "+"}
MEANING = {
    "weight": "largest output weights",
    "activation": "output weight x mean activation",
    "ablation": "recall lost without the unit",
}


@dataclass(frozen=True, kw_only=True)
class UnitsRequest:
    """Which weights are asked for.

    Attributes:
        classes: names, surnames or numbers; none are all.
        top: hidden units a class; None is 4.
        criterion: what they are ranked by; None is `weight`.
    """

    classes: tuple[str, ...] = ()
    top: int | None = None
    criterion: Criterion | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawn:
    """Images of weights, in the order of the classes that were asked for; their title; what a person should know."""

    images: tuple[WeightImage, ...]
    title: str
    notes: tuple[str, ...] = ()


def draw_weights(run: Run, request: UnitsRequest, *, data_dir: Path | None = None) -> Drawn:
    """Returns the weights of a kept model as images: of its outputs, or of the hidden units that matter.

    Args:
        run: which model.
        request: classes and, for a network with hidden units, how many of these and by which criterion.
        data_dir: where data live; `activation` and `ablation` look at the run's own images.

    Raises:
        UsageError: hidden units were asked for, the model has none.
        DataError: there is no such class, the inputs are no images, or the run's are not on this machine.
        RunError: the run keeps no model, or its dataset is of other content now.
    """
    network, classes = network_of(run), classes_of(run)
    numbers = list(dict.fromkeys(class_number(classes, name) for name in request.classes)) or [*range(len(classes))]
    name = origin_of(run)["name"]
    if len(network.layers) == 1:
        if request.top is not None or request.criterion is not None:
            raise UsageError(f"--top and --criterion are for hidden units: {run.path} is a softmax regression")
        images = class_images(network.layers[0][0], shape_of(run), classes)
        title = f"Weights into every class: softmax regression on {name}"
        return Drawn(images=tuple(images[number] for number in numbers), title=title)
    units = len(network.layers[0][1])
    top, criterion = min(request.top or TOP, units), request.criterion or "weight"
    ranked, note = _rank(run, network, numbers, criterion, data_dir)
    images = _images(run, network, ranked, top, criterion)
    title = f"Hidden units by {MEANING[criterion]}: {units} {run.training.activation} units on {name}"
    return Drawn(images=tuple(images), title=title, notes=(*note, *_shared_notes(images, top)))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Ranked:
    """One class's scores of all hidden units, (U,), by which merit they are ranked, and which way they speak."""

    number: int
    scores: Floats
    merit: Floats
    direction: Floats


def _rank(
    run: Run, network: Network, numbers: Sequence[int], criterion: Criterion, data_dir: Path | None
) -> tuple[list[_Ranked], list[str]]:
    """Returns the scores of all units for some classes, and on which images they were computed."""
    output, bias = network.layers[-1]
    ranked = []
    if criterion == "weight":
        for number in numbers:
            scores = weight_scores(output[number])
            ranked.append(_Ranked(number=number, scores=scores, merit=scores, direction=output[number]))
        return ranked, []
    dataset = dataset_of(run, data_dir)
    split = split_of(run, dataset)
    side = "validation" if criterion == "ablation" and len(split.val) else "training"
    for number in numbers:
        hidden = _activations(network, dataset, split, number, side)  # (N, U)
        if criterion == "activation":
            scores = activation_scores(output[number], hidden)
            ranked.append(_Ranked(number=number, scores=scores, merit=np.abs(scores), direction=scores))
        else:
            scores = ablation_scores(output, bias, number, hidden)
            ranked.append(_Ranked(number=number, scores=scores, merit=scores, direction=output[number]))
    return ranked, [f"{criterion} on the {side} images of {dataset.name}"]


def _activations(network: Network, dataset: Dataset, split: Split, number: int, side: str) -> Floats:
    """Returns the hidden activations, (N, U), on one class's images of one side of the split."""
    images = split.val if side == "validation" else split.train
    own = images[dataset.labels[images] == number]
    if not len(own):
        raise DataError(f"class {dataset.classes[number]} has no {side} image in this run: take --criterion weight")
    return network.hidden(dataset.values(own, "float64"))


def _images(run: Run, network: Network, ranked: Sequence[_Ranked], top: int, criterion: Criterion) -> list[WeightImage]:
    """Returns the best units of every class as images, and for each, which other classes share it."""
    shape, classes, output = shape_of(run), classes_of(run), network.layers[-1][0]
    if len(shape) not in IMAGE_AXES:
        raise DataError("the model's inputs are features, not images: its hidden units cannot be drawn as images")
    images = [
        WeightImage(
            class_name=classes[one.number],
            weights=network.layers[0][0][unit].reshape(shape),
            score=float(one.scores[unit]) + 0.0,  # no negative zero
            criterion=criterion,
            unit=unit,
            sign=SIGNS[int(np.sign(one.direction[unit]))],
        )
        for one in ranked
        for unit in top_units(one.merit, output[one.number], top)
    ]
    return [replace(image, shared=tuple(other.class_name for other in _sharing(image, images))) for image in images]


def _sharing(image: WeightImage, images: Sequence[WeightImage]) -> list[WeightImage]:
    """Returns the images of the same unit that were chosen for other classes."""
    return [other for other in images if other.unit == image.unit and other.class_name != image.class_name]


def _shared_notes(images: Sequence[WeightImage], top: int) -> list[str]:
    """Returns a sentence for each unit that several classes share."""
    of_unit: dict[int | None, list[str]] = {}
    for image in images:
        of_unit.setdefault(image.unit, []).append(f"{image.class_name} ({image.sign})")
    return [
        f"unit {unit} is among the top {top} of {', '.join(names[:-1])} and {names[-1]}"
        for unit, names in of_unit.items()
        if len(names) > 1
    ]
