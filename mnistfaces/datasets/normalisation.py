"""How the images of a dataset were brought into one form, so that a new image can be brought into it, too.

H height, W width of a new image, h and w of the part with ink, S pixels per side of what a model takes.

MNIST's form, after LeCun, Cortes and Burges ("The MNIST database of handwritten digits"): a digit is fitted into
20 x 20 pixels, its aspect kept, and placed so that its centre of mass is the middle of 28 x 28. `mnist_form` does it to
a gray image g (H, W) of whole numbers in whole numbers alone, so another language reaches the same pixels. `floor` is
that of exact division:

1. Ground: the outermost pixels, each once, n of them, are sorted; the one at place floor((n - 1) / 2), from 0, is the
   ground. Strokes are dark where max(ground - g) > max(g - ground), else bright.
2. Ink: v = max(0, ground - g) for dark strokes, max(0, g - ground) for bright ones. There is none where
   max(v) < LEAST_CONTRAST.
3. Crop: to the smallest rectangle, h x w, with every pixel of 8 v > max(v).
4. Fit: with L = max(h, w), the digit becomes H' = max(1, floor((40 h + L) / (2 L))) by W', likewise of w. The area
   that source row y and target row i share is a(i, y) = max(0, min((i + 1) h, (y + 1) H') - max(i h, y H')), and
   b(j, x) is that of columns; S(i, j) = sum over y and x of a(i, y) b(j, x) v(y, x), an average by area up to a
   factor; p(i, j) = floor((510 S(i, j) + max(S)) / (2 max(S))): the brightest pixel becomes 255.
5. Place: with m = sum of p and r = sum over i and j of i p(i, j), the first row is floor((29 m - 2 r) / (2 m)), moved
   into 0 to 28 - H' if need be, so that the centre of mass rounds to row 14; columns likewise; the rest is 0.

No number exceeds 510 x 255 x H x W, which a double holds exactly.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnistfaces import images
from mnistfaces.config import NormalisationName
from mnistfaces.datasets.base import FULL_INTENSITY, Dataset
from mnistfaces.errors import DataError

FIELD, FITTED = 28, 20
"""Pixels per side of an image of MNIST, and of the square that its digit is fitted into."""

FAINTEST = 8
"""Ink is cropped to what has more than one eighth of the strongest: dust and shades of the paper have less."""

LEAST_CONTRAST = 16
"""Levels of 255 by which the strongest ink differs from its ground: noise of a camera on empty paper stays below."""

LOOKED_AT = 200
LEAST_SHARE = 0.9
MOST_CHANGED = 2.0
"""Nine in ten of so many images change by at most so many levels per pixel: then a dataset has MNIST's form."""

Gray = NDArray[np.uint8]


class Blank(DataError):  # noqa: N818  it names an outcome among others
    """An image on which nothing is drawn."""


def has_dark_strokes(gray: Gray) -> bool:
    """Returns whether strokes are dark on bright ground (H, W): step 1 of MNIST's form."""
    ground = int(_ground_of(gray))
    return ground - int(gray.min()) > int(gray.max()) - ground


def mnist_form(gray: Gray, *, dark: bool | None = None) -> Gray:
    """Returns an image in MNIST's form, (28, 28), bright on 0: the steps at the top of this module.

    Args:
        gray: (H, W), of any size.
        dark: whether strokes are darker than their ground; None looks.

    Raises:
        Blank: there is no ink.
    """
    ground = _ground_of(gray)
    dark = has_dark_strokes(gray) if dark is None else dark
    ink = ground - np.minimum(gray, ground) if dark else np.maximum(gray, ground) - ground  # (H, W) uint8
    strongest = int(ink.max())
    if strongest < LEAST_CONTRAST:
        raise Blank("nothing is drawn on it")
    strong = ink > strongest // FAINTEST
    rows, columns = (np.flatnonzero(strong.any(axis=axis)) for axis in (1, 0))
    return _placed(_fitted(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]))


