"""A sheet of a dataset's images: one picture, whatever their number, each class a block of lines.

matplotlib takes seconds for a few hundred axes. Here all images become one array that is drawn dot by dot, so a sheet
takes as long as its dots, of which there are at most `MOST_DOTS` either way.

S pixels per side of an image, P dots per side of its place on the sheet.
"""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mnistfaces.images import resize
from mnistfaces.plots.figures import LETTER_WIDTH, RESOLUTION, SMALLEST, set_title, styled, title_inches, wrapped

LARGEST = 108
"""Dots per side of an image on a sheet of few, gaps included."""

SHORT = 24
"""Images that a line holds without a second thought; of more, lines are made for a sheet about as wide as high."""

MOST_DOTS = {"across": 2200, "down": 4400}
MARGIN, LABEL_INCHES, LEAST_INCHES = 0.15, 2.4, 4.0

POINTS = 72
"""To the inch."""

Pixels = NDArray[np.uint8]


@styled
def image_sheet(images: Mapping[str, Pixels], title: str) -> Figure:
    """Draws a sheet of images, a block of lines per class.

    Args:
        images: by class, (n, H, W) or (n, H, W, 3) uint8.
        title: what they are.
    """
    counts = [max(1, len(rows)) for rows in images.values()]
    columns = _columns_for(counts)
    lines = [-(-count // columns) for count in counts]
    place = max(2, min(LARGEST, MOST_DOTS["across"] // columns, MOST_DOTS["down"] // sum(lines)))
    blocks = [_block(rows, columns, place) for rows in images.values()]
    apart = max(2, place // 12)  # blank dots between two classes
    mosaic = np.concatenate([np.pad(block, ((0, apart), (0, 0), (0, 0)), constant_values=255) for block in blocks])

    # The picture lies dot on dot in a figure of its own size and the margins that its words need.
    height, width = (length / RESOLUTION for length in mosaic.shape[:2])
    left = min(LABEL_INCHES, max(len(name) for name in images) * SMALLEST * LETTER_WIDTH / POINTS) + 2 * MARGIN
    across = max(LEAST_INCHES, left + width + MARGIN)
    whole = across, height + MARGIN + title_inches(title, across)
    figure = Figure(figsize=whole)
    axes = figure.add_axes((left / whole[0], MARGIN / whole[1], width / whole[0], height / whole[1]))
    axes.axis("off")
    axes.imshow(mosaic, interpolation="none", aspect="auto", extent=(0, mosaic.shape[1], mosaic.shape[0], 0))
    _name(axes, list(images), [len(block) + apart for block in blocks], apart)
    set_title(figure, title, MARGIN)
    return figure


def _columns_for(counts: list[int]) -> int:
    """Returns how many images a line holds: all of a class, or so many that the sheet is about as wide as high."""
    columns = min(max(counts), SHORT)
    while columns < max(counts) and sum(-(-count // columns) for count in counts) > columns:
        columns += 1
    return columns


def _block(rows: Pixels, columns: int, place: int) -> Pixels:
    """Returns the images of a class side by side in their lines, (lines * P, columns * P, 3), white between them."""
    lines = max(1, -(-len(rows) // columns))
    gap = 1 if place > 8 else 0  # noqa: PLR2004  smaller images have no dot to spare
    places = np.full((lines * columns, place, place, 3), 255, np.uint8)
    for number, image in enumerate(rows):
        places[number, : place - gap, : place - gap] = _fitted(image, place - gap)
    grid = places.reshape(lines, columns, place, place, 3).swapaxes(1, 2)
    return grid.reshape(lines * place, columns * place, 3)


def _fitted(image: Pixels, side: int) -> Pixels:
    """Returns an image in so many dots either way, (side, side, 3): enlarged dot by dot, or averaged by area."""
    colored = image if image.ndim == 3 else np.repeat(image[:, :, None], 3, axis=2)  # noqa: PLR2004  RGB
    if side < max(colored.shape[:2]):
        return resize(colored, side)
    rows, columns = (np.arange(side) * length // side for length in colored.shape[:2])
    enlarged: Pixels = colored[rows][:, columns]
    return enlarged


def _name(axes: Axes, names: list[str], heights: list[int], apart: int) -> None:
    """Writes the names of classes beside their blocks; where blocks are lower than letters, of every so manieth."""
    letter = 1.3 * SMALLEST / POINTS * RESOLUTION
    bottom = -np.inf
    for name, height, end in zip(names, heights, np.cumsum(heights), strict=True):
        middle = end - (height + apart) / 2
        if middle - letter / 2 >= bottom:
            shown = wrapped(name, LABEL_INCHES, SMALLEST)
            axes.text(-MARGIN * RESOLUTION / 2, middle, shown, ha="right", va="center", fontsize=SMALLEST)
            bottom = middle + letter / 2
