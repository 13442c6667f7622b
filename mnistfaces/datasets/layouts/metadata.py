"""A folder with `metadata.csv` or `metadata.jsonl`, as the imagefolder of the library `datasets` has it.

`file_name` is a path relative to the metadata; `label` is the class; `split` and `group` may stand beside them. In a
folder with `train/` and `test/`, each may have metadata of its own, and is then that side of the split.
"""

import json
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from mnistfaces.config import DataConfig
from mnistfaces.datasets.found import SIDE_WORDS, Found, read_sides
from mnistfaces.datasets.labels import typed
from mnistfaces.datasets.layouts.base import (
    METADATA,
    Layout,
    Tree,
    files_below,
    names_of,
    require_utf8,
    two_readings,
)
from mnistfaces.datasets.layouts.rows import read_rows
from mnistfaces.errors import DataError
from mnistfaces.progress import Event
from mnistfaces.text import counted

Record = Mapping[str, str]


def fits(tree: Tree) -> bool:
    """Returns whether metadata lie in a folder or in the sides of its split."""
    return bool(_tables(tree))


def _tables(tree: Tree) -> Sequence[tuple[Path, str]]:
    """Returns the files of metadata, each with the side of the split that it stands for, or ""."""
    own = [(file, "") for file in tree.files if file.name in METADATA]
    sides = [
        (file, SIDE_WORDS[side.name.lower()])
        for side in tree.sides
        for file in Tree.of(side).files
        if file.name in METADATA
    ]
    return own or sides


def read(path: Path, reading: DataConfig) -> Iterator[Event | Found]:
    """Yields the images that the metadata name.

    Raises:
        DataError: a row or a column is missing or cannot be meant; the message names it.
    """
    tree = Tree.of(path)
    tables = _tables(tree)
    if not tables:
        raise DataError(f"{path} has no {' or '.join(METADATA)}: {LAYOUT.wants} is wanted, such as {LAYOUT.example}")
    if len({file.suffix for file, _ in tables}) > 1 or len({file.parent for file, _ in tables}) < len(tables):
        raise DataError(f"{path} has metadata of two kinds: keep either {' or '.join(METADATA)}")
    column = reading.label_column or "label"
    records = [(file, number, record) for file, _ in tables for number, record in _records(file, column)]
    if not records:
        raise DataError(f"{tables[0][0]} has no rows: {LAYOUT.example} is wanted")
    for file, number, record in records:
        if "file_name" not in record:
            has = ", ".join(record)
            raise DataError(f"{file}, line {number}: there is no file_name among {has}: {LAYOUT.example} is wanted")
        if not record.get(column):
            where = f"{file}, line {number}"
            raise (
                DataError(f"{where}: {column} is empty")
                if column in record
                else _unlabelled(tree, file, column, record)
            )
    remarks = list(tree.remarks)
    below = {file: _below(file, remarks) for file, _ in tables}
    paths = [_place(file, number, record["file_name"], below[file]) for file, number, record in records]
    names = names_of(paths, path)
    columns = _columns([record for _, _, record in records], column)
    side_of = dict(tables)
    words = columns.get("split", [side_of[file] for file, _, _ in records])
    labels = [record[column] for _, _, record in records]
    yield Found(
        inputs=paths,
        labels=typed(labels),
        names=names,
        sides=read_sides(words, str(tables[0][0])),
        columns=columns,
        assumed=_assumed(tables, names, labels),
        remarks=(*remarks, *_unnamed(path, names, below)),
    )


def _unlabelled(tree: Tree, file: Path, column: str, record: Record) -> DataError:
    """Returns the refusal of metadata without labels, with the other reading where the folders could be classes."""
    has = f"{file} has no column {column}; it has {', '.join(record)}"
    if len(tree.folders) > 1 and not tree.sides:
        return two_readings(
            tree.path,
            f"--layout metadata takes the labels from a column ({has}: name one with --label-column)",
            "--layout classes takes the subfolders as classes",
        )
    return DataError(f"{has}: name one with --label-column, or add it: {LAYOUT.example}")


