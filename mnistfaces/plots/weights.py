"""Figures of weights as images: arrays in, Figure out."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mnistfaces.inspection.weight_images import WeightImage, symmetric_limit
from mnistfaces.plots import figures

COLUMNS = 5
MOST_COLUMNS = 8
RGB_AXES = 3
BAR_ROWS = 3
TILE_INCHES = 1.9


def save_weight_figures(
    images: Sequence[WeightImage], title: str, *, plot: Path | None, each: Path | None, gray: bool
) -> None:
    """Writes the sheet of all images to `plot`, and one file per image into the folder `each`, where given.

    Raises:
        FileError: the folder or the disk refuses.
    """
    if plot is not None:
        figures.save(weights_figure(images, title, gray=gray), plot)
    if each is not None:
        limit = symmetric_limit(images)
        for image in images:
            figures.save(weight_figure(image, limit, gray=gray), each / image.file_name)


def weights_figure(images: Sequence[WeightImage], title: str, *, gray: bool = False) -> Figure:
    """Returns weight images on one symmetric scale with its bar; `gray` as in the report, else blue, white, red."""
    columns = min(_columns(images), len(images))
    rows = math.ceil(len(images) / columns)
    lines = images[0].title.count("\n")
    size = (TILE_INCHES * columns + 1.2, (TILE_INCHES + 0.2 * lines) * rows + 0.6)
    figure = Figure(figsize=size, dpi=150, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    limit = symmetric_limit(images) or 1.0
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, image in zip(grid.flat, images, strict=False):
        _draw(axes, image, limit, gray=gray)
    _add_bar(figure, grid, images[0], limit, gray=gray)
    figure.suptitle(figures.literal(title), fontsize=11)
    return figure


def weight_figure(image: WeightImage, limit: float, *, gray: bool = False) -> Figure:
    """Returns one weight image on a scale from `-limit` to `limit`, with its bar."""
    figure = Figure(figsize=(4.4, 3.8), dpi=150, layout="constrained")
    axes = figure.subplots()
    axes.set_axis_off()
    _draw(axes, image, limit or 1.0, gray=gray)
    _add_bar(figure, np.array([[axes]]), image, limit or 1.0, gray=gray)
    return figure


def _columns(images: Sequence[WeightImage]) -> int:
    """Returns how many images stand side by side: the hidden units of a class, as far as they fit."""
    of_first = sum(image.class_name == images[0].class_name for image in images)
    return COLUMNS if images[0].unit is None else min(of_first, MOST_COLUMNS)


def _draw(axes: Axes, image: WeightImage, limit: float, *, gray: bool) -> None:
    axes.set_title(figures.literal(image.title), fontsize=11 if image.unit is None else 9)
    if image.weights.ndim == RGB_AXES and not gray:
        axes.imshow(0.5 + image.weights / (2 * limit), interpolation="nearest")
        return
    weights = image.weights.mean(axis=2) if image.weights.ndim == RGB_AXES else image.weights
    axes.imshow(weights, cmap=_colors(image, gray=gray), vmin=-limit, vmax=limit, interpolation="nearest")


def _colors(image: WeightImage, *, gray: bool) -> str:
    """Returns the name of the scale: diverging colours, unless colour stands for the channels or nobody wants it."""
    return "gray" if gray or image.weights.ndim == RGB_AXES else "RdBu_r"


def _add_bar(figure: Figure, grid: NDArray[np.object_], image: WeightImage, limit: float, *, gray: bool) -> None:
    """Adds the bar of the scale beside a grid of axes, no longer than a few rows of it."""
    scale = ScalarMappable(Normalize(-limit, limit), _colors(image, gray=gray))
    bar = figure.colorbar(scale, ax=grid.ravel().tolist(), shrink=min(0.9, BAR_ROWS / len(grid)))
    channels = ""
    if image.weights.ndim == RGB_AXES:
        channels = "\nmean of R, G and B" if gray else "\nof R, G and B each: mid-gray is 0"
    bar.set_label(f"weight (per unit of pixel intensity){channels}")
