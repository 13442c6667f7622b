"""What a sweep's figure is drawn along: the options that vary among its cells, and where their values lie.

A cell is a row of a sweep's summary, as `mnf sweep` keeps it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mnistfaces.experiments.trials import OPTIONS

Row = Mapping[str, Any]
Scale = Literal["linear", "log", "symlog"]

TITLES = {
    "lr": "learning rate",
    "batch_size": "batch size (images)",
    "epochs": "epochs",
    "hidden": "hidden units",
    "train_per_class": "training images per class",
    "res": "resolution (pixels per side)",
}
"""What an axis is called, with its unit, where the option's own name is too short for it."""

SHORT, LONG = 3, 7
"""Significant digits below an axis."""

WIDE = 10.0
"""Positive values whose ratios are alike, or that differ by this factor, lie on a logarithmic axis."""


@dataclass(frozen=True, kw_only=True)
class Swept:
    """An option that varies.

    Attributes:
        name: of its field in the rows.
        values: each once; numbers in rising order, names as they come.
        places: where the values lie on an axis of numbers; None for names.
    """

    name: str
    values: tuple[Any, ...]
    places: tuple[float, ...] | None

    @property
    def title(self) -> str:
        """Returns the name of its axis."""
        return TITLES.get(self.name, OPTIONS[self.name].title)

    @property
    def labels(self) -> list[str]:
        """Returns its values in words: numbers by as many digits as tell them apart, all with an exponent or none."""
        words = [typed(self.name, value) for value in self.values]
        if not any(isinstance(value, float) for value in self.values):
            return words
        form = "e" if any("e" in word for word in words) else "g"
        rounded = [_rounded(value, digits, form) for digits in (SHORT, LONG) for value in self.values]
        short, long = rounded[: len(words)], rounded[len(words) :]
        return short if len(set(short)) == len(short) else long

    @property
    def scale(self) -> Scale:
        """Returns how its axis is spread: by ratio where the values are; a zero among them lies beside the others."""
        places = np.array(self.places or ())
        positive = places[places > 0]
        if len(positive) < 2 or places[0] < 0:  # noqa: PLR2004  there is no step
            return "linear"
        if len(positive) == 2:  # noqa: PLR2004  one step is even either way
            by_ratio = positive[1] >= WIDE * positive[0]
        else:
            by_ratio = _unevenness(np.log(positive)) < _unevenness(positive)
        return "linear" if not by_ratio else "log" if len(positive) == len(places) else "symlog"


def _unevenness(places: NDArray[np.float64]) -> float:
    steps = np.diff(places)
    return float(steps.std() / steps.mean())


def typed(name: str, value: object) -> str:
    """Returns an option's value as it is typed, an exponent without its zero."""
    word = OPTIONS[name].typed(value) or "none"
    return word.replace("e-0", "e-").replace("e+0", "e")


def _rounded(value: float, digits: int, form: str) -> str:
    """Returns a number with at most some significant digits, in the form `2.5e-4` or `0.00025`."""
    if form == "g" or not value:
        return f"{value:.{digits}g}"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def swept_options(cells: Sequence[Row]) -> list[Swept]:
    """Returns the options that vary; one that follows from a name, such as an optimizer's own momentum, does not."""
    known = [name for name in OPTIONS if all(name in cell for cell in cells)]  # earlier releases had fewer
    varying = [name for name in known if len({cell[name] for cell in cells}) > 1]
    kept: list[str] = []
    for name in sorted(varying, key=lambda name: OPTIONS[name].kind != "name"):
        if not any(_follows(name, other, cells) for other in kept if OPTIONS[other].kind == "name"):
            kept.append(name)
    return [_swept(name, cells) for name in varying if name in kept]


def _follows(option: str, name: str, cells: Sequence[Row]) -> bool:
    return len({(cell[name], cell[option]) for cell in cells}) == len({cell[name] for cell in cells})


def _swept(name: str, cells: Sequence[Row]) -> Swept:
    values = list(dict.fromkeys(cell[name] for cell in cells))
    places = {value: _place(name, value, cells) for value in values}
    if any(math.isnan(place) for place in places.values()):
        return Swept(name=name, values=tuple(values), places=None)
    values.sort(key=places.__getitem__)
    return Swept(name=name, values=tuple(values), places=tuple(places[value] for value in values))


def _place(name: str, value: object, cells: Sequence[Row]) -> float:
    """Returns where a value lies on the axis of its option; NaN for a name. All images are as many as there were."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    counted = [cell for cell in cells if cell["train_n"] is not None]
    images = [cell["train_n"] for cell in counted if cell[name] == value] or [cell["train_n"] for cell in counted]
    if value is not None or not images:
        return math.nan
    if name == "batch_size":
        return float(images[0])
    classes = [cell["train_n"] / cell[name] for cell in counted if name == "train_per_class" and cell[name]]
    return float(images[0] / classes[0]) if classes else math.nan


def label_of(cell: Row, options: Sequence[Swept]) -> str:
    """Returns what tells a cell from the others, names first; options that do not bear on it are left out."""
    if len(options) == 1:
        return typed(options[0].name, cell[options[0].name])
    names = [option.name for option in sorted(options, key=lambda option: OPTIONS[option.name].kind != "name")]
    return ", ".join(
        said(name, cell[name]) for name in names if cell[name] is not None or OPTIONS[name].declaration.word
    )


def said(name: str, value: object) -> str:
    """Returns a value with the name of its option, unless it is a name itself."""
    word = typed(name, value)
    return word if OPTIONS[name].kind == "name" else f"{OPTIONS[name].title} {word}"
