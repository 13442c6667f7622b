"""The one shape of a dataset on disk, and the folder where datasets live.

A dataset is an `.npz` with the members `features` (N, D), `labels` (N,), `classes` (C,), `names` (N,),
`groups` (N,), `split` (N,), `sha256` (N,), `shape` (k,) and `meta`, a text of JSON.
N images, D inputs an image, C classes.
"""

import hashlib
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from mnistfaces.arrays import read_npz, row_blocks, write_npz
from mnistfaces.config import DatasetKind
from mnistfaces.datasets.base import Dataset
from mnistfaces.errors import DataError, FileError
from mnistfaces.files import hash_of
from mnistfaces.text import counted

DATA_DIR_VARIABLE = "MNF_DATA_DIR"
ROWS_AT_ONCE = 4096


def data_dir(explicit: Path | None = None) -> Path:
    """Returns the data folder: `explicit`, else $MNF_DATA_DIR, else the platform's; it need not exist."""
    if explicit is not None:
        return explicit
    if named := os.environ.get(DATA_DIR_VARIABLE):
        return Path(named)
    from platformdirs import user_data_path

    return user_data_path("mnistfaces", appauthor=False)


def fingerprint_of(dataset: Dataset) -> str:
    """Returns the SHA-256 of what a dataset holds: its arrays and class names, not its name or origin."""
    digest = hashlib.sha256()
    for array in (dataset.inputs, dataset.labels, dataset.ids, dataset.groups, dataset.given_test):
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        for block in row_blocks(array):
            digest.update(block.view(np.uint8).data)
    if dataset.given_val is not None:  # one that brings none has the fingerprint that it always had
        digest.update(b"given_val" + dataset.given_val.tobytes())
    digest.update(hash_of([list(dataset.classes), list(dataset.shape)]).encode())
    return digest.hexdigest()


def save_dataset(path: Path, dataset: Dataset, *, compressed: bool = False) -> None:
    """Writes a dataset, whole or not at all; equal datasets give equal bytes.

    Raises:
        FileError: the folder or the disk refuses.
    """
    size = len(dataset)
    own: dict[str, object] = {"name": dataset.name, "kind": dataset.kind, "fingerprint": dataset.fingerprint}
    if dataset.remarks:
        own["remarks"] = list(dataset.remarks)
    members = {
        "labels": dataset.labels,
        "classes": np.array(dataset.classes),
        "names": dataset.ids,
        "groups": dataset.groups,
        "split": dataset.given_sides(),
        "sha256": np.full(size, "") if dataset.sha256 is None else dataset.sha256,
        "shape": np.array(dataset.shape, np.int64),
        "meta": np.array(json.dumps({**dataset.meta, **own}, sort_keys=True, allow_nan=False)),
        "features": dataset.inputs,
    }
    write_npz(path, members, compressed=compressed)


def open_dataset(path: Path) -> Dataset:
    """Returns the dataset in a file, its inputs mapped where they lie uncompressed.

    Raises:
        DataError: no such file, a damaged one, or one that is no dataset; the message names the member.
    """
    members = read_npz(path)
    try:
        return _dataset(members, path.stem)
    except _NoDatasetError as error:
        raise DataError(f"{path} is not a dataset: {error}") from error


def read_meta(path: Path) -> dict[str, Any]:
    """Returns the `meta` of the dataset in a file, of which no more is read; of what is none, or cannot be read, {}."""
    try:
        return _meta(read_npz(path, only=("meta",)))
    except (DataError, FileError, _NoDatasetError):
        return {}


class _NoDatasetError(ValueError):
    """What is wrong with a member."""


def _require(condition: object, message: str) -> None:
    if not condition:
        raise _NoDatasetError(message)


