"""The two weights that a surface is drawn over, by name and by number, and the axes along which they move."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnistfaces.datasets.base import class_number
from mnistfaces.errors import DataError, UsageError

MOST_POINTS = 100_000_000
"""Points of the largest surface: 800 MB of float64."""

DIGITS_OF_A_STEP = 6
MOST_DECIMALS = 15


@dataclass(frozen=True, kw_only=True)
class Weight:
    """One weight of a model's layer: from one input into one class.

    Attributes:
        class_number: row of the weight matrix.
        class_name: what that class is called.
        position: (row, column) of the pixel, or whatever axes one input has.
        index: the same position as a column of the weight matrix.
    """

    class_number: int
    class_name: str
    position: tuple[int, ...]
    index: int

    @property
    def name(self) -> str:
        """The weight as it is typed: `CLASS,ROW,COLUMN`."""
        return ",".join([self.class_name, *map(str, self.position)])

    @property
    def title(self) -> str:
        """The weight in words, for axes and titles."""
        place = ", ".join(map(str, self.position))
        return f"pixel ({place}) into class {self.class_name}"


def parse_weight(text: str, classes: tuple[str, ...], shape: tuple[int, ...]) -> Weight:
    """Returns the weight called `CLASS,ROW,COLUMN`.

    Args:
        text: as typed.
        classes: C names, in class order.
        shape: of one input; it has as many numbers as `text` has after the class.

    Raises:
        UsageError: `text` is no such name.
        DataError: the model has no such class, or the input no such pixel.
    """
    name, *places = text.split(",")
    if len(places) != len(shape) or not all(place.strip().isdecimal() for place in places):
        wanted = "CLASS,ROW,COLUMN" if len(shape) == 2 else ",".join(["CLASS", *["INDEX"] * len(shape)])  # noqa: PLR2004
        raise UsageError(f"--weight {text!r} is not {wanted}, as in {classes[0]},{','.join('0' for _ in shape)}")
    number = class_number(classes, name)
    position = tuple(int(place) for place in places)
    if any(place >= size for place, size in zip(position, shape, strict=True)):
        size = " x ".join(map(str, shape))
        raise DataError(f"--weight {text}: the inputs are {size}, so the last position is {_last(shape)}")
    return Weight(
        class_number=number,
        class_name=classes[number],
        position=position,
        index=int(np.ravel_multi_index(position, shape)),
    )


def _last(shape: tuple[int, ...]) -> str:
    return ",".join(str(size - 1) for size in shape)


@dataclass(frozen=True)
class Pair:
    """Two different weights of one layer.

    Raises:
        UsageError: they are the same weight.
    """

    first: Weight
    second: Weight

    def __post_init__(self) -> None:
        """Raises UsageError when there is only one weight."""
        if (self.first.class_number, self.first.index) == (self.second.class_number, self.second.index):
            raise UsageError(f"--weight {self.first.name} is given twice: a surface needs two different weights")

    @property
    def classes(self) -> list[int]:
        """Their rows in the weight matrix."""
        return [self.first.class_number, self.second.class_number]

    @property
    def inputs(self) -> list[int]:
        """Their columns in the weight matrix."""
        return [self.first.index, self.second.index]

    @property
    def title(self) -> str:
        """Both weights in words."""
        places = [f"({', '.join(map(str, weight.position))})" for weight in (self.first, self.second)]
        if self.classes[0] == self.classes[1]:
            return f"class {self.first.class_name}, pixels {places[0]} and {places[1]}"
        return f"{self.first.title}, {self.second.title}"


@dataclass(frozen=True)
class Axis:
    """The values of one weight: from `low` in steps of `step`, leaving out `high`, as `numpy.arange` does.

    Raises:
        UsageError: the range is empty, inverted or not finite.
    """

    low: float = -10.0
    high: float = 10.0
    step: float = 0.01

    def __post_init__(self) -> None:
        """Raises UsageError for a range without points."""
        if not all(map(math.isfinite, (self.low, self.high, self.step))):
            raise UsageError("--range and --step must be finite numbers")
        if self.step <= 0:
            raise UsageError(f"--step must be positive, not {self.step:g}")
        if self.low >= self.high:
            raise UsageError(f"--range {self.low:g},{self.high:g} is empty: the lower end comes first")
        if (self.high - self.low) / self.step > MOST_POINTS:
            raise UsageError(
                f"--range {self.low:g},{self.high:g} --step {self.step:g} has more than 10^8 points: widen --step"
            )

        largest = max(abs(self.low), abs(self.high))
        if self.step < largest * 1e-12:
            raise UsageError(f"--step {self.step:g} is too small for numbers as large as {largest:g}")

    def __len__(self) -> int:
        intervals = (self.high - self.low) / self.step
        return max(1, math.ceil(intervals * (1 - 4e-16) - 1e-9))

    def values(self) -> NDArray[np.float64]:
        """Returns the points, sorted, without the noise of their last bits where the step has few digits."""
        points = self.low + self.step * np.arange(len(self), dtype=np.float64)
        decimals = DIGITS_OF_A_STEP - math.floor(math.log10(self.step))
        return np.round(points, decimals) if 0 <= decimals <= MOST_DECIMALS else points


def check_points(first: Axis, second: Axis) -> None:
    """Raises UsageError when a grid has more points than a surface may have."""
    points = len(first) * len(second)
    if points > MOST_POINTS:
        raise UsageError(f"{len(first)} x {len(second)} points are more than 10^8: widen --step or narrow --range")
