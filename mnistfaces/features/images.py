"""Inputs for a model from new image files, made the way that its dataset was made."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistfaces import images
from mnistfaces.config import DeviceName
from mnistfaces.datasets.base import FULL_INTENSITY
from mnistfaces.errors import DataError

IMAGE_AXES = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageInputs:
    """What a model sees of one image file.

    Attributes:
        path: of the file.
        values: (D,) float32; None where there is a problem.
        problem: for people.
    """

    path: Path
    values: NDArray[np.float32] | None = None
    problem: str = ""


def inputs_of_files(
    paths: Sequence[Path],
    *,
    meta: Mapping[str, Any],
    shape: tuple[int, ...],
    weights: str | None = None,
    device: DeviceName = "auto",
) -> Iterator[ImageInputs]:
    """Yields what a model sees of image files, of each the largest square in the middle; one that cannot be read too.

    Args:
        paths: of the images.
        meta: of the dataset that the model was trained on; its `recipe` is followed, where it has one.
        shape: of one image of that dataset: (H, W) and (H, W, 3) are pixels in [0, 1], (F,) are features.
        weights: where the recipe's weights are now; None is where they were.
        device: where the network runs.

    Raises:
        DataError: the features came without a recipe, or the weights are not the same.
        MnistFacesError: the weights cannot be had.
    """
    if len(shape) >= IMAGE_AXES:
        for path in paths:
            yield _pixels(path, shape[0], gray=len(shape) == IMAGE_AXES)
        return
    from mnistfaces.features.network import Recipe, rebuild_network  # noqa: PLC0415  pixels do without torchvision

    recipe = Recipe.of(meta)
    network = rebuild_network(recipe, weights=weights, device=device)
    if network.size != shape[0]:
        raise DataError(f"the recipe of the features gives {network.size} an image, the model takes {shape[0]}")
    for path in paths:
        square, problem = _square(path)
        if square is None:
            yield ImageInputs(path=path, problem=problem)
            continue
        batch = np.stack([images.resize(square, recipe.res)])  # (1, S, S, 3)
        yield ImageInputs(path=path, values=network.features(batch)[0])


def _pixels(path: Path, side: int, *, gray: bool) -> ImageInputs:
    square, problem = _square(path)
    if square is None:
        return ImageInputs(path=path, problem=problem)
    small = images.resize(images.luma(square) if gray else square, side)
    return ImageInputs(path=path, values=np.divide(small.ravel(), FULL_INTENSITY, dtype=np.float32))


def _square(path: Path) -> tuple[NDArray[np.uint8] | None, str]:
    """Returns the largest square in the middle of an image file, or why there is none."""
    try:
        return images.centre_square(images.decode(path.read_bytes())), ""
    except OSError as error:
        return None, f"cannot be read: {error.strerror or error}"
    except images.Undecodable as error:
        return None, str(error)
