"""Image files to arrays of one size, with what near-duplicates are told by.

N files, n of them images, D inputs an image.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnistfaces import images
from mnistfaces.datasets.variants import Variant


@dataclass(frozen=True, kw_only=True, eq=False)
class Decoded:
    """The files that are images.

    Attributes:
        pixels: (n, D) bytes, of the largest square in the middle of each.
        kept: (n,) their positions among the files.
        thumbnails: (n, 32, 32) gray.
        sha256: (n,) of the files.
        problems: why each other file is left out, with its name.
    """

    pixels: NDArray[np.uint8]
    kept: NDArray[np.int64]
    thumbnails: NDArray[np.uint8]
    sha256: NDArray[np.str_]
    problems: Sequence[str]


def decode_all(files: Sequence[Path | bytes], names: Sequence[str], variant: Variant) -> Decoded:
    """Returns the images in some files, resized; what is no image is left out with its reason."""
    pixels, thumbnails, sha256, kept, problems = [], [], [], [], []
    for number, file in enumerate(files):
        try:
            content = file if isinstance(file, bytes) else file.read_bytes()
            whole = images.decode(content)
        except (images.Undecodable, OSError) as error:
            problems.append(f"{names[number]}: {error}")
            continue
        square = images.centre_square(whole)
        gray = images.luma(square)
        pixels.append(images.resize(square if variant.color else gray, variant.res).ravel())
        thumbnails.append(images.resize(gray, images.THUMBNAIL))
        sha256.append(hashlib.sha256(content).hexdigest())
        kept.append(number)
    size = variant.res * variant.res * (3 if variant.color else 1)
    return Decoded(
        pixels=np.stack(pixels) if pixels else np.empty((0, size), np.uint8),
        kept=np.array(kept, np.int64),
        thumbnails=np.stack(thumbnails) if thumbnails else np.empty((0, images.THUMBNAIL, images.THUMBNAIL), np.uint8),
        sha256=np.array(sha256),
        problems=problems,
    )
