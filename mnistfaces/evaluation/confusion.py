"""What a model takes for what: the confusion matrix, and precision and recall per class."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class ClassScore:
    """How one class is recognised.

    Attributes:
        precision: share of the images called so that are; None where none is called so.
        recall: share of its images that are called so; None where it has none.
        support: its images.
    """

    precision: float | None
    recall: float | None
    support: int


def confusion_matrix(
    labels: NDArray[np.integer], predicted: NDArray[np.integer], class_count: int
) -> NDArray[np.int64]:
    """Returns how many images of class i, by row, were called j, (C, C).

    Args:
        labels: (M,) true classes.
        predicted: (M,) answers.
        class_count: C.
    """
    cells = labels.astype(np.int64) * class_count + predicted
    return np.bincount(cells, minlength=class_count**2).reshape(class_count, class_count)


def class_scores(confusion: NDArray[np.int64]) -> list[ClassScore]:
    """Returns precision, recall and support of every class from a confusion matrix, (C, C)."""
    return [
        ClassScore(
            precision=float(right / called) if called else None,
            recall=float(right / support) if support else None,
            support=int(support),
        )
        for right, called, support in zip(
            confusion.diagonal(), confusion.sum(axis=0), confusion.sum(axis=1), strict=True
        )
    ]
