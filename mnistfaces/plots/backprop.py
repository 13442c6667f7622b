"""The figure of what a gradient costs in three ways: records in, Figure out.

N layers of K units.
"""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator

from mnistfaces.inspection.backprop import GradientCost, Growth, Method, Quantity
from mnistfaces.plots.colors import LIGHT
from mnistfaces.plots.figures import INK, plain_axes, set_title, styled
from mnistfaces.plots.ticks import short

LOOKS = {3: (LIGHT["fifth"], "o"), 4: (LIGHT["val"], "s"), 5: (LIGHT["train"], "^"), 6: (INK, "D")}
"""Colour and marker of each N that is drawn. Two layers have no hidden one, and nothing to save."""

WAYS: dict[Method, dict[str, Any]] = {
    "weight by weight": {"linestyle": "-"},
    "a pass per weight": {"linestyle": ":", "markerfacecolor": "white"},
    "back-propagation": {"linestyle": (0, (3, 1.5)), "markerfacecolor": "white"},
}
NAMES: dict[Quantity, str] = {
    "operations": "operations (multiplications and additions)",
    "seconds": "time (seconds, one core)",
}
TICKS = (2, 4, 8, 16, 32, 64)


@styled
def backprop_figure(costs: Sequence[GradientCost], growths: Sequence[Growth]) -> Figure:
    """Draws operations and seconds of a gradient against K, a line per method and N, all axes logarithmic.

    Args:
        costs: of all methods; three to six layers are drawn.
        growths: the fits to them, whose exponents of K are listed.
    """
    figure = Figure(figsize=(11, 6.2), layout="constrained")
    for axes, quantity in zip(figure.subplots(1, 2), NAMES, strict=True):
        axes.set(xscale="log", yscale="log", xlabel="units in a layer, K", ylabel=NAMES[quantity])
        axes.set_xticks(TICKS, [str(tick) for tick in TICKS])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
        for method in WAYS:
            for n in LOOKS:
                _draw_line(axes, [cost for cost in costs if (cost.method, cost.layers) == (method, n)], quantity)
        _write_exponents(axes, [growth for growth in growths if (growth.quantity, growth.law) == (quantity, "K^p")])
        plain_axes(axes)
    figure.legend(handles=_legend(), loc="outside lower center", ncols=4)
    set_title(figure, "One gradient of N layers of K units")
    return figure


def _draw_line(axes: Axes, costs: Sequence[GradientCost], quantity: Quantity) -> None:
    """Draws one method's costs at one N."""
    if not costs:
        return
    ordered = sorted(costs, key=lambda cost: cost.units)
    color, marker = LOOKS[costs[0].layers]
    axes.plot(
        [cost.units for cost in ordered],
        [getattr(cost, quantity) for cost in ordered],
        color=color,
        marker=marker,
        markersize=5.5,
        linewidth=1.5,
        **WAYS[costs[0].method],
    )


def _write_exponents(axes: Axes, growths: Sequence[Growth]) -> None:
    """Lists the fitted exponents, by N, in the corner that the lines leave free."""
    rows = []
    for n in LOOKS:
        fitted = {growth.method: growth.fitted for growth in growths if growth.fixed == n}
        if fitted:
            rows.append(f"N = {n}:  " + ", ".join(f"{fitted[method]:.2f}" for method in WAYS))
    if rows:
        box = {"facecolor": "white", "edgecolor": "none", "pad": 2}
        place: dict[str, Any] = {"transform": axes.transAxes, "ha": "right", "va": "bottom", "fontsize": 11}
        axes.text(0.99, 0.02, "\n".join(["exponents of K", *rows]), bbox=box, **place)


def _legend() -> list[Line2D]:
    """Returns an entry per method, then one per N."""
    return [
        *(Line2D([], [], color=INK, marker="o", label=method, **way) for method, way in WAYS.items()),
        *(
            Line2D([], [], color=color, marker=marker, linestyle="none", label=f"N = {n}")
            for n, (color, marker) in LOOKS.items()
        ),
    ]
