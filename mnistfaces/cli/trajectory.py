"""`mnf trajectory`: descent paths across a kept surface."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnistfaces.cli._columns import number, text
from mnistfaces.cli._completion import offer_runs
from mnistfaces.cli._lists import read_numbers
from mnistfaces.cli._options import (
    FIGURES,
    PAGES,
    DataDirOption,
    ForceOption,
    OutOption,
    OutputOptions,
    PageOption,
    RowsOption,
    check_plot,
    flat,
)
from mnistfaces.cli._paths import PathsOptions

if TYPE_CHECKING:
    from mnistfaces.landscape import Box, DescentPath, Surface

COLUMNS = (
    text("optimizer", role="setting"),
    number("lr"),
    number("momentum"),
    text("mode", role="setting"),
    number("step", role="result"),
    number("w1", digits=6, role="result"),
    number("w2", digits=6, role="result"),
    number("loss", digits=7, role="result"),
    number("distance", "off the plane", rank=3),
)
ENDS = (
    *COLUMNS[:4],
    number("steps", role="result", rank=2),
    *COLUMNS[5:7],
    number("loss", "cost at the end", digits=7, role="result"),
    number("lowest", "lowest cost", digits=7, role="result", rank=3),
    number("lowest_step", "at step", role="result", rank=3),
    COLUMNS[-1],
)

WHOLE = "whole"


@flat
def trajectory(
    *,
    surface: Annotated[
        str,
        typer.Argument(
            metavar="[SURFACE]",
            help="A surface.npz, its run directory, last, or - for rows on stdin.",
            autocompletion=offer_runs,
        ),
    ] = "last",
    paths: PathsOptions,
    plot: PageOption = None,
    levels: Annotated[int, typer.Option("--levels", min=2, max=1000, help="Contour levels of the figure.")] = 25,
    zoom: Annotated[
        str | None,
        typer.Option(
            "--zoom", metavar="LOW1,HIGH1,LOW2,HIGH2", help="Window of the figure, or whole [default: all paths]."
        ),
    ] = None,
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
    check_plot(plot, PAGES if paths.mode == "restricted" else FIGURES)
    box = None if zoom in (None, WHOLE) else _box(str(zoom))
    request = paths.request()
    if plot is not None and plot.suffix.lower() not in FIGURES and request.optimizers != ("gd",):
        raise typer.BadParameter("a page descends by gd alone: give --plot a png, svg or pdf", param_hint="--plot")
    from mnistfaces.landscape import contours, trajectories

    streams = output.open()
    contour = contours.find_surface(surface, sys.stdin if surface == "-" else ())
    found = streams.result(trajectories.trajectories(contour, request, data_dir=data_dir, out=out, force=force))
    if streams.format == "table" and not every:
        streams.rows(trajectories.ends_of(found), ENDS)
        streams.note("where each path ends: --rows shows every step")
    else:
        streams.rows(trajectories.rows_of(found), COLUMNS)
    if plot is not None:
        box = contour.surface.box() if zoom == WHOLE else box
        _draw(plot, contour.surface, found, levels, box)
        streams.wrote(plot)


def _box(zoom: str) -> "Box":
    left, right, bottom, top = read_numbers(zoom, 4, "--zoom")
    if left >= right or bottom >= top:
        raise typer.BadParameter(f"{zoom!r} has a lower end that is not below the upper", param_hint="--zoom")
    return left, right, bottom, top


def _draw(plot: Path, surface: "Surface", paths: "list[DescentPath]", levels: int, box: "Box | None") -> None:
    if plot.suffix.lower() == ".html":
        from mnistfaces.pages.playground import save_page

        save_page(plot, surface, [path.descent for path in paths], levels=levels)
        return
    from mnistfaces.plots import figures
    from mnistfaces.plots.landscape import paths_figure

    figures.save(paths_figure(surface, paths, levels=levels, box=box), plot)