def _ground_of(gray: Gray) -> np.uint8:
    """Returns the lower median of the outermost pixels."""
    edge = np.concatenate([gray[0], gray[1:-1, 0], gray[1:-1, -1], gray[-1]]) if min(gray.shape) > 1 else gray.ravel()
    ground: np.uint8 = np.sort(edge)[(len(edge) - 1) // 2]
    return ground


def _fitted(ink: Gray) -> NDArray[np.int64]:
    """Returns ink (h, w) averaged by area to 20 pixels along its longer side, its strongest pixel 255."""
    height, width = ink.shape
    longer = max(height, width)
    rows, columns = (
        _shared(length, max(1, (2 * FITTED * length + longer) // (2 * longer))) for length in (height, width)
    )
    sums = np.zeros((len(rows), width))
    for top in range(0, height, images.ROWS_AT_ONCE):
        block = slice(top, top + images.ROWS_AT_ONCE)
        sums += rows[:, block] @ ink[block].astype(np.float64)  # (H', w)
    whole: NDArray[np.int64] = (sums @ columns.T).astype(np.int64)  # (H', W'), of numbers that float64 held exactly
    strongest = int(whole.max())
    return (2 * FULL_INTENSITY * whole + strongest) // (2 * strongest)


def _shared(source: int, target: int) -> NDArray[np.float64]:
    """Returns which part of every source pixel each target pixel covers, (target, source), times target."""
    i, y = np.arange(target)[:, None], np.arange(source)
    shared: NDArray[np.int64] = np.minimum((i + 1) * source, (y + 1) * target) - np.maximum(i * source, y * target)
    return shared.clip(min=0).astype(np.float64)


def _placed(digit: NDArray[np.int64]) -> Gray:
    """Returns a digit, (H', W'), with its centre of mass in the middle of 28 x 28."""
    mass = int(digit.sum())
    field = np.zeros((FIELD, FIELD), np.uint8)
    corner = []
    for axis, length in enumerate(digit.shape):
        moment = int(np.arange(length) @ digit.sum(axis=1 - axis))
        corner.append(min(max((29 * mass - 2 * moment) // (2 * mass), 0), FIELD - length))
    top, left = corner
    field[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    return field


@dataclass(frozen=True, kw_only=True)
class Normalisation:
    """One way of bringing images into one form.

    Attributes:
        told: what it does to an image, for people; may name `side`.
        apply: from RGB pixels (H, W, 3), S and whether the form has colour, to (S, S) or (S, S, 3); the last argument
            says that strokes are dark, and turns them bright.
    """

    told: str
    apply: Callable[[NDArray[np.uint8], int, bool, bool], NDArray[np.uint8]]


def resized(pixels: NDArray[np.uint8], side: int, color: bool, dark: bool) -> NDArray[np.uint8]:
    """Returns RGB pixels brought to S x S, in colour or gray; with bright and dark exchanged where strokes are dark."""
    small = images.resize(pixels if color else images.luma(pixels), side)
    return FULL_INTENSITY - small if dark else small


AS_IT_IS = Normalisation(told="resized to {side} x {side}", apply=resized)
"""What is done even to an image that is to stay as it is: a model takes one size."""

NORMALISATIONS: Mapping[NormalisationName, Normalisation] = {
    "mnist": Normalisation(
        told=f"ink fitted into {FITTED} x {FITTED} pixels, centred by mass in {FIELD} x {FIELD}, as MNIST's is",
        apply=lambda pixels, _side, _color, dark: mnist_form(images.luma(pixels), dark=dark),
    ),
    "square": Normalisation(
        told="the largest square in the middle, resized to {side} x {side}",
        apply=lambda pixels, side, color, dark: resized(images.centre_square(pixels), side, color, dark),
    ),
}
"""Every form that datasets have, by the name that a run keeps."""


def normalisation_of(dataset: Dataset) -> NormalisationName:
    """Returns which form the images of a dataset have: MNIST's where MNIST's steps change next to nothing in them."""
    if dataset.shape != (FIELD, FIELD) or dataset.inputs.dtype != np.uint8:
        return "square"
    chosen = np.linspace(0, len(dataset) - 1, min(len(dataset), LOOKED_AT)).astype(np.int64)
    found = dataset.images(chosen)
    return "mnist" if np.mean([_is_in_mnist_form(image) for image in found]) >= LEAST_SHARE else "square"


def _is_in_mnist_form(gray: Gray) -> bool:
    try:
        changed = mnist_form(gray, dark=False).astype(np.int64) - gray
    except Blank:
        return False
    return bool(np.abs(changed).mean() <= MOST_CHANGED)