def _records(file: Path, label: str) -> Iterator[tuple[int, Record]]:
    """Yields the rows of a table of metadata with the numbers of their lines, every value as text; null is ""."""
    if file.suffix == ".csv":
        header, rows = read_rows(file)
        for number, row in rows:
            record = dict(zip(header, row, strict=True))
            yield number, record | ({label: record[label].strip()} if label in record else {})
        return
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {file}: {error}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{file}, line {number} is not JSON: {error}") from error
        if not isinstance(record, dict):
            raise DataError(f"{file}, line {number} is not an object of JSON: {LAYOUT.example} is wanted")
        if isinstance(record.get(label), (dict, list)):
            raise DataError(f"{file}, line {number}: {label} is {json.dumps(record[label])}, not a word or a number")
        yield number, {name: _text(value) for name, value in record.items()}


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value)


def _below(table: Path, remarks: list[str]) -> dict[str, Path]:
    """Returns the files below the folder of a table, by their paths from there; `remarks` gets what was left out."""
    files = files_below(table.parent, remarks)
    return dict(zip(names_of(files, table.parent), files, strict=True))


def _place(table: Path, number: int, name: str, below: Mapping[str, Path]) -> Path:
    """Returns the file that a row names, which must lie below the folder of its table.

    Args:
        table: the metadata.
        number: of the line.
        name: what the line names.
        below: the visible files below the folder; others, such as those behind a link, are looked for.

    Raises:
        DataError: the name leads out of the folder, or there is no such file.
    """
    plain = posixpath.normpath(name.replace("\\", "/"))
    if plain in below:
        return below[plain]
    outside = plain.startswith(("/", "../")) or plain in ("..", ".") or (len(name) > 1 and name[1] == ":")
    if not name or outside or "://" in name or "\0" in name:
        raise DataError(f"{table}, line {number}: file_name {name!r} is no path below the folder of the table")
    place = table.parent / plain
    require_utf8(table.parent, [place.name])
    try:
        is_there = place.is_file()
    except OSError as error:  # the name is too long, for one
        raise DataError(f"{table}, line {number}: cannot use file_name {name[:80]!r}: {error.strerror}") from error
    if not is_there:
        raise DataError(f"{table}, line {number}: there is no file {place}")
    return place


def _columns(records: Sequence[Record], label: str) -> dict[str, list[str]]:
    names = dict.fromkeys(name for record in records for name in record)
    return {name: [record.get(name, "") for record in records] for name in names if name not in ("file_name", label)}


def _unnamed(path: Path, names: Sequence[str], below: Mapping[Path, Mapping[str, Path]]) -> list[str]:
    """Returns what to say of files that the metadata, which are the keys of `below`, do not name."""
    files = names_of([file for listed in below.values() for file in listed.values()], path)
    count = len({*files} - {*names} - {*names_of(below, path)})
    return [f"{counted(count, 'file is', 'files are')} not read: the metadata do not name them"] if count else []


def _assumed(tables: Sequence[tuple[Path, str]], names: Sequence[str], labels: Sequence[str]) -> tuple[str, ...]:
    """Returns what to say where the images lie in folders that could be classes, and are not the labels."""
    folders = {name.split("/")[0] for name in names if "/" in name} - {table.parent.name for table, _ in tables}
    if len(folders) < 2 or all(name.split("/")[0] == label for name, label in zip(names, labels, strict=True)):  # noqa: PLR2004
        return ()
    return (f"the classes are the labels of {tables[0][0].name}, not the {len(folders)} folders (--layout classes)",)


LAYOUT = Layout(
    name="metadata",
    wants="a table metadata.csv or metadata.jsonl with the columns file_name and label",
    example="metadata.csv of the lines `file_name,label` `1.png,cat` `2.png,dog`",
    read=read,
    takes=("label_column",),
    kind=lambda _: "images",
    fits=fits,
)
