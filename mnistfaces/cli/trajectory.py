"""`mnf trajectory`: descent paths across a kept surface."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mnistfaces.cli._lists import read_floats, read_numbers
from mnistfaces.cli._options import (
    FIGURES,
    PAGES,
    DataDirOption,
    ForceOption,
    OutOption,
    OutputOptions,
    PageOption,
    check_plot,
    flat,
)
from mnistfaces.cli._output import number, text

if TYPE_CHECKING:
    from mnistfaces.landscape import Box, Surface
    from mnistfaces.landscape import Path as DescentPath

COLUMNS = (
    number("lr"),
    number("momentum"),
    text("mode", folds=True),
    number("step"),
    number("w1", digits=6),
    number("w2", digits=6),
    number("loss", digits=7),
    number("distance", "off the plane"),
)

WHOLE = "whole"
DEFAULT_LR, DEFAULT_MOMENTUM = ["0.001,0.003"], ["0,0.9,0.99"]


@flat
def trajectory(
    *,
    surface: Annotated[
        str,
        typer.Argument(metavar="[SURFACE]", help="A surface.npz, its run directory, last, or - for rows on stdin."),
    ] = "last",
    lr: Annotated[list[str], typer.Option("--lr", metavar="LIST", help="Learning rates.")] = DEFAULT_LR,
    momentum: Annotated[
        list[str], typer.Option("--momentum", metavar="LIST", help="Betas; 0 is vanilla descent.")
    ] = DEFAULT_MOMENTUM,
    steps: Annotated[int, typer.Option("--steps", min=1, max=1_000_000, help="Of every path.")] = 30,
    start: Annotated[str, typer.Option("--start", metavar="W1,W2", help="Where every path starts.")] = "-5.5,5",
    mode: Annotated[
        Literal["restricted", "projected"],
        typer.Option("--mode", help="Move the two weights alone, or all of the model's and look at the two."),
    ] = "restricted",
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
    output: OutputOptions = OutputOptions(),
) -> None:
    """\b
    $ mnf trajectory --plot paths.png
    $ mnf trajectory last --lr 0.003 --momentum 0,0.99 --start 8,-8 --plot playground.html

    Descend on the surface that `mnf contour` kept, with every combination of learning rate and momentum.
    A restricted path lies on the surface. A projected one moves every weight, as training does, and leaves it.
    """
    check_plot(plot, PAGES if mode == "restricted" else FIGURES)
    where = read_numbers(start, 2, "--start")
    box = None if zoom in (None, WHOLE) else _box(str(zoom))
    rates, betas = read_floats(lr, "--lr"), read_floats(momentum, "--momentum")
    from mnistfaces.landscape import contours, trajectories

    request = trajectories.TrajectoryRequest(
        start=(where[0], where[1]), lrs=rates, momenta=betas, steps=steps, mode=mode
    )
    streams = output.open()
    contour = contours.find_surface(surface, sys.stdin if surface == "-" else ())
    paths = streams.result(trajectories.trajectories(contour, request, data_dir=data_dir, out=out, force=force))
    streams.rows(trajectories.rows_of(paths), COLUMNS)
    if plot is not None:
        box = contour.surface.box() if zoom == WHOLE else box
        _draw(plot, contour.surface, paths, levels, box)


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
