"""What a worker is told of a dataset holds in whichever folder it was started."""

import pickle
from pathlib import Path

import pytest
from own_data import csv

from mnistfaces.config import DataConfig
from mnistfaces.execution.reference import DatasetReference


def test_a_path_is_sent_whole_and_a_name_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "digits-sample").mkdir()
    csv(tmp_path / "digits-sample")
    monkeypatch.chdir(tmp_path)
    by_path, by_name = (DatasetReference(name, Path("data")) for name in ("digits-sample/mine.csv", "digits-sample"))
    (tmp_path / "elsewhere").mkdir()
    expected, sent = by_path(DataConfig()).fingerprint, [pickle.dumps(one) for one in (by_path, by_name)]
    monkeypatch.chdir(tmp_path / "elsewhere")
    found_path, found_name = map(pickle.loads, sent)
    assert found_path(DataConfig()).fingerprint == expected
    assert found_name(DataConfig()).name == "digits-sample"  # it is no folder of that name
    assert found_name.data_dir == tmp_path / "data"
