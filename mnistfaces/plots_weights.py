"""Figures of weights as images: arrays in, Figure out."""

import math
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from mnistfaces import plots
from mnistfaces.weights import WeightImage, symmetric_limit

COLUMNS = 5
TILE_INCHES = 1.9


def save_weight_figures(
    images: Sequence[WeightImage], title: str, *, plot: Path | None, each: Path | None, gray: bool
) -> None:
    """Writes the sheet of all images to `plot`, and one file an image into the folder `each`, where given.

    Raises:
        FileError: the folder or the disk refuses.
    """
    if plot is not None:
        plots.save(weights_figure(images, title, gray=gray), plot)
    if each is not None:
        limit = symmetric_limit(images)
        for image in images:
            plots.save(weight_figure(image, limit, gray=gray), each / image.file_name)


def weights_figure(images: Sequence[WeightImage], title: str, *, gray: bool = False) -> Figure:
    """Returns weight images on one symmetric scale with its bar; `gray` as in the report, else blue, white, red."""
    columns = min(COLUMNS, len(images))
    rows = math.ceil(len(images) / columns)
    size = (TILE_INCHES * columns + 1.2, TILE_INCHES * rows + 0.6)
    figure = Figure(figsize=size, dpi=150, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    limit = symmetric_limit(images) or 1.0
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, image in zip(grid.flat, images, strict=False):
        drawn = _draw(axes, image, limit, gray=gray)
    bar = figure.colorbar(drawn, ax=grid, shrink=0.9)
    bar.set_label("weight (per unit of pixel intensity)")
    figure.suptitle(title, fontsize=11)
    return figure


def weight_figure(image: WeightImage, limit: float, *, gray: bool = False) -> Figure:
    """Returns one weight image on a scale from `-limit` to `limit`, with its bar."""
    figure = Figure(figsize=(4.4, 3.8), dpi=150, layout="constrained")
    axes = figure.subplots()
    axes.set_axis_off()
    bar = figure.colorbar(_draw(axes, image, limit or 1.0, gray=gray), ax=axes, shrink=0.9)
    bar.set_label("weight (per unit of pixel intensity)")
    return figure


def _draw(axes: Axes, image: WeightImage, limit: float, *, gray: bool) -> AxesImage:
    axes.set_title(image.class_name, fontsize=11)
    weights = image.weights if image.weights.ndim == 2 else image.weights.mean(axis=2)  # noqa: PLR2004  of all channels
    return axes.imshow(weights, cmap="gray" if gray else "RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
