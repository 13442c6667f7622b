"""What a layout holds before it is a dataset: images or numbers, labels, and what else its files say.

N images.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistfaces.config import SideName
from mnistfaces.errors import DataError

SIDE_WORDS: Mapping[str, SideName] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
    "eval": "test",
    "evaluation": "test",
}
"""What people call the three sides of a split, in folders and in tables."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """N labelled items of one dataset, as its files say.

    Attributes:
        inputs: N image files or the bytes of such files; or one array whose first axis is N long.
        labels: (N,) names or numbers.
        names: N names, for image files the path below the dataset's folder; None where there are none.
        classes: in the order wanted, where the layout knows it; None takes them from the labels.
        sides: (N,) `train`, `val` or `test`; None when the data bring no split.
        columns: (N,) texts by name, for `--group-by`; `group` is one of them where the data bring groups.
        shape: of one image, where the inputs are flat and the layout knows it.
        assumed: a sentence for each thing that the files do not say and that another reading would change.
        remarks: a sentence for what was not read.
    """

    inputs: Sequence[Path] | Sequence[bytes] | NDArray[Any]
    labels: NDArray[Any]
    names: Sequence[str] | None = None
    classes: tuple[str, ...] | None = None
    sides: NDArray[np.str_] | None = None
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    shape: tuple[int, ...] | None = None
    assumed: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def read_sides(words: Sequence[str], place: str) -> NDArray[np.str_] | None:
    """Returns the sides that the words of a `split` column name; None where all are empty.

    Args:
        words: N of them.
        place: the table, for the message.

    Raises:
        DataError: a word is none of those known, or some images have none.
    """
    if not any(words):
        return None
    sides = []
    for number, word in enumerate(words):
        side = SIDE_WORDS.get(word.strip().lower())
        if side is None:
            raise DataError(f"{place}: image {number} has the split {word!r}, which is none of {', '.join(SIDE_WORDS)}")
        sides.append(side)
    return np.array(sides)
