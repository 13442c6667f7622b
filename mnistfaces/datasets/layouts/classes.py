"""`X/CLASS/…`: one subfolder of images per class."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mnistfaces.config import DataConfig
from mnistfaces.datasets.found import Found
from mnistfaces.datasets.layouts.base import Layout, Tree, files_below, inner_folders, names_of, two_readings
from mnistfaces.errors import DataError
from mnistfaces.progress import Event
from mnistfaces.text import counted


def fits(tree: Tree) -> bool:
    """Returns whether a folder has subfolders."""
    return bool(tree.folders)


def read(path: Path, reading: DataConfig) -> Iterator[Event | Found]:
    """Yields the images of every subfolder; the subfolders are the classes, in the order of their names.

    Raises:
        DataError: there are fewer than two classes, an empty one, or the subfolders look like the sides of a split.
    """
    tree = Tree.of(path)
    if tree.sides and reading.layout is None:
        sides, others = ", ".join(folder.name for folder in tree.sides), len(tree.folders) - len(tree.sides)
        more = f" and {counted(others, 'other folder')}" if others else ""
        raise two_readings(
            path,
            f"--layout classes takes {sides}{more} as classes",
            "--layout splits takes train/CLASS/, val/CLASS/ and test/CLASS/ as a split",
        )
    if len(tree.folders) < 2:  # noqa: PLR2004  nothing to tell apart
        raise DataError(
            f"{path} has {counted(len(tree.folders), 'subfolder')}: a dataset needs one for each of two or more "
            f"classes, such as {LAYOUT.example}"
        )
    remarks: list[str] = []
    files = [(folder.name, files_below(folder, remarks)) for folder in tree.folders]
    for name, of_class in files:
        if not of_class:
            raise DataError(f"{path / name} holds no image that can be read: remove it or put images into it")
    if tree.files:
        remarks.append(f"{counted(len(tree.files), 'file')} beside the class folders: not read")
    paths = [file for _, of_class in files for file in of_class]
    names = names_of(paths, path)
    yield Found(
        inputs=paths,
        labels=np.repeat([name for name, _ in files], [len(of_class) for _, of_class in files]),
        names=names,
        classes=tuple(name for name, _ in files),
        assumed=inner_folders(names, 1),
        remarks=(*tree.remarks, *remarks),
    )


LAYOUT = Layout(
    name="classes",
    wants="one subfolder of images per class",
    example="X/cat/1.png X/dog/1.png",
    read=read,
    kind=lambda _: "images",
    fits=fits,
)
