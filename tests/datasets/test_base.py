"""The division of a dataset: disjoint, exact, seeded, and blind to nothing that looks alike."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_data import make_dataset

from mnistfaces.config import SplitConfig
from mnistfaces.datasets.base import Dataset, class_number
from mnistfaces.datasets.splits import Split, draw_split
from mnistfaces.errors import DataError, UsageError

SIDES = ("train", "val", "test")


def per_class(dataset: Dataset, images: np.ndarray) -> list[int]:
    return np.bincount(dataset.labels[images], minlength=len(dataset.classes)).tolist()


def counts_of(dataset: Dataset, split: Split) -> dict[str, list[int]]:
    return {side: per_class(dataset, getattr(split, side)) for side in SIDES}


def grouped(labels: np.ndarray, alike: int, seed: int) -> np.ndarray:
    """Returns group numbers in which about every third image has `alike` - 1 near-duplicates in its class."""
    rng = np.random.default_rng(seed)
    groups = np.arange(len(labels))
    for number in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == number))
        for start in range(0, len(members) // 3, alike):
            groups[members[start : start + alike]] = groups[members[start]]
    return groups * 7 + 3  # numbers need not follow each other


@st.composite
def divisions(draw: st.DrawFn) -> tuple[Dataset, SplitConfig, int]:
    counts = tuple(draw(st.lists(st.integers(30, 60), min_size=2, max_size=4)))
    labels = np.repeat(np.arange(len(counts)), counts)
    groups = grouped(labels, draw(st.integers(1, 4)), draw(st.integers(0, 99))) if draw(st.booleans()) else None
    given_test = np.zeros(len(labels), bool)
    if draw(st.booleans()):
        for number in range(len(counts)):
            given_test[np.flatnonzero(labels == number)[:8]] = True
    sizes = {
        "train_per_class": draw(st.none() | st.integers(1, 6)),
        "val_per_class": draw(st.none() | st.integers(0, 4)),
        "test_per_class": draw(st.none() | st.integers(1, 4)),
        "validation": draw(st.booleans()),
    }
    if not given_test.any() and sizes["test_per_class"] is None:
        sizes["test_per_class"] = 3
    dataset = make_dataset(counts, inputs=3, groups=groups, given_test=given_test)
    return dataset, SplitConfig(**sizes), draw(st.integers(0, 2**32))


@given(divisions())
def test_the_sides_are_disjoint_sorted_and_never_share_near_duplicates(case: tuple[Dataset, SplitConfig, int]) -> None:
    dataset, config, seed = case
    split = draw_split(dataset, config, seed)
    seen: set[int] = set()
    for side in SIDES:
        images = getattr(split, side)
        assert np.array_equal(images, np.unique(images))
        if side == "test" and dataset.given_test.any():
            continue  # a given side is kept as it is; what is drawn keeps apart from it
        groups = set(dataset.groups[images].tolist())
        assert not groups & seen
        seen |= groups
    assert not set(dataset.groups[split.val].tolist()) & set(dataset.groups[split.test].tolist())


@given(divisions())
def test_what_is_asked_for_a_class_is_what_a_class_gets(case: tuple[Dataset, SplitConfig, int]) -> None:
    dataset, config, seed = case
    counts, classes = counts_of(dataset, draw_split(dataset, config, seed)), len(dataset.classes)
    if config.train_per_class is not None:
        assert counts["train"] == [config.train_per_class] * classes
    if config.test_per_class is not None:
        assert counts["test"] == [config.test_per_class] * classes
    elif dataset.given_test.any():
        assert counts["test"] == [8] * classes
    if not config.validation:
        assert counts["val"] == [0] * classes
    elif config.val_per_class is not None:
        assert counts["val"] == [config.val_per_class] * classes
    elif config.train_per_class is not None:
        assert max(counts["val"]) <= config.train_per_class // 4


@given(divisions())
def test_a_seed_always_draws_the_same(case: tuple[Dataset, SplitConfig, int]) -> None:
    dataset, config, seed = case
    first, again = (draw_split(dataset, config, seed) for _ in range(2))
    assert all(np.array_equal(getattr(first, side), getattr(again, side)) for side in SIDES)


def test_ten_seeds_draw_ten_divisions() -> None:
    dataset = make_dataset((40, 40), inputs=3)
    splits = [draw_split(dataset, SplitConfig(test_per_class=5), seed) for seed in range(10)]
    assert all(len({getattr(split, side).tobytes() for split in splits}) == 10 for side in SIDES)


@given(st.integers(0, 999), st.integers(1, 20))
def test_smaller_training_sets_of_a_seed_lie_within_larger_ones(seed: int, size: int) -> None:
    dataset = make_dataset((60, 60), inputs=3, given_test=np.arange(120) % 60 < 10)
    fewer, more = (
        draw_split(dataset, SplitConfig(train_per_class=number, validation=False), seed) for number in (size, size + 9)
    )
    assert set(fewer.train.tolist()) < set(more.train.tolist())


@given(st.integers(0, 999), st.integers(2, 6), st.booleans(), st.booleans())
def test_the_folds_test_every_image_once(seed: int, folds: int, brings_test: bool, alike: bool) -> None:
    labels = np.repeat([0, 1, 2], (33, 24, 41))
    given_test = (np.arange(98) % 9 == 0) & brings_test
    groups = grouped(labels, 3, seed) if alike else None
    dataset = make_dataset((33, 24, 41), inputs=3, groups=groups, given_test=given_test)
    splits = [draw_split(dataset, SplitConfig(folds=folds), seed, fold) for fold in range(folds)]
    tested = np.concatenate([split.test for split in splits])
    assert np.array_equal(np.sort(tested), np.flatnonzero(~given_test))
    for split in splits:
        assert np.intersect1d(dataset.groups[split.test], dataset.groups[split.train]).size == 0
        assert np.intersect1d(dataset.groups[split.test], dataset.groups[split.val]).size == 0
        assert not given_test[np.concatenate([split.train, split.val])].any()


def test_folds_without_near_duplicates_have_equal_sizes_in_every_class() -> None:
    dataset = make_dataset((33, 24, 41), inputs=3)
    sizes = np.array([per_class(dataset, draw_split(dataset, SplitConfig(folds=5), 0, fold).test) for fold in range(5)])
    assert (sizes.max(axis=0) - sizes.min(axis=0) <= 1).all()


def test_what_classes_have_left_over_is_dealt_to_different_folds() -> None:
    dataset = make_dataset((7,) * 5, inputs=3)
    assert [len(draw_split(dataset, SplitConfig(folds=5), 0, fold).test) for fold in range(5)] == [7] * 5


def test_without_a_number_the_rest_is_divided_eighty_to_twenty() -> None:
    dataset = make_dataset((60, 50), inputs=3, given_test=np.arange(110) % 10 == 0)
    counts = counts_of(dataset, draw_split(dataset, SplitConfig(), 0))
    assert counts == {"train": [43, 36], "val": [11, 9], "test": [6, 5]}  # rint(0.2 * 54), rint(0.2 * 45)


def test_with_a_number_up_to_a_quarter_of_what_is_left_validates() -> None:
    dataset = make_dataset((40, 40), inputs=3, given_test=np.arange(80) % 40 < 10)
    assert counts_of(dataset, draw_split(dataset, SplitConfig(train_per_class=20), 0))["val"] == [5, 5]
    assert counts_of(dataset, draw_split(dataset, SplitConfig(train_per_class=28), 0))["val"] == [2, 2]
    assert counts_of(dataset, draw_split(dataset, SplitConfig(train_per_class=30), 0))["val"] == [0, 0]


def test_the_test_set_that_the_data_bring_never_moves() -> None:
    dataset = make_dataset((40, 40), inputs=3, given_test=np.arange(80) % 40 < 10)
    for seed in range(5):
        split = draw_split(dataset, SplitConfig(train_per_class=5), seed)
        assert np.array_equal(split.test, np.flatnonzero(dataset.given_test))
    subsets = [draw_split(dataset, SplitConfig(test_per_class=4), seed).test for seed in range(5)]
    assert len({subset.tobytes() for subset in subsets}) > 1
    assert all(dataset.given_test[subset].all() for subset in subsets)


def test_a_given_split_keeps_every_image_where_it_is_near_duplicates_too() -> None:
    groups = np.arange(80) // 2
    dataset = make_dataset((40, 40), inputs=3, groups=groups, given_test=np.arange(80) % 8 == 0)
    split = draw_split(dataset, SplitConfig(), 0)
    beside_test = np.flatnonzero(dataset.given_test) + 1
    assert np.isin(beside_test, split.train).all()
    assert not np.isin(beside_test, split.val).any()
    assert dataset.count_crossing() == 10
    whole = replace(dataset, given_val=np.arange(80) % 8 == 1)
    split = draw_split(whole, SplitConfig(), 3)
    assert np.array_equal(split.test, np.flatnonzero(dataset.given_test))
    assert np.array_equal(split.val, np.flatnonzero(whole.given_val))
    assert len(split.train) == 80 - 10 - 10
    assert any("10 groups stand on more than one side" in note for note in whole.notes())


def test_subsets_of_a_given_split_are_drawn_within_its_sides() -> None:
    given_val = np.arange(80) % 4 == 1
    dataset = make_dataset((40, 40), inputs=3, given_test=np.arange(80) % 4 == 0)
    dataset = replace(dataset, given_val=given_val)
    split = draw_split(dataset, SplitConfig(train_per_class=5, val_per_class=3, test_per_class=2), 0)
    assert counts_of(dataset, split) == {"train": [5, 5], "val": [3, 3], "test": [2, 2]}
    assert given_val[split.val].all()
    assert dataset.given_test[split.test].all()
    assert not (given_val | dataset.given_test)[split.train].any()
    assert not draw_split(dataset, SplitConfig(validation=False), 0).val.size
    with pytest.raises(UsageError, match="brings its validation images"):
        draw_split(dataset, SplitConfig(val_fraction=0.3), 0)


def test_a_test_set_drawn_beside_given_validation_images_shares_no_group_with_them() -> None:
    dataset = replace(make_dataset((40, 40), inputs=3, groups=np.arange(80) // 2), given_val=np.arange(80) % 8 == 0)
    split = draw_split(dataset, SplitConfig(test_per_class=6), 0)
    assert np.intersect1d(dataset.groups[split.test], dataset.groups[split.val]).size == 0
    assert np.intersect1d(dataset.groups[split.test], dataset.groups[split.train]).size == 0
    assert np.isin(np.flatnonzero(dataset.given_val) + 1, split.train).all()


@given(st.integers(0, 999), st.integers(2, 8), st.sampled_from([None, 3, 9]), st.booleans())
def test_over_all_folds_every_image_validates_equally_often_up_to_one_time(
    seed: int, folds: int, train_per_class: int | None, brings_split: bool
) -> None:
    dataset = make_dataset((40, 33, 56), inputs=3, given_test=(np.arange(129) % 9 == 0) & brings_split)
    if brings_split:
        dataset = replace(dataset, given_val=np.arange(129) % 9 == 1)
    config = SplitConfig(folds=folds, train_per_class=train_per_class)
    splits = [draw_split(dataset, config, seed, fold) for fold in range(folds)]
    times = np.bincount(np.concatenate([split.val for split in splits]), minlength=129)
    for number in range(3):
        of_class = times[(dataset.labels == number) & ~dataset.given_test]
        share = sum(np.count_nonzero(dataset.labels[split.val] == number) for split in splits) / len(of_class)
        assert np.abs(of_class - share).max() < 1.05  # shares of a class differ by an image
    for fold, split in enumerate(splits):
        following = splits[(fold + 1) % folds].test
        if len(split.val) <= len(following) - 3:
            assert np.isin(split.val, following).all()


def test_folds_keep_people_of_several_classes_whole() -> None:
    groups = np.random.default_rng(0).integers(0, 25, 120)  # 25 people with images of every class
    dataset = make_dataset((40, 40, 40), inputs=3, groups=groups)
    splits = [draw_split(dataset, SplitConfig(folds=5), 0, fold) for fold in range(5)]
    assert np.array_equal(np.sort(np.concatenate([split.test for split in splits])), np.arange(120))
    for split in splits:
        sides = [set(groups[getattr(split, side)].tolist()) for side in SIDES]
        assert not (sides[0] | sides[1]) & sides[2]
        assert not sides[0] & sides[1]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (SplitConfig(train_per_class=21), "small: class class1 has 20 images left to train, 21 were asked for"),
        (SplitConfig(test_per_class=11), "small: class class0 has 10 images left to test, 11 were asked for"),
        (SplitConfig(val_per_class=25), "small: class class1 has 20 images left to validate, 25 were asked for"),
        (SplitConfig(folds=21), "small: class class1 has 20 distinct images, too few for --folds 21"),
        (SplitConfig(val_per_class=20), "small: class class1 has no image left to train on"),
    ],
)
def test_too_few_images_are_an_error_that_names_the_class_and_the_counts(config: SplitConfig, message: str) -> None:
    dataset = make_dataset((40, 30), inputs=3, given_test=np.concatenate([np.arange(40) < 10, np.arange(30) < 10]))
    with pytest.raises(DataError, match=re.escape(message)) as caught:
        draw_split(dataset, config, 0)
    if config.folds is None:
        assert "all 70 images: class0 40, class1 30" in str(caught.value)


def test_pixels_are_divided_by_255_and_features_are_taken_as_they_are() -> None:
    dataset = make_dataset((3, 3), inputs=4)
    every = np.arange(6)
    assert np.array_equal(dataset.values(every, "float64"), dataset.inputs / 255)
    assert dataset.values(every).dtype == np.float32
    features = Dataset(**{**vars(dataset), "inputs": dataset.inputs.astype(np.float32) * 3})
    assert np.array_equal(features.values(every, "float64"), dataset.inputs * 3.0)


def test_a_class_is_found_by_its_name_its_surname_or_its_number() -> None:
    actors = ("Alec Baldwin", "Lorraine Bracco", "Bill Hader")
    assert [class_number(actors, name) for name in ("bracco", "Alec Baldwin", "2", " HADER ")] == [1, 0, 2, 2]
    assert class_number(("7", "0"), "0") == 1  # a name goes before a number
    for wrong in ("carell", "3", "", "alec"):
        with pytest.raises(DataError, match="the classes are Alec Baldwin, Lorraine Bracco, Bill Hader"):
            class_number(actors, wrong)


def test_a_surname_that_two_classes_share_is_no_name() -> None:
    with pytest.raises(DataError, match="no class is called 'fox'"):
        class_number(("Michael Fox", "Megan Fox"), "fox")


def test_drawn_images_are_the_classes_own_and_follow_the_seed() -> None:
    dataset = make_dataset((5, 9), inputs=4)
    square = Dataset(**{**vars(dataset), "shape": (2, 2)})
    drawn = square.draw_images(6, seed=3)
    assert [len(images) for images in drawn.values()] == [5, 6]
    own = {image.tobytes() for image in square.inputs[square.labels == 1]}
    assert all(image.tobytes() in own for image in drawn["class1"])
    assert np.array_equal(square.draw_images(6, seed=3)["class1"], drawn["class1"])
    with pytest.raises(DataError, match="holds features, not images"):
        Dataset(**{**vars(dataset), "inputs": dataset.inputs * 1.0}).draw_images(1, seed=0)
