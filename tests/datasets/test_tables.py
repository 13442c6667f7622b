"""Tables are read as they are meant, whatever stands between their values and however their columns are sorted."""

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest

from mnistfaces.datasets import load_dataset


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
def test_commas_semicolons_and_tabs_are_the_same_table(tmp_path: Path, separator: str, ending: str) -> None:
    path = tmp_path / f"mine{ending}"
    rows = [("label", "a b", "image"), *((f"c{row % 2}", row + 0.5, f"x, {row}; y") for row in range(60))]
    opened = gzip.open if ending.endswith(".gz") else open
    with opened(path, "wt", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=separator).writerows(rows)
    dataset = load_dataset(str(path), data_dir=tmp_path / "data")
    assert dataset.classes == ("c0", "c1")
    assert dataset.inputs.ravel().tolist() == [row + 0.5 for row in range(60)]
    assert dataset.labels.tolist() == [row % 2 for row in range(60)]
    assert [str(name) for name in dataset.ids] == [f"x, {row}; y" for row in range(60)]


def test_an_image_whose_columns_were_sorted_is_put_together_by_their_numbers(tmp_path: Path) -> None:
    image = np.arange(144, dtype=np.uint8).reshape(12, 12)
    columns = sorted(f"pixel{number}" for number in range(1, 145))  # pixel1, pixel10, pixel100, ...
    path = tmp_path / "sorted.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["label", *columns])
        writer.writeheader()
        for turn in range(8):
            rolled = np.roll(image, 5 * turn).ravel().tolist()
            writer.writerow({"label": turn % 2} | {f"pixel{n}": value for n, value in enumerate(rolled, 1)})
    dataset = load_dataset(str(path), data_dir=tmp_path / "data")
    assert np.array_equal(dataset.images(np.arange(8)), [np.roll(image, 5 * turn) for turn in range(8)])
    assert "the 144 columns pixel1 to pixel144 are an image of 12 x 12" in " ".join(dataset.notes())
    as_numbers = load_dataset(str(path), read_as="features", data_dir=tmp_path / "data")
    assert as_numbers.inputs[0, :3].tolist() == [0, 9, 99]  # as they stand


@pytest.mark.parametrize("first", [0, 1])
def test_columns_may_be_called_by_their_numbers(tmp_path: Path, first: int) -> None:
    path = tmp_path / "numbered.csv"
    rows = [f"{row + 0.5},{row % 2}" for row in range(20)]
    path.write_text("\n".join([f"{first},{first + 1}", *rows]))
    dataset = load_dataset(str(path), label_column=str(first + 1), data_dir=tmp_path / "data")
    assert dataset.inputs.ravel().tolist() == [row + 0.5 for row in range(20)]
    assert dataset.notes()[0] == f"numbered: the column {first} is the only feature"


def test_labels_beyond_what_a_float_tells_apart_keep_their_names(tmp_path: Path) -> None:
    names = [str(2**53), str(2**53 + 1), "5"]
    path = tmp_path / "ids.csv"
    path.write_text("\n".join(["label,a", *(f"{names[row % 3]},{row}" for row in range(30))]))
    dataset = load_dataset(str(path), data_dir=tmp_path / "data")
    assert [dataset.classes[label] for label in dataset.labels] == [names[row % 3] for row in range(30)]


def test_labels_of_64_bits_without_a_sign_keep_their_names(tmp_path: Path) -> None:
    labels = np.array([2**63 + 5, 7, 9], np.uint64)[np.arange(30) % 3]
    np.savez(tmp_path / "ids.npz", X=np.arange(90.0).reshape(30, 3), y=labels)
    dataset = load_dataset(str(tmp_path / "ids.npz"), data_dir=tmp_path / "data")
    assert [int(dataset.classes[label]) for label in dataset.labels] == labels.tolist()
