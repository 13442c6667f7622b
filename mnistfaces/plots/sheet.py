"""Sheets of small images, each below its caption, at fixed places: a layout that is solved for takes a minute."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from numpy.typing import NDArray

from mnistfaces.plots.figures import wrapped

GAP_INCHES = 0.12
LINE_INCHES = 0.19
LEAST_WIDTH = 5.2
CAPTION_POINTS = 10.5

EMPTY_COSTS = 4
"""How much worse a sheet is by the share of it that stays empty, beside its shape."""

SHAPE = 1.4
"""Width of a sheet to its height, about which tiles are arranged."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Tile:
    """One image of a sheet.

    Attributes:
        pixels: (H, W) or (H, W, 3).
        caption: what stands above it; it is wrapped.
        look: `cmap`, `vmin` and `vmax` of an image in one channel.
    """

    pixels: NDArray[Any]
    caption: str
    look: Mapping[str, Any]


def draw_sheet(tiles: Sequence[Tile], title: str, *, columns: int, side: float, room: float = 0.1) -> Figure:
    """Returns a sheet.

    Args:
        tiles: in the order of reading.
        title: above them; "" for none.
        columns: how many stand side by side.
        side: of a tile, in inches.
        room: inches that stay free below.
    """
    rows = math.ceil(len(tiles) / columns)
    captions = [wrapped(tile.caption, side + GAP_INCHES, CAPTION_POINTS) for tile in tiles]
    above = 0.1 + LINE_INCHES * max((caption.count("\n") + 1 for caption in captions), default=0)
    width = max(LEAST_WIDTH, columns * (side + GAP_INCHES) + GAP_INCHES)
    head = wrapped(title, width - 0.3, 13) if title else ""
    top = 0.15 + 0.25 * (head.count("\n") + 1 if head else 0)
    height = top + rows * (side + above) + room
    figure = Figure(figsize=(width, height))
    canvas = figure.add_axes((0, 0, 1, 1))  # in inches; axes for each would be slow
    canvas.set_axis_off()
    left = (width - columns * (side + GAP_INCHES) + GAP_INCHES) / 2
    for number, (tile, caption) in enumerate(zip(tiles, captions, strict=True)):
        row, column = divmod(number, columns)
        x, y = left + column * (side + GAP_INCHES), height - top - (row + 1) * (side + above)
        canvas.imshow(tile.pixels, extent=(x, x + side, y, y + side), interpolation="nearest", **tile.look)
        canvas.text(x + side / 2, y + side + 0.05, caption, ha="center", fontsize=CAPTION_POINTS)
    canvas.set(xlim=(0, width), ylim=(0, height), aspect="auto")
    if head:
        figure.suptitle(head, y=1 - 0.12 / height, va="top")
    return figure


def best_columns(count: int, together: int, most: int) -> int:
    """Returns how many tiles stand side by side for a sheet of good shape.

    Args:
        count: of all tiles.
        together: that belong side by side.
        most: that fit.
    """
    own = min(together, most)

    def misfit(columns: int) -> float:
        rows = math.ceil(count / columns)
        return abs(math.log(columns / rows / SHAPE)) + EMPTY_COSTS * (1 - count / (rows * columns))

    return min(range(own, max(own, min(count, most)) + 1, own), key=misfit)
