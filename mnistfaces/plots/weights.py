"""Figures of weights as images: arrays in, Figure out."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from mnistfaces.inspection.weight_images import WeightImage, symmetric_limit
from mnistfaces.plots import figures
from mnistfaces.plots.sheet import LINE_INCHES, Tile, best_columns, draw_sheet
from mnistfaces.plots.ticks import mark_evenly

MOST_COLUMNS = 10
RGB_AXES = 3
TILE_INCHES = 1.8
BAR_INCHES = (3.8, 0.14)
BAR_ROOM = 0.85
"""Height of the bar with its numbers and its name; with channels, a line more."""


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
    of_first = sum(image.class_name == images[0].class_name for image in images)
    bottom = BAR_ROOM + LINE_INCHES * (images[0].weights.ndim == RGB_AXES)
    figure = draw_sheet(
        [_tile(image, limit, gray=gray) for image in images],
        title,
        columns=best_columns(len(images), of_first, MOST_COLUMNS),
        side=TILE_INCHES,
        room=bottom,
    )
    length, thickness = BAR_INCHES
    width, height = figure.get_size_inches()
    place = ((width - length) / 2 / width, (bottom - 0.3) / height, length / width, thickness / height)
    _add_bar(figure, figure.add_axes(place), images[0], limit, gray=gray)
    return figure


def _tile(image: WeightImage, limit: float, *, gray: bool) -> Tile:
    if image.weights.ndim == RGB_AXES and not gray:
        return Tile(pixels=0.5 + image.weights / (2 * limit), caption=image.title, look={})
    weights = image.weights.mean(axis=2) if image.weights.ndim == RGB_AXES else image.weights
    look = {"cmap": _colors(image, gray=gray), "vmin": -limit, "vmax": limit}
    return Tile(pixels=weights, caption=image.title, look=look)


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
