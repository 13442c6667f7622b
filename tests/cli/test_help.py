"""Every page of `--help`, in windows of many widths."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer

from mnistfaces.cli.index import app

LEGIBLE = 24
"""Columns that a line of help has at least, where the window has 40."""


def pages(command: Any, above: Any = None, name: str = "mnf") -> Iterator[Any]:  # noqa: ANN401  Click's commands
    """Yields the context of a command, and those of all commands below it."""
    context = command.context_class(command, info_name=name, parent=above, **command.context_settings)
    yield context
    for below in command.list_commands(context) if hasattr(command, "list_commands") else ():
        yield from pages(command.get_command(context, below), context, below)


CONTEXTS = {context.command_path: context for context in pages(typer.main.get_command(app))}


def test_every_command_is_here() -> None:
    assert {"mnf", "mnf train", "mnf fetch", "mnf fetch faces", "mnf env"} <= CONTEXTS.keys()


@pytest.mark.parametrize("path", CONTEXTS)
def test_help_fits_its_window_and_breaks_no_word(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    words = CONTEXTS[path].get_help().replace("\\", "").split()
    for width in (40, 50, 60, 80, 120, 200):
        monkeypatch.setenv("COLUMNS", str(width))
        lines = CONTEXTS[path].get_help().splitlines()
        assert [line for line in lines if len(line) > width and len(line.split()) > 1] == []
        assert [word for word in " ".join(lines).replace("\\", "").split() if word not in words] == []
        assert len(lines) < 2 + 2 * len(" ".join(words)) / LEGIBLE


def test_a_line_to_copy_goes_on_behind_a_backslash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    said = CONTEXTS["mnf train"].get_help()
    assert "$ mnf train digits \\\n      --plot curve.png\n" in said
