"""First-layer weights as images: what a class of a softmax regression looks for, which hidden units speak for one.

N images, C classes, D inputs, U hidden units, H x W pixels of an image.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mnistfaces.config import Criterion
from mnistfaces.errors import DataError

IMAGE_AXES = (2, 3)
"""Axes of an image: rows and columns, and channels where it has colour."""


Floats = NDArray[np.floating]


@dataclass(frozen=True, kw_only=True, eq=False)
class WeightImage:
    """The weights into one output or one hidden unit, laid out as the image that they look at.

    Attributes:
        class_name: the class that they speak for.
        weights: (H, W) or (H, W, 3).
        score: how much they bear on this class, by the criterion.
        criterion: `norm`, the weights' Euclidean norm, for an output; of a hidden unit, what it was chosen by.
        unit: number of the hidden unit, of the first layer where there are several; None for an output.
        sign: `+` where the unit speaks for the class, `-` where against it, `0` where neither; None for an output, and
            where further layers lie between.
        shared: other classes that the same unit was chosen for.
    """

    class_name: str
    weights: Floats
    score: float
    criterion: Criterion | Literal["norm"] = "norm"
    unit: int | None = None
    sign: str | None = None
    shared: tuple[str, ...] = ()

    @property
    def file_name(self) -> str:
        """The name of a file for this image alone: the class's own, without what is no part of a name, and the unit."""
        unit = "" if self.unit is None else f"-unit-{self.unit}"
        return f"{re.sub(r'[^0-9A-Za-z_-]+', '-', self.class_name).strip('-') or 'class'}{unit}.png"

    @property
    def title(self) -> str:
        """What stands above the image."""
        if self.unit is None or self.criterion == "norm":
            return self.class_name
        return f"{self.class_name}\nunit {self.unit}: {SCORES[self.criterion](self)}"


SCORES: Mapping[Criterion, Callable[[WeightImage], str]] = {
    "weight": lambda image: f"{image.sign}{image.score:.3f}",
    "activation": lambda image: f"{image.score:+.3f}",
    "ablation": lambda image: f"{f'({image.sign}) ' if image.sign else ''}recall {-image.score:+.3f}",
}
"""How a unit's score by a criterion is written above its image."""


def weight_rows(images: Sequence[WeightImage], plot: Path | None, each: Path | None) -> list[dict[str, Any]]:
    """Returns a result row per image; `file` is its own where there is one, else the sheet of all."""
    return [
        {
            "class": image.class_name,
            "unit": image.unit,
            "score": image.score,
            "sign": image.sign,
            "criterion": image.criterion,
            "file": str(each / image.file_name if each else plot) if each or plot else None,
            "shared": list(image.shared),
        }
        for image in images
    ]


def class_images(weight: Floats, shape: tuple[int, ...], classes: tuple[str, ...]) -> list[WeightImage]:
    """Returns the weights into every class of a softmax regression as images, in class order.

    Args:
        weight: (C, D).
        shape: of one input.
        classes: C names.

    Raises:
        DataError: the inputs are no images, or not of this model.
    """
    if len(shape) not in IMAGE_AXES:
        raise DataError("the model's inputs are features, not images: its weights cannot be drawn as images")
    if weight.shape != (len(classes), int(np.prod(shape))):
        size = " x ".join(map(str, shape))
        raise DataError(
            f"weights of {weight.shape[0]} classes and {weight.shape[1]} inputs do not fit {len(classes)} classes "
            f"and images of {size}"
        )
    return [
        WeightImage(class_name=name, weights=row.reshape(shape), score=float(np.linalg.norm(row)))
        for name, row in zip(classes, weight, strict=True)
    ]


def weight_scores(output: Floats) -> Floats:
    """Returns the magnitude of every unit's weight into a class, (U,), from the weights into it, (U,)."""
    return np.abs(output)


def activation_scores(output: Floats, hidden: Floats) -> Floats:
    """Returns what every unit adds to a class's logit on average, (U,): output weight times mean activation.

    Args:
        output: (U,) weights into the class.
        hidden: (N, U) activations on images of the class.
    """
    scores: Floats = output * hidden.mean(axis=0)
    return scores


def ablation_scores(logits: Floats, without: Iterable[Floats], number: int) -> Floats:
    """Returns how much of a class's recall is lost without each unit, (U,); below 0 where it is in the way.

    Args:
        logits: (N, C) of images of the class.
        without: of each unit, the logits without it, (N, C).
        number: of the class.
    """
    recall = float((logits.argmax(axis=1) == number).mean())
    return np.array([recall - float((left.argmax(axis=1) == number).mean()) for left in without])


def top_units(merit: Floats, reach: Floats, count: int) -> list[int]:
    """Returns the units of the highest merit, (U,), best first; equal ones by the magnitude of their reach, (U,)."""
    order = np.lexsort((-np.abs(reach), -merit))
    return [int(unit) for unit in order[:count]]


def symmetric_limit(images: Sequence[WeightImage]) -> float:
    """Returns the largest magnitude of any weight: one scale for all images, with 0 in its middle."""
    return max(float(np.abs(image.weights).max()) for image in images)
