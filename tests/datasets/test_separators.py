"""Tables are read whatever stands between their values."""

import csv
import gzip
from pathlib import Path

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
