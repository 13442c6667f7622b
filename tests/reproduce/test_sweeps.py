"""The lines to copy do what the report's sweeps do: they are read by the command itself."""

import shlex
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer

from mnistfaces.cli._grid import read_cells
from mnistfaces.cli._options import SplitOptions, TrainingOptions
from mnistfaces.cli.app import app
from mnistfaces.config import Scale
from mnistfaces.reproduce.sweeps import KINDS, QUICK_EPOCHS, QUICK_SEEDS, Table
from mnistfaces.reproduce.tables import TABLES


def parsed(line: str) -> dict[str, Any]:
    """Returns the options of a line of `mnf sweep` as the command gets them."""
    program, *words = shlex.split(line)
    assert program == "mnf"
    group = typer.main.get_command(app)
    name, command, rest = group.resolve_command(group.make_context("mnf", words), words)  # type: ignore[attr-defined]
    assert name == "sweep"
    params = command.make_context("sweep", rest).params
    return {name: None if value in ([], ()) else value for name, value in params.items()}


@pytest.mark.parametrize("scale", ["quick", "full"])
@pytest.mark.parametrize("table", TABLES, ids=lambda table: f"part-{table.part}-{table.title}")
def test_the_line_to_copy_is_the_same_sweep(table: Table, scale: Scale) -> None:
    scaled = table.at(scale)
    given = parsed(scaled.line("some.npz"))
    training = TrainingOptions(**{field.name: given[field.name] for field in fields(TrainingOptions)})
    split = SplitOptions(**{field.name: given[field.name] for field in fields(SplitOptions)})
    cells, swept = read_cells(KINDS[table.role], training, split)
    assert (cells, swept) == (scaled.grid().cells, scaled.swept)
    assert tuple(range(given["seeds"])) == scaled.grid().seeds
    assert split.color == table.color
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
