"""Which images a kept model gets wrong, those it was surest of first."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnistfaces.evaluation.evaluate import Evaluation
from mnistfaces.files import write_text
from mnistfaces.runs.models import answering_of, dataset_of
from mnistfaces.text import csv_cell


@dataclass(frozen=True, kw_only=True, eq=False)
class Mistake:
    """An image that a model got wrong.

    Attributes:
        image: its name.
        label: its true class.
        predicted: the answer.
        probability: that the model gave its answer.
        pixels: (H, W) or (H, W, 3); None for features.
    """

    image: str
    label: str
    predicted: str
    probability: float
    pixels: NDArray[np.uint8] | None


def find_mistakes(evaluation: Evaluation, data_dir: Path | None = None) -> list[Mistake]:
    """Returns the images that the model got wrong, those it was surest of first.

    Raises:
        DataError: the dataset of the images is not on this machine.
        RunError: it is of other content now.
    """
    wrong = np.flatnonzero(evaluation.labels != evaluation.predicted)
    if not len(wrong):
        return []
    dataset = evaluation.dataset or dataset_of(evaluation.run, data_dir)
    place = {name: position for position, name in enumerate(dataset.ids.tolist())}
    indices = np.array([place[name] for name in evaluation.ids[wrong].tolist()])
    answers = evaluation.predicted[wrong]
    probability = answering_of(evaluation.run).probabilities_of(dataset, indices)[np.arange(len(wrong)), answers]
    drawable = dataset.inputs.dtype == np.uint8 and len(dataset.shape) > 1
    return [
        Mistake(
            image=str(evaluation.ids[wrong[row]]),
            label=evaluation.classes[evaluation.labels[wrong[row]]],
            predicted=evaluation.classes[answers[row]],
            probability=float(probability[row]),
            pixels=dataset.images(indices[row : row + 1])[0] if drawable else None,
        )
        for row in np.argsort(-probability, kind="stable").tolist()
    ]


def save_mistakes(path: Path, mistakes: Sequence[Mistake]) -> None:
    """Writes a CSV of image, class, predicted and probability, whole or not at all."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", "class", "predicted", "probability"])
    for item in mistakes:
        writer.writerow([*map(csv_cell, (item.image, item.label, item.predicted)), item.probability])
    write_text(path, text.getvalue())
