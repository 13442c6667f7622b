"""Figures of cost surfaces and of the paths across them: arrays in, Figure out."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure

from mnistfaces.landscape import Box, Descent, DescentPath, Surface, Window, window
from mnistfaces.landscape.plane import Floats
from mnistfaces.plots.colors import LIGHT, MARKERS, PATHS, PATTERNS
from mnistfaces.plots.figures import set_title, styled, wrapped
from mnistfaces.plots.ticks import mark_evenly, short

DRAWN_POINTS = 500
"""Grid points along an axis that a figure shows: more than its pixels could tell apart."""

ZOOM_MARGIN = 0.15
NARROWEST = 0.25
"""Smallest ratio of a zoomed window's sides, so that a path along one axis still has a place to lie in."""

SMALLEST_WINDOW = 0.02
"""Smallest ratio of a zoomed window to the surface: a path that is shorter than that stands still, and is seen to."""

STAR = "#fefefe"
"""White on a dark page, too."""

CANVAS_INCHES = (5.6, 5.0)
"""About the width and height of the axes."""

WIDE_ENTRY = 42
"""Letters of a legend's entry that leave no room for one beside it."""

MOST_HEIGHTS = 9
"""Heights that are written beside the bar."""

PALE = ListedColormap(colormaps["Greys"](np.linspace(0.03, 0.5, 256)), "pale")
"""A background on which colours and markers stand out, in grey as well."""


