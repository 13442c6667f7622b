"""Feature files that other programs wrote."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mnistfaces.datasets import load_dataset
from mnistfaces.datasets.base import Dataset
from mnistfaces.errors import DataError

SHARED = Path(os.environ.get("MNF_SHARED", Path(__file__).parents[3] / "shared")) / "data" / "features"
FEATURES = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, -1, 0]], np.float32)


def opened(path: Path, **arrays: NDArray[Any]) -> Dataset:
    np.savez(path / "other.npz", allow_pickle=False, features=FEATURES, **arrays)
    return load_dataset(path / "other.npz")


def test_names_that_repeat_are_the_classes(tmp_path: Path) -> None:
    dataset = opened(tmp_path, name=np.array(["Zoe Ott", "Al Bo", "Al Bo", "Zoe Ott"]))
    assert dataset.classes == ("Al Bo", "Zoe Ott")
    assert dataset.labels.tolist() == [1, 0, 0, 1]
    assert dataset.ids.tolist() == ["0", "1", "2", "3"]
    assert [sentence.split()[0] for sentence in dataset.meta["assumed"]] == ["the", "images", "0"]


def test_faces_are_called_as_the_list_calls_them_and_one_photograph_stays_together(tmp_path: Path) -> None:
    dataset = opened(
        tmp_path,
        name=np.array(["Zoe Ott", "Al Bo", "Al Bo", "Zoe Ott"]),
        face_id=np.array(["7", "8", "9", "10"]),
        sha256=np.array(["a", "b", "a", "c"]),
    )
    assert dataset.ids.tolist() == ["ott-7", "bo-8", "bo-9", "ott-10"]
    assert dataset.groups.tolist() == [0, 1, 0, 2]
    assert len(dataset.meta["assumed"]) == 3


@pytest.mark.parametrize("labels", [[30, 10, 10, 30], ["30", "10", "10", "30"]])
def test_labels_may_be_any_numbers_or_words(tmp_path: Path, labels: list[Any]) -> None:
    dataset = opened(tmp_path, labels=np.array(labels))
    assert dataset.classes == ("10", "30")
    assert dataset.labels.tolist() == [1, 0, 0, 1]


def test_a_file_that_says_everything_has_nothing_assumed_but_its_groups(tmp_path: Path) -> None:
    dataset = opened(
        tmp_path, labels=np.array([0, 1, 0, 1]), classes=np.array(["a", "b"]), names=np.array(list("wxyz"))
    )
    assert dataset.meta["assumed"] == ["0 pairs whose features have a cosine above 0.9 are near-duplicates"]
    assert dataset.ids.tolist() == list("wxyz")


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"name": np.array(["a", "b", "c", "d"])},
        {"labels": np.array([[0, 1, 0, 1]])},
        {"labels": np.array([0, 1])},
        {"labels": np.array([0.0, 1.5, 0.0, 1.0])},
        {"name": np.array(["a", "a"])},
    ],
)
def test_a_file_without_a_label_an_image_is_refused_in_one_line(tmp_path: Path, arrays: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"other\.npz") as caught:
        opened(tmp_path, **arrays)
    assert "\n" not in str(caught.value)


def test_real_features_of_another_program_load(tmp_path: Path) -> None:
    del tmp_path
    path = SHARED / "alexnet_features.npz"
    if not path.is_file():
        pytest.skip(f"the features are not at {path}")
    dataset = load_dataset(path)
    assert dataset.inputs.shape == (388, 9216)
    assert len(dataset.classes) == 6
    assert dataset.ids[0] == "baldwin-1965"
