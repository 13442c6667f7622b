"""Lines of `mnf`, read by the command's own parser."""

import shlex
from typing import Any

import typer

from mnistfaces.cli._grid import read_cells
from mnistfaces.cli.index import app
from mnistfaces.config import DatasetKind
from mnistfaces.experiments.trials import OPTIONS, Cell


def parsed(line: str) -> dict[str, Any]:
    """Returns the options of a line as its command gets them; None for those that were not typed."""
    program, *words = shlex.split(line)
    assert program == "mnf"
    group = typer.main.get_command(app)
    _, command, rest = group.resolve_command(group.make_context("mnf", words), words)  # type: ignore[attr-defined]
    params = command.make_context(words[0], rest).params
    return {name: None if value in ([], ()) else value for name, value in params.items()}


def cells_of(line: str, kind: DatasetKind) -> tuple[tuple[Cell, ...], tuple[str, ...]]:
    """Returns the cells that a line asks for, and the names of the lists that it gives."""
    given = parsed(line)
    return read_cells(kind, {name: given[name] for name in OPTIONS if name in given})
