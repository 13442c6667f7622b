"""Changed copies of training images, which `--augment` adds to the training set of a draw.

Every change adds one copy of every training image. How much a copy is shifted or turned is drawn from the draw's seed,
for every image of the dataset, so that an image has the same copies in any training set of the seed. Copies are made
once and trained on like any image: a training set is a training set, for folds and stacks alike. They belong to the
training side alone, for they are copies of what trains.

Each change is an affine map from the pixels of the copy to those of the image, between which it is linear; what lies
beyond the edge is the edge again. n images, H height, W width, D inputs an image.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistfaces.config import Change, ChangeName, read_augment
from mnistfaces.datasets.base import Dataset
from mnistfaces.errors import UsageError

AUGMENT_STREAM = 2  # the second number of a seed's stream of changes; 1 is that of minibatch orders

PIECE_PIXELS = 1 << 18  # of copies that are made together

Floats = NDArray[np.float64]
Map = tuple[Floats, Floats]
"""Of n copies: what a pixel's place (row, column) from the centre is multiplied by, (n, 2, 2), and what is then added,
(n, 2), to have its place in the image."""


def _mirror(count: int, _most: float, _random: np.random.Generator) -> Map:
    return np.broadcast_to(np.diag([1.0, -1.0]), (count, 2, 2)), np.zeros((count, 2))


def _shift(count: int, most: float, random: np.random.Generator) -> Map:
    """Moves each image by whole pixels, up to so many along each axis."""
    pixels = random.integers(-int(most), int(most) + 1, (count, 2))
    return np.broadcast_to(np.eye(2), (count, 2, 2)), pixels.astype(np.float64)


def _rotate(count: int, most: float, random: np.random.Generator) -> Map:
    """Turns each image about its centre, by up to so many degrees either way."""
    angle = np.radians(random.uniform(-most, most, count))
    turned = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])  # (2, 2, n)
    return np.moveaxis(turned, 2, 0), np.zeros((count, 2))


CHANGES: Mapping[ChangeName, Callable[[int, float, np.random.Generator], Map]] = {
    "mirror": _mirror,
    "shift": _shift,
    "rotate": _rotate,
}
"""The maps of a change of so many images: the most of it, and its random numbers."""


def require_images(dataset: Dataset, augment: str | None) -> None:
    """Raises UsageError where images are to be changed that a dataset does not hold, or by more than their size."""
    if augment is None:
        return
    numbers = dataset.inputs.dtype != np.uint8 and dataset.kind != "arrays"  # of whose rows a caller says what they are
    if numbers or len(dataset.shape) < 2:  # noqa: PLR2004  height and width
        raise UsageError(f"--augment changes images: {dataset.name} holds {dataset.shape[0]} features per image")
    require_in_sight(augment, dataset.shape)


def require_in_sight(augment: str | None, shape: Sequence[int]) -> None:
    """Raises UsageError where images of a shape, (H, W) or (H, W, 3), are to be moved by more than their size."""
    side = min(shape[:2])
    for change in read_augment(augment) if augment else ():
        if change.name == "shift" and change.most >= side:
            raise UsageError(f"--augment {change} moves images of {side} pixels out of sight")


def notes_on(dataset: Dataset, augment: str | None) -> list[str]:
    """Returns what a person should know of the changes of a dataset: mirrored digits are no digits."""
    mirrored = augment is not None and any(change.name == "mirror" for change in read_augment(augment))
    if mirrored and all(name.isdecimal() for name in dataset.classes):
        return [f"{dataset.name}: --augment mirror trains on mirrored digits, most of which are no digits"]
    return []


def with_copies(
    dataset: Dataset, augment: str, draws: Sequence[tuple[NDArray[np.int64], int]]
) -> tuple[Dataset, list[NDArray[np.int64]]]:
    """Returns a dataset with changed copies behind its own images, and the positions that train in each draw.

    Args:
        dataset: images, of which the draws are.
        augment: the changes.
        draws: of each the positions of its training images, and its seed.

    Returns:
        The dataset, its N images as before, of use to who trains; and for each draw its own images, then their copies.

    Raises:
        UsageError: the dataset holds no images, or smaller ones.
    """
    require_images(dataset, augment)
    changes = read_augment(augment)
    origin = np.concatenate([train for train, _ in draws for _ in changes])
    copies = np.empty((len(origin), dataset.inputs.shape[1]), dataset.inputs.dtype)
    trains, done = [], 0
    for train, seed in draws:
        random = np.random.default_rng((seed, AUGMENT_STREAM))
        first = done
        for change in changes:
            _change(dataset, train, change, random, copies[done : done + len(train)])
            done += len(train)
        trains.append(np.concatenate([train, np.arange(first, done) + len(dataset)]))
    rows = np.concatenate([np.arange(len(dataset)), origin])
    arrays = {name: getattr(dataset, name)[rows] for name in ("labels", "ids", "groups", "given_test")}
    optional = {name: getattr(dataset, name) for name in ("given_val", "weights")}
    arrays |= {name: values[rows] for name, values in optional.items() if values is not None}
    inputs = np.concatenate([dataset.inputs, copies])
    return replace(dataset, inputs=inputs, sha256=None, **arrays), trains


def _change(
    dataset: Dataset, images: NDArray[np.int64], change: Change, random: np.random.Generator, out: NDArray[Any]
) -> None:
    """Writes a copy of each image, (n, D)."""
    linear, shift = CHANGES[change.name](len(dataset), change.most, random)
    for part in _pieces(len(images), max(1, PIECE_PIXELS // math.prod(dataset.shape[:2]))):
        some = images[part]
        pixels = dataset.inputs[some].reshape(-1, *dataset.shape)
        out[part] = warp(pixels, (linear[some], shift[some])).reshape(len(some), -1)


def _pieces(count: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def warp(images: NDArray[Any], maps: Map) -> NDArray[Any]:
    """Returns each image under its map, between pixels linear, beyond the edge the edge: (n, H, W) or (n, H, W, 3).

    Whole numbers are rounded to whole numbers.
    """
    linear, shift = maps
    height, width = images.shape[1:3]
    places = np.indices((height, width)).reshape(2, -1).T  # (H W, 2)
    centre = np.array([height - 1, width - 1]) / 2
    found = (places - centre) @ linear.swapaxes(1, 2) + (shift + centre)[:, None]  # (n, H W, 2)
    found = found.clip(0, [height - 1, width - 1])
    low = np.floor(found).astype(np.intp)
    high = np.minimum(low + 1, [height - 1, width - 1])
    part = (found - low)[..., None]  # (n, H W, 2, 1)
    pixels = images.reshape(len(images), height * width, -1)  # (n, H W, 1 or 3)

    def at(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[Any]:
        taken: NDArray[Any] = np.take_along_axis(pixels, (rows * width + columns)[..., None], 1)
        return taken

    (top, left), (bottom, right) = (low[..., 0], low[..., 1]), (high[..., 0], high[..., 1])
    down, across = part[:, :, 0], part[:, :, 1]
    above = at(top, left) * (1 - across) + at(top, right) * across
    below = at(bottom, left) * (1 - across) + at(bottom, right) * across
    made = above * (1 - down) + below * down
    made = np.rint(made) if images.dtype.kind == "u" else made
    return made.astype(images.dtype).reshape(images.shape)
