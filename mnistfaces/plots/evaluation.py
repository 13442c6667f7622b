"""Figures of what a model gets right and wrong: arrays in, Figure out.

C classes.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mnistfaces.errors import DataError
from mnistfaces.evaluation.mistakes import Mistake
from mnistfaces.plots.colors import LIGHT
from mnistfaces.plots.figures import literal, set_title, styled
from mnistfaces.plots.sheet import Tile, draw_sheet

COUNTED_CLASSES = 20
"""The largest number of classes with which every cell of a confusion matrix shows its count."""

NAMED_CLASSES = 60
"""The largest number of classes that all have their names beside the matrix."""

DARK = 0.35
"""Cells that stand for a larger share than this are dark: their counts are white."""

DRAWN_MISTAKES = 100
COLUMNS = 10
TILE_INCHES = 1.4
SHORT_NAME = 10
PERCENT = 100
GRAY = {"cmap": "gray", "vmin": 0, "vmax": 255}


@styled
def confusion_figure(confusion: NDArray[np.int64], classes: Sequence[str], title: str) -> Figure:
    """Draws a confusion matrix: counts in the cells, shares of the true class as shades.

    Args:
        confusion: (C, C), true classes by row.
        classes: C names.
        title: of the model and the images.
    """
    count = len(classes)
    side = min(3.2 + 0.55 * count, 14)
    figure = Figure(figsize=(side + 1.4, side + 0.4), layout="constrained")
    axes = figure.subplots()
    support = confusion.sum(axis=1, keepdims=True)
    shares = PERCENT * confusion / np.maximum(support, 1)
    drawn = axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, 0, PERCENT))  # a few mistakes are seen, too
    step = -(-count // NAMED_CLASSES)
    names = [*map(literal, classes)][::step]
    upright = max(len(name) for name in classes) <= 2  # noqa: PLR2004  digits need no slant
    axes.set_xticks(range(0, count, step), names)
    if not upright:
        axes.tick_params(axis="x", rotation=40 if count <= COUNTED_CLASSES else 90)
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor", va="top" if count <= COUNTED_CLASSES else "center")
    axes.set_yticks(range(0, count, step), names)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    if count <= COUNTED_CLASSES:
        for row, column in np.argwhere(confusion):
            color = "white" if shares[row, column] > PERCENT * DARK else LIGHT["ink"]
            axes.text(column, row, str(confusion[row, column]), ha="center", va="center", color=color)
    bar = figure.colorbar(drawn, ax=axes, shrink=0.8)
    bar.set_ticks([0, 1, 5, 20, 50, PERCENT])
    bar.minorticks_off()
    bar.set_label("share of the true class's images (%)")
    set_title(figure, title)
    return figure


@styled
def mistakes_figure(mistakes: Sequence[Mistake], title: str) -> Figure:
    """Draws misclassified images, the surest first, each with its true class, the answer and its probability.

    Raises:
        DataError: they are features.
    """
    drawn = [mistake for mistake in mistakes if mistake.pixels is not None][:DRAWN_MISTAKES]
    if mistakes and not drawn:
        raise DataError("the model's inputs are features, not images: its mistakes go into a .csv, not on a sheet")
    part = f": the {len(drawn)} that the model was surest of" if len(drawn) < len(mistakes) else ""
    what = f"{title}{part}\ntrue class → answer, probability" if mistakes else title
    tiles = [Tile(pixels=_pixels(mistake), caption=_caption(mistake), look=GRAY) for mistake in drawn]
    return draw_sheet(tiles, what, columns=min(COLUMNS, max(1, len(drawn))), side=TILE_INCHES)


def _pixels(mistake: Mistake) -> NDArray[np.uint8]:
    return np.asarray(mistake.pixels)


def _caption(mistake: Mistake) -> str:
    """Returns the last words of long names, and the probability in a line of its own."""
    return f"{_short(mistake.label)} → {_short(mistake.predicted)}\n{mistake.probability:.0%}"


def _short(name: str) -> str:
    """Returns what fits above a small image: the last word of a long name."""
    return name if len(name) <= SHORT_NAME else [name, *name.rsplit(maxsplit=1)][-1]
