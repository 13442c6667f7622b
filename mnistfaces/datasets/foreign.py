"""Features that other programs wrote: what a dataset needs and they do not say is assumed, and said.

N images, C classes.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Members = Mapping[str, NDArray[Any]]


def complete(members: Members) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """Returns the arrays of a dataset, and a sentence for each thing that had to be assumed.

    `labels` may be class numbers without `classes`, or names; without `labels`, `name` or `names` that repeat are
    the classes. Images without names are numbered, or called by surname and `face_id`, as the faces of the list are.

    Args:
        members: of an `.npz`; `features` is among them.
    """
    whole = dict(members)
    assumed: list[str] = []
    if "labels" not in whole:
        _label_by_name(whole, assumed)
    elif whole["labels"].dtype.kind == "U" and whole["labels"].ndim == 1:
        _label_by(whole, whole["labels"], "labels", assumed)
    elif "classes" not in whole and whole["labels"].dtype.kind in "iu" and whole["labels"].ndim == 1:
        _number_classes(whole, assumed)
    if "names" not in whole and len(whole.get("labels", ())):
        _name_images(whole, assumed)
    if "groups" not in whole:
        _group_by_file(whole, assumed)
    return whole, assumed


def _label_by_name(whole: dict[str, NDArray[Any]], assumed: list[str]) -> None:
    for member in ("name", "names"):
        values = whole.get(member)
        if values is not None and values.dtype.kind == "U" and values.ndim == 1:
            if len(np.unique(values)) < len(values):
                _label_by(whole, values, member, assumed)
                whole.pop("names", None)
            return


def _label_by(whole: dict[str, NDArray[Any]], names: NDArray[Any], member: str, assumed: list[str]) -> None:
    whole["classes"], labels = np.unique(names, return_inverse=True)
    whole["labels"] = labels.astype(np.int64)
    assumed.append(f"the classes are the {len(whole['classes'])} names in {member!r}, in the order of the alphabet")


def _number_classes(whole: dict[str, NDArray[Any]], assumed: list[str]) -> None:
    numbers, labels = np.unique(whole["labels"], return_inverse=True)
    whole["classes"], whole["labels"] = numbers.astype(str), labels.astype(np.int64)
    assumed.append(f"the {len(numbers)} classes are called by their numbers in 'labels'")


def _name_images(whole: dict[str, NDArray[Any]], assumed: list[str]) -> None:
    count = len(whole["labels"])
    face_ids = whole.get("face_id")
    if face_ids is not None and face_ids.shape == (count,) and "classes" in whole:
        surnames = [str(name).split()[-1].lower() if str(name).split() else "" for name in whole["classes"]]
        named = [f"{surnames[label]}-{face}" for label, face in zip(whole["labels"], face_ids.tolist(), strict=True)]
        if len(set(named)) == count:
            whole["names"] = np.array(named)
            assumed.append("images are called by surname and 'face_id'")
            return
    whole["names"] = np.arange(count).astype(str)
    assumed.append("images are called by their numbers, from 0")


def _group_by_file(whole: dict[str, NDArray[Any]], assumed: list[str]) -> None:
    count = len(whole.get("labels", ()))
    files = whole.get("sha256")
    whole["groups"] = np.arange(count)
    if files is not None and files.shape == (count,) and files.dtype.kind == "U" and (files != "").all():
        whole["groups"] = np.unique(files, return_inverse=True)[1].astype(np.int64)
        assumed.append("images of one 'sha256' stay together in a split; other near-duplicates are not known")
    else:
        assumed.append("no two images are near-duplicates")
