"""The figure of a plan: what more images, seeds and folds buy."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from mnistfaces.plots.figures import plain_axes

STYLES = ("-", "--", "-.", ":")
MARKERS = "osD^vPX*"
GOOD_POWER = 80


def plan_figure(rows: Sequence[Mapping[str, Any]], difference: float) -> Figure:
    """Draws the width of an interval and the power to find a difference by the number of test images.

    Args:
        rows: of `mnf plan`; a line for each number of seeds or folds.
        difference: that is to be found.
    """
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    width, power = figure.subplots(1, 2)
    styles = cycle(STYLES)
    for number, (seeds, folds) in enumerate(dict.fromkeys((row["seeds"], row["folds"]) for row in rows)):
        chosen = [row for row in rows if (row["seeds"], row["folds"]) == (seeds, folds)]
        images = [row["images"] for row in chosen]
        label = f"{folds} folds" if folds else "1 seed (two models)" if seeds == 1 else f"{seeds} seeds"
        look = {"label": label, "linestyle": next(styles), "marker": MARKERS[number % len(MARKERS)], "markersize": 5}
        width.plot(images, [100 * row["width"] for row in chosen], **look)
        power.plot(images, [100 * row["power"] for row in chosen], **look)
    width.set(ylabel="width of one model's 95 % interval (points)", yscale="log")
    width.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    width.yaxis.set_minor_formatter(StrMethodFormatter("{x:g}"))
    power.set(ylabel=f"chance to tell {100 * difference:g} points apart (%)", ylim=(0, 102))
    power.axhline(GOOD_POWER, color="0.6", linewidth=1, zorder=0)
    for axes in (width, power):
        axes.set(xlabel="test images", xscale="log")
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        plain_axes(axes)
    power.legend(frameon=False, fontsize=9)
    figure.suptitle(f"Telling two models apart that differ by {100 * difference:g} points", fontsize=11)
    return figure
