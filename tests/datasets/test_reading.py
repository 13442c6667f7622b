"""How far reading is, whatever the layout; and that watching it changes nothing."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from own_data import DIGITS, LAYOUTS, PER_CLASS, csv, parquet, splits
from shares import shares

from mnistfaces.config import DataConfig
from mnistfaces.datasets import load_dataset, read_dataset
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.inputs import _as_bytes, image_shape
from mnistfaces.datasets.layouts import kind_of_path, table
from mnistfaces.datasets.layouts.base import files_below, names_of
from mnistfaces.progress import drained

TOTAL = DIGITS * sum(PER_CLASS.values())


def watched(path: Path, data_dir: Path) -> tuple[Dataset, dict[str, tuple[float | None, float]]]:
    """Returns a dataset, and for each stage how much there was to do and how much was done."""
    (*events, dataset) = read_dataset(str(path), DataConfig(), data_dir=data_dir)
    assert isinstance(dataset, Dataset)
    return dataset, shares(events)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_dataset_is_the_same_whether_its_reading_is_watched_or_not(tmp_path: Path, name: str) -> None:
    path = LAYOUTS[name][0](tmp_path)
    dataset, stages = watched(path, tmp_path / "data")
    assert dataset.kind == kind_of_path(path)  # which its defaults go by before it is read
    assert dataset.fingerprint == load_dataset(path, data_dir=tmp_path / "more").fingerprint
    assert next(iter(stages)) == f"reading {path}"
    assert all(total is None or done <= total for total, done in stages.values())


def test_decoding_and_comparing_say_how_many_of_how_many(tmp_path: Path) -> None:
    path = splits(tmp_path)
    _, stages = watched(path, tmp_path / "data")
    assert stages[f"decoding {TOTAL} images"] == (TOTAL, TOTAL)
    assert stages[f"looking for near-duplicates among {TOTAL} images"] == (TOTAL, TOTAL)
    _, again = watched(path, tmp_path / "data")
    assert list(again) == [f"reading {path}"]  # nothing is decoded twice


def test_tables_say_how_much_of_the_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "ROWS_AT_ONCE", 11)
    path = csv(tmp_path)
    total, done = watched(path, tmp_path / "data")[1]["reading the rows of mine.csv"]
    size = path.stat().st_size
    assert total == size
    assert 0.9 * size < done <= size  # all but the header
    path = parquet(tmp_path)
    assert watched(path, tmp_path / "data")[1]["reading the rows of mine.parquet"] == (TOTAL, TOTAL)


def test_a_table_of_bytes_takes_little_more_memory_than_its_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "ROWS_AT_ONCE", 50)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (1000, 784))
    lines = [",".join(["label", *(f"pixel{i}" for i in range(784))])]
    lines += [",".join(map(str, [number % 2, *row])) for number, row in enumerate(pixels.tolist())]
    (tmp_path / "mine.csv").write_text("\n".join(lines))
    tracemalloc.start()
    found = drained(table.read(tmp_path / "mine.csv", DataConfig()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.array_equal(found.inputs, pixels)
    assert peak < 4 * pixels.size  # it was 16 times, of floats and of their copy


def test_numbers_that_are_no_bytes_make_the_whole_table_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "ROWS_AT_ONCE", 2)
    for odd in ("-1", "0.5", "256", "1e300"):
        rows = [f"{number % 2},{number},7,8,9" for number in range(6)]
        rows[3] = f"1,{odd},7,8,9"
        (tmp_path / "mine.csv").write_text("\n".join(["label,pixel0,pixel1,pixel2,pixel3", *rows]))
        found = drained(table.read(tmp_path / "mine.csv", DataConfig()))
        assert found.shape is None
        assert np.asarray(found.inputs)[:, 0].tolist() == [0, 1, 2, float(odd), 4, 5]


def test_files_below_a_folder_come_in_the_order_of_their_parts_and_are_called_by_their_paths_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["a-b/1.png", "a.png", "a/2.png", "a/b/1.png", "a/b.png", "B/1.png"]
    for name in names:
        (tmp_path / "x" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "x" / name).touch()
    whole = sorted(path for path in (tmp_path / "x").rglob("*.png"))
    assert files_below(tmp_path / "x", []) == whole
    monkeypatch.chdir(tmp_path / "x")
    for folder in (tmp_path / "x", Path(), Path("../x")):
        found = names_of(files_below(folder, []), folder)
        assert found == [path.relative_to(tmp_path / "x").as_posix() for path in whole]
    assert names_of([Path("/a/b.png")], Path("/")) == ["a/b.png"]


@pytest.mark.parametrize(
    ("rows", "one"),
    [
        ((2, 5, 4), (5, 4)),
        ((2, 5, 4, 1), (5, 4)),
        ((2, 1, 5, 4), (5, 4)),
        ((2, 5, 4, 3), (5, 4, 3)),
        ((2, 3, 5, 4), (5, 4, 3)),
        ((2, 5, 4, 2), None),
        ((2, 3, 5, 4, 3), None),
        ((2, 25), (5, 5)),
        ((2, 24), None),
        ((2, 1), None),
    ],
)
def test_arrays_have_images_in_them_where_their_axes_say_so(rows: tuple[int, ...], one: tuple[int, ...] | None) -> None:
    assert image_shape(np.zeros(rows)) == one


@pytest.mark.parametrize(("top", "told"), [(1.0, True), (0.5, True), (255.0, False), (2.0, False)])
def test_numbers_from_0_to_1_become_bytes_and_it_is_said(top: float, *, told: bool) -> None:
    pixels, _, said = _as_bytes(np.array([[[0, top], [top, 0]]]), (2, 2), "a.npz")
    assert any("numbers from 0 to 1 are taken as gray values" in note for note in said) == told
    assert pixels.tolist() == [[0, *[round(top * (255 if told else 1))] * 2, 0]]
