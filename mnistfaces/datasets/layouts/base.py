"""What a layout is, and a folder as the layouts look at it."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mnistfaces.config import DataConfig, DatasetKind
from mnistfaces.datasets.found import SIDE_WORDS, Found
from mnistfaces.errors import DataError
from mnistfaces.progress import Event
from mnistfaces.text import counted

HIDDEN = (".", "__MACOSX")
METADATA = ("metadata.csv", "metadata.jsonl")


@dataclass(frozen=True, kw_only=True)
class Tree:
    """A folder, one level deep; links that lead back into it are left out.

    Attributes:
        path: the folder.
        folders: its visible subfolders, in the order of their names.
        files: its visible files.
        remarks: what was left out, for people.
    """

    path: Path
    folders: tuple[Path, ...]
    files: tuple[Path, ...]
    remarks: tuple[str, ...]

    @staticmethod
    def of(path: Path) -> "Tree":
        """Returns what lies in a folder.

        Raises:
            DataError: it cannot be read, or a name in it is not UTF-8.
        """
        try:
            entries = sorted(Path(entry.path) for entry in os.scandir(path))
            require_utf8(path, [entry.name for entry in entries])
            real = path.resolve()
            loops = [item for item in entries if item.is_symlink() and _is_within(real, item)]
            visible = [item for item in entries if not item.name.startswith(HIDDEN) and item not in loops]
            folders = tuple(item for item in visible if item.is_dir())
            files = tuple(item for item in visible if item.is_file())
        except (OSError, RuntimeError) as error:  # RuntimeError: a link that leads to itself, up to Python 3.12
            raise DataError(f"cannot read the folder {path}: {getattr(error, 'strerror', None) or error}") from error
        hidden = len(entries) - len(loops) - len(visible)
        remarks = [_hidden(hidden, "")] if hidden else []
        remarks += [f"the link {item.name} leads back into the folder and is not followed" for item in loops]
        return Tree(path=path, folders=folders, files=files, remarks=tuple(remarks))

    @cached_property
    def sides(self) -> tuple[Path, ...]:
        """Returns the subfolders whose names are sides of a split."""
        return tuple(folder for folder in self.folders if folder.name.lower() in SIDE_WORDS)

    @cached_property
    def has_train(self) -> bool:
        """Returns whether a subfolder holds training images, by its name."""
        return any(SIDE_WORDS[folder.name.lower()] == "train" for folder in self.sides)


def _hidden(count: int, where: str) -> str:
    return (
        f"{count} hidden file or folder{where} is not read"
        if count == 1
        else f"{count} hidden files and folders{where} are not read"
    )


def _is_within(real: Path, link: Path) -> bool:
    """Returns whether a link leads to the folder itself or to one above it."""
    try:
        target = link.resolve(strict=True)
    except (OSError, RuntimeError):
        return True
    return target == real or target in real.parents


def require_utf8(folder: Path, names: Iterable[str]) -> None:
    """Raises DataError if a name in a folder is not UTF-8: it could not be written down."""
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise DataError(f"{folder} holds the name {os.fsencode(name)!r}, which is not UTF-8: rename it") from None


def files_below(folder: Path, remarks: list[str]) -> list[Path]:
    """Returns the visible files of a folder and its subfolders, in the order of their paths.

    Links to folders are not followed; `remarks` gets a sentence for what is left out.

    Raises:
        DataError: a folder cannot be read, or a name is not UTF-8.
    """
    found: list[str] = []
    hidden, places = 0, [os.fspath(folder)]
    while places:
        here = places.pop()
        try:
            with os.scandir(here) as entries:
                listed = list(entries)
        except OSError as error:
            raise DataError(f"cannot read the folder {here}: {error.strerror or error}") from error
        require_utf8(Path(here), [entry.name for entry in listed])
        for entry in listed:
            if entry.name.startswith(HIDDEN):
                hidden += 1
            elif entry.is_file():
                found.append(entry.path)
            elif entry.is_dir(follow_symlinks=False):
                places.append(entry.path)
            elif entry.is_symlink():
                remarks.append(f"the link {Path(entry.path).relative_to(folder.parent)} is not followed")
    if hidden:
        remarks.append(_hidden(hidden, f" in {folder.name}"))
    return [Path(path) for path in sorted(found, key=lambda path: path.split(os.sep))]  # noqa: PTH206  Path is slow


def names_of(files: Iterable[Path], folder: Path) -> list[str]:
    """Returns what files below a folder are called: their paths from there, with `/` between the parts."""
    start = 0 if folder == Path() else len(os.path.join(folder, ""))  # noqa: PTH118  "" ends it with one separator
    return [os.fspath(file)[start:].replace(os.sep, "/") for file in files]


def inner_folders(names: Iterable[str], depth: int) -> tuple[str, ...]:
    """Returns what to say of folders inside class folders, which could be meant as classes of their own.

    Args:
        names: of images, with `/` between the parts.
        depth: how many folders lead to a class, itself among them.
    """
    parts = [name.split("/") for name in names]
    inner = sorted({"/".join(part[: depth + 1]) for part in parts if len(part) > depth + 1})
    if not inner:
        return ()
    lie = counted(
        len(inner),
        "folder lies inside a class folder and is no class",
        "folders lie inside class folders and are no classes",
    )
    return (f"{lie}: the images in {inner[0]} are of the class {inner[0].split('/')[depth - 1]}",)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """One way to keep data.

    Attributes:
        name: of `--layout`, for those of folders.
        wants: what it looks for, for people.
        example: the smallest one, in one line.
        read: yields what a path holds, and before that how far it is.
        kind: of the dataset, told without reading.
        fits: whether a folder looks so; None for a layout of files.
        endings: of the files; empty for a layout of folders.
        takes: the fields of `DataConfig` that can bear on it, besides `layout` and `group_by`.
    """

    name: str
    wants: str
    example: str
    read: Callable[[Path, DataConfig], Iterator[Event | Found]]
    kind: Callable[[Path], DatasetKind]
    fits: Callable[[Tree], bool] | None = None
    endings: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()


def two_readings(path: Path, first: str, second: str) -> DataError:
    """Returns the refusal of a folder that can be read in two ways, each with the option that chooses it."""
    return DataError(f"{path} can be read in two ways: {first}; or {second}")
