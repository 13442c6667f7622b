"""Figures of weights as images: arrays in, Figure out."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from mnistfaces.inspection.weight_images import WeightImage, symmetric_limit
from mnistfaces.plots import figures
from mnistfaces.plots.ticks import mark_evenly

MOST_COLUMNS = 10
Box = tuple[float, float, float, float]
"""Left, right, bottom and top."""

EMPTY_COSTS = 4
"""How much worse a sheet is by the share of it that stays empty, beside its shape."""

SHAPE = 1.4
"""Width of a sheet to its height, about which tiles are arranged."""

RGB_AXES = 3
TILE_INCHES = 1.8
GAP_INCHES = 0.12
LINE_INCHES = 0.19
LEAST_WIDTH = 5.2
BAR_INCHES = (3.8, 0.14)
BAR_ROOM = 0.85
"""Height of the bar with its numbers and its name; with channels, a line more."""

TITLE_POINTS = 10.5


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


@figures.styled
def weights_figure(images: Sequence[WeightImage], title: str, *, gray: bool = False) -> Figure:
    """Returns weight images on one symmetric scale with its bar; `gray` as in the report, else blue, white, red.

    The images of one class stand side by side.
    """
    return _sheet(images, symmetric_limit(images) or 1.0, title, gray=gray)


@figures.styled
def weight_figure(image: WeightImage, limit: float, *, gray: bool = False) -> Figure:
    """Returns one weight image on a scale from `-limit` to `limit`, with its bar."""
    return _sheet([image], limit or 1.0, "", gray=gray)


def _sheet(images: Sequence[WeightImage], limit: float, title: str, *, gray: bool) -> Figure:
    """Returns tiles in rows at fixed places: a layout that is solved for takes a minute for hundreds of them."""
    columns = _columns(images)
    rows = math.ceil(len(images) / columns)
    names = [figures.wrapped(image.title, TILE_INCHES, TITLE_POINTS) for image in images]
    above = 0.1 + LINE_INCHES * max(name.count("\n") + 1 for name in names)
    width = max(LEAST_WIDTH, columns * (TILE_INCHES + GAP_INCHES) + GAP_INCHES)
    head = figures.wrapped(title, width - 0.3, 13) if title else ""
    top = 0.15 + 0.25 * (head.count("\n") + 1 if head else 0)
    bottom = BAR_ROOM + LINE_INCHES * (images[0].weights.ndim == RGB_AXES)
    height = top + rows * (TILE_INCHES + above) + bottom
    figure = Figure(figsize=(width, height))
    canvas = figure.add_axes((0, 0, 1, 1))  # in inches: axes of each are slow
    canvas.set_axis_off()
    left = (width - columns * (TILE_INCHES + GAP_INCHES) + GAP_INCHES) / 2
    for number, (image, name) in enumerate(zip(images, names, strict=True)):
        row, column = divmod(number, columns)
        x, y = left + column * (TILE_INCHES + GAP_INCHES), height - top - (row + 1) * (TILE_INCHES + above)
        _draw(canvas, image, (x, x + TILE_INCHES, y, y + TILE_INCHES), limit, gray=gray)
        canvas.text(x + TILE_INCHES / 2, y + TILE_INCHES + 0.05, name, ha="center", fontsize=TITLE_POINTS)
    canvas.set(xlim=(0, width), ylim=(0, height), aspect="auto")
    if head:
        figure.suptitle(head, y=1 - 0.12 / height, va="top")
    length, thickness = BAR_INCHES
    place = ((width - length) / 2 / width, (bottom - 0.3) / height, length / width, thickness / height)
    _add_bar(figure, figure.add_axes(place), images[0], limit, gray=gray)
    return figure


def _columns(images: Sequence[WeightImage]) -> int:
    """Returns how many images stand side by side: all of a class, and as many classes as make a sheet of good shape."""
    of_first = sum(image.class_name == images[0].class_name for image in images)
    own = min(of_first, MOST_COLUMNS)
    choices = range(own, min(len(images), MOST_COLUMNS) + 1, own)

    def misfit(columns: int) -> float:
        rows = math.ceil(len(images) / columns)
        return abs(math.log(columns / rows / SHAPE)) + EMPTY_COSTS * (1 - len(images) / (rows * columns))

    return min(choices, key=misfit)


def _draw(axes: Axes, image: WeightImage, extent: Box, limit: float, *, gray: bool) -> None:
    place: dict[str, Any] = {"extent": extent, "interpolation": "nearest"}
    if image.weights.ndim == RGB_AXES and not gray:
        axes.imshow(0.5 + image.weights / (2 * limit), **place)
        return
    weights = image.weights.mean(axis=2) if image.weights.ndim == RGB_AXES else image.weights
    axes.imshow(weights, cmap=_colors(image, gray=gray), vmin=-limit, vmax=limit, **place)


def _colors(image: WeightImage, *, gray: bool) -> str:
    """Returns the name of the scale: diverging colours, unless colour stands for the channels or nobody wants it."""
    return "gray" if gray or image.weights.ndim == RGB_AXES else "RdBu_r"


def _add_bar(figure: Figure, axes: Axes, image: WeightImage, limit: float, *, gray: bool) -> None:
    """Draws the bar of the scale into axes of its own."""
    scale = ScalarMappable(Normalize(-limit, limit), _colors(image, gray=gray))
    bar = figure.colorbar(scale, cax=axes, orientation="horizontal")
    bar.outline.set_linewidth(0.5)
    mark_evenly(axes.xaxis, 5)
    channels = ""
    if image.weights.ndim == RGB_AXES:
        channels = "\nmean of R, G and B" if gray else "\nof R, G and B each: mid-gray is 0"
    bar.set_label(f"weight (per unit of pixel intensity){channels}", fontsize=11)
