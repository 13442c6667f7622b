"""`mnf reproduce`: the whole report again, beside the published values."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnistfaces.cli._columns import Row
from mnistfaces.cli._options import DataDirOption, DeviceOption, ForceOption, OutOption, OutputOptions, RowsOption, flat
from mnistfaces.cli._output import Output
from mnistfaces.cli._reproduce_summary import COLUMNS, suggest_next, sum_up
from mnistfaces.config import Protocol, Scale
from mnistfaces.text import counted

if TYPE_CHECKING:
    from mnistfaces.reproduce.reproduction import Reproduction


@flat
def reproduce(
    parts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PART",
            help="1 to 10, a range such as 1-7, digits, or faces [default: all].",
            show_default=False,
        ),
    ] = None,
    *,
    scale: Annotated[
        Scale,
        typer.Option("--scale", help="quick: minutes, on the embedded digits; full: the published protocol."),
    ] = "quick",
    draw: Annotated[
        Protocol,
        typer.Option("--draw", help="published: Tables 1 and 2 on the report's own images, by its own descent."),
    ] = "corrected",
    features: Annotated[
        Path | None,
        typer.Option("--features", metavar="FILE.npz", help="Features for Part 10 [default: features.npz]."),
    ] = None,
    out: OutOption = None,
    force: ForceOption = False,
    every: RowsOption = False,
    data_dir: DataDirOption = None,
    device: DeviceOption = "auto",
    output: OutputOptions = OutputOptions(),
) -> None:
    """\b
    $ mnf reproduce
    $ mnf reproduce 4-6 --scale full

    Do the whole report again, and show what comes out beside what was published.
    Parts whose data are missing are shown as not run, with the command that gets the data. The page, report.html,
    holds every table and figure; the same command goes on where it stopped.
    """
    streams = output.open()
    from mnistfaces.devices import resolve_device
    from mnistfaces.reproduce.parts import read_parts
    from mnistfaces.reproduce.records import FEATURES
    from mnistfaces.reproduce.reproduction import ReproduceConfig, Reproduction

    config = ReproduceConfig(
        parts=read_parts(parts or ()),
        scale=scale,
        draw=draw,
        device=resolve_device(device),
        data_dir=data_dir,
        features=features or FEATURES,
        out=out,
        force=force,
    )
    job = Reproduction(config)
    if streams.format == "table" and not every:
        for _ in _rows(streams, job):
            pass
        sum_up(streams, job)
    else:
        streams.rows(_rows(streams, job), COLUMNS)
    suggest_next(streams, job)
    streams.wrote(job.page)
    if parts and any(job.records[number].missing for number in config.parts):
        raise typer.Exit(3)


def _rows(streams: Output, job: "Reproduction") -> Iterator[Row]:
    """Yields the rows of each part as soon as it is done; says what is missing."""
    streams.note(f"{counted(len(job.config.parts), 'part')} at --scale {job.config.scale}, into {job.folder.path}")
    for record in streams.follow(job.run()):
        for reason in record.missing if streams.format != "table" else ():
            streams.note(f"part {record.number}: {reason}")
        yield from record.rows
    job.finish()
