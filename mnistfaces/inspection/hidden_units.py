"""What a kept model looks for: the weights of its outputs, or its hidden units that matter for some classes.

N images, C classes, U hidden units.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mnistfaces.config import MODEL_TITLES, Criterion
from mnistfaces.datasets.base import Dataset, class_number
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
from mnistfaces.runs.network import Floats as Activations
from mnistfaces.runs.network import Network
from mnistfaces.runs.runs import Run

TOP = 4
DIRECT = 2  # layers of a network whose hidden units have weights into the classes
SIGNS = {-1: "-", 0: "0", 1: "+"}


@dataclass(frozen=True, kw_only=True)
class UnitsRequest:
    """Which weights are asked for.

    Attributes:
        classes: names, surnames or numbers; none are all.
        top: hidden units per class; None is 4.
        criterion: what they are ranked by; None is `weight`, and `ablation` where there are several hidden layers.
    """

    classes: tuple[str, ...] = ()
    top: int | None = None
    criterion: Criterion | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class WeightImages:
    """Images of weights, in the order of the classes that were asked for; their title; what a person should know."""

    images: tuple[WeightImage, ...]
    title: str
    notes: tuple[str, ...] = ()


def draw_weights(run: Run, request: UnitsRequest, *, data_dir: Path | None = None) -> WeightImages:
    """Returns the weights of a kept model as images: of its outputs, or of the hidden units that matter.

    Args:
        run: which model.
        request: classes and, for a network with hidden units, how many of these and by which criterion.
        data_dir: where data live; `activation` and `ablation` look at the run's own images.

    Raises:
        UsageError: hidden units were asked for, the model has none; or the criterion ranks none below another layer.
        DataError: there is no such class, the inputs are no images, the run's are not on this machine, or the model
            is a kernel regression.
        RunError: the run keeps no model, or its dataset is of other content now.
    """
    network, classes, kind = network_of(run), classes_of(run), MODEL_TITLES[run.training.model]
    if network.kernel is not None:
        raise DataError(f"{run.path} is a {kind}: it weighs its training images, not pixels; --model ridge has weights")
    numbers = list(dict.fromkeys(class_number(classes, name) for name in request.classes)) or [*range(len(classes))]
    name = origin_of(run)["name"]
    if len(network.layers) == 1:
        if request.top is not None or request.criterion is not None:
            raise UsageError(f"--top and --criterion are for hidden units: {run.path} is a {kind}")
        images = class_images(network.layers[0][0], shape_of(run), classes)
        title = f"Weights into every class: {kind} on {name}"
        return WeightImages(images=tuple(images[number] for number in numbers), title=title)
    units, depth = len(network.layers[0][1]), len(network.layers) - 1
    top, criterion = min(request.top or TOP, units), request.criterion or ("weight" if depth == 1 else "ablation")
    if depth > 1 and not CRITERIA[criterion].any_depth:
        raise UsageError(
            f"--criterion {criterion} looks at the weights from units into classes, which the first of {depth} hidden "
            "layers does not have: take --criterion ablation"
        )
    ranked, notes = _rank(run, network, numbers, criterion, data_dir)
    images = _images(run, network, ranked, top, criterion)
    those = f"{units} {run.training.activation} units"
    if depth > 1:
        those += f" of the first of {depth} hidden layers"
        notes.append(f"drawn are units of the first of {depth} hidden layers: those of the others see no image")
    title = f"Hidden units by {CRITERIA[criterion].meaning}: {those} on {name}"
    return WeightImages(images=tuple(images), title=title, notes=(*notes, *_shared_notes(images, top)))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Ranked:
    """One class's scores of all hidden units, (U,), by which merit they are ranked, and which way they speak.

    Where further layers lie between a unit and the classes, it has no `direction`.
    """

    number: int
    scores: Floats
    merit: Floats
    direction: Floats | None


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """A criterion by which hidden units are ranked.

    Attributes:
        meaning: what the figure's title calls it.
        rank: scores the units of a network for a class, from their activations on its images, (N, U).
        side: the part of the data whose images are looked at; None needs none.
        any_depth: whether it can see through further hidden layers.
    """

    meaning: str
    rank: Callable[[Network, int, Activations], _Ranked]
    side: Literal["training", "validation"] | None = None
    any_depth: bool = False


def _by_weight(network: Network, number: int, _units: Activations) -> _Ranked:
    output = network.layers[-1][0][number]
    scores = weight_scores(output)
    return _Ranked(number=number, scores=scores, merit=scores, direction=output)


def _by_activation(network: Network, number: int, units: Activations) -> _Ranked:
    scores = activation_scores(network.layers[-1][0][number], units)
    return _Ranked(number=number, scores=scores, merit=np.abs(scores), direction=scores)


def _by_ablation(network: Network, number: int, units: Activations) -> _Ranked:
    scores = ablation_scores(network.logits_of(units), network.logits_without_each(units), number)
    direction = network.layers[1][0][number] if len(network.layers) == DIRECT else None
    return _Ranked(number=number, scores=scores, merit=scores, direction=direction)


CRITERIA: Mapping[Criterion, Ranking] = {
    "weight": Ranking(meaning="largest output weights", rank=_by_weight),
    "activation": Ranking(meaning="output weight x mean activation", rank=_by_activation, side="training"),
    "ablation": Ranking(meaning="recall lost without the unit", rank=_by_ablation, side="validation", any_depth=True),
}


def _rank(
    run: Run, network: Network, numbers: Sequence[int], criterion: Criterion, data_dir: Path | None
) -> tuple[list[_Ranked], list[str]]:
    """Returns the scores of all units for some classes, and on which images they were computed."""
    ranking = CRITERIA[criterion]
    if ranking.side is None:
        return [ranking.rank(network, number, np.empty((0, 0))) for number in numbers], []
    dataset = dataset_of(run, data_dir)
    split = split_of(run, dataset)
    side = ranking.side if len(split.val) else "training"
    images = split.val if side == "validation" else split.train
    seen = (_units(network, dataset, images[dataset.labels[images] == number], number, side) for number in numbers)
    ranked = [ranking.rank(network, number, units) for number, units in zip(numbers, seen, strict=True)]
    return ranked, [f"{criterion} on the {side} images of {dataset.name}"]


def _units(network: Network, dataset: Dataset, own: NDArray[np.int64], number: int, side: str) -> Activations:
    """Returns the activations of the first hidden layer, (N, U), on a class's own images."""
    if not len(own):
        other = ": take --criterion weight" if len(network.layers) == DIRECT else ""
        raise DataError(f"class {dataset.classes[number]} has no {side} image in this run{other}")
    return network.first_units(dataset.values(own, "float64"))


