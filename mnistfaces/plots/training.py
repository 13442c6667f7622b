"""Figures of training: arrays in, a matplotlib Figure out, a file if asked.

Every figure is drawn without a window and saved at a size that stays readable at half of it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mnistfaces.experiments.history import lowest_val_loss
from mnistfaces.plots.colors import LIGHT
from mnistfaces.plots.figures import plain_axes, set_title, styled
from mnistfaces.plots.profile import SIDES
from mnistfaces.plots.sheet import Tile, best_columns, draw_sheet
from mnistfaces.plots.ticks import mark_counts, mark_evenly, scale_costs

Column = Sequence[float | None]

PERCENT = 100
SETTLED = 0.1
"""The share of the epochs after which a curve's beginning no longer decides how far its axis reaches down."""

MOST_COLUMNS, SMALL_INCHES = 10, 1.0
"""Of a sheet of one image per class."""

ROOM = 0.05
"""Of the range of an axis, left free at its ends."""


@styled
def learning_curve(history: Mapping[str, Column], title: str) -> Figure:
    """Draws mean cost and accuracy of the three sets by epoch, and where the validation cost was lowest.

    Args:
        history: columns `epoch`, `train_loss`, ..., `test_accuracy`; None where there is no number.
        title: what was trained.
    """
    figure = Figure(figsize=(10, 4.8), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    epochs = _floats(history["epoch"])
    for axes, what, factor in ((loss, "loss", 1), (accuracy, "accuracy", PERCENT)):
        sides = {side: factor * _floats(history[f"{side}_{what}"]) for side in SIDES}
        for side, values in sides.items():
            name, dashes, _ = SIDES[side]
            if np.isfinite(values).any():
                axes.plot(epochs, values, dashes, color=LIGHT[side], label=name)
        drawn = np.stack(list(sides.values()))
        if what == "loss":
            scale_costs(axes, drawn)
        else:
            axes.set_ylim(*_limits(drawn, epochs))
            mark_evenly(axes.yaxis)
        axes.set_xlabel("epoch")
        axes.set_xlim(*_with_room(0.0, float(epochs[-1])))
        mark_counts(axes.xaxis)
        plain_axes(axes)
    loss.set_ylabel("mean cost (nats per image)")
    accuracy.set_ylabel("accuracy (% of images)")
    _mark_lowest((loss, accuracy), history)
    figure.legend(handles=loss.get_legend_handles_labels()[0], loc="outside lower center", ncols=4)
    set_title(figure, title)
    return figure


def _mark_lowest(panels: Sequence[Axes], history: Mapping[str, Column]) -> None:
    """Marks the epoch with the lowest validation cost, where an early stop would have ended."""
    epoch = lowest_val_loss(history)
    if epoch is None:
        return
    for axes in panels:
        mark: dict[str, Any] = {"color": LIGHT["mark"], "linewidth": 7, "alpha": 0.7, "zorder": 0}
        axes.axvline(epoch, label=f"lowest validation cost (epoch {epoch:,})", **mark)


def _limits(values: NDArray[Any], epochs: NDArray[Any]) -> tuple[float, float]:
    """Returns the ends of an axis that shows every value but those of a steep beginning.

    Args:
        values: (sets, epochs) accuracies in percent, NaN where there is none.
        epochs: at which they were measured.
    """
    if not np.isfinite(values).any():
        return 0.0, float(PERCENT)
    settled = values[:, epochs >= SETTLED * epochs[-1]]
    seen = settled if np.isfinite(settled).any() else values
    low, high = float(np.nanmin(seen)), float(np.nanmax(values))
    return _with_room(low, high)


def _with_room(low: float, high: float) -> tuple[float, float]:
    room = ROOM * max(high - low, 1.0)
    return low - room, high + room


@styled
def class_sheet(images: Sequence[tuple[str, NDArray[Any]]]) -> Figure:
    """Returns one image of each class below its caption: (H, W) or (H, W, 3) uint8, or floats that are scaled."""
    tiles = [Tile(pixels=pixels, caption=caption, look=_look(pixels)) for caption, pixels in images]
    return draw_sheet(tiles, "", columns=best_columns(len(tiles), 1, MOST_COLUMNS), side=SMALL_INCHES)


def _look(pixels: NDArray[Any]) -> Mapping[str, Any]:
    return {"cmap": "gray"} | ({"vmin": 0, "vmax": 255} if pixels.dtype == np.uint8 else {})


def _floats(column: Column) -> NDArray[Any]:
    return np.array([np.nan if value is None else value for value in column])
