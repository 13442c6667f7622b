"""`.parquet` as the library `datasets` writes it: `image` (bytes, or a struct with `bytes`) and `label`."""

import json
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mnistfaces.config import DataConfig
from mnistfaces.datasets.found import Found, read_sides
from mnistfaces.datasets.layouts.base import Layout
from mnistfaces.errors import DataError
from mnistfaces.progress import Advanced, Event, Stage

MOST_BYTES = 1 << 32


def read(path: Path, reading: DataConfig) -> Iterator[Event | Found]:
    """Yields the images of a table, still encoded.

    Raises:
        DataError: pyarrow is not installed, the file is damaged, or a column is missing.
    """
    label = reading.label_column or "label"
    table = yield from _table(path, label)
    cells = table.column("image").to_pylist()
    texts = [name for name in table.column_names if name != "image"]
    columns = {name: [_text(value) for value in table.column(name).to_pylist()] for name in texts}
    labels, classes = _labels(path, table, label)
    split = columns.pop("split", None)
    yield Found(
        inputs=[_content(path, number, cell) for number, cell in enumerate(cells)],
        labels=labels,
        names=_names(cells),
        classes=classes,
        sides=None if split is None else read_sides(split, f"{path}, split"),
        columns={name: words for name, words in columns.items() if name != label},
    )


def _table(path: Path, label: str) -> Generator[Event, None, Any]:
    """Returns the table of a file, `image` and the columns that hold one value per row, without what is nested."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError:
        raise DataError(f"{path}: Parquet is read by pyarrow: pip install 'mnistfaces[parquet]'") from None
    try:
        file = pq.ParquetFile(path)
        size = sum(file.metadata.row_group(number).total_byte_size for number in range(file.num_row_groups))
        if size > MOST_BYTES:
            raise DataError(f"{path} would unpack to {size} bytes, more than {MOST_BYTES}")
        names = file.schema_arrow.names
        if missing := [name for name in ("image", label) if name not in names]:
            raise DataError(
                f"{path} has no column {missing[0]!r}; it has {', '.join(names)}: wanted are {LAYOUT.wants}"
            )
        plain = [entry.name for entry in file.schema_arrow if not pa.types.is_nested(entry.type)]
        columns = ["image", *(name for name in plain if name != "image")]
        yield Stage(name=f"reading the rows of {path.name}", total=file.metadata.num_rows)
        parts = []
        for number in range(file.num_row_groups):
            parts.append(file.read_row_group(number, columns=columns))
            yield Advanced(amount=parts[-1].num_rows)
        return pa.concat_tables(parts) if parts else file.read(columns=columns)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"cannot read {path}: {str(error).splitlines()[0]}") from error


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _content(path: Path, number: int, cell: Any) -> bytes:  # noqa: ANN401  whatever the column holds
    content = cell.get("bytes") if isinstance(cell, dict) else cell
    if not isinstance(content, bytes):
        raise DataError(f"{path}, row {number}: image holds no bytes of an image (paths to other files are not read)")
    return content


def _names(cells: list[Any]) -> list[str] | None:
    """Returns the paths that the images had, where each has one of its own."""
    names = [cell.get("path") or "" if isinstance(cell, dict) else "" for cell in cells]
    return names if all(names) and len(set(names)) == len(names) else None


def _labels(path: Path, table: Any, column: str) -> tuple["np.ndarray[Any, Any]", tuple[str, ...] | None]:  # noqa: ANN401
    """Returns labels by name where the file's own metadata name the classes, else as they are."""
    values = table.column(column).to_pylist()
    if None in values:
        raise DataError(f"{path}, row {values.index(None)}: {column} is empty")
    labels = np.array(values)
    try:
        features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
        names = tuple(str(name) for name in features[column]["names"])
    except (TypeError, KeyError, ValueError):
        return labels, None
    if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= len(names):
        raise DataError(f"{path}: {column} holds other values than 0 to {len(names) - 1}, as its metadata say")
    return np.array(names)[labels], names


LAYOUT = Layout(
    name="parquet",
    wants="`image` (the bytes of an image file, or a struct with them) and `label`",
    example="a row {image: {bytes: …}, label: cat}",
    read=read,
    takes=("label_column",),
    kind=lambda _: "images",
    endings=(".parquet",),
)
