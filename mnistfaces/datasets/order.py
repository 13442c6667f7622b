"""The order in which MNIST, and the sets that take its place, were published: what a plain number 0, 1, 2, ... means.

Programs that read the four IDX files number the test images as they stand there, mixed over the classes. Image n has
the name `test-C-R`: C its label, R how many images of that label stand before it. `mnf fetch` keeps that order where
it reads the IDX files; `mnist_all.mat` does not tell it.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnistfaces.arrays import read_npz, write_npz
from mnistfaces.datasets.digits import MNIST, Edition
from mnistfaces.datasets.fashion import FASHION
from mnistfaces.datasets.kuzushiji import KUZUSHIJI
from mnistfaces.datasets.store import data_dir
from mnistfaces.errors import DataError

EDITIONS: dict[str, Edition] = {edition.name: edition for edition in (MNIST, FASHION, KUZUSHIJI)}


def order_path(folder: Path, edition: Edition) -> Path:
    """Returns where the labels of the test images lie, in the published order."""
    return folder / f"{edition.word}-order.npz"


def save_order(folder: Path, edition: Edition, labels: NDArray[np.uint8]) -> None:
    """Keeps the labels of the test images, (N,), in the published order.

    Raises:
        FileError: the folder or the disk refuses.
    """
    write_npz(order_path(folder, edition), {"labels": labels}, compressed=True)


def published_order(name: str, explicit: Path | None = None) -> NDArray[np.str_]:
    """Returns the names of the test images of a dataset in the published order, (N,).

    Args:
        name: of the dataset.
        explicit: the data folder; None is the usual one.

    Raises:
        DataError: the dataset has no such order, or it was not kept.
    """
    edition = EDITIONS.get(name)
    if edition is None:
        raise DataError(f"plain numbers mean images of {', '.join(EDITIONS)} only, not of {name}: name the images")
    path = order_path(data_dir(explicit), edition)
    if not path.exists():
        raise DataError(
            f"{path} is not here, so plain numbers mean no image: `mnf fetch {edition.word} --force` reads the IDX "
            "files, which tell the order"
        )
    labels = read_npz(path).get("labels", np.empty(0, np.uint8))
    counts = [count for array, (count, _) in edition.arrays.items() if array.startswith("test")]
    if labels.dtype != np.uint8 or labels.ndim != 1 or np.bincount(labels, minlength=1).tolist() != counts:
        raise DataError(f"{path} does not tell the order of {edition.title}: `mnf fetch {edition.word} --force`")
    return names_of(labels)


def names_of(labels: NDArray[np.uint8]) -> NDArray[np.str_]:
    """Returns the names of test images with these labels in this order, (N,)."""
    rank = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        rank[places] = np.arange(len(places))
    return np.array([f"test-{label}-{number:05d}" for label, number in zip(labels, rank, strict=True)])
