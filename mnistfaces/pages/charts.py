"""Charts of a page: inline SVG that takes the page's colours, in light, dark and print, and stays readable on a phone.

A chart is WIDTH units wide and at least as many pixels on a phone's screen, so its text keeps its size.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from mnistfaces.evaluation.calibration import Bin
from mnistfaces.pages.parts import number, shown

WIDTH, HEIGHT = 440, 270
LEFT, RIGHT, TOP, BOTTOM = 58, 20, 12, 44
DECADES = 200.0
"""An axis by powers of ten whose ends differ by more than this factor has no numbers between the powers."""

MOST_POINTS = 300
"""Points of a drawn curve: of longer ones the lowest and highest of every stretch are drawn."""

Column = Sequence[float | None]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A line of a chart.

    Attributes:
        name: in the key, as text.
        color: of the style, such as `--train`.
        x: (N,) where.
        y: (N,) values; the line is broken where there is none.
        dash: of the stroke, as SVG takes it; "" is a whole line.
    """

    name: str
    color: str
    x: Column
    y: Column
    dash: str = ""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """An axis: what it shows, from where to where, and whether by powers of ten."""

    title: str
    low: float
    high: float
    log: bool = False
    ticks: tuple[float, ...] = field(default=())

    def at(self, value: float) -> float:
        """Returns how far along the axis a value stands: 0 at its low end, 1 at its high end."""
        low, high, value = (
            (math.log(one) for one in (self.low, self.high, value))
            if self.log
            else (
                self.low,
                self.high,
                value,
            )
        )
        return (value - low) / (high - low)


def axis_over(
    values: Sequence[float], title: str, *, log: bool = False, ends: tuple[float, float] | None = None
) -> Axis:
    """Returns an axis that shows all of some values, with a little room, and round numbers on it."""
    low, high = ends or (min(values), max(values))
    if log:
        low, high = ends or (low / 1.1, high * 1.1)
        powers = _powers(low, high)  # within less than a factor of two there may be none
        return Axis(
            title=title, low=low, high=high, log=True, ticks=powers if len(powers) > 1 else _round_numbers(low, high)
        )
    if ends is None:
        room = 0.04 * (high - low) or 0.5
        low, high = low - room, high + room
    return Axis(title=title, low=low, high=high, ticks=_round_numbers(low, high))


def line_chart(curves: Sequence[Curve], x_title: str, y_title: str, *, log: bool = False, log_x: bool = False) -> str:
    """Returns curves over one axis; "" where none has a number. By powers of ten only where all are above zero."""
    stretched = [(curve, _stretches(curve)) for curve in curves]
    points = [point for _, stretches in stretched for stretch in stretches for point in stretch]
    if not points:
        return ""
    log = log and min(y for _, y in points) > 0
    places = [place for place, _ in points]
    x = axis_over(places, x_title, log=log_x and min(places) > 0, ends=_ends(places))
    if all(float(place).is_integer() for place in places):  # as epochs are: there is no half one
        x = replace(x, ticks=tuple(tick for tick in x.ticks if float(tick).is_integer()))
    y = axis_over([value for _, value in points], y_title, log=log)
    drawn = [(curve, [_thinned(stretch, x) for stretch in stretches]) for curve, stretches in stretched]
    lines = [
        f'<polyline style="color:var({curve.color})"{_dash(curve)} points="'
        + " ".join(f"{_x(x, at):.1f},{_y(y, value):.1f}" for at, value in stretch)
        + '"/>'
        for curve, stretches in drawn
        for stretch in stretches
    ]
    ends = "; ".join(f"{curve.name} ends at {number(stretches[-1][-1][1])}" for curve, stretches in drawn if stretches)
    return _chart(f"{y_title} by {x_title}: {ends}", _axes(x, y) + "".join(lines))


def key(curves: Sequence[Curve]) -> str:
    """Returns which line is which."""
    items = "".join(
        f'<li><svg viewBox="0 0 32 12" aria-hidden="true" style="color:var({curve.color})">'
        f'<line x1="0" y1="6" x2="32" y2="6" '
        f'stroke="currentColor" stroke-width="3"{_dash(curve)}/></svg>{shown(curve.name)}</li>'
        for curve in curves
    )
    return f'<ul class="key">{items}</ul>'


