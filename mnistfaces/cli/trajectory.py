"""`mnf trajectory`: descent paths across a kept surface."""

import sys
from typing import Annotated

import typer

from mnistfaces.cli._columns import number, text
from mnistfaces.cli._completion import offer_runs
from mnistfaces.cli._options import (
    DataDirOption,
    ForceOption,
    OutOption,
    OutputOptions,
    RowsOption,
    flat,
)
from mnistfaces.cli._paths import PathsFigure, PathsOptions

COLUMNS = (
    text("optimizer", role="setting"),
    number("lr"),
    number("momentum"),
    text("mode", role="setting"),
    number("step", role="result"),
    number("w1", digits=6, role="result", within="place"),
    number("w2", digits=6, role="result", within="place"),
    number("loss", digits=7, role="result"),
    number("distance", "off the plane", rank=3),
)
ENDS = (
    *COLUMNS[:4],
    number("steps", role="result", rank=3),
    number("w1", digits=6, role="result", rank=2, within="place"),
    number("w2", digits=6, role="result", rank=2, within="place"),
    number("loss", "cost at the end", digits=7, role="result"),
    number("lowest", "lowest cost", digits=7, role="result", rank=3, within="lowest"),
    number("lowest_step", "at step", role="result", rank=3, within="lowest"),
    COLUMNS[-1],
)


@flat
def trajectory(
    *,
    surface: Annotated[
        str,
        typer.Argument(
            metavar="SURFACE",
            help="A surface.npz, its run directory, last, or - for rows on stdin.",
            autocompletion=offer_runs,
        ),
    ] = "last",
    paths: PathsOptions,
    figure: PathsFigure,
    data_dir: DataDirOption = None,
    out: OutOption = None,
    force: ForceOption = False,
    every: RowsOption = False,
    output: OutputOptions = OutputOptions(),
) -> None:
    """\b
    $ mnf trajectory --plot paths.png
    $ mnf trajectory last --lr 0.003 --momentum 0,0.99 --start 8,-8 --plot playground.html

    Descend on the surface that `mnf contour` kept, with every combination of optimizer, learning rate and momentum.
    A restricted path lies on the surface. A projected one moves every weight, as training does, and leaves it.
    """
    request = paths.request()
    figure.check(request)
    from mnistfaces.landscape import contours, trajectories

    streams = output.open()
    contour = contours.find_surface(surface, sys.stdin if surface == "-" else ())
    found = streams.result(trajectories.trajectories(contour, request, data_dir=data_dir, out=out, force=force))
    if streams.format == "table" and not every:
        streams.rows(trajectories.ends_of(found), ENDS)
        streams.note("where each path ends: --rows shows every step")
    else:
        streams.rows(trajectories.rows_of(found), COLUMNS)
    figure.draw(contour, found)
    streams.wrote(figure.plot)
