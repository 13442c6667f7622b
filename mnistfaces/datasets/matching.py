"""Two datasets of the same images, such as pixels and features: cut down to what both hold, and divided alike.

N images, n of them in both.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mnistfaces import images
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.grouping import key_pairs
from mnistfaces.datasets.store import fingerprint_of
from mnistfaces.errors import DataError


@dataclass(frozen=True, kw_only=True, eq=False)
class Matched:
    """Two datasets of the same n images, in one order, with the same labels, classes, groups and given sides.

    A seed therefore divides both into the same images.

    Attributes:
        first: of the one.
        second: of the other.
        left_out: how many images of each the other does not hold.
    """

    first: Dataset
    second: Dataset
    left_out: tuple[int, int]


def match(first: Dataset, second: Dataset) -> Matched:
    """Returns what two datasets hold of the same images, in the order and with the classes of the first.

    An image is the same if it has the same id, and the same file where both name their files' SHA-256. Images that
    either dataset keeps in one group are in one group of both.

    Raises:
        DataError: no image is in both, or one that is has another class in each.
    """
    ours, theirs = _places(first, second)
    if not len(ours):
        raise DataError(f"{first.name} and {second.name} have no image in common")
    of_first, of_second = (
        [dataset.classes[label] for label in dataset.labels[places].tolist()]
        for dataset, places in ((first, ours), (second, theirs))
    )
    for image, one, other in zip(first.ids[ours].tolist(), of_first, of_second, strict=True):
        if one != other:
            raise DataError(f"{image} is of the class {one} in {first.name} and of {other} in {second.name}")
    pairs = [*key_pairs(first.groups[ours].tolist()), *key_pairs(second.groups[theirs].tolist())]
    groups = images.joined(len(ours), pairs)
    one = replace(_only(first, ours), groups=groups)
    two = replace(
        _only(second, theirs),
        groups=groups,
        labels=one.labels,
        classes=one.classes,
        given_test=one.given_test,
        given_val=one.given_val,
    )
    one, two = (replace(dataset, fingerprint=fingerprint_of(dataset)) for dataset in (one, two))
    return Matched(first=one, second=two, left_out=(len(first) - len(ours), len(second) - len(ours)))


def _places(first: Dataset, second: Dataset) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns where the images that both hold stand in each, (n,) and (n,), in the order of the first."""
    place_of = {name: place for place, name in enumerate(second.ids.tolist())}
    pairs = [(place, place_of[name]) for place, name in enumerate(first.ids.tolist()) if name in place_of]
    if first.sha256 is not None and second.sha256 is not None:
        pairs = [(one, other) for one, other in pairs if first.sha256[one] == second.sha256[other]]
    ours, theirs = np.array(pairs, np.int64).reshape(-1, 2).T
    return ours, theirs


def _only(dataset: Dataset, places: NDArray[np.int64]) -> Dataset:
    """Returns the images at some places; of what `meta` says of all images, only of which dataset they are a part."""
    return replace(
        dataset,
        inputs=dataset.inputs[places],
        labels=dataset.labels[places],
        ids=dataset.ids[places],
        groups=dataset.groups[places],
        given_test=dataset.given_test[places],
        given_val=None if dataset.given_val is None else dataset.given_val[places],
        sha256=None if dataset.sha256 is None else dataset.sha256[places],
        meta={"part_of": dataset.fingerprint},
        remarks=(),
    )
