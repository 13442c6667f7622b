"""The figure of a plan: what more images, seeds and folds buy."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from mnistfaces.plots.colors import LIGHT, MARKERS, PATHS, PATTERNS
from mnistfaces.plots.figures import plain_axes, set_title, styled
from mnistfaces.plots.ticks import mark_evenly, scale_costs

GOOD_POWER = 80


@styled
def plan_figure(rows: Sequence[Mapping[str, Any]], difference: float) -> Figure:
    """Draws the width of an interval and the power to find a difference by the number of test images.

    Args:
        rows: of `mnf plan`; a line for each number of seeds or folds.
        difference: that is to be found.
    """
    figure = Figure(figsize=(11, 5.4), layout="constrained")
    width, power = figure.subplots(1, 2)
    styles, colors = cycle(PATTERNS), cycle(PATHS)
    for number, (seeds, folds) in enumerate(dict.fromkeys((row["seeds"], row["folds"]) for row in rows)):
        chosen = [row for row in rows if (row["seeds"], row["folds"]) == (seeds, folds)]
        images = [row["images"] for row in chosen]
        label = f"{folds} folds" if folds else "1 seed (two models)" if seeds == 1 else f"{seeds} seeds"
        look: dict[str, Any] = {"label": label, "linestyle": next(styles), "color": LIGHT[next(colors)]}
        look |= {"marker": MARKERS[number % len(MARKERS)], "markersize": 6}
        width.plot(images, [100 * row["width"] for row in chosen], **look)
        power.plot(images, [100 * row["power"] for row in chosen], **look)
    width.set(ylabel="width of one model's 95 % interval (points)")
    scale_costs(width, 100 * np.array([row["width"] for row in rows]))
    power.set(ylabel=f"chance to tell {100 * difference:g} points apart (%)", ylim=(0, 102))
    power.axhline(GOOD_POWER, color="0.6", linewidth=1, zorder=0)
    for axes in (width, power):
        axes.set(xlabel="test images", xscale="log")
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        plain_axes(axes)
    mark_evenly(power.yaxis)
    figure.legend(handles=power.get_legend_handles_labels()[0], loc="outside lower center", ncols=4)
    set_title(figure, f"Telling two models apart that differ by {100 * difference:g} points")
    return figure
