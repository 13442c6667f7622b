"""First-layer weights as images: what each class of a softmax regression looks for.

C classes, D inputs, H x W pixels of an image.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnistfaces.errors import DataError

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


def symmetric_limit(images: list[WeightImage]) -> float:
    """Returns the largest magnitude of any weight: one scale for all images, with 0 in its middle."""
    return max(float(np.abs(image.weights).max()) for image in images)
