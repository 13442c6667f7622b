"""Whatever the layout: no group and no near-duplicate stands on two sides of a drawn split; a given one is kept."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from own_data import write_png

from mnistfaces.config import SplitConfig
from mnistfaces.datasets import load_dataset
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.duplicates import near_duplicates
from mnistfaces.datasets.grouping import thumbnails_of
from mnistfaces.datasets.sample import load_sample
from mnistfaces.datasets.splits import Split, draw_split
from mnistfaces.errors import DataError

SIDES = ("train", "val", "test")
Images = NDArray[np.uint8]

ROWS = np.concatenate([np.flatnonzero(load_sample().labels == digit)[:30] for digit in (0, 3, 8)])
PLAIN = load_sample().inputs[ROWS].reshape(-1, 28, 28)
LABELS = load_sample().labels[ROWS]


def class_folders(folder: Path, images: Images, labels: NDArray[np.int64], people: NDArray[np.int64]) -> Path:
    for number, (image, label, who) in enumerate(zip(images, labels, people, strict=True)):
        write_png(folder / f"c{label}" / f"p{who}_{number:03}.png", image)
    return folder


def metadata(folder: Path, images: Images, labels: NDArray[np.int64], people: NDArray[np.int64]) -> Path:
    lines = ["file_name,label,who"]
    for number, (image, label, who) in enumerate(zip(images, labels, people, strict=True)):
        write_png(folder / f"{number}.png", image)
        lines.append(f"{number}.png,c{label},p{who}")
    (folder / "metadata.csv").write_text("\n".join(lines))
    return folder


def arrays(folder: Path, images: Images, labels: NDArray[np.int64], people: NDArray[np.int64]) -> Path:
    np.savez(folder / "a.npz", X=images, y=labels, who=people)
    return folder / "a.npz"


def table(folder: Path, images: Images, labels: NDArray[np.int64], people: NDArray[np.int64]) -> Path:
    lines = ["label,who," + ",".join(f"pixel{i}" for i in range(784))]
    for image, label, who in zip(images, labels, people, strict=True):
        lines.append(f"c{label},p{who}," + ",".join(map(str, image.ravel().tolist())))
    (folder / "a.csv").write_text("\n".join(lines))
    return folder / "a.csv"


LAYOUTS: tuple[tuple[Callable[..., Path], str], ...] = (
    (class_folders, r"/(p\d+)_"),
    (metadata, "who"),
    (arrays, "who"),
    (table, "who"),
)


@st.composite
def people_with_copies(draw: st.DrawFn) -> tuple[Images, NDArray[np.int64], NDArray[np.int64]]:
    """Returns 120 images, 30 of them copies of others, some brighter; digits; and whom each is of, across digits."""
    rng = np.random.default_rng(draw(st.integers(0, 2**20)))
    copied = rng.choice(len(PLAIN), 30, replace=False)
    brighter = np.clip(PLAIN[copied] * rng.choice([1.0, 1.1], (30, 1, 1)), 0, 255).astype(np.uint8)
    images = np.concatenate([PLAIN, brighter])
    people = rng.integers(0, draw(st.integers(40, 90)), len(images))
    return images, np.concatenate([LABELS, LABELS[copied]]), people


divisions = st.one_of(
    st.builds(SplitConfig, folds=st.integers(2, 5), val_fraction=st.floats(0, 0.5)),
    st.builds(SplitConfig, test_per_class=st.integers(1, 6), val_fraction=st.floats(0, 0.5)),
    st.builds(
        SplitConfig,
        train_per_class=st.integers(1, 8),
        val_per_class=st.none() | st.integers(0, 4),
        test_per_class=st.integers(1, 5),
    ),
)


def sides_of(dataset: Dataset, split: Split) -> NDArray[np.int64]:
    """Returns 0, 1, 2 for the images of the three sides and -1 for those of none, (N,)."""
    sides = np.full(len(dataset), -1)
    for number, side in enumerate(SIDES):
        assert (sides[getattr(split, side)] == -1).all()
        sides[getattr(split, side)] = number
    return sides


@settings(max_examples=25, deadline=None)
@given(people_with_copies(), st.sampled_from(LAYOUTS), divisions, st.integers(0, 2**30), st.booleans())
def test_no_group_and_no_near_duplicate_stands_on_two_sides_of_a_drawn_split(
    case: tuple[Images, NDArray[np.int64], NDArray[np.int64]],
    layout: tuple[Callable[..., Path], str],
    config: SplitConfig,
    seed: int,
    by_person: bool,
) -> None:
    images, labels, people = case
    write, group_by = layout
    by_person |= write is table  # a column of words has no other use there
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), images, labels, people)
        size = {"res": 28} if path.is_dir() else {}
        dataset = load_dataset(path, group_by=group_by if by_person else None, **size)
    place = {image.tobytes(): number for number, image in enumerate(images)}
    who = np.array([people[place[row.tobytes()]] for row in dataset.inputs])  # of equal images, one person's number
    pairs = near_duplicates(thumbnails_of(dataset.inputs, dataset.shape))
    assert len(pairs) >= 10  # copies that are equal, at least
    for fold in range(config.folds or 1):
        try:
            sides = sides_of(dataset, draw_split(dataset, config, seed, fold))
        except DataError as error:  # large groups can leave a class without images, which is said
            assert "left to" in str(error) or "too few for --folds" in str(error)  # noqa: PT017
            continue
        for first, second in pairs:
            assert len({sides[first], sides[second]} - {-1}) < 2
        if by_person:
            for person in np.unique(who):
                assert len(set(sides[who == person].tolist()) - {-1}) < 2


@settings(max_examples=15, deadline=None)
@given(people_with_copies(), st.integers(0, 2**30), st.booleans())
def test_a_given_split_is_kept_image_by_image_and_its_crossing_groups_are_counted(
    case: tuple[Images, NDArray[np.int64], NDArray[np.int64]], seed: int, with_val: bool
) -> None:
    images, labels, _ = case
    given_sides = np.random.default_rng(seed).choice(SIDES if with_val else ("train", "test"), len(images), p=None)
    given_sides[:3] = given_sides[30:33] = given_sides[60:63] = "train"
    with tempfile.TemporaryDirectory() as folder:
        for number, (image, label, side) in enumerate(zip(images, labels, given_sides, strict=True)):
            write_png(Path(folder) / side / f"c{label}" / f"{number}.png", image)
        dataset = load_dataset(folder, res=28)
    split = draw_split(dataset, SplitConfig(), seed)
    number_of = [int(Path(name).stem) for name in dataset.ids.tolist()]
    given = given_sides[number_of]
    sides = np.array([*SIDES, "none"])[sides_of(dataset, split)]
    if with_val:
        assert np.array_equal(sides, given)
    else:
        assert np.array_equal(sides == "test", given == "test")
        assert not set(dataset.groups[split.val].tolist()) & set(dataset.groups[sides == "test"].tolist())
    crossing = sum(len(set(given[dataset.groups == group].tolist())) > 1 for group in np.unique(dataset.groups))
    assert dataset.count_crossing() == crossing
    assert any(f"{crossing} group" in note and "on more than one side" in note for note in dataset.notes()) == (
        crossing > 0
    )


def test_regular_expressions_and_columns_that_find_nothing_are_one_line(tmp_path: Path) -> None:
    path = class_folders(tmp_path, PLAIN, LABELS, np.arange(90) % 7)
    assert len(set(load_dataset(path, group_by=r"p\d").groups.tolist())) == 7
    with pytest.raises(DataError, match=r"finds nothing in the name /c0/p0_000\.png"):
        load_dataset(path, group_by=r"/q(\d)")
    with pytest.raises(DataError, match="finds nothing in the name"):
        load_dataset(path, group_by=r"/(q)?")
