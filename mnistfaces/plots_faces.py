"""A sheet of faces: a row of crops for each person."""

import io
import itertools
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from mnistfaces.datasets.base import Dataset
from mnistfaces.files import write_whole

INCH_A_FACE = 0.7


def draw_sheet(dataset: Dataset, per_class: int = 12) -> Figure:
    """Returns a sheet of the first crops of every class, with names and counts."""
    classes = len(dataset.classes)
    figure = Figure(figsize=(per_class * INCH_A_FACE + 1.6, classes * INCH_A_FACE + 0.6), layout="constrained")
    figure.suptitle(f"{dataset.name}: {len(dataset)} crops of {' x '.join(map(str, dataset.shape))} pixels")
    axes = figure.subplots(classes, per_class, squeeze=False)
    for number, name in enumerate(dataset.classes):
        of_class = np.flatnonzero(dataset.labels == number)
        shown = dataset.images(of_class[:per_class])
        axes[number, 0].set_ylabel(f"{name}\n{len(of_class)}", rotation=0, ha="right", va="center")
        for position, axis in enumerate(axes[number]):
            axis.set_xticks([])
            axis.set_yticks([])
            axis.set_frame_on(False)
            if position < len(shown):
                axis.imshow(shown[position], cmap="gray", vmin=0, vmax=255)
    return figure


def save_sheets(path: Path, datasets: Iterable[Dataset]) -> None:
    """Writes the sheet of the first dataset as png, svg or pdf, by the ending of the path; none without one."""
    for dataset in itertools.islice(datasets, 1):
        drawn = io.BytesIO()
        draw_sheet(dataset).savefig(drawn, format=path.suffix.lstrip(".") or "png", dpi=150)
        with write_whole(path) as file:
            file.write(drawn.getvalue())
