"""Data that can be read, and are perhaps not what was meant: what is read, and what is said of it."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnistfaces.config import SplitConfig
from mnistfaces.datasets import load_dataset
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.labels import doubts, read_labels, typed
from mnistfaces.datasets.splits import draw_split
from mnistfaces.errors import MnistFacesError

Write = Callable[[Path], object]
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (6, 4, 4)).astype(np.uint8)
LABELS = np.arange(6) % 2


def table(folder: Path, *lines: str, encoding: str = "utf-8", ending: str = "\n") -> Path:
    (folder / "mine.csv").write_bytes((ending.join(lines) + ending).encode(encoding))
    return folder / "mine.csv"


def images(folder: Path, *names: str, save: Callable[[Image.Image, Path], object] | None = None) -> Path:
    """Returns a folder of random images of these names."""
    for name in names:
        path = folder / "mine" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(RNG.integers(0, 256, (16, 16)).astype(np.uint8))
        (save or Image.Image.save)(image, path)
    return folder / "mine"


def metadata(folder: Path, *records: dict[str, object]) -> Path:
    path = images(folder, *(f"{number}.png" for number in range(len(records))))
    named = [{"file_name": f"{number}.png", **record} for number, record in enumerate(records)]
    (path / "metadata.jsonl").write_text("\n".join(map(json.dumps, named)))
    return path


def npz(folder: Path, **arrays: object) -> Path:
    np.savez(folder / "mine.npz", **{name: np.asarray(array) for name, array in arrays.items()})
    return folder / "mine.npz"


def said(dataset: Dataset) -> str:
    return "\n".join(dataset.notes())


@pytest.mark.parametrize("first", [0, 1])
def test_a_column_that_counts_the_rows_is_named(tmp_path: Path, first: int) -> None:
    rows = [f"{number + first},{'ab'[number % 2]},{number**2}" for number in range(6)]
    assert "column 1, which has no name, counts the rows" in said(load_dataset(table(tmp_path, ",label,u", *rows)))
    reversed_rows = [",".join(row) for row in zip("543210", "ababab", "149682", strict=True)]
    assert "counts the rows" not in said(load_dataset(table(tmp_path, "id,label,u", *reversed_rows)))


def test_blanks_around_words_of_a_table_are_not_theirs(tmp_path: Path) -> None:
    dataset = load_dataset(table(tmp_path, "label, split, u", "a, train, 1", " a,train ,2", "b ,train,3", "b,test,4"))
    assert dataset.classes == ("a", "b")
    assert dataset.given_test.tolist() == [False, False, False, True]


def test_labels_with_leading_zeros_are_codes() -> None:
    assert read_labels(typed(["01", "1", "2"]), "x")[1] == ("01", "1", "2")
    assert read_labels(typed(["1.0", "1", "-2"]), "x")[1] == ("-2", "1")


@pytest.mark.parametrize(
    ("classes", "told"),
    [
        (("Cat", "cat", "dog"), "'Cat' and 'cat' are 2 classes"),
        (("cafe\u0301", "caf\u00e9"), "are 2 classes"),
        (("a  b", "a b "), "are 2 classes"),
        (("1", "2", "nan"), "'nan' is taken as a class"),
        (("NA", "x"), "'NA' is taken as a class"),
        (("nano", "no", "cat", "cats"), ""),
    ],
)
def test_class_names_that_were_perhaps_not_meant_are_doubted(classes: tuple[str, ...], told: str) -> None:
    found = doubts(classes)
    assert len(found) == bool(told)
    assert told in "".join(found)


def test_doubts_are_said_of_every_layout(tmp_path: Path) -> None:
    assert "'Cat' and 'cat' are 2" in said(load_dataset(images(tmp_path, "Cat/1.png", "cat/2.png", "dog/3.png")))
    assert "'NaN' is taken" in said(load_dataset(npz(tmp_path, X=PIXELS, y=["NaN", "a", "b", "a", "b", "a"])))


def test_metadata_of_json_mean_what_a_table_would(tmp_path: Path) -> None:
    """Null is no group and no label; 1 and 1.0 are one class."""
    path = metadata(
        tmp_path,
        {"label": 1, "group": None},
        {"label": 1.0, "group": None},
        {"label": 0, "group": "p"},
        {"label": 0.0, "group": "p"},
    )
    dataset = load_dataset(path)
    assert dataset.classes == ("0", "1")
    assert len(set(dataset.groups.tolist())) == 3


@pytest.mark.parametrize(
    ("label", "told"), [(None, "label is empty"), ([1], r"label is \[1\]"), ({"a": 1}, "label is")]
)
def test_what_is_no_label_in_json_is_none(tmp_path: Path, label: object, told: str) -> None:
    with pytest.raises(MnistFacesError, match=f"line 2: {told}"):
        load_dataset(metadata(tmp_path, {"label": "a"}, {"label": label}))


@pytest.mark.parametrize("names", [("X", "y"), ("features", "labels")])
def test_split_and_groups_of_an_npz_count_beside_every_pair_of_arrays(tmp_path: Path, names: tuple[str, str]) -> None:
    own = {names[0]: PIXELS.reshape(6, -1) / 255, names[1]: LABELS}
    dataset = load_dataset(npz(tmp_path, **own, split=["train"] * 4 + ["test"] * 2, groups=[0, 0, 1, 1, 2, 2]))
    assert dataset.given_test.tolist() == [False] * 4 + [True] * 2
    assert dataset.groups.tolist() == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("kind", [">i2", ">i4", ">f4", ">f8", ">u2"])
def test_numbers_of_either_byte_order_are_the_same(tmp_path: Path, kind: str) -> None:
    swapped = load_dataset(npz(tmp_path, X=PIXELS.astype(kind), y=LABELS.astype(">i8")))
    assert (swapped.inputs == PIXELS.reshape(6, -1)).all()
    assert (swapped.labels == LABELS).all()


def test_folders_inside_class_folders_are_said_to_be_no_classes(tmp_path: Path) -> None:
    path = images(tmp_path, "animal/cat/1.png", "animal/dog/2.png", "plant/3.png")
    dataset = load_dataset(path)
    assert dataset.classes == ("animal", "plant")
    told = "2 folders lie inside class folders and are no classes: the images in animal/cat are of the class animal"
    assert told in said(dataset)
    (tmp_path / "more").mkdir()
    assert "inside" not in said(load_dataset(images(tmp_path / "more", "a/1.png", "b/2.png")))


@pytest.mark.parametrize("ending", ["gif", "tif", "png", "webp"])
def test_files_of_several_images_are_counted_and_their_first_is_read(tmp_path: Path, ending: str) -> None:
    def save(image: Image.Image, path: Path) -> None:
        others = {"save_all": True, "append_images": [Image.new("L", image.size, 255)], "lossless": True}
        image.save(path, **(others if path.stem == "2" else {"lossless": True} if ending == "webp" else {}))

    dataset = load_dataset(images(tmp_path, *(f"{kind}/{n}.{ending}" for kind in "ab" for n in (1, 2)), save=save))
    assert "2 files hold several images (pages or frames): the first of each is read" in said(dataset)
    assert dataset.inputs.mean() < 200  # the second is white


def photo_of_a_phone(_: Image.Image, path: Path) -> None:
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))


def test_photographs_of_phones_are_named_with_what_to_do(tmp_path: Path) -> None:
    path = images(tmp_path, "a/1.HEIC", "a/2.HEIC", save=photo_of_a_phone)
    images(tmp_path, "b/1.png")
    with pytest.raises(MnistFacesError, match=r"class a holds no image that can be read \(a/1.HEIC: HEIC and AVIF are"):
        load_dataset(path)
    images(tmp_path, "a/3.png")
    assert "a/1.HEIC, a/2.HEIC: HEIC and AVIF are not read: convert" in said(load_dataset(path))


WRONG: dict[str, tuple[Write, str]] = {
    "bars": (lambda f: table(f, "label|u", "a|1"), "a comma, a semicolon or a tab is wanted"),
    "Latin": (lambda f: table(f, "label,u", "ä,1", encoding="latin-1"), r"not UTF-8 \(byte 0xe4\): save it as UTF-8"),
    "UTF-16": (lambda f: table(f, "label,u", "a,1", encoding="utf-16"), "not UTF-8"),
    "an underscore": (lambda f: table(f, "label,u", "a,1", "b,1_5"), "line 3: u is '1_5', not a number"),
    "a last comma": (lambda f: table(f, "label,u,", "a,1,", "b,2,"), "column 3, which has no name, is empty"),
    "objects": (lambda f: npz(f, X=PIXELS, y=np.array(["a", "b"] * 3, object)), r"save y\.astype\(str\)"),
    "bytes": (lambda f: npz(f, X=PIXELS, y=np.array([b"a", b"b"] * 3)), r"save y\.astype\(str\)"),
    "one-hot": (lambda f: npz(f, X=PIXELS, y=np.eye(2)[LABELS]), r"y\.argmax\(axis=1\)"),
    "only a test set": (lambda f: npz(f, x_test=PIXELS, y_test=LABELS), "no images to train"),
    "two shapes": (
        lambda f: npz(f, x_train=PIXELS, y_train=LABELS, x_test=PIXELS[:, 1:], y_test=LABELS),
        "images of several shapes",
    ),
    "nothing": (lambda f: npz(f, X=PIXELS[:0], y=LABELS[:0]), "holds no images"),
    "beyond float32": (lambda f: table(f, "label,u", "a,1", "b,1e300"), "not finite, or above 3e"),
    "packed": (lambda f: ((f / "mine.zip").write_bytes(b"PK"), f / "mine.zip")[1], "unpack it first"),
}
"""What is written, and what the one line says."""


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_with_what_to_do(tmp_path: Path, name: str) -> None:
    write, told = WRONG[name]
    with pytest.raises(MnistFacesError, match=told) as caught:
        load_dataset(str(write(tmp_path)))
    assert "\n" not in str(caught.value)


def test_few_images_per_class_are_told_what_to_type(tmp_path: Path) -> None:
    dataset = load_dataset(images(tmp_path, "a/1.png", "a/2.png", "b/3.png", "b/4.png"))
    with pytest.raises(MnistFacesError, match=r"has 2 images left to test, 20 were .*: --test-per-class N takes fewer"):
        draw_split(dataset, SplitConfig(), seed=0)
    with pytest.raises(MnistFacesError, match=r"no image left to train on .*: take fewer of them to test, --test-per"):
        draw_split(dataset, SplitConfig(test_per_class=2), seed=0)