@styled
def contour_figure(surface: Surface, levels: int = 25) -> Figure:
    """Returns the surface in contours, with the trained point and the lowest grid point marked."""
    figure, axes = _canvas(surface)
    rows, columns = (slice(None, None, -(-count // DRAWN_POINTS)) for count in surface.loss.shape)
    drawn = Window(w1=surface.w1[columns], w2=surface.w2[rows], loss=surface.loss[rows, columns])
    _draw_contours(axes, drawn, levels, _unit(surface))
    _mark_points(axes, surface)
    _finish(figure, axes, f"Cost over two weights: {surface.pair.title}\n{_data(surface)}")
    return figure


@styled
def paths_figure(surface: Surface, paths: Sequence[DescentPath], *, levels: int = 25, box: Box | None = None) -> Figure:
    """Returns descent paths over the contours, every step marked, an arrow on the way.

    Args:
        surface: what they descend on.
        paths: at most eight are told apart by colour and marker both.
        levels: how many contour levels the window shows.
        box: the window; None shows all steps of all paths.
    """
    figure, axes = _canvas(surface, len(paths))
    left, right, bottom, top = box or zoom_box(paths, surface)
    drawn = window(surface, (left, right), (bottom, top), DRAWN_POINTS // 2)
    _draw_contours(axes, drawn, levels, _unit(surface), pale=True)
    colors = path_colors([path.descent for path in paths])
    for number, (path, color) in enumerate(zip(paths, colors, strict=True)):
        # a colour that comes again comes with another mark and other dashes
        _draw_path(axes, path, LIGHT[color], PATHS.index(color) + colors[:number].count(color))
    ring: dict[str, Any] = {"markersize": 13, "markerfacecolor": "none", "color": LIGHT["ink"], "zorder": 6}
    axes.plot(*paths[0].points[0], "o", label="start", **ring)
    _mark_points(axes, surface, (left, right, bottom, top))
    axes.set(xlim=(left, right), ylim=(bottom, top))
    steps, mode = paths[0].descent.steps, paths[0].mode
    _finish(figure, axes, f"{steps} steps of descent ({mode}): {surface.pair.title}\n{_data(surface)}")
    return figure


def path_colors(descents: Sequence[Descent]) -> list[str]:
    """Returns the name of each descent's colour: the first vanilla one and the first with momentum have their own."""
    free = list(PATHS[2:])
    own = {"vanilla": True, "momentum": True}
    names = []
    for number, descent in enumerate(descents):
        kind = "momentum" if descent.momentum else "vanilla" if descent.optimizer == "gd" else ""
        if own.get(kind):
            own[kind] = False
            names.append(kind)
        else:
            names.append(free.pop(0) if free else PATHS[number % len(PATHS)])
    return names


def zoom_box(paths: Sequence[DescentPath], surface: Surface) -> Box:
    """Returns the window that shows all finite points of some paths, with a margin."""
    points = np.concatenate([path.points for path in paths])
    points = points[np.isfinite(points).all(axis=1)]
    low, high = points.min(axis=0), points.max(axis=0)
    middle, size = (low + high) / 2, high - low
    left, right, bottom, top = surface.box()
    least = SMALLEST_WINDOW * (max(right - left, top - bottom) or 1.0)
    half = np.maximum(size, max(float(size.max()) * NARROWEST, least)) * (0.5 + ZOOM_MARGIN)
    (left, bottom), (right, top) = (middle - half).tolist(), (middle + half).tolist()
    return left, right, bottom, top


def _canvas(surface: Surface, entries: int = 2) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8.4, 7.2 + 0.24 * max(0, entries - 2)), layout="constrained")
    axes = figure.add_subplot()
    width, height = CANVAS_INCHES
    axes.set_xlabel(wrapped(f"weight of {surface.pair.first.title}", width))
    axes.set_ylabel(wrapped(f"weight of {surface.pair.second.title}", height))
    mark_evenly(axes.xaxis)
    mark_evenly(axes.yaxis)
    return figure, axes


def _finish(figure: Figure, axes: Axes, title: str) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=1 if max(map(len, labels)) > WIDE_ENTRY else 2)
    set_title(figure, title)


def _draw_contours(axes: Axes, drawn: Window, levels: int, unit: str, *, pale: bool = False) -> None:
    """Draws the surface by levels between which equal areas lie, so that a valley has as many as its slopes."""
    lowest, highest = float(drawn.loss.min()), float(drawn.loss.max())
    if highest - lowest <= 1e-12 * max(abs(highest), 1.0):
        axes.set_facecolor("0.93")
        axes.text(0.5, 0.9, f"flat: {lowest:.6g} {unit} everywhere", transform=axes.transAxes, ha="center")
        axes.set(xlim=_ends(drawn.w1), ylim=_ends(drawn.w2))
        return
    above = drawn.loss - lowest
    heights = _heights(above, levels)
    norm = BoundaryNorm(heights, 256)
    colors = PALE if pale else colormaps["viridis"]
    filled = axes.contourf(drawn.w1, drawn.w2, above, levels=heights, cmap=colors, norm=norm)
    line: dict[str, Any] = {"colors": "0.3" if pale else "white", "linewidths": 0.5}
    lines = axes.contour(drawn.w1, drawn.w2, above, levels=heights[1:-1], **line)
    for drawing in (filled, lines):
        drawing.set_rasterized(True)  # a megabyte of outlines otherwise
    bar = axes.figure.colorbar(filled, ax=axes, shrink=0.9, spacing="uniform")
    shown = heights[np.linspace(0, len(heights) - 1, min(len(heights), MOST_HEIGHTS)).round().astype(int)]
    bar.set_ticks(shown.tolist(), labels=[short(height) for height in shown.tolist()])
    bar.minorticks_off()
    bar.set_label(f"cost ({unit}) above {lowest:.6g}, {levels} levels of equal area")


def _heights(above: Floats, levels: int) -> Floats:
    """Returns the edges of levels, by quantiles of the heights above the lowest point, in three digits if possible."""
    edges = np.unique(np.quantile(above, np.linspace(0, 1, levels + 1)))
    if len(edges) <= levels:  # much of it is at one height
        return np.linspace(0, float(above.max()), levels + 1)
    rounded = np.array([0.0, *(float(f"{edge:.3g}") for edge in edges[1:-1].tolist()), edges[-1]])
    return rounded if (np.diff(rounded) > 0).all() else edges


def _ends(axis: Floats) -> tuple[float, float]:
    """Returns the ends of an axis; one of a single point is given some width."""
    low, high = float(axis[0]), float(axis[-1])
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _mark_points(axes: Axes, surface: Surface, box: Box | None = None) -> None:
    """Marks where the grid is lowest and where the weights were trained to; the legend says if beyond a window."""
    loss, w1, w2 = surface.minimum()
    style: dict[str, Any] = {"linestyle": "none", "markeredgecolor": "black", "zorder": 5, "clip_on": True}
    if not surface.plane.is_flat:
        label = f"minimum of the grid: {loss:.6g} nats{_beyond(box, w1, w2)}"
        axes.plot(w1, w2, "*", markersize=15, color=STAR, label=label, **style)
    label = f"trained: {surface.trained_loss:.6g} nats{_beyond(box, *surface.trained)}"
    axes.plot(*surface.trained, "P", markersize=10, color=LIGHT["mark"], label=label, **style)


def _beyond(box: Box | None, w1: float, w2: float) -> str:
    if box is None:
        return ""
    left, right, bottom, top = box
    return "" if left <= w1 <= right and bottom <= w2 <= top else ", beyond this window"


def _draw_path(axes: Axes, path: DescentPath, color: str, look: int) -> None:
    descent = path.descent
    beta = f"momentum {descent.momentum:g}" if descent.momentum else "vanilla"
    setting = {"gd": beta, "nesterov": f"nesterov {descent.momentum:g}"}.get(descent.optimizer, descent.optimizer)
    away = f", {path.distance[-1]:.3g} off the plane" if path.mode == "projected" else ""
    axes.plot(
        *path.points.T,
        color=color,
        linestyle=PATTERNS[look % len(PATTERNS)],
        linewidth=1.6,
        marker=MARKERS[look % len(MARKERS)],
        markersize=5,
        markeredgecolor="white",
        markeredgewidth=0.5,
        label=f"lr {descent.lr:g}, {setting}: ends at {path.loss[-1]:.6g} nats{away}",
        zorder=4,
    )
    axes.plot(*path.points.T, color="white", linewidth=3.2, zorder=3)
    shape = MARKERS[look % len(MARKERS)]
    axes.plot(*path.points[-1], shape, color=color, markeredgecolor="black", markersize=9, zorder=6)
    for tail, head in _arrows(path.points):
        arrow = {"arrowstyle": "-|>", "color": color, "mutation_scale": 18, "linewidth": 0, "zorder": 5}
        axes.annotate("", head, tail, arrowprops=arrow)


def _arrows(points: Floats) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Returns the steps on which an arrow tells the direction: those that pass half and 85 % of the way."""
    points = points[np.isfinite(points).all(axis=1)]
    lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
    if not lengths.sum() > 0:
        return []
    way = np.cumsum(lengths) / lengths.sum()
    steps = {int(np.searchsorted(way, part)) for part in (0.5, 0.85)}
    places = [(float(w1), float(w2)) for w1, w2 in points]
    return [(places[step], places[step + 1]) for step in sorted(steps)]


def _unit(surface: Surface) -> str:
    return "nats per image" if surface.reduction == "mean" else "nats"


def _data(surface: Surface) -> str:
    name = f"{surface.origin.dataset}, " if surface.origin.dataset else ""
    return f"{name}{surface.plane.images:,} images"
