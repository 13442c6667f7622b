"""The lines to copy do what the report's sweeps do: they are read by the command itself."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_data import make_dataset
from typed_lines import cells_of, parsed

from mnistfaces.config import DataConfig, Scale
from mnistfaces.datasets.base import Dataset
from mnistfaces.errors import DataError
from mnistfaces.progress import Event
from mnistfaces.reproduce.faces import pair_pixels_with_features
from mnistfaces.reproduce.records import Remark, Role, Setup
from mnistfaces.reproduce.sweeps import KINDS, QUICK_EPOCHS, QUICK_SEEDS, Table
from mnistfaces.reproduce.tables import TABLES


@pytest.mark.parametrize("scale", ["quick", "full"])
@pytest.mark.parametrize("table", TABLES, ids=lambda table: f"part-{table.part}-{table.title}")
def test_the_line_to_copy_is_the_same_sweep(table: Table, scale: Scale) -> None:
    scaled = table.at(scale)
    line = scaled.line("some.npz")
    assert cells_of(line, KINDS[table.role]) == (scaled.grid().cells, scaled.swept)
    given = parsed(line)
    assert tuple(range(given["seeds"])) == scaled.grid().seeds
    assert given["color"] == table.color
    assert given["dataset"] == "some.npz"


def test_a_quick_sweep_is_shorter_and_never_longer() -> None:
    for table in TABLES:
        quick = table.at("quick").grid()
        assert len(quick.seeds) <= QUICK_SEEDS
        assert max(cell.training.epochs for cell in quick.cells) <= QUICK_EPOCHS[table.role]
        assert table.at("full") is table


def test_the_published_lines_are_those_of_the_report(tmp_path: Path) -> None:
    lines = {table.title: table.line(str(tmp_path)) for table in TABLES if table.part == 8}
    assert lines["Table 4"] == f"mnf sweep {tmp_path} --lr 0.001,0.0001 --seeds 10"
    assert lines["Table 8 and Table 9"] == f"mnf sweep {tmp_path} --res 32,64 --seeds 10"
    words = lines["Table 3"].split()
    for pair in ("--lr 0.1,0.01,0.001,0.0001,1e-05", "--batch-size 600", "--epochs 10000"):
        assert " ".join(words).count(pair) == 1
    assert "--drop-last" in words


def remark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, datasets: dict[Role, Dataset]) -> str:
    """Returns what is said of pixels and features."""

    def load(_: Setup, role: Role, data: DataConfig = DataConfig()) -> Dataset:  # noqa: ARG001  as it is called
        if role not in datasets:
            raise DataError(f"there are no {role}")
        return datasets[role]

    monkeypatch.setattr(Setup, "load", load)
    tmp_path.mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path)
    setup = Setup(scale="quick", figures=tmp_path / "figures")
    (found,) = (event for event in pair_pixels_with_features(setup) if not isinstance(event, Event))
    assert isinstance(found, Remark)
    return found.text


def test_pixels_and_features_are_paired_on_the_same_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faces = make_dataset((70, 70, 70), kind="faces")
    clear = np.eye(3, dtype=np.float32)[faces.labels] * 4
    features = replace(faces, kind="features", inputs=clear, shape=(3,), name="features")
    said = remark(tmp_path, monkeypatch, {"faces": faces, "features": features})
    assert said.startswith("Paired on the same ")
    assert " images, split by split" in said
    assert "points ahead of pixels [" in said
    assert said.endswith("over 3 seeds.")
    others = replace(features, ids=np.char.add(features.ids, "x"))
    assert "are not of the same images" in remark(tmp_path / "other", monkeypatch, {"faces": faces, "features": others})
    assert remark(tmp_path / "none", monkeypatch, {"features": features}) == (
        "Pixels and features were not paired: there are no faces."
    )
