"""Curves in a line of text, for the bar of a training."""

import itertools
import math
from collections.abc import Mapping, Sequence

LEVELS = "▁▂▃▄▅▆▇█"
NARROWEST, WIDEST = 6, 24
"""Characters of a curve: fewer show nothing, more say no more."""


def sparkline(values: Sequence[float], width: int) -> str:
    """Returns positive values as bars, at most `width` of them, the highest the largest on a logarithmic scale.

    Of more values than that, each bar shows the last of its share, so the right end is the newest. Zeros have the
    lowest bar, and numbers that are not finite the highest.
    """
    shown = values
    if len(values) > width:
        shown = [values[(place + 1) * len(values) // width - 1] for place in range(width)]
    logs = [math.log(value) if 0 < value < math.inf else None for value in shown]
    known = [log for log in logs if log is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    top = len(LEVELS) - 1

    def level(value: float, log: float | None) -> int:
        if log is None:
            return 0 if value <= 0 else top
        return round(top * (log - low) / (high - low)) if high > low else 0

    return "".join(LEVELS[level(value, log)] for value, log in zip(shown, logs, strict=True))


def drawn(curves: Mapping[str, Sequence[float]], room: int) -> str:
    """Returns curves with their names and newest values, as many of the first as have room; "" if none has.

    Args:
        curves: values by the name of the curve.
        room: characters that they may take together.
    """
    known = {name: values for name, values in curves.items() if values}
    for count in range(len(known), 0, -1):
        chosen = dict(itertools.islice(known.items(), count))
        words = {name: f"{name}  {values[-1]:.3g}" for name, values in chosen.items()}
        left = room - sum(map(len, words.values())) - 2 * (count - 1)
        width = min(WIDEST, left // count)
        if width >= NARROWEST:
            return "  ".join(f"{name} {sparkline(values, width)} {values[-1]:.3g}" for name, values in chosen.items())
    return ""
