"""Arrays of any shape, read as images or as features, and what was assumed about them.

N images, H height, W width, D inputs an image, F features.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistfaces.config import DataConfig
from mnistfaces.datasets.base import FULL_INTENSITY
from mnistfaces.errors import DataError

RGB = 3
IMAGE_AXES = (2, 3)
FLOAT32_WHOLE = 1 << 24
"""Whole numbers below this are float32 exactly."""

LARGEST = float(np.finfo(np.float32).max)
"""Models compute in float32, unless they are asked for float64."""

Read = tuple[NDArray[Any], tuple[int, ...], list[str]]
"""Inputs (N, D), the shape of one image, and a sentence per assumption."""


def read_inputs(array: NDArray[Any], reading: DataConfig, place: str, shape: tuple[int, ...] | None = None) -> Read:
    """Returns the inputs (N, D), bytes of images or floats of features, and what was assumed.

    Bytes with two or three axes per image are images, and so are flat rows of bytes that fill a square.

    Args:
        array: (N, ...), numbers.
        reading: `read_as` overrules.
        place: the file and its array, for messages.
        shape: of one image, where the file says so.

    Raises:
        DataError: the array holds no numbers, or cannot be read as asked.
    """
    if array.dtype.kind not in "biuf" or array.ndim < 2 or 0 in array.shape:  # noqa: PLR2004  rows and values
        raise DataError(f"{place} is {array.dtype} of shape {array.shape}: numbers are wanted, a row per image")
    found = None if reading.read_as == "features" else image_shape(array, shape)
    if reading.read_as == "image":
        if found is None:
            raise DataError(
                f"{place}, {array.dtype} of shape {array.shape}, cannot be images: (N, H, W), (N, H, W, 3) or "
                "flat rows that fill a square are wanted"
            )
        return _as_bytes(array, found, place)
    if found is not None and array.dtype == np.uint8:
        return _as_bytes(array, found, place)
    return _as_features(array, found, place)


def join_inputs(parts: Sequence[NDArray[Any]], place: str) -> NDArray[Any]:
    """Returns the inputs of several parts of a dataset, one below the other.

    Raises:
        DataError: they are numbers of unlike types, which go from 0 to 255 here and from 0 to 1 or 65,535 there.
    """
    types = {"floats" if part.dtype.kind == "f" else str(part.dtype) for part in parts}
    if len(types) > 1:
        raise DataError(f"{place}: the parts hold {' and '.join(sorted(types))}: numbers of one type are wanted")
    return np.concatenate(parts)


def image_shape(array: NDArray[Any], shape: tuple[int, ...] | None = None) -> tuple[int, ...] | None:
    """Returns the shape of one image, (H, W) or (H, W, 3), that rows of an array can have; None for none."""
    own = array.shape[1:]
    if shape is not None:
        return shape if len(shape) in IMAGE_AXES and math.prod(shape) == math.prod(own) else None
    if len(own) == 1:
        side = math.isqrt(own[0])
        return (side, side) if side > 1 and side * side == own[0] else None
    if len(own) == 2:  # noqa: PLR2004  (H, W)
        return own
    if len(own) == RGB and (own[2] in (1, RGB) or own[0] in (1, RGB)):
        height, width, channels = own if own[2] in (1, RGB) else (own[1], own[2], own[0])
        return (height, width) if channels == 1 else (height, width, RGB)
    return None


def _as_bytes(array: NDArray[Any], shape: tuple[int, ...], place: str) -> Read:
    """Returns images: bytes as they are, whole numbers up to 255, or numbers from 0 to 1 times 255."""
    own, said = array.shape[1:], []
    if len(own) == 1 and len(shape) > 1:
        said.append(
            f"rows of {own[0]} numbers are taken as images of {' x '.join(map(str, shape))}, row by row "
            "(--as features takes them as numbers)"
        )
    if len(own) == RGB and own[2] not in (1, RGB):
        array = np.moveaxis(array, 1, -1)  # (N, 3, H, W) -> (N, H, W, 3)
        said.append(f"images of shape {own} have their channels first")
    if array.dtype != np.uint8:
        low, high = array.min(), array.max()
        whole = low >= 0 and high <= FULL_INTENSITY and bool((array == np.rint(array)).all())
        if not whole and (low < 0 or high > 1):
            raise DataError(f"{place} goes from {low:g} to {high:g}: images are 0 to 255 in whole numbers, or 0 to 1")
        if not whole or high <= 1:
            said.append("numbers from 0 to 1 are taken as gray values, 1 as white")
            array = np.rint(array.astype(np.float64) * FULL_INTENSITY)
        array = array.astype(np.uint8)
    return np.ascontiguousarray(array).reshape(len(array), -1), shape, said


def _as_features(array: NDArray[Any], image: tuple[int, ...] | None, place: str) -> Read:
    said = []
    if image is not None and array.ndim > 2:  # noqa: PLR2004  a row is an image's worth of numbers
        said.append(f"images of {array.dtype} are taken as {math.prod(array.shape[1:])} features (--as image)")
    elif array.ndim > 2:  # noqa: PLR2004  likewise
        said.append(f"features of shape {array.shape[1:]} are taken as {math.prod(array.shape[1:])} numbers in a row")
    flat = array.reshape(len(array), -1)
    if flat.dtype.kind in "biu":
        top = max(abs(int(flat.min())), abs(int(flat.max())))
        flat = flat.astype(np.float32 if top <= FLOAT32_WHOLE else np.float64)
    if flat.dtype == np.float16:
        flat = flat.astype(np.float32)
    for start in range(0, len(flat), 4096):
        if not (np.abs(flat[start : start + 4096]) <= LARGEST).all():
            what = f"a number that is not finite, or above {LARGEST:.0e}"
            raise DataError(f"{place} holds {what}, in the rows from {start}")
    return flat, (flat.shape[1],), said
