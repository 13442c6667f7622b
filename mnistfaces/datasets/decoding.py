"""Image files to arrays of one size, with what near-duplicates are told by.

N files, n of them images, D inputs an image.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnistfaces import images
from mnistfaces.datasets.variants import Variant
from mnistfaces.progress import Advanced, Event, Stage
from mnistfaces.text import counted

FILES_AT_ONCE = 256
NEARLY_BLACK = 16  # what the largest of 12 bits, 4095, becomes when it is read as one of 16


@dataclass(frozen=True, kw_only=True, eq=False)
class Decoded:
    """The files that are images.

    Attributes:
        pixels: (n, D) bytes, of the largest square in the middle of each.
        kept: (n,) their positions among the files.
        thumbnails: (n, 32, 32) gray.
        sha256: (n,) of the files.
        problems: why each other file is left out, with its name.
        unread: how many of these could not be read for the moment: the files may be sound.
        several: how many hold more images than the first.
        black: how many are nearly black, as those that hold 12 bits a pixel in 16.
    """

    pixels: NDArray[np.uint8]
    kept: NDArray[np.int64]
    thumbnails: NDArray[np.uint8]
    sha256: NDArray[np.str_]
    problems: Sequence[str]
    unread: int
    several: int
    black: int


@dataclass(frozen=True, kw_only=True)
class _Problem:
    """Why a file is left out, and whether that is for the moment only."""

    reason: str
    unread: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class _Image:
    """One image: its pixels and thumbnail, and the SHA-256 of its file."""

    pixels: NDArray[np.uint8]
    thumbnail: NDArray[np.uint8]
    sha256: str
    several: bool
    black: bool


def decode_all(files: Sequence[Path | bytes], names: Sequence[str], variant: Variant) -> Iterator[Event | Decoded]:
    """Yields the images in some files, resized; what is no image is left out with its reason.

    Files are decoded by as many threads as there are cores: Pillow lets the others run while it works.
    """
    size = variant.res * variant.res * (3 if variant.color else 1)
    pixels = np.empty((len(files), size), np.uint8)
    thumbnails = np.empty((len(files), images.THUMBNAIL, images.THUMBNAIL), np.uint8)
    sha256: list[str] = []
    kept: list[int] = []
    problems: list[str] = []
    black = unread = several = 0
    yield Stage(name=f"decoding {counted(len(files), 'image')}", total=len(files))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for number, image in enumerate(_in_order(pool, files, variant)):
            if number % FILES_AT_ONCE == 0:
                yield Advanced(amount=min(FILES_AT_ONCE, len(files) - number))
            if isinstance(image, _Problem):
                problems.append(f"{names[number]}: {image.reason}")
                unread += image.unread
                continue
            pixels[len(kept)], thumbnails[len(kept)] = image.pixels, image.thumbnail
            several += image.several
            black += image.black
            sha256.append(image.sha256)
            kept.append(number)
    yield Decoded(
        pixels=pixels[: len(kept)],
        kept=np.array(kept, np.int64),
        thumbnails=thumbnails[: len(kept)],
        sha256=np.array(sha256),
        problems=problems,
        unread=unread,
        several=several,
        black=black,
    )


def _in_order(pool: ThreadPoolExecutor, files: Sequence[Path | bytes], variant: Variant) -> Iterator[_Image | _Problem]:
    """Yields what `_decode` gives for each file, of which few wait at a time."""
    for start in range(0, len(files), FILES_AT_ONCE):
        yield from pool.map(lambda file: _decode(file, variant), files[start : start + FILES_AT_ONCE])


def _decode(file: Path | bytes, variant: Variant) -> _Image | _Problem:
    """Returns an image, or why the file is none."""
    try:
        content = file if isinstance(file, bytes) else file.read_bytes()
        square = images.centre_square(images.decode(content))
    except images.Undecodable as error:
        return _Problem(reason=str(error))
    except OSError as error:
        return _Problem(reason=f"cannot be read: {error.strerror or error}", unread=True)
    gray = images.luma(square)
    return _Image(
        pixels=images.resize(square if variant.color else gray, variant.res).ravel(),
        thumbnail=images.resize(gray, images.THUMBNAIL),
        sha256=hashlib.sha256(content).hexdigest(),
        several=images.holds_several(content),
        black=bool(gray.max(initial=0) <= NEARLY_BLACK),
    )
