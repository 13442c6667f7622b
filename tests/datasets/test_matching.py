"""Two datasets of the same images, cut down to what both hold: a seed divides them alike."""

from dataclasses import replace

import numpy as np
import pytest
from small_data import make_dataset

from mnistfaces.config import SplitConfig
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.matching import match
from mnistfaces.datasets.splits import draw_split
from mnistfaces.datasets.store import fingerprint_of
from mnistfaces.errors import DataError


def other_of(dataset: Dataset, places: np.ndarray, groups: np.ndarray | None = None) -> Dataset:
    """Returns some images with two numbers each, and classes in the opposite order."""
    return replace(
        dataset,
        name="other",
        kind="features",
        inputs=np.stack([places, 2 * places], axis=1).astype(np.float32),
        shape=(2,),
        labels=len(dataset.classes) - 1 - dataset.labels[places],
        classes=dataset.classes[::-1],
        ids=dataset.ids[places],
        groups=np.arange(len(places)) if groups is None else groups,
        given_test=dataset.given_test[places],
    )


def test_both_sides_hold_the_same_images_and_a_seed_divides_them_alike() -> None:
    first = make_dataset((40, 40, 40))
    places = np.random.default_rng(3).permutation(120)[:100]
    matched = match(first, other_of(first, places))
    assert matched.left_out == (20, 0)
    one, two = matched.first, matched.second
    assert set(one.ids) == set(first.ids[places])
    assert [one.ids.tolist(), one.labels.tolist(), one.classes] == [two.ids.tolist(), two.labels.tolist(), two.classes]
    assert [f"image-{int(row[0]):04}" for row in two.inputs] == two.ids.tolist()
    assert all((one.inputs[place] == first.inputs[first.ids == name]).all() for place, name in enumerate(one.ids))
    for seed in range(3):
        splits = [draw_split(dataset, SplitConfig(test_per_class=5, val_per_class=5), seed) for dataset in (one, two)]
        for side in ("train", "val", "test"):
            held = [
                dataset.ids[getattr(split, side)].tolist() for dataset, split in zip((one, two), splits, strict=True)
            ]
            assert held[0] == held[1]
    assert one.fingerprint == fingerprint_of(one) != first.fingerprint


def test_images_that_either_side_keeps_together_stay_together_on_both() -> None:
    first = replace(make_dataset((10, 10, 10)), groups=np.array([0, 0, *range(2, 30)]))
    groups = np.arange(30)
    groups[2] = 1  # in the other, the second image goes with the third
    matched = match(first, other_of(first, np.arange(30), groups))
    for dataset in (matched.first, matched.second):
        assert len(set(dataset.groups[:3])) == 1
        assert dataset.count_groups(np.arange(30)) == 28


def test_a_name_that_stands_for_two_files_is_no_image_in_common() -> None:
    first = replace(make_dataset((5, 5)), sha256=np.array([f"{number:064}" for number in range(10)]))
    other = other_of(first, np.arange(10))
    assert other.sha256 is not None
    changed = other.sha256.copy()
    changed[4] = "f" * 64
    matched = match(first, replace(other, sha256=changed))
    assert matched.left_out == (1, 1)
    assert "image-0004" not in matched.first.ids


def test_nothing_in_common_and_two_classes_for_an_image_are_refused() -> None:
    first = make_dataset((5, 5))
    other = other_of(first, np.arange(10))
    with pytest.raises(DataError, match="no image in common"):
        match(first, replace(other, ids=np.char.add(other.ids, "x")))
    with pytest.raises(DataError, match="image-0000 is of the class class0 in small and of class1 in other"):
        match(first, replace(other, labels=1 - other.labels))
