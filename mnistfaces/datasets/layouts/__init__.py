"""The layouts in which people keep data of their own: one file each, in one registry."""

from pathlib import Path

from mnistfaces.config import DataConfig, DatasetKind
from mnistfaces.datasets.layouts import classes, idx, matlab, metadata, npz, parquet, splits, table
from mnistfaces.datasets.layouts.base import Layout, Tree
from mnistfaces.errors import DataError, UsageError
from mnistfaces.text import counted

LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        idx.LAYOUT,
        metadata.LAYOUT,
        splits.LAYOUT,
        classes.LAYOUT,
        npz.LAYOUT,
        table.LAYOUT,
        matlab.LAYOUT,
        parquet.LAYOUT,
    )
}
"""In the order in which they are tried."""


PACKED = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
"""Endings of archives, which are not looked into."""


def endings() -> tuple[str, ...]:
    """Returns the endings of the files that are datasets."""
    return tuple(ending for layout in LAYOUTS.values() for ending in layout.endings)


def kind_of_path(path: Path) -> DatasetKind:
    """Returns what kind of dataset lies at a path, without reading its images.

    Raises:
        UsageError: it is a file of no known kind.
    """
    if path.is_dir():
        return "arrays" if idx.fits(Tree.of(path)) else "images"
    return layout_of(path, DataConfig()).kind(path)


def layout_of(path: Path, reading: DataConfig) -> Layout:
    """Returns how a path is read.

    Raises:
        UsageError: the file is of no known kind, or `--layout` was given for a file.
        DataError: the folder is of no known layout, or of two.
    """
    if not path.is_dir():
        if reading.layout is not None:
            raise UsageError(f"--layout is for folders, and {path} is a file")
        for layout in LAYOUTS.values():
            if path.name.lower().endswith(layout.endings):
                return layout
        advice = "unpack it first; " if path.suffix.lower() in PACKED else ""
        raise UsageError(f"{path} is no dataset: {advice}files of data end in {', '.join(endings())}")
    if reading.layout is not None:
        return LAYOUTS[reading.layout]
    tree = Tree.of(path)
    for layout in LAYOUTS.values():
        if layout.fits is not None and layout.fits(tree):
            return layout
    if not tree.folders and not tree.files:
        raise DataError(f"{path} holds nothing that can be seen: a dataset is wanted, such as {classes.LAYOUT.example}")
    if not tree.folders:
        raise DataError(
            f"{path} holds {counted(len(tree.files), 'file')} and no folders: nothing tells the class of an image. "
            f"Put {classes.LAYOUT.wants} into it, such as {classes.LAYOUT.example}, or {metadata.LAYOUT.wants}"
        )
    folders = [layout for layout in LAYOUTS.values() if layout.fits is not None]
    raise DataError(
        f"{path} holds no dataset: it has {counted(len(tree.folders), 'subfolder')} and "
        f"{counted(len(tree.files), 'file')}; a folder is read "
        f"as {'; or '.join(f'{layout.wants}, such as {layout.example}' for layout in folders)}"
    )
