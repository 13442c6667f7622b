"""The datasets: one shape in memory (`base`), one on disk (`store`), and where each comes from."""

from pathlib import Path
from typing import TYPE_CHECKING

from mnistfaces.config import DatasetKind
from mnistfaces.errors import UsageError

if TYPE_CHECKING:
    from mnistfaces.datasets.base import Dataset

NAMES: dict[str, DatasetKind] = {
    "digits": "digits",
    "digits-sample": "digits",
    "digits-full": "digits",
    "faces": "faces",
    "faces-synthetic": "faces",
}


def kind_of(name: str) -> DatasetKind:
    """Returns what kind of dataset a name or path stands for, without opening it.

    Raises:
        UsageError: it is neither a known name, nor a folder, nor an `.npz` that is there.
    """
    if name in NAMES:
        return NAMES[name]
    path = Path(name)
    if path.is_dir():
        return "images"
    if path.suffix == ".npz" and path.is_file():
        return "features"
    raise UsageError(
        f"no dataset {name!r}: give {', '.join(NAMES)}, a .npz of features, or a folder with one subfolder a class"
    )


def load_dataset(
    name: str = "digits", *, data_dir: Path | None = None, res: int | None = None, color: bool | None = None
) -> "Dataset":
    """Returns a dataset by name or path.

    Args:
        name: `digits` (the full MNIST where it was fetched, else the embedded sample), `digits-sample`,
            `digits-full`, `faces`, `faces-synthetic`, a `.npz` of features, or a folder with one subfolder of
            images a class.
        data_dir: where data live; None is $MNF_DATA_DIR, else the platform's user data folder.
        res: pixels a side of faces and folders; None is 32.
        color: RGB (True) or gray (False) for faces and folders; None is gray up to 64 pixels.

    Raises:
        UsageError: there is no such dataset, or `res` or `color` do not apply to it.
        DataError: it is not on this machine yet, or damaged; the message says what to type.
    """
    kind = kind_of(name)
    if kind in ("digits", "features") and (res is not None or color is not None):
        raise UsageError(f"--res, --color and --gray are for faces and folders of images, not for {name}")
    if kind == "features":
        from mnistfaces.datasets.store import open_dataset

        return open_dataset(Path(name))
    if kind == "images":
        from mnistfaces.datasets.folder import load_folder

        return load_folder(Path(name), res, color)
    if kind == "faces":
        return _load_faces(name, data_dir, res, color)
    return _load_digits(name, data_dir)


def _load_faces(name: str, data_dir: Path | None, res: int | None, color: bool | None) -> "Dataset":
    from mnistfaces.datasets.store import data_dir as resolve

    if name == "faces-synthetic":
        from mnistfaces.datasets.synthetic import load_synthetic

        return load_synthetic(resolve(data_dir), res, color)
    from mnistfaces.datasets.faces import load_faces

    return load_faces(resolve(data_dir), res, color)


def _load_digits(name: str, data_dir: Path | None) -> "Dataset":
    from mnistfaces.datasets.digits import digits_path, load_digits
    from mnistfaces.datasets.sample import load_sample
    from mnistfaces.datasets.store import data_dir as resolve

    folder = resolve(data_dir)
    if name == "digits-sample" or (name == "digits" and not digits_path(folder).exists()):
        return load_sample()
    return load_digits(folder)
