"""How far reading is, whatever the layout; and that watching it changes nothing."""

from pathlib import Path

import pytest
from own_data import DIGITS, LAYOUTS, PER_CLASS, csv, parquet, splits

from mnistfaces.config import DataConfig
from mnistfaces.datasets import load_dataset, read_dataset
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.layouts import table
from mnistfaces.progress import Advanced, Stage

TOTAL = DIGITS * sum(PER_CLASS.values())


def watched(path: Path, data_dir: Path) -> tuple[Dataset, dict[str, tuple[float | None, float]]]:
    """Returns a dataset, and for each stage how much there was to do and how much was done."""
    stages: dict[str, tuple[float | None, float]] = {}
    (*events, dataset) = read_dataset(str(path), DataConfig(), data_dir=data_dir)
    name = ""
    for event in events:
        if isinstance(event, Stage):
            name = event.name
            stages[name] = (event.total, 0)
        elif isinstance(event, Advanced):
            total, done = stages[name]
            stages[name] = (total, done + event.amount)
    assert isinstance(dataset, Dataset)
    return dataset, stages


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_dataset_is_the_same_whether_its_reading_is_watched_or_not(tmp_path: Path, name: str) -> None:
    path = LAYOUTS[name][0](tmp_path)
    dataset, stages = watched(path, tmp_path / "data")
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
