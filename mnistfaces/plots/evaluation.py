"""Figures of what a model gets right and wrong: arrays in, Figure out.

C classes.
"""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mnistfaces.errors import DataError
from mnistfaces.evaluation.evaluate import Mistake
from mnistfaces.plots.figures import literal

COUNTED_CLASSES = 20
"""The largest number of classes with which every cell of a confusion matrix shows its count."""

DARK = 0.55
"""Cells that stand for a larger share than this are dark: their counts are white."""

DRAWN_MISTAKES = 100
COLUMNS = 10
TILE_INCHES = 1.35
HEAD_INCHES = 0.5


def confusion_figure(confusion: NDArray[np.int64], classes: Sequence[str], title: str) -> Figure:
    """Draws a confusion matrix: counts in the cells, shares of the true class as shades.

    Args:
        confusion: (C, C), true classes by row.
        classes: C names.
        title: of the model and the images.
    """
    count = len(classes)
    side = min(3.2 + 0.55 * count, 14)
    figure = Figure(figsize=(side + 1.2, side), layout="constrained")
    axes = figure.subplots()
    support = confusion.sum(axis=1, keepdims=True)
    shares = confusion / np.maximum(support, 1)
    drawn = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    upright = max(len(name) for name in classes) <= 2  # noqa: PLR2004  digits need no slant
    axes.set_xticks(range(count), [*map(literal, classes)])
    if not upright:
        axes.tick_params(axis="x", rotation=40)
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    axes.set_yticks(range(count), [*map(literal, classes)])
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    if count <= COUNTED_CLASSES:
        for row, column in np.argwhere(confusion):
            color = "white" if shares[row, column] > DARK else "black"
            axes.text(column, row, str(confusion[row, column]), ha="center", va="center", color=color)
    figure.colorbar(drawn, ax=axes, shrink=0.8).set_label("share of the true class's images")
    figure.suptitle(literal(title), fontsize=11)
    return figure


def mistakes_figure(mistakes: Sequence[Mistake], title: str) -> Figure:
    """Draws misclassified images, the surest first, each with its true class, the answer and its probability.

    Raises:
        DataError: they are features.
    """
    drawn = [mistake for mistake in mistakes if mistake.pixels is not None][:DRAWN_MISTAKES]
    if mistakes and not drawn:
        raise DataError("the model's inputs are features, not images: its mistakes go into a .csv, not on a sheet")
    columns = min(COLUMNS, len(drawn)) or 1
    rows = math.ceil(len(drawn) / columns) or 1
    width, height = TILE_INCHES * max(columns, 4), TILE_INCHES * 1.25 * rows + HEAD_INCHES
    figure = Figure(figsize=(width, height))  # a constrained layout of a hundred tiles takes seconds
    margins = {"left": 0.02, "right": 0.98, "bottom": 0.1 / height, "top": 1 - (HEAD_INCHES + 0.35) / height}
    grid = figure.subplots(rows, columns, squeeze=False, gridspec_kw={**margins, "hspace": 0.4, "wspace": 0.1})
    for axes in grid.flat:
        axes.axis("off")
    for axes, mistake in zip(grid.flat, drawn, strict=False):
        axes.imshow(mistake.pixels, cmap="gray", vmin=0, vmax=255)
        axes.set_title(
            literal(f"{_short(mistake.label)}\n→ {_short(mistake.predicted)} ({mistake.probability:.0%})"), fontsize=9
        )
    part = f": the {len(drawn)} that the model was surest of" if len(drawn) < len(mistakes) else ""
    what = f"{title}{part}\ntrue class → answer (probability)" if mistakes else title
    figure.suptitle(literal(what), fontsize=11, y=1 - 0.1 / height, va="top")
    return figure


def _short(name: str) -> str:
    """Returns what fits above a small image: the last word of a long name."""
    return name if len(name) <= COLUMNS else [name, *name.rsplit(maxsplit=1)][-1]
