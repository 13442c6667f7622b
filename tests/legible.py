"""What makes a figure legible, found by drawing it and measuring the boxes of its letters."""

import io
import itertools
from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from mnistfaces.plots.figures import SMALLEST, in_style

SLACK = 1.5
"""Pixels by which two boxes may meet: the room that letters leave within their box."""


def faults(figure: Figure) -> list[str]:
    """Returns in words what cannot be read: letters cut off, too small or upon each other; axes that repeat a word."""
    with in_style():
        FigureCanvasAgg(figure)
        figure.savefig(io.BytesIO(), format="png", dpi=100)
        boxes = [(text, text.get_window_extent()) for text in _shown(figure)]
        found = [f"cut off: {text.get_text()!r}" for text, box in boxes if not _holds(figure.bbox, box)]
        small = {text.get_text() for text, _ in boxes if text.get_fontsize() < SMALLEST}
        found += [f"smaller than {SMALLEST} points: {word!r}" for word in small]
        for (one, at), (other, there) in itertools.combinations(boxes, 2):
            if _share(at, there) and not _turned(one, other):
                found.append(f"upon each other: {one.get_text()!r} and {other.get_text()!r}")
        for axes in figure.axes:
            found += _axis_faults(axes)
    return found


def _shown(figure: Figure) -> list[Text]:
    """Returns all letters that are drawn: of ticks those within the limits, of hidden axes none."""
    hidden: set[int] = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            words = {id(text) for text in axis.findobj(Text)}
            drawn = set()
            if axes.get_visible() and axes.axison:
                ticks = axis._update_ticks()  # type: ignore[attr-defined]
                drawn = {id(axis.label), id(axis.offsetText), *(id(tick.label1) for tick in ticks)}
            hidden |= words - drawn
        hidden |= set() if axes.get_visible() else {id(text) for text in axes.findobj(Text)}
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return [text for text in texts if id(text) not in hidden]


def _holds(outer: Bbox, inner: Bbox) -> bool:
    return (
        inner.x0 >= outer.x0 - SLACK
        and inner.y0 >= outer.y0 - SLACK
        and inner.x1 <= outer.x1 + SLACK
        and inner.y1 <= outer.y1 + SLACK
    )


def _share(one: Bbox, other: Bbox) -> bool:
    shared = Bbox.intersection(one, other)
    return shared is not None and shared.width > SLACK and shared.height > SLACK


def _turned(one: Text, other: Text) -> bool:
    """Returns whether both stand at a slant: then their boxes meet where their letters do not."""
    return all(text.get_rotation() % 90 for text in (one, other))


def ticks(axis: Axis) -> list[str]:
    """Returns what stands beside an axis."""
    words = [tick.label1 for tick in axis._update_ticks()]  # type: ignore[attr-defined]
    return [word.get_text() for word in words if word.get_visible() and word.get_text()]


def _axis_faults(axes: Axes) -> Iterator[str]:
    for axis in (axes.xaxis, axes.yaxis):
        if not (axes.axison and axes.get_visible()):
            continue
        if axis.get_offset_text().get_text():
            yield f"an offset to be added to each number: {axis.get_offset_text().get_text()!r}"
        yield from (f"twice on one axis: {word!r}" for word in _repeated(ticks(axis)))


def _repeated(words: Sequence[str]) -> list[str]:
    return sorted({word for word in words if words.count(word) > 1})
