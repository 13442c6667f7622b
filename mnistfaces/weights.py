"""First-layer weights as images: what each class of a softmax regression looks for.

C classes, D inputs, H x W pixels of an image.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnistfaces.errors import DataError

if TYPE_CHECKING:
    from mnistfaces.runs import Run

IMAGE_AXES = (2, 3)
"""Axes of an image: rows and columns, and channels where it has colour."""


@dataclass(frozen=True, kw_only=True, eq=False)
class WeightImage:
    """The weights into one output, laid out as the image that they look at.

    Attributes:
        class_name: the class that they speak for.
        weights: (H, W) or (H, W, 3).
        score: their Euclidean norm: how much the image bears on this output.
    """

    class_name: str
    weights: NDArray[np.floating]
    score: float

    @property
    def file_name(self) -> str:
        """The name of a file for this image alone: the class's own, without what is no part of a name."""
        return f"{re.sub(r'[^0-9A-Za-z_-]+', '-', self.class_name).strip('-') or 'class'}.png"


def images_of(model: "Run") -> list[WeightImage]:
    """Returns the weights into every class of a kept softmax regression as images.

    Raises:
        RunError: the run keeps no weights.
        DataError: its model is no softmax regression, or does not look at images.
    """
    weights, dataset = model.weights(), model.config["dataset"]
    if "2.weight" in weights:
        raise DataError(f"{model.path} keeps a network with hidden units, not a softmax regression")
    return class_images(weights["0.weight"], tuple(dataset["shape"]), tuple(dataset["classes"]))


def weight_rows(images: Sequence[WeightImage], plot: Path | None, each: Path | None) -> list[dict[str, Any]]:
    """Returns a result row per image; `file` is its own where there is one, else the sheet of all."""
    return [
        {
            "class": image.class_name,
            "unit": None,
            "score": image.score,
            "sign": None,
            "criterion": "norm",
            "file": str(each / image.file_name if each else plot) if each or plot else None,
        }
        for image in images
    ]


def class_images(weight: NDArray[np.floating], shape: tuple[int, ...], classes: tuple[str, ...]) -> list[WeightImage]:
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


def symmetric_limit(images: Sequence[WeightImage]) -> float:
    """Returns the largest magnitude of any weight: one scale for all images, with 0 in its middle."""
    return max(float(np.abs(image.weights).max()) for image in images)
