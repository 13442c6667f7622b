"""`.npz` files: features with labels; Keras's and MedMNIST's arrays with their split; `X` and `y`.

N images.
"""

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistfaces.arrays import read_npz
from mnistfaces.config import DataConfig, DatasetKind
from mnistfaces.datasets.found import Found, read_sides
from mnistfaces.datasets.inputs import join_inputs
from mnistfaces.datasets.labels import join_labels
from mnistfaces.datasets.layouts.base import Layout
from mnistfaces.errors import DataError
from mnistfaces.progress import Event
from mnistfaces.text import counted

Members = Mapping[str, NDArray[Any]]

PAIRS = (("x_{}", "y_{}"), ("X_{}", "y_{}"), ("{}_images", "{}_labels"))
"""What Keras, scikit-learn's users and MedMNIST call the images and labels of a side."""

SIDES = ("train", "val", "test")
WHOLE = (("X", "y"), ("x", "y"), ("images", "labels"), ("data", "target"))


def kind(path: Path) -> DatasetKind:
    """Returns `features` for a file that has them, by its directory alone."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return "features"  # opening it says what is wrong
    return "arrays" if names and "features.npy" not in names else "features"


def read(path: Path, reading: DataConfig) -> Iterator[Event | Found]:  # noqa: ARG001  --as is asked of the array, not of the file
    """Yields the arrays of a file that other programs wrote.

    Raises:
        DataError: images or labels are missing; the message says which arrays there are.
    """
    members = read_npz(path)
    yield _features(members, path) if "features" in members else pairs_of(members, path)


def pairs_of(members: Members, path: Path) -> Found:
    """Returns images and labels by the names that people give them, with their split where there is one.

    Raises:
        DataError: images or labels are missing; the message says which arrays there are.
    """
    for pair in PAIRS:
        parts = [(side, *(name.format(side) for name in pair)) for side in SIDES]
        present = [(side, images, labels) for side, images, labels in parts if {images, labels} & set(members)]
        if any(images in members for _, images, _ in present):
            return _sides(members, present, path)
    for images, labels in WHOLE:
        if images in members and labels in members:
            _require_rows(path, members, images, labels)
            columns = _columns(members, members[labels])
            sides = read_sides(columns["split"], f"{path}, split") if "split" in columns else None
            return Found(inputs=members[images], labels=members[labels], sides=sides, columns=columns)
    held = ", ".join(f"{name} {array.shape}" for name, array in members.items())
    raise DataError(f"{path} is not a dataset: it has the arrays {held or 'none'}; wanted are {LAYOUT.wants}")


def _sides(members: Members, present: Sequence[tuple[str, str, str]], path: Path) -> Found:
    for _, images, labels in present:
        _require_rows(path, members, images, labels)
    if present[0][0] != "train":
        raise DataError(f"{path} has no images to train: it has {', '.join(members)}; wanted are {LAYOUT.wants}")
    shapes = {members[images].shape[1:] for _, images, _ in present}
    if len(shapes) > 1:
        raise DataError(f"{path} has images of several shapes: {' and '.join(sorted(map(str, shapes)))}")
    counts = [len(members[labels]) for _, _, labels in present]
    return Found(
        inputs=join_inputs([members[images] for _, images, _ in present], f"{path}, {present[0][1]} and others"),
        labels=join_labels([members[labels] for _, _, labels in present], f"{path}, {present[0][2]} and others"),
        names=[
            f"{side}-{number:05d}"
            for (side, _, _), count in zip(present, counts, strict=True)
            for number in range(count)
        ],
        sides=np.repeat([side for side, _, _ in present], counts),
    )


def _require_rows(path: Path, members: Members, images: str, labels: str) -> None:
    for wanted, other in ((labels, images), (images, labels)):
        if wanted not in members:
            raise DataError(f"{path} is not a dataset: it has {other!r} and no {wanted!r}")
    x, y = members[images], members[labels]
    if y.ndim not in (1, 2) or x.ndim < 2 or len(x) != len(y):  # noqa: PLR2004  rows and values
        raise DataError(
            f"{path} is not a dataset: {images!r} is {x.dtype} {x.shape}, {labels!r} is {y.dtype} {y.shape}"
        )


def _columns(members: Members, labels: NDArray[Any]) -> dict[str, list[str]]:
    """Returns the arrays that say a word or a number of each image; `groups` is called `group`, too."""
    columns = {
        name: [str(value) for value in array.tolist()]
        for name, array in members.items()
        if array.ndim == 1 and len(array) == len(labels) and array is not labels
    }
    if "groups" in columns:
        columns.setdefault("group", columns["groups"])
    return columns


def _features(members: Members, path: Path) -> Found:
    """Returns features, whose labels may stand in `labels`, or be the names that repeat in `name` or `names`."""
    labels, member = _labels(members, path)
    size, assumed = len(labels), []
    if len(members["features"]) != size:
        raise DataError(
            f"{path} is not a dataset: {counted(size, 'row')} in {member!r}, {len(members['features'])} in 'features'"
        )
    classes = None
    if "classes" in members and labels.dtype.kind in "iu" and members["classes"].dtype.kind == "U":
        classes = tuple(members["classes"].tolist())
        if labels.size and (labels.min() < 0 or labels.max() >= len(classes)):
            raise DataError(
                f"{path} is not a dataset: 'labels' go from {labels.min()} to {labels.max()}, there are {len(classes)} "
                "classes"
            )
        labels = members["classes"][labels]
    elif labels.dtype.kind == "U":
        assumed.append(
            f"the classes are the {len(np.unique(labels))} names in {member!r}, in the order of the alphabet"
        )
    else:
        assumed.append(f"the {len(np.unique(labels))} classes are called by their numbers in 'labels'")
    columns = _columns(members, labels)
    names = members.get("names") if member != "names" else None
    named = names is not None and names.dtype.kind == "U" and names.shape == (size,)
    ids = names.tolist() if named and names is not None else _face_names(members, labels, assumed)
    return Found(
        inputs=members["features"],
        labels=labels,
        names=ids,
        classes=classes,
        sides=read_sides(columns["split"], f"{path}, split") if "split" in columns else None,
        columns=_grouping(columns, size, assumed),
        shape=tuple(members["shape"].tolist()) if "shape" in members and members["shape"].ndim == 1 else None,
        assumed=tuple(assumed),
    )


def _grouping(columns: dict[str, list[str]], size: int, assumed: list[str]) -> dict[str, list[str]]:
    """Returns the columns with a `group`, of images that stay together, where only their files tell of one."""
    files = columns.get("sha256", [])
    if "group" not in columns and len(files) == size and all(files):
        columns["group"] = files
        assumed.append("images of one 'sha256' stay together in a split; other near-duplicates are not known")
    return columns


def _labels(members: Members, path: Path) -> tuple[NDArray[Any], str]:
    if "labels" in members:
        labels = members["labels"]
        flat = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels  # noqa: PLR2004  a column
        if flat.ndim == 1:
            return flat, "labels"
        raise DataError(
            f"{path} is not a dataset: 'labels' is {labels.dtype} of shape {labels.shape}: one per image is wanted"
        )
    for member in ("name", "names"):
        values = members.get(member)
        if (
            values is not None
            and values.dtype.kind == "U"
            and values.ndim == 1
            and len(np.unique(values)) < len(values)
        ):
            return values, member
    held = ", ".join(members)
    raise DataError(f"{path} is not a dataset: it has no array 'labels', and no 'name' that repeats; it has {held}")


def _face_names(members: Members, labels: NDArray[Any], assumed: list[str]) -> list[str] | None:
    """Returns names of faces as the list has them, by surname and `face_id`; None where there are none."""
    face_ids = members.get("face_id")
    if face_ids is None or face_ids.shape != (len(labels),) or labels.dtype.kind != "U":
        return None
    surnames = [(str(name).split() or [""])[-1].lower() for name in labels.tolist()]
    named = [f"{surname}-{face}" for surname, face in zip(surnames, face_ids.tolist(), strict=True)]
    if len(set(named)) < len(named):
        return None
    assumed.append("images are called by surname and 'face_id'")
    return named


LAYOUT = Layout(
    name="npz",
    wants="`features` and `labels`; `X` and `y`; `x_train y_train x_test y_test`; or `train_images train_labels …`, "
    "a row per image each",
    example="np.savez('mine.npz', X=images, y=labels)",
    read=read,
    takes=("read_as",),
    kind=kind,
    endings=(".npz",),
)
