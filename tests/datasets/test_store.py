"""Datasets on disk: back as they were, and refused in one line when they are not whole."""

import json
import time
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnistfaces.arrays import read_npz, write_npz
from mnistfaces.datasets import cache, load_dataset
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.store import data_dir, fingerprint_of, open_dataset, save_dataset
from mnistfaces.errors import DataError

Members = dict[str, np.ndarray]


def example(**changes: object) -> Dataset:
    rng = np.random.default_rng(0)
    dataset = Dataset(
        name="example",
        kind="images",
        inputs=rng.integers(0, 256, (12, 6), dtype=np.uint8),
        labels=np.arange(12) % 3,
        classes=("ant", "bee", "Ćmiel żółty"),
        ids=np.array([f"image-{i}" for i in range(12)]),
        shape=(2, 3),
        groups=np.arange(12) // 2,
        given_test=np.arange(12) >= 9,
        fingerprint="",
        meta={"source": "drawn", "recipe": {"seed": 0}},
        sha256=np.array([f"{i:064x}" for i in range(12)]),
    )
    dataset = replace(dataset, **changes)  # type: ignore[arg-type]
    return replace(dataset, fingerprint=fingerprint_of(dataset))


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"given_val": np.arange(12) < 2, "remarks": ("3 files are not read",)},
        {"sha256": None, "given_test": np.zeros(12, bool), "meta": {}},
        {
            "kind": "features",
            "shape": (6,),
            "inputs": np.linspace(-1, 1, 72, dtype=np.float32).reshape(12, 6),
        },
    ],
)
def test_a_dataset_comes_back_as_it_was(tmp_path: Path, changes: dict[str, Any], *, compressed: bool) -> None:
    saved = example(**changes)
    save_dataset(tmp_path / "a.npz", saved, compressed=compressed)
    got = open_dataset(tmp_path / "a.npz")
    for field in fields(Dataset):
        before, after = getattr(saved, field.name), getattr(got, field.name)
        assert type(after) is type(before) or isinstance(before, np.ndarray)
        np.testing.assert_array_equal(after, before)
    assert fingerprint_of(got) == saved.fingerprint


def test_a_file_with_the_four_main_arrays_is_a_dataset(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "mine.npz",
        features=np.eye(3, dtype=np.float32),
        labels=np.array([0, 1, 1], np.int32),
        classes=np.array(["a", "b"]),
        names=np.array(["x", "y", "z"]),
    )
    got = load_dataset(tmp_path / "mine.npz")
    assert (got.name, got.kind, got.shape, got.sha256) == ("mine", "features", (3,), None)
    assert got.labels.dtype == np.int64
    assert got.groups.tolist() == [0, 1, 2]
    assert not got.given_test.any()
    assert got.fingerprint == fingerprint_of(got)