def _dataset(members: Mapping[str, NDArray[Any]], stem: str) -> Dataset:
    inputs = _typed(members, "features", "uf", 2)
    _require(inputs.dtype.kind == "f" or inputs.dtype == np.uint8, "'features' are neither floats nor bytes")
    size, width = inputs.shape
    labels = _typed(members, "labels", "iu", 1, size).astype(np.int64, copy=False)
    classes = _typed(members, "classes", "U", 1)
    ids = _typed(members, "names", "U", 1, size)
    groups = np.arange(size)
    if "groups" in members:
        groups = _typed(members, "groups", "i", 1, size).astype(np.int64, copy=False)
    split = _split(members, size)
    sha256 = _typed(members, "sha256", "U", 1, size) if "sha256" in members else np.full(size, "")
    shape = tuple(_typed(members, "shape", "iu", 1).tolist()) if "shape" in members else (width,)
    meta = _meta(members)
    kind = meta.pop("kind", "features")
    _require(kind in get_args(DatasetKind), f"'meta' names the unknown kind {kind!r}")
    dataset = Dataset(
        name=str(meta.pop("name", stem)),
        kind=kind,
        inputs=inputs,
        labels=labels,
        classes=tuple(classes.tolist()),
        ids=ids,
        shape=shape,
        groups=groups,
        given_test=split == "test",
        fingerprint=str(meta.pop("fingerprint", "")),
        meta=meta,
        sha256=sha256 if (sha256 != "").any() else None,
        given_val=split == "val" if (split == "val").any() else None,
        remarks=_remarks(meta),
    )
    _check(dataset)
    if not dataset.fingerprint:
        object.__setattr__(dataset, "fingerprint", fingerprint_of(dataset))
    return dataset


def _split(members: Mapping[str, NDArray[Any]], size: int) -> NDArray[np.str_]:
    """Returns the side of each image, or "" for those that the data leave to a draw."""
    if "split" not in members:
        return np.full(size, "")
    split = _typed(members, "split", "U", 1, size)
    trained = np.isin(split, ["test", "val"]).any() or not (split == "train").any()
    _require(trained, "'split' names images to train but none to test")
    _require(np.isin(split, ["", "train", "val", "test"]).all(), "'split' holds more than train, val, test and nothing")
    _require(not size or np.isin(split, ["", "train"]).any(), "'split' names no image to train on")
    return split


def _typed(
    members: Mapping[str, NDArray[Any]], name: str, kinds: str, ndim: int, size: int | None = None
) -> NDArray[Any]:
    """Returns a member that must have one of these kinds of type, `ndim` axes, and `size` rows."""
    _require(name in members, f"it has no array {name!r}")
    array = members[name]
    _require(array.dtype.kind in kinds and array.ndim == ndim, f"{name!r} is {array.dtype} of shape {array.shape}")
    if size is not None and len(array) != size:
        raise _NoDatasetError(f"{name!r} has {counted(len(array), 'row')}, 'features' has {size}")
    return array


def _meta(members: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    if "meta" not in members:
        return {}
    try:
        meta = json.loads(str(_typed(members, "meta", "U", 0)))
    except (json.JSONDecodeError, RecursionError, ValueError) as error:
        raise _NoDatasetError(f"'meta' is not JSON: {error}") from error
    _require(isinstance(meta, dict), "'meta' is not a JSON object")
    return dict(meta)


def _remarks(meta: dict[str, Any]) -> tuple[str, ...]:
    remarks = meta.pop("remarks", [])
    _require(isinstance(remarks, list), "'meta' has remarks that are no list")
    return tuple(map(str, remarks))


def is_native(path: Path) -> bool:
    """Returns whether a file has the `meta` that `save_dataset` writes, by its directory alone."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "meta.npy" in archive.namelist()
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return False


def _check(dataset: Dataset) -> None:
    """Raises _NoDatasetError unless values and shapes fit together."""
    count, width = len(dataset.classes), dataset.inputs.shape[1]
    _require(len(dataset) > 0 and width > 0, "'features' is empty")
    _require(count > 0 and len(set(dataset.classes)) == count, "'classes' is empty or names a class twice")
    low, high = int(dataset.labels.min()), int(dataset.labels.max())
    _require(low >= 0 and high < count, f"'labels' go from {low} to {high}, there are {count} classes")
    _require(len(set(dataset.ids.tolist())) == len(dataset), "'names' names an image twice")
    _require(min(dataset.shape, default=0) > 0, f"'shape' is {dataset.shape}")
    product = 1
    for length in dataset.shape:
        product *= length
    _require(product == width, f"'shape' is {dataset.shape}, 'features' has {width} columns")
    if dataset.inputs.dtype.kind == "f":
        for start in range(0, len(dataset), ROWS_AT_ONCE):
            finite = np.isfinite(dataset.inputs[start : start + ROWS_AT_ONCE]).all()
            _require(finite, f"'features' holds a number that is not finite in the rows from {start}")
