"""`mnf runs`: the kept runs, and an end to those that are not worth keeping."""

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnistfaces.cli._columns import Column, percent, text
from mnistfaces.cli._options import OutputOptions, flat
from mnistfaces.cli._output import Output
from mnistfaces.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mnistfaces.experiments.listing import Listed

COLUMNS: tuple[Column, ...] = (
    text("run"),
    text("command", rank=2),
    text("dataset", rank=3),
    text("setting", rank=4),
    percent("accuracy", "test"),
    text("status", rank=2),
    Column("age", lambda row: _age(row["age"]), "fact", rank=2),
    Column("size", lambda row: _size(row["bytes"]), "fact", rank=3),
    text("why", rank=2),
)
UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


@flat
def runs(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the runs lie.")] = Path("runs"),
    *,
    prune: Annotated[
        bool, typer.Option("--prune", help="Show what is not worth keeping, and remove it once you agree.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Remove without asking, with --prune.")] = False,
    output: OutputOptions = OutputOptions(),
) -> None:
    """\b
    $ mnf runs
    $ mnf runs --prune

    List the kept runs, the newest first. --prune shows those that are unfinished, that failed, that are
    superseded (the same run is kept in a newer folder, or an older arithmetic made it) or that left temporary
    files only, and removes them with --yes or after asking on a terminal. Only what the run wrote is removed.
    """
    if yes and not prune:
        raise typer.BadParameter("counts only with --prune", param_hint="--yes")
    streams = output.open()
    from mnistfaces.experiments.listing import list_runs, prunable

    listed = list_runs(folder)
    shown = list(prunable(listed)) if prune else listed
    streams.rows((one.row for one in shown), COLUMNS)
    if not listed:
        streams.note(f"no runs in {folder}: mnf train and mnf sweep keep theirs there")
    elif prune:
        _prune(shown, streams, yes=yes)


def _prune(shown: "Sequence[Listed]", streams: Output, *, yes: bool) -> None:
    """Removes runs if the person says so."""
    from mnistfaces.runs.removal import remove

    if not shown:
        streams.note("nothing to remove: every run is worth keeping")
        return
    counts = Counter(one.row["why"] for one in shown)
    named = ", ".join(f"{count} {why}" for why, count in counts.items())
    told = f"{counted(len(shown), 'run')} ({named}), {_size(sum(one.row['bytes'] for one in shown))}"
    if not yes and not (sys.stdin.isatty() and sys.stderr.isatty()):
        streams.note(f"nothing was removed: --yes would remove {told}")
        return
    if not yes and not typer.confirm(f"Remove {told}?", err=True):
        streams.note("nothing was removed")
        return
    for one in shown:
        if left := remove(one.path, one.config):
            streams.note(f"{one.path} stays, without its run: it holds {', '.join(left[:3])}, which is not the run's")
    streams.note(f"removed {told}")


def _age(seconds: float) -> str:
    """Returns a time in its largest unit."""
    unit, length = next(((unit, length) for unit, length in UNITS if seconds >= length), UNITS[-1])
    return f"{seconds / length:.0f} {unit}"


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"  # noqa: PLR2004  a tenth of a megabyte