def test_the_fingerprint_follows_the_content_and_nothing_else() -> None:
    reference = example().fingerprint
    inputs = example().inputs.copy()
    inputs[11, 5] ^= 1
    other = [
        example(inputs=inputs),
        example(labels=np.arange(12) % 3 // 2),
        example(classes=("ant", "bee", "cat")),
        example(ids=np.array([f"photo-{i}" for i in range(12)])),
        example(groups=np.arange(12)),
        example(given_test=np.arange(12) >= 8),
        example(given_val=np.arange(12) < 2),
        example(shape=(3, 2)),
    ]
    assert len({reference, *(dataset.fingerprint for dataset in other)}) == 9
    assert example(name="renamed", meta={}).fingerprint == reference


def drop(name: str) -> Callable[[Members], None]:
    return lambda members: members.__delitem__(name)


def put(name: str, value: object) -> Callable[[Members], None]:
    return lambda members: members.__setitem__(name, np.asarray(value))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (drop("features"), "no array 'features'"),
        (drop("labels"), "no array 'labels'"),
        (drop("classes"), "no array 'classes'"),
        (drop("names"), "no array 'names'"),
        (put("features", np.zeros((12, 2, 3), np.uint8)), "'features' is uint8 of shape (12, 2, 3)"),
        (put("features", np.zeros((12, 6), np.uint16)), "'features'"),
        (put("features", np.zeros((12, 6), bool)), "'features'"),
        (put("features", np.zeros((12, 5), np.uint8)), "'shape' is (2, 3)"),
        (put("features", np.full((12, 6), np.nan)), "not finite"),
        (put("features", np.zeros((0, 6), np.uint8)), "'labels' has 12 rows"),
        (put("labels", np.arange(11)), "'labels' has 11 rows"),
        (put("labels", np.full(12, 3)), "go from 3 to 3, there are 3"),
        (put("labels", np.full(12, -1)), "go from -1"),
        (put("labels", np.full(12, 2**64 - 1, np.uint64)), "go from -1"),
        (put("labels", np.zeros(12)), "'labels' is float64"),
        (put("labels", np.int64(0)), "'labels' is int64 of shape ()"),
        (put("classes", ["a", "b", "a"]), "names a class twice"),
        (put("classes", np.array([], dtype="<U1")), "'classes' is empty"),
        (put("names", ["x"] * 12), "names an image twice"),
        (put("groups", np.zeros(12)), "'groups' is float64"),
        (put("split", ["val"] * 12), "no image to train on"),
        (put("split", ["dev"] * 12), "more than train, val, test"),
        (put("split", ["train"] * 12), "none to test"),
        (put("sha256", ["x"]), "'sha256' has 1 row"),
        (put("shape", [2, -3]), "'shape' is (2, -3)"),
        (put("shape", [2**62, 2**62]), "'shape' is"),
        (put("shape", np.array([], np.int64)), "'shape' is ()"),
        (put("meta", "{"), "not JSON"),
        (put("meta", "[" * 100_000), "not JSON"),
        (put("meta", "[]"), "not a JSON object"),
        (put("meta", '{"kind": "birds"}'), "unknown kind 'birds'"),
        (put("meta", '{"kind": ["digits"]}'), "unknown kind"),
        (put("meta", 3), "'meta' is int64"),
    ],
)
def test_what_is_no_dataset_is_named_in_one_line(tmp_path: Path, damage: Callable[[Members], None], words: str) -> None:
    save_dataset(tmp_path / "a.npz", example())
    members = dict(read_npz(tmp_path / "a.npz"))
    damage(members)
    write_npz(tmp_path / "b.npz", members)
    with pytest.raises(DataError) as caught:
        open_dataset(tmp_path / "b.npz")
    assert str(caught.value).startswith(f"{tmp_path / 'b.npz'} is not a dataset: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_image_at_all_is_no_dataset(tmp_path: Path) -> None:
    arrays = {
        "features": np.zeros((0, 4), np.uint8),
        "labels": np.zeros(0, np.int64),
        "names": np.zeros(0, "<U1"),
    }
    write_npz(tmp_path / "a.npz", {**arrays, "classes": ["a"]})
    with pytest.raises(DataError, match="'features' is empty"):
        open_dataset(tmp_path / "a.npz")


@pytest.mark.timed
def test_seventy_thousand_images_open_well_under_a_tenth_of_a_second(tmp_path: Path) -> None:
    size = 70_000
    save_dataset(
        tmp_path / "a.npz",
        example(
            inputs=np.zeros((size, 784), np.uint8),
            labels=np.arange(size) % 3,
            ids=np.char.add("train-7-", np.arange(size).astype(str)),
            shape=(28, 28),
            groups=np.arange(size),
            given_test=np.arange(size) >= 60_000,
            sha256=None,
        ),
    )
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        open_dataset(tmp_path / "a.npz")
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.1


def test_the_data_folder_is_the_named_one_then_the_environments_then_the_platforms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNF_DATA_DIR", str(tmp_path / "environment"))
    assert data_dir(tmp_path / "named") == tmp_path / "named"
    assert data_dir(None) == tmp_path / "environment"
    monkeypatch.setenv("MNF_DATA_DIR", "")
    assert data_dir(None).name == "mnistfaces"
    assert not (tmp_path / "environment").exists()


def test_the_metadata_is_json_that_others_can_read(tmp_path: Path) -> None:
    save_dataset(tmp_path / "a.npz", example())
    with np.load(tmp_path / "a.npz") as file:
        assert json.loads(str(file["meta"]))["source"] == "drawn"
        assert file["split"].tolist() == ["train"] * 9 + ["test"] * 3


def test_a_file_is_regrouped_without_being_hashed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, folder = tmp_path / "example.npz", tmp_path / "data"
    save_dataset(path, example())
    first = load_dataset(path, data_dir=folder, group_by=r"-(\d)")
    assert first.groups.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 0, 0]  # image-1 is in the group of 0, with 10 and 11
    assert first.fingerprint == fingerprint_of(first) != example().fingerprint

    def hashed(dataset: Dataset) -> str:
        raise AssertionError(dataset.name)

    monkeypatch.setattr(cache, "fingerprint_of", hashed)
    assert load_dataset(path, data_dir=folder, group_by=r"-(\d)").fingerprint == first.fingerprint
    with pytest.raises(AssertionError, match="example"):
        load_dataset(path, data_dir=folder, group_by=r"-(\d\d?)$|$")


def test_arrays_that_were_changed_behind_their_meta_are_another_dataset(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    save_dataset(path, example())
    arrays = {name: np.array(values) for name, values in read_npz(path).items()}
    assert cache.open_verified(path, None).fingerprint == example().fingerprint
    arrays["features"][0, 0] ^= 1
    write_npz(path, arrays)
    found = cache.open_verified(path, None)
    assert found.fingerprint == fingerprint_of(found) != example().fingerprint
    assert "its arrays were changed after it was written" in found.remarks[-1]