def reliability(bins: Sequence[Bin]) -> str:
    """Returns the share of right answers by the probability that they were given, with 95 % intervals and counts."""
    x = axis_over([0, 1], "probability that the answer was given", ends=(0, 1))
    y = axis_over([0, 1], "share that is right", ends=(0, 1))
    most = max(one.count for one in bins)
    marks = [_line((_x(x, 0), _y(y, 0)), (_x(x, 1), _y(y, 1)), 'class="axis" stroke-dasharray="5 4"')]
    for one in bins:
        across, up = _x(x, one.probability), _y(y, one.right)
        radius = 2.5 + 5 * math.sqrt(one.count / most)
        marks.append(
            _line((across, _y(y, one.low)), (across, _y(y, one.high)), 'stroke="var(--bar)" stroke-width="2"')
            + f'<circle cx="{across:.1f}" cy="{up:.1f}" r="{radius:.1f}" fill="var(--bar)"/>'
        )
    return _chart(
        "Share of right answers by their probability; the same numbers stand in the table", _axes(x, y) + "".join(marks)
    )


def _line(start: tuple[float, float], end: tuple[float, float], look: str) -> str:
    """Returns a line from one point to another."""
    return f'<line x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}" {look}/>'


def _x(axis: Axis, value: float) -> float:
    return LEFT + axis.at(value) * (WIDTH - LEFT - RIGHT)


def _y(axis: Axis, value: float) -> float:
    return HEIGHT - BOTTOM - axis.at(value) * (HEIGHT - TOP - BOTTOM)


def _chart(said: str, inside: str, height: float = HEIGHT) -> str:
    return f'<svg class="chart" viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{shown(said)}">{inside}</svg>'


def _axes(x: Axis, y: Axis) -> str:
    """Returns the lines, numbers and titles of two axes."""
    base, side = HEIGHT - BOTTOM, WIDTH - RIGHT
    rows = "".join(
        f'<line x1="{LEFT}" y1="{_y(y, tick):.1f}" x2="{side}" y2="{_y(y, tick):.1f}" class="grid"/>'
        f'<text x="{LEFT - 6}" y="{_y(y, tick) + 4:.1f}" text-anchor="end">{_label(tick, y)}</text>'
        for tick in y.ticks
    )
    columns = "".join(
        f'<text x="{_x(x, tick):.1f}" y="{base + 17}" text-anchor="middle">{_label(tick, x)}</text>' for tick in x.ticks
    )
    middle = (TOP + base) / 2
    return (
        f'{rows}{columns}<line x1="{LEFT}" y1="{base}" x2="{side}" y2="{base}" class="axis"/>'
        f'<text x="{(LEFT + side) / 2:g}" y="{HEIGHT - 6}" text-anchor="middle" class="quiet">{shown(x.title)}</text>'
        f'<text transform="translate(12 {middle:g}) rotate(-90)" text-anchor="middle" class="quiet">'
        f"{shown(y.title)}</text>"
    )


def _label(tick: float, axis: Axis) -> str:
    """Returns the number at a tick, with the digits that its distance to the next one needs."""
    if axis.log or len(axis.ticks) == 1:
        return number(tick, 3)
    step = axis.ticks[1] - axis.ticks[0]
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{tick:,.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _round_numbers(low: float, high: float, most: int = 5) -> tuple[float, ...]:
    """Returns at most so many multiples of 1, 2 or 5 times a power of ten between two ends."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(times * power for times in (1, 2, 5, 10) if times * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(place * step for place in range(first, last + 1))


def _powers(low: float, high: float) -> tuple[float, ...]:
    """Returns 1, 2 and 5 times the powers of ten between two ends, or the powers alone where these are many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1, 2, 5) if high / low <= DECADES else (1,)
    return tuple(value for power in powers for factor in factors if low <= (value := factor * 10.0**power) <= high)


def _ends(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _dash(curve: Curve) -> str:
    return f' stroke-dasharray="{curve.dash}"' if curve.dash else ""


def _stretches(curve: Curve) -> list[list[tuple[float, float]]]:
    """Returns the unbroken stretches of a curve as points."""
    stretches: list[list[tuple[float, float]]] = [[]]
    for x, y in zip(curve.x, curve.y, strict=True):
        if x is None or y is None:
            stretches.append([])
        else:
            stretches[-1].append((x, y))
    return [stretch for stretch in stretches if stretch]


def _thinned(points: list[tuple[float, float]], x: Axis) -> list[tuple[float, float]]:
    """Returns a stretch as few points: of many, the lowest and highest in every short piece of the axis."""
    if len(points) <= MOST_POINTS:
        return points
    kept = []
    for _, piece in itertools.groupby(points, key=lambda point: int(x.at(point[0]) * MOST_POINTS / 2)):
        few = list(piece)
        kept += sorted({min(few, key=lambda point: point[1]), max(few, key=lambda point: point[1])})
    return sorted({points[0], *kept, points[-1]})
