"""Data of one's own: from a path of any layout to a dataset."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from mnistfaces.config import DataConfig
from mnistfaces.datasets.assembly import assemble, regrouped
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.cache import open_verified, remembered, stamps_of
from mnistfaces.datasets.found import Found
from mnistfaces.datasets.layouts import LAYOUTS, layout_of
from mnistfaces.datasets.layouts.base import Layout
from mnistfaces.datasets.store import is_native
from mnistfaces.datasets.variants import variant_of
from mnistfaces.errors import UsageError
from mnistfaces.progress import Event, result_of


def read_own(
    path: Path, reading: DataConfig = DataConfig(), *, data_dir: Path | None = None
) -> Iterator[Event | Dataset]:
    """Yields the dataset at a path, and before that how far it is; `notes` say what was assumed.

    The largest square in the middle of each image file is resized. Files that are no images are left out: `meta` says
    how many (`skipped`) and names the first of them (`skipped_files`).

    Args:
        path: a folder or a file of one of the known layouts.
        reading: size and channels of image files, and how the data are to be read where there are several ways.
        data_dir: where what was read is remembered; None remembers nothing.

    Raises:
        UsageError: the file is of no known kind, or an option does not apply to it.
        DataError: it cannot be read, or not in one way only.
    """
    layout = layout_of(path, reading)
    _require_options(path, layout, reading)
    if layout is LAYOUTS["npz"] and is_native(path):
        yield regrouped(open_verified(path, data_dir), reading, data_dir)
        return
    kind = layout.kind(path)
    variant = variant_of(reading.res, reading.color) if kind == "images" else None
    found = None
    if variant is not None and path.is_dir():  # what is read are the names of files alone
        found = yield from result_of(layout.read(path, reading))
    files = _files(path) if found is None else list(found.inputs)
    made_of = [layout.name, reading.reading, variant and variant.label, stamps_of(files), found and _listing(found)]

    def build() -> Iterator[Event | Dataset]:
        whole = found or (yield from result_of(layout.read(path, reading)))
        yield from assemble(whole, str(path), kind, reading, variant)

    dataset = yield from result_of(remembered(made_of, data_dir, build))
    source = {} if kind == "features" else {"source": str(path)}  # where a run finds the data again
    remarks = dataset.remarks if found is None else found.remarks
    yield replace(dataset, name=_name(path, layout), meta={**dataset.meta, **source}, remarks=remarks)


def _files(path: Path) -> list[Path]:
    return sorted(item for item in path.iterdir() if item.is_file()) if path.is_dir() else [path]


def _listing(found: Found) -> list[object]:
    """Returns what a folder says of its images, beside what they are."""
    sides = None if found.sides is None else found.sides.tolist()
    columns = {name: list(words) for name, words in found.columns.items()}
    return [list(found.names or ()), found.labels.tolist(), list(found.classes or ()), sides, columns]


def _require_options(path: Path, layout: Layout, reading: DataConfig) -> None:
    for field, option in (("read_as", "--as"), ("label_column", "--label-column")):
        if getattr(reading, field) is not None and field not in layout.takes:
            takers = [other.wants for other in LAYOUTS.values() if field in other.takes]
            raise UsageError(f"{option} is not for {path}, but for data of other layouts: {'; '.join(takers)}")


def _name(path: Path, layout: Layout) -> str:
    name = path.name or path.resolve().name
    ending = next((end for end in sorted(layout.endings, key=len, reverse=True) if name.lower().endswith(end)), "")
    return name[: len(name) - len(ending)]
