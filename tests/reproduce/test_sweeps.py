"""The lines to copy do what the report's sweeps do: they are read by the command itself."""

from pathlib import Path

import pytest
from small_data import make_dataset
from typed_lines import cells_of, parsed

from mnistfaces.config import Scale
from mnistfaces.reproduce.records import Finding, Remark, Setup
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


def test_batch_sizes_above_the_number_of_images_are_said_to_be_one_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = make_dataset((70, 70, 70), kind="faces")
    monkeypatch.setattr(Setup, "load", lambda *_: faces)
    monkeypatch.chdir(tmp_path)
    lists = {"batch_size": (32, 64, 128, 256, 512, 600)}
    table = Table(names=("Table 5",), part=8, role="faces", lists=lists, training={"epochs": 20, "drop_last": True})
    found = list(table.work(Setup(scale="quick", figures=tmp_path)))
    rows = {
        each.figure.setting: each
        for each in found
        if isinstance(each, Finding) and each.figure.quantity == "test_accuracy"
    }
    full = [rows[f"batch_size {size}"] for size in (256, 512, 600)]
    assert {each.note for each in full} == {"Full batch: 120 images."}  # 70 less 20 to test, a fifth of them validates
    assert len({(each.configuration, each.value) for each in full}) == 1
    others = [rows[f"batch_size {size}"] for size in (32, 64, 128)]
    assert not any("Full batch" in each.note for each in others[:2])
    assert others[2].note == full[0].note
    assert len({each.configuration for each in rows.values()}) == 3
    (said,) = (each.text for each in found if isinstance(each, Remark))
    assert "of 3 settings cannot be told from the most accurate" in said
    assert "Choosing inside each draw by validation (nested): " in said
