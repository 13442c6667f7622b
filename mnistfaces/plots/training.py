"""Figures of training: arrays in, a matplotlib Figure out, a file if asked.

Every figure is drawn without a window and saved at a size that stays readable at half of it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mnistfaces.plots.figures import INK, literal, plain_axes

SIDES = {
    "train": ("training", "#1b6ca8", "-"),
    "val": ("validation", "#d1495b", "--"),
    "test": ("test", "#3c7a3f", ":"),
}

Column = Sequence[float | None]


def learning_curve(history: Mapping[str, Column], title: str, rise: int | None = None) -> Figure:
    """Draws mean cost and accuracy of the three sets by epoch.

    Args:
        history: columns `epoch`, `train_loss`, ..., `test_accuracy`; None where there is no number.
        title: what was trained.
        rise: the epoch at which the validation cost first rose.
    """
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    epochs = _floats(history["epoch"])
    for side, (name, color, style) in SIDES.items():
        for axes, what in ((loss, "loss"), (accuracy, "accuracy")):
            values = _floats(history[f"{side}_{what}"])
            if np.isfinite(values).any():
                axes.plot(epochs, values, style, color=color, label=name, linewidth=1.6)
    loss.set_yscale("log")
    loss.set_ylabel("mean cost (nats per image)")
    accuracy.set_ylabel("accuracy (fraction of images)")
    for axes in (loss, accuracy):
        axes.set_xlabel("epoch")
        plain_axes(axes)
        if rise is not None:
            label = f"validation cost first rises ({rise})" if axes is loss else None
            axes.axvline(rise, color=INK, linestyle=(0, (4, 3)), linewidth=1, label=label)
    loss.legend(frameon=False)
    figure.suptitle(literal(title))
    return figure


def image_sheet(images: Mapping[str, NDArray[np.uint8]], title: str) -> Figure:
    """Draws a sheet of images, a row per class.

    Args:
        images: by class, (n, H, W) or (n, H, W, 3) uint8.
        title: what they are.
    """
    columns = max(len(rows) for rows in images.values())
    figure = Figure(figsize=(0.75 * columns + 1.6, 0.75 * len(images) + 0.5), layout="constrained")
    grid = figure.subplots(len(images), columns, squeeze=False)
    for axes, (name, rows) in zip(grid, images.items(), strict=True):
        for column, cell in enumerate(axes):
            cell.axis("off")
            if column < len(rows):
                cell.imshow(rows[column], cmap="gray", vmin=0, vmax=255)
        axes[0].text(-0.25, 0.5, literal(name), transform=axes[0].transAxes, ha="right", va="center")
    figure.suptitle(literal(title))
    return figure


def _floats(column: Column) -> NDArray[Any]:
    return np.array([np.nan if value is None else value for value in column])
