"""The datasets: one shape in memory (`base`), one on disk (`store`), and where each comes from."""

import os
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from mnistfaces.config import DataConfig, DatasetKind, LayoutName, ReadAs
from mnistfaces.errors import UsageError
from mnistfaces.progress import Event, Stage, drained
from mnistfaces.text import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mnistfaces.datasets.base import Dataset


@dataclass(frozen=True, kw_only=True)
class Named:
    """A dataset that has a name.

    Attributes:
        names: what it is called; the loader is told which of them was meant.
        kind: which defaults apply.
        loader: `module:function` in this room, imported when it is used. It takes the name, the data folder and, for
            faces, the resolution and the colour.
    """

    names: tuple[str, ...]
    kind: DatasetKind
    loader: str


DATASETS: tuple[Named, ...] = (
    Named(names=("digits", "digits-sample", "digits-full"), kind="digits", loader="digits:load_named"),
    Named(names=("fashion",), kind="digits", loader="fashion:load_named"),
    Named(names=("kuzushiji",), kind="digits", loader="kuzushiji:load_named"),
    Named(names=("faces",), kind="faces", loader="faces:load_named"),
    Named(names=("faces-synthetic",), kind="faces", loader="synthetic:load_named"),
)

NAMES: dict[str, DatasetKind] = {name: named.kind for named in DATASETS for name in named.names}

OTHER_NAMES = {
    "mnist": "digits",
    "mnist-sample": "digits-sample",
    "mnist-full": "digits-full",
    "fashion-mnist": "fashion",
    "fashionmnist": "fashion",
    "fmnist": "fashion",
    "kmnist": "kuzushiji",
    "facescrub": "faces",
    "sample": "digits-sample",
    "synthetic": "faces-synthetic",
}
"""What people call the datasets elsewhere."""

RESIZED: tuple[DatasetKind, ...] = ("faces", "images")
"""Datasets whose images are cut from files, at any resolution and in gray or colour."""


def kind_of(name: str) -> DatasetKind:
    """Returns what kind of dataset a name or path stands for, without reading its images.

    Raises:
        UsageError: it is neither a known name, nor a folder, nor a file of data that is there.
    """
    if name in NAMES:
        return NAMES[name]
    path = Path(name)
    if not name.strip() or "\0" in name or not path.exists():
        meant = nearest(name, [*NAMES], OTHER_NAMES)
        guess = f"did you mean {meant}? Else give" if meant else "give"
        raise UsageError(f"no dataset {name!r}: {guess} {', '.join(NAMES)}, or a folder or file that is there")
    from mnistfaces.datasets.layouts import kind_of_path

    return kind_of_path(path)


def read_dataset(name: str, config: DataConfig, *, data_dir: Path | None = None) -> "Iterator[Event | Dataset]":
    """Yields a dataset by name or path, and before that how far reading it is: `load_dataset`, watched."""
    kind = kind_of(name)
    if kind not in RESIZED and (config.res is not None or config.color is not None):
        raise UsageError(f"--res, --color and --gray are for faces and files of images, not for {name}")
    from mnistfaces.datasets.assembly import regrouped
    from mnistfaces.datasets.own import read_own
    from mnistfaces.datasets.store import data_dir as resolve

    yield Stage(name=f"reading {name}")
    folder = resolve(data_dir)
    if name not in NAMES:
        yield from read_own(Path(name), config, data_dir=folder)
        return
    if config.layout or config.read_as or config.label_column:
        raise UsageError(f"--layout, --as and --label-column are for data of your own, not for {name}")
    module, function = next(named.loader for named in DATASETS if name in named.names).split(":")
    load = getattr(import_module(f"mnistfaces.datasets.{module}"), function)
    form = (config.res, config.color) if kind in RESIZED else ()
    dataset = regrouped(load(name, folder, *form), config, folder)
    if Path(name).exists():
        taken = f"the dataset of that name is taken, not what lies here: for that, type .{os.sep}{name}"
        dataset = replace(dataset, remarks=(*dataset.remarks, taken))
    yield dataset


def load_dataset(  # noqa: PLR0913  the fields of DataConfig, by name
    name: str | Path = "digits",
    *,
    data_dir: Path | None = None,
    res: int | None = None,
    color: bool | None = None,
    layout: LayoutName | None = None,
    read_as: ReadAs | None = None,
    label_column: str | None = None,
    group_by: str | None = None,
) -> "Dataset":
    """Returns a dataset by name or path.

    Args:
        name: `digits` (the full MNIST where it was fetched, else the embedded sample), `digits-sample`,
            `digits-full`, `fashion`, `kuzushiji`, `faces`, `faces-synthetic`, or the path of a folder or file of one
            of the known layouts.
        data_dir: where data live; None is $MNF_DATA_DIR, else the platform's user data folder.
        res: pixels a side of faces and image files; None is 32.
        color: RGB (True) or gray (False) for faces and image files; None is gray up to 64 pixels.
        layout: how a folder is read; None is as it looks.
        read_as: whether numbers are an `image` or `features`; None is as they look.
        label_column: of a table or of metadata; None is `label`.
        group_by: a column, or a regular expression on the image's name: images that share it stay together.

    Raises:
        UsageError: there is no such dataset, or an option does not apply to it.
        DataError: it is not on this machine yet, damaged, or can be read in two ways; the message says what to type.
    """
    config = DataConfig(
        res=res, color=color, layout=layout, read_as=read_as, label_column=label_column, group_by=group_by
    )
    return drained(read_dataset(str(name), config, data_dir=data_dir))
