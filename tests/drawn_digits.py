"""Ten digits as strokes, from nobody's data: lines and arcs in a square of 1, as a person would draw them."""

import math

Point = tuple[float, float]
Stroke = list[Point]


def arc(*ellipse: float, count: int = 16) -> Stroke:
    """Returns a part of an ellipse: middle, radii, first and last angle in degrees, clockwise from the right."""
    x, y, across, down, start, end = ellipse
    angles = [math.radians(start + (end - start) * n / (count - 1)) for n in range(count)]
    return [(x + across * math.cos(angle), y + down * math.sin(angle)) for angle in angles]


DIGITS: dict[str, list[Stroke]] = {
    "0": [arc(0.5, 0.5, 0.3, 0.45, -90, 270, count=22)],
    "1": [[(0.42, 0.2), (0.55, 0.05), (0.5, 0.95)]],
    "2": [[*arc(0.5, 0.28, 0.28, 0.24, 190, 380), (0.62, 0.58), (0.24, 0.94), (0.8, 0.92)]],
    "3": [[*arc(0.45, 0.28, 0.26, 0.22, 200, 440), *arc(0.45, 0.72, 0.3, 0.24, -85, 160)]],
    "4": [[(0.35, 0.05), (0.22, 0.55), (0.8, 0.53)], [(0.68, 0.2), (0.6, 0.97)]],
    "5": [[(0.76, 0.07), (0.34, 0.08), (0.3, 0.45), *arc(0.48, 0.68, 0.28, 0.25, -110, 150)]],
    "6": [[(0.62, 0.04), (0.4, 0.3), (0.3, 0.62), *arc(0.5, 0.73, 0.21, 0.2, 180, 540)]],
    "7": [[(0.22, 0.1), (0.78, 0.09), (0.58, 0.5), (0.45, 0.95)]],
    "8": [
        [*arc(0.5, 0.27, 0.2, 0.2, 45, -225, count=16), *arc(0.5, 0.71, 0.24, 0.22, -45, 230, count=18), (0.64, 0.41)]
    ],
    "9": [[*arc(0.5, 0.3, 0.22, 0.22, -20, -350, count=18), (0.7, 0.3), (0.66, 0.65), (0.6, 0.97)]],
}


def placed(stroke: Stroke, left: float, top: float, size: float) -> Stroke:
    """Returns a stroke moved and scaled, in parts of the pad."""
    return [(left + size * x, top + size * y) for x, y in stroke]
