"""`mnf schema`: what every field of a result row is."""

from typing import Annotated

import typer

from mnistfaces.cli._columns import Column, text
from mnistfaces.cli._options import OutputOptions, flat

COLUMNS: tuple[Column, ...] = (
    *map(text, ("command", "field")),
    text("type", rank=3),
    text("unit", rank=2),
    text("meaning"),
)


@flat
def schema(
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="COMMAND", help="Whose rows [default: every command's].", show_default=False),
    ] = None,
    *,
    output: OutputOptions = OutputOptions(),
) -> None:
    """\b
    $ mnf schema train
    $ mnf schema --format md

    List every field of the result rows: its type, its unit, and what it means.
    """
    from mnistfaces.cli._schema import SCHEMA

    asked = " ".join(command or ())
    found = {name: fields for name, fields in SCHEMA.items() if not asked or name.split(" --")[0] == asked}
    if not found:
        known = ", ".join(dict.fromkeys(name.split(" --")[0] for name in SCHEMA))
        raise typer.BadParameter(f"{asked!r} is not one of {known}", param_hint="COMMAND")
    rows = [
        {
            "command": name,
            "field": field.name,
            "type": f"{field.type} or null" if field.null else field.type,
            "unit": field.unit,
            "meaning": field.meaning,
        }
        for name, fields in found.items()
        for field in fields
    ]
    output.open().rows(rows, COLUMNS)
