"""Writes the reference of commands, fields and exit codes: `python docs/reference.py`."""

from pathlib import Path

import click
import typer

from mnistfaces.cli._field import Field
from mnistfaces.cli._schema import SCHEMA
from mnistfaces.cli.index import app

PAGE = Path(__file__).parent / "reference.md"

CODES = {
    0: "done",
    1: "an error that you can fix, told in one line: what, where, what to type next",
    2: "wrong usage, found before any work starts",
    3: "finished, but with less than was asked for: a failed or diverged training, an image that could not be read",
    130: "interrupted by Ctrl-C; finished work is kept (143: terminated)",
    141: "whoever read the results stopped reading; finished work is kept",
}


def page() -> str:
    """Returns the whole page."""
    commands = typer.main.get_command(app)
    lines = [
        "# Reference",
        "",
        "Written by `python docs/reference.py` from the program itself. `mnf COMMAND --help` lists the options;",
        "`mnf schema [COMMAND]` prints these tables in any format.",
        "",
        "## Exit codes",
        "",
        "| code | meaning |",
        "|---:|---|",
        *(f"| {code} | {meaning} |" for code, meaning in CODES.items()),
        "",
        "A bug keeps its traceback.",
        "",
        "## Commands",
        "",
        "| command | does |",
        "|---|---|",
        *(f"| `mnf {name}` | {_first_sentence(command)} |" for name, command in _listed(commands)),
        "",
        "## The fields of their rows",
        "",
        "Results are one object per row. A number that does not exist is `null`; `status` says why.",
        "Fields are only ever added.",
    ]
    for name, fields in SCHEMA.items():
        lines += ["", f"### `mnf {name}`", "", *_about(commands, name), *_table(fields)]
    return "\n".join(lines) + "\n"


def _about(command: object, name: str) -> list[str]:
    """Returns the two lines to copy of a command, as its help shows them; none for a way to call it."""
    if " --" in name:
        return []
    for word in name.split():
        command = command.commands[word]  # type: ignore[attr-defined]
    text = command.help  # type: ignore[attr-defined]
    copied = [line.strip().removeprefix("$ ") for line in text.splitlines() if line.strip().startswith("$ ")]
    return ["<!-- not run: examples of the help -->", "```", *copied, "```", ""]


def _listed(commands: click.Group) -> list[tuple[str, click.Command]]:
    """Returns the commands in the order of `mnf --help`."""
    return [(name, commands.commands[name]) for name in commands.list_commands(click.Context(commands))]


def _first_sentence(command: click.Command) -> str:
    """Returns what a command's help says it does, below the lines to copy."""
    paragraphs = (command.help or "").split("\n\n")
    said = " ".join(next(part for part in paragraphs if "$ " not in part).split())
    return _escaped(said.partition(". ")[0].rstrip("."))


def _table(fields: tuple[Field, ...]) -> list[str]:
    """Returns the fields as a table."""
    types = [f"{field.type} or null" if field.null else field.type for field in fields]
    rows = [
        f"| `{field.name}` | {kind} | {field.unit} | {_escaped(field.meaning)} |"
        for field, kind in zip(fields, types, strict=True)
    ]
    return ["| field | type | unit | meaning |", "|---|---|---|---|", *rows]


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