def _images(run: Run, network: Network, ranked: Sequence[_Ranked], top: int, criterion: Criterion) -> list[WeightImage]:
    """Returns the best units of every class as images, and for each, which other classes share it."""
    shape, classes = shape_of(run), classes_of(run)
    if len(shape) not in IMAGE_AXES:
        raise DataError("the model's inputs are features, not images: its hidden units cannot be drawn as images")
    images = [
        WeightImage(
            class_name=classes[one.number],
            weights=network.layers[0][0][unit].reshape(shape),
            score=float(one.scores[unit]) + 0.0,  # no negative zero
            criterion=criterion,
            unit=unit,
            sign=None if one.direction is None else SIGNS[int(np.sign(one.direction[unit]))],
        )
        for one in ranked
        for unit in top_units(one.merit, _reach(network, one.number), top)
    ]
    return [replace(image, shared=tuple(other.class_name for other in _sharing(image, images))) for image in images]


def _reach(network: Network, number: int) -> Floats:
    """Returns how far each unit of the first hidden layer reaches, (U,): into a class, or into the whole next layer."""
    weight = network.layers[1][0]
    reach: Floats = weight[number] if len(network.layers) == DIRECT else np.linalg.norm(weight, axis=0)
    return reach


def _sharing(image: WeightImage, images: Sequence[WeightImage]) -> list[WeightImage]:
    """Returns the images of the same unit that were chosen for other classes."""
    return [other for other in images if other.unit == image.unit and other.class_name != image.class_name]


def _shared_notes(images: Sequence[WeightImage], top: int) -> list[str]:
    """Returns a sentence for each unit that several classes share."""
    of_unit: dict[int | None, list[str]] = {}
    for image in images:
        sign = f" ({image.sign})" if image.sign else ""
        of_unit.setdefault(image.unit, []).append(f"{image.class_name}{sign}")
    return [
        f"unit {unit} is among the top {top} of {', '.join(names[:-1])} and {names[-1]}"
        for unit, names in of_unit.items()
        if len(names) > 1
    ]
