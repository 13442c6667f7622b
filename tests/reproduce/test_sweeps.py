"""The lines to copy do what the report's sweeps do: they are read by the command itself."""

from pathlib import Path

import pytest
from typed_lines import cells_of, parsed

from mnistfaces.config import Scale
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
