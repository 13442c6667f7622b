"""A folder of four IDX files, packed or not: MNIST and the sets that take its place."""

import math
import os
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistfaces.config import DataConfig
from mnistfaces.datasets.digits import GZIP_WBITS
from mnistfaces.datasets.found import Found
from mnistfaces.datasets.layouts.base import Layout, Tree
from mnistfaces.errors import DataError
from mnistfaces.progress import Event

NAME = re.compile(
    r"(?P<set>.*?)(?P<side>train|t10k|test)-(?P<what>images|labels)[-.]idx[13]-ubyte(\.gz)?", re.IGNORECASE
)
BYTES = b"\x00\x00\x08"
MOST_BYTES = 1 << 32
SIDES = {"train": "train", "t10k": "test", "test": "test"}

Four = dict[tuple[str, str], Path]
"""The files by side (`train`, `test`) and content (`images`, `labels`)."""


def fits(tree: Tree) -> bool:
    """Returns whether a folder has a file that is called as MNIST's are."""
    return any(NAME.fullmatch(file.name) for file in tree.files)


def read(path: Path, reading: DataConfig) -> Iterator[Event | Found]:  # noqa: ARG001  IDX files are read in one way
    """Yields the images of the four files, in their order, those to train first.

    Raises:
        DataError: one of the four is missing or damaged, or there are more images than labels.
    """
    files = _four(path)
    images, labels = [], []
    for side in ("train", "test"):
        images.append(read_idx(files[side, "images"]))
        labels.append(read_idx(files[side, "labels"]))
        if labels[-1].ndim != 1 or images[-1].ndim < 2 or len(images[-1]) != len(labels[-1]):  # noqa: PLR2004
            raise DataError(
                f"{files[side, 'images']} has the shape {images[-1].shape}, {files[side, 'labels'].name} "
                f"{labels[-1].shape}: images (N, H, W) and labels (N,) are wanted"
            )
    if images[0].shape[1:] != images[1].shape[1:]:
        raise DataError(f"{path}: images to train are {images[0].shape[1:]}, those to test {images[1].shape[1:]}")
    sides = np.repeat(["train", "test"], [len(part) for part in labels])
    names = [f"{side}-{number:05d}" for side, part in zip(SIDES, labels, strict=False) for number in range(len(part))]
    yield Found(
        inputs=np.concatenate(images),
        labels=np.concatenate(labels),
        names=[name.replace("t10k", "test") for name in names],
        sides=sides,
    )


def _four(path: Path) -> Four:
    found: dict[str, Four] = {}
    for file in Tree.of(path).files:
        if match := NAME.fullmatch(file.name):
            key = (SIDES[match["side"].lower()], match["what"].lower())
            four = found.setdefault(match["set"], {})
            if key in four and four[key].name != file.name.removesuffix(".gz"):
                raise DataError(f"{path} has both {four[key].name} and {file.name}: keep one")
            four.setdefault(key, file)
    if len(found) > 1:
        raise DataError(f"{path} has the files of {len(found)} sets ({', '.join(sorted(found))}): give each a folder")
    four = next(iter(found.values()), {})
    if missing := [
        f"{side} {what}" for side in ("train", "test") for what in ("images", "labels") if (side, what) not in four
    ]:
        raise DataError(f"{path} has no {missing[0]}: {LAYOUT.wants} are wanted, such as {LAYOUT.example}")
    return four


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Returns the array of bytes in an IDX file.

    Raises:
        DataError: it is no IDX file of bytes, or longer or shorter than it says.
    """
    try:
        with path.open("rb") as file:
            content = file.read(min(os.fstat(file.fileno()).st_size, MOST_BYTES))  # it takes what is asked for at once
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    unpacker: Any = zlib.decompressobj(GZIP_WBITS) if content[:2] == b"\x1f\x8b" else None
    try:
        head = unpacker.decompress(content, 4 + 4 * 255) if unpacker else content[: 4 + 4 * 255]
        if len(head) < 4 or head[:3] != BYTES or len(head) < 4 + 4 * head[3]:  # noqa: PLR2004  magic number
            raise DataError(f"{path} is no IDX file of bytes")
        shape = struct.unpack_from(f">{head[3]}I", head, 4)
        size = 4 + 4 * len(shape) + math.prod(shape)
        if size > MOST_BYTES:
            raise DataError(f"{path} claims {math.prod(shape)} values: more than {MOST_BYTES}")
        whole = (
            head + unpacker.decompress(unpacker.unconsumed_tail, size + 1 - min(len(head), size))
            if unpacker
            else content
        )
    except zlib.error as error:
        raise DataError(f"{path} is damaged: {error}") from error
    if len(whole) != size:
        raise DataError(
            f"{path} has {'more than ' if len(whole) > size else ''}{min(len(whole), size)} of {size} bytes"
        )
    return np.frombuffer(whole, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)


LAYOUT = Layout(
    name="idx",
    wants="four IDX files, packed or not",
    example="X/train-images-idx3-ubyte.gz X/train-labels-idx1-ubyte.gz X/t10k-images-idx3-ubyte.gz "
    "X/t10k-labels-idx1-ubyte.gz",
    read=read,
    takes=("read_as",),
    kind=lambda _: "arrays",
    fits=fits,
)
