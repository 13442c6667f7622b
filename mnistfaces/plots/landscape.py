"""Figures of cost surfaces and of the paths across them: arrays in, Figure out."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mnistfaces.landscape import Box, DescentPath, Surface, Window, window
from mnistfaces.landscape.plane import Floats
from mnistfaces.plots.figures import literal

DRAWN_POINTS = 500
"""Grid points along an axis that a figure shows: more than its pixels could tell apart."""

PATH_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#a6761d", "#e41a1c", "#56b4e9", "#000000")
PATH_MARKERS = "os^DvXpd"
PATH_DASHES = ("-", "--", "-.", ":")

ZOOM_MARGIN = 0.15
NARROWEST = 0.25
"""Smallest ratio of a zoomed window's sides, so that a path along one axis still has a place to lie in."""

PALE = ListedColormap(colormaps["Greys"](np.linspace(0.03, 0.5, 256)), "pale")
"""A background on which colours and markers stand out, in grey as well."""


def contour_figure(surface: Surface, levels: int = 25) -> Figure:
    """Returns the surface in contours, with the trained point and the lowest grid point marked."""
    figure, axes = _canvas(surface)
    rows, columns = (slice(None, None, -(-count // DRAWN_POINTS)) for count in surface.loss.shape)
    drawn = Window(w1=surface.w1[columns], w2=surface.w2[rows], loss=surface.loss[rows, columns])
    _draw_contours(axes, drawn, levels, _unit(surface))
    _mark_points(axes, surface)
    axes.set_title(literal(f"Cost over two weights: {surface.pair.title}\n{_data(surface)}"), fontsize=11)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return figure


def paths_figure(surface: Surface, paths: Sequence[DescentPath], *, levels: int = 25, box: Box | None = None) -> Figure:
    """Returns descent paths over the contours, every step marked, an arrow on the way.

    Args:
        surface: what they descend on.
        paths: at most eight are told apart by colour and marker both.
        levels: how many contour levels the window shows.
        box: the window; None shows all steps of all paths.
    """
    figure, axes = _canvas(surface, len(paths))
    left, right, bottom, top = box or zoom_box(paths)
    drawn = window(surface, (left, right), (bottom, top), DRAWN_POINTS // 2)
    _draw_contours(axes, drawn, levels, _unit(surface), pale=True)
    for number, path in enumerate(paths):
        _draw_path(axes, path, number)
    ring: dict[str, Any] = {"markersize": 13, "markerfacecolor": "none", "color": "black", "zorder": 6}
    axes.plot(*paths[0].points[0], "o", label="start", **ring)
    _mark_points(axes, surface)
    axes.set(xlim=(left, right), ylim=(bottom, top))
    steps, mode = paths[0].descent.steps, paths[0].mode
    title = f"{steps} steps of descent ({mode}): {surface.pair.title}\n{_data(surface)}"
    axes.set_title(literal(title), fontsize=11)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return figure


def zoom_box(paths: Sequence[DescentPath]) -> Box:
    """Returns the window that shows all finite points of some paths, with a margin."""
    points = np.concatenate([path.points for path in paths])
    points = points[np.isfinite(points).all(axis=1)]
    low, high = points.min(axis=0), points.max(axis=0)
    middle, size = (low + high) / 2, high - low
    widest = float(size.max()) or 1.0  # a path that never moves still lies in a window
    half = np.maximum(size, widest * NARROWEST) * (0.5 + ZOOM_MARGIN)
    (left, bottom), (right, top) = (middle - half).tolist(), (middle + half).tolist()
    return left, right, bottom, top


def _canvas(surface: Surface, entries: int = 2) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7.6, 6.2 + 0.13 * entries), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(literal(f"weight of {surface.pair.first.title}"))
    axes.set_ylabel(literal(f"weight of {surface.pair.second.title}"))
    return figure, axes


def _draw_contours(axes: Axes, drawn: Window, levels: int, unit: str, *, pale: bool = False) -> None:
    lowest, highest = float(drawn.loss.min()), float(drawn.loss.max())
    if highest - lowest <= 1e-12 * max(abs(highest), 1.0):
        axes.set_facecolor("0.9")
        axes.text(0.5, 0.9, f"flat: {lowest:.6g} nats everywhere", transform=axes.transAxes, ha="center")
        axes.set(xlim=(drawn.w1[0], drawn.w1[-1]), ylim=(drawn.w2[0], drawn.w2[-1]))
        return
    heights = np.linspace(lowest, highest, levels + 1)
    colors = PALE if pale else colormaps["viridis"]
    filled = axes.contourf(drawn.w1, drawn.w2, drawn.loss, levels=heights, cmap=colors)
    axes.contour(drawn.w1, drawn.w2, drawn.loss, levels=heights, colors="0.25" if pale else "white", linewidths=0.4)
    bar = axes.figure.colorbar(filled, ax=axes, shrink=0.9)
    bar.locator = MaxNLocator(8)
    bar.update_ticks()
    bar.set_label(f"cost ({unit}), {levels} levels")


def _mark_points(axes: Axes, surface: Surface) -> None:
    loss, w1, w2 = surface.minimum()
    style: dict[str, Any] = {"linestyle": "none", "markeredgecolor": "black", "zorder": 5, "clip_on": True}
    if not surface.plane.is_flat:
        axes.plot(w1, w2, "*", markersize=15, color="white", label=f"minimum of the grid: {loss:.6g} nats", **style)
    label = f"trained: {surface.trained_loss:.6g} nats"
    axes.plot(*surface.trained, "P", markersize=10, color="#ffd24d", label=label, **style)


def _draw_path(axes: Axes, path: DescentPath, number: int) -> None:
    color = PATH_COLORS[number % len(PATH_COLORS)]
    look = number + number // len(PATH_COLORS)  # where colours come again, they come with other marks and dashes
    descent = path.descent
    beta = f"momentum {descent.momentum:g}" if descent.momentum else "vanilla"
    setting = {"gd": beta, "nesterov": f"nesterov {descent.momentum:g}"}.get(descent.optimizer, descent.optimizer)
    away = f", {path.distance[-1]:.3g} off the plane" if path.mode == "projected" else ""
    axes.plot(
        *path.points.T,
        color=color,
        linestyle=PATH_DASHES[look % len(PATH_DASHES)],
        linewidth=1.6,
        marker=PATH_MARKERS[look % len(PATH_MARKERS)],
        markersize=5,
        markeredgecolor="white",
        markeredgewidth=0.5,
        label=f"lr {descent.lr:g}, {setting}: ends at {path.loss[-1]:.6g} nats{away}",
        zorder=4,
    )
    axes.plot(*path.points.T, color="white", linewidth=3.2, zorder=3)
    shape = PATH_MARKERS[look % len(PATH_MARKERS)]
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
