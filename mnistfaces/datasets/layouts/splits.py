"""`X/train/CLASS/…`, `X/test/CLASS/…`, perhaps `X/val/…`: class folders with the split that the data bring."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mnistfaces.config import DataConfig
from mnistfaces.datasets.found import SIDE_WORDS, Found
from mnistfaces.datasets.layouts.base import Layout, Tree, files_below, inner_folders, names_of, two_readings
from mnistfaces.errors import DataError
from mnistfaces.progress import Event
from mnistfaces.text import counted


def fits(tree: Tree) -> bool:
    """Returns whether every subfolder is a side of a split, training among them, with folders of its own."""
    return tree.has_train and len(tree.sides) == len(tree.folders) and all(Tree.of(side).folders for side in tree.sides)


def read(path: Path, reading: DataConfig) -> Iterator[Event | Found]:
    """Yields the images of every class folder of every side.

    Raises:
        DataError: no side trains, a side has images that are in no class folder, or a class that none trains on.
    """
    tree = Tree.of(path)
    if not tree.has_train:
        raise DataError(f"{path} has no folder train: {LAYOUT.wants} is wanted, such as {LAYOUT.example}")
    remarks = list(tree.remarks)
    if strange := [folder.name for folder in tree.folders if folder not in tree.sides]:
        remarks.append(f"{len(strange)} folders beside the sides of the split are not read: {', '.join(strange[:5])}")
    paths: list[Path] = []
    labels: list[str] = []
    sides: list[str] = []
    for folder in tree.sides:
        side = SIDE_WORDS[folder.name.lower()]
        if loose := Tree.of(folder).files:
            raise DataError(
                f"{folder} has {counted(len(loose), 'file')} in no class folder, such as {loose[0].name}: "
                f"{LAYOUT.example} is wanted"
            )
        for of_class in Tree.of(folder).folders:
            files = files_below(of_class, remarks)
            paths += files
            labels += [of_class.name] * len(files)
            sides += [side] * len(files)
    _require_trained(path, labels, sides, reading)
    given = ", ".join(f"{sides.count(side)} {side}" for side in ("train", "val", "test") if side in sides)
    names = names_of(paths, path)
    yield Found(
        inputs=paths,
        labels=np.array(labels),
        names=names,
        classes=tuple(sorted(set(labels))),
        sides=np.array(sides),
        assumed=(
            f"the split is that of {', '.join(folder.name for folder in tree.sides)}: {given}",
            *inner_folders(names, 2),
        ),
        remarks=tuple(remarks),
    )


def _require_trained(path: Path, labels: list[str], sides: list[str], reading: DataConfig) -> None:
    trained = {label for label, side in zip(labels, sides, strict=True) if side == "train"}
    if strange := sorted(set(labels) - trained):
        problem = f"class {strange[0]} has no image in train ({len(strange)} of {len(set(labels))} classes have none)"
        if reading.layout is None:
            raise two_readings(
                path,
                f"--layout splits takes train, val and test as a split, but {problem}",
                "--layout classes takes them as classes",
            )
        raise DataError(f"{path}: {problem}")


LAYOUT = Layout(
    name="splits",
    wants="the sides of a split with one subfolder per class each",
    example="X/train/cat/1.png X/train/dog/1.png X/test/cat/2.png X/test/dog/2.png",
    read=read,
    kind=lambda _: "images",
    fits=fits,
)
