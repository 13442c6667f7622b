"""`.mat` files: `X` and `y`, images by column or by row; or the arrays `train0`, `test0`, … of `mnist_all.mat`.

N images.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistfaces.config import DataConfig
from mnistfaces.datasets.found import Found
from mnistfaces.datasets.inputs import join_inputs
from mnistfaces.datasets.layouts.base import Layout
from mnistfaces.datasets.matfile import read_mat
from mnistfaces.errors import DataError
from mnistfaces.progress import Event

BLOCKS = tuple(f"{side}{digit}" for side in ("train", "test") for digit in range(10))
_BLOCK = re.compile(r"(train|test)(\d)")


def read(path: Path, reading: DataConfig) -> Iterator[Event | Found]:  # noqa: ARG001  --as is asked of the array, not of the file
    """Yields the images of a file and their labels.

    Raises:
        DataError: it is no such file, or `X` and `y` do not fit together.
    """
    arrays = read_mat(path, ("X", "y", *BLOCKS))
    blocks = {name: array for name, array in arrays.items() if _BLOCK.fullmatch(name)}
    if "X" in arrays and "y" in arrays:
        yield _pair(path, arrays["X"], arrays["y"])
    elif blocks:
        yield _blocks(path, blocks)
    else:
        raise DataError(f"{path} is not a dataset: it has {', '.join(arrays) or 'neither'}; wanted are {LAYOUT.wants}")


def _pair(path: Path, x: NDArray[Any], y: NDArray[Any]) -> Found:
    labels = y.ravel()
    if min(y.shape, default=0) != 1 or x.ndim < 2:  # noqa: PLR2004  rows and columns
        raise DataError(f"{path}: y has the shape {y.shape}, X {x.shape}: one label per image is wanted, (N, 1)")
    first, last = x.shape[0] == len(labels), x.shape[-1] == len(labels)
    if not first and not last:
        raise DataError(
            f"{path}: y has {len(labels)} labels, and neither the first nor the last axis of X {x.shape} has"
        )
    assumed = []
    if first and last:
        assumed.append(f"X is {x.shape}: its rows are taken as the images, not its columns")
    elif last:
        assumed.append(f"X is {x.shape}: its last axis counts the images")
    return Found(inputs=x if first else np.moveaxis(x, -1, 0), labels=labels, assumed=tuple(assumed))


def _blocks(path: Path, blocks: Mapping[str, NDArray[Any]]) -> Found:
    named = [(match[1], match[2], array) for name, array in blocks.items() if (match := _BLOCK.fullmatch(name))]
    if len({array.shape[1:] for _, _, array in named}) > 1 or not any(side == "train" for side, _, _ in named):
        raise DataError(f"{path}: arrays train0, test0, … of one width are wanted, a row per image")
    counts = [len(array) for _, _, array in named]
    return Found(
        inputs=join_inputs([array for _, _, array in named], str(path)),
        labels=np.repeat([int(digit) for _, digit, _ in named], counts),
        names=[f"{side}-{digit}-{number:05d}" for side, digit, array in named for number in range(len(array))],
        sides=np.repeat([side for side, _, _ in named], counts),
    )


LAYOUT = Layout(
    name="mat",
    wants="`X` and `y`, or the arrays of mnist_all.mat",
    example="save('mine.mat', 'X', 'y', '-v7')",
    read=read,
    takes=("read_as",),
    kind=lambda _: "arrays",
    endings=(".mat",),
)
