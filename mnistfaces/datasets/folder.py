"""A folder with one subfolder of images a class, as a dataset."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnistfaces import images
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.duplicates import near_duplicates
from mnistfaces.datasets.store import fingerprint_of
from mnistfaces.datasets.variants import variant_of
from mnistfaces.errors import DataError

NAMED = 20


@dataclass(frozen=True, kw_only=True, eq=False)
class _Image:
    name: str
    label: int
    pixels: NDArray[np.uint8]
    thumbnail: NDArray[np.uint8]
    sha256: str


def load_folder(path: Path, res: int | None = None, color: bool | None = None) -> Dataset:
    """Returns the images of a folder; its subfolders are the classes, in the order of their names.

    The largest square in the middle of each image is resized. Files that are no images are left out: `meta` says
    how many (`skipped`) and names the first of them (`skipped_files`).

    Raises:
        DataError: there are fewer than two classes, or a class has no image that can be read.
    """
    variant = variant_of(res, color)
    folders = _class_folders(path)
    found: list[_Image] = []
    skipped: list[str] = []
    for label, folder in enumerate(folders):
        for file in sorted(folder.rglob("*")):
            if file.is_file() and not file.name.startswith("."):
                name = file.relative_to(path).as_posix()
                try:
                    found.append(_read(file, name, label, variant.res, color=variant.color))
                except (images.Undecodable, OSError) as error:
                    skipped.append(f"{name}: {error}")
    counts = np.bincount([image.label for image in found], minlength=len(folders))
    if counts.min() == 0:
        empty = folders[int(counts.argmin())]
        raise DataError(f"{empty} holds no image that can be read: remove it or put images into it")
    pairs = near_duplicates(np.stack([image.thumbnail for image in found]))
    dataset = Dataset(
        name=path.name,
        kind="images",
        inputs=np.stack([image.pixels.ravel() for image in found]),
        labels=np.array([image.label for image in found], np.int64),
        classes=tuple(folder.name for folder in folders),
        ids=np.array([image.name for image in found]),
        shape=variant.shape,
        groups=images.joined(len(found), pairs),
        given_test=np.zeros(len(found), bool),
        fingerprint="",
        meta={
            "source": str(path),
            "res": variant.res,
            "color": variant.color,
            "near_duplicate_pairs": len(pairs),
            "skipped": len(skipped),
            "skipped_files": skipped[:NAMED],
        },
        sha256=np.array([image.sha256 for image in found]),
    )
    return replace(dataset, fingerprint=fingerprint_of(dataset))


def _class_folders(path: Path) -> list[Path]:
    try:
        folders = sorted(item for item in path.iterdir() if item.is_dir() and not item.name.startswith("."))
    except OSError as error:
        raise DataError(f"cannot read the folder {path}: {error.strerror or error}") from error
    if len(folders) < 2:  # noqa: PLR2004  nothing to tell apart
        raise DataError(f"{path} has {len(folders)} subfolders: a dataset needs one for each of two or more classes")
    return folders


def _read(file: Path, name: str, label: int, side: int, *, color: bool) -> _Image:
    content = file.read_bytes()
    whole = images.decode(content)
    square = images.centre_square(whole)
    gray = images.luma(square)
    return _Image(
        name=name,
        label=label,
        pixels=images.resize(square if color else gray, side),
        thumbnail=images.resize(gray, images.THUMBNAIL),
        sha256=hashlib.sha256(content).hexdigest(),
    )
