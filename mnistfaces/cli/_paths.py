"""Which descent paths `mnf trajectory` is asked for, as they are typed."""

import dataclasses
from typing import TYPE_CHECKING, Annotated, Literal, get_args

import typer

from mnistfaces.cli._lists import read_floats, read_numbers, read_option
from mnistfaces.cli._options import FIGURES, PAGES, PageOption, Tokens, check_plot
from mnistfaces.config import OptimizerName
from mnistfaces.experiments.trials import OPTIONS

if TYPE_CHECKING:
    from mnistfaces.landscape import Box, DescentPath
    from mnistfaces.landscape.contours import Contour
    from mnistfaces.landscape.trajectories import TrajectoryRequest

WHOLE = "whole"
NAMES = ", ".join(get_args(OptimizerName))


@dataclasses.dataclass(frozen=True, kw_only=True)
class PathsOptions:
    """From where, by which optimizers, how far."""

    optimizer: Annotated[
        Tokens, typer.Option("--optimizer", metavar="LIST", help=f"Whose steps: {NAMES} [default: gd].")
    ] = None
    lr: Annotated[
        Tokens,
        typer.Option(
            "--lr",
            metavar="LIST",
            help="Learning rates [default: 0.001,0.003; of those that divide by the gradient's size 0.1,0.3].",
        ),
    ] = None
    momentum: Annotated[
        Tokens,
        typer.Option(
            "--momentum",
            metavar="LIST",
            help="Betas of gd, where 0 is vanilla, and nesterov [default: gd 0,0.9,0.99, nesterov 0.9].",
        ),
    ] = None
    steps: Annotated[int, typer.Option("--steps", min=1, max=1_000_000, help="Of every path.")] = 30
    start: Annotated[str, typer.Option("--start", metavar="W1,W2", help="Where every path starts.")] = "-5.5,5"
    mode: Annotated[
        Literal["restricted", "projected"],
        typer.Option("--mode", help="Move the two weights alone, or all of the model's and look at the two."),
    ] = "restricted"

    def request(self) -> "TrajectoryRequest":
        """Returns what is asked for.

        Raises:
            typer.BadParameter: names the first bad token of a list.
            UsageError: no descent can have such a rate, momentum or number of steps.
        """
        where = read_numbers(self.start, 2, "--start")
        names = read_option(OPTIONS["optimizer"], self.optimizer) if self.optimizer else ("gd",)
        rates = read_floats(self.lr, "--lr") if self.lr else None
        betas = read_floats(self.momentum, "--momentum") if self.momentum else None
        from mnistfaces.landscape.trajectories import TrajectoryRequest

        return TrajectoryRequest(
            optimizers=names, start=(where[0], where[1]), lrs=rates, momenta=betas, steps=self.steps, mode=self.mode
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class PathsFigure:
    """The figure of the paths, or the page to play with."""

    plot: PageOption = None
    levels: Annotated[int, typer.Option("--levels", min=2, max=1000, help="Contour levels of the figure.")] = 25
    zoom: Annotated[
        str | None,
        typer.Option(
            "--zoom", metavar="LOW1,HIGH1,LOW2,HIGH2", help="Window of the figure, or whole [default: all paths]."
        ),
    ] = None

    def check(self, request: "TrajectoryRequest") -> None:
        """Refuses, before any work, what cannot be drawn.

        Raises:
            typer.BadParameter: the file's ending or the window cannot be meant, or a page cannot show such paths.
        """
        check_plot(self.plot, PAGES if request.mode == "restricted" else FIGURES)
        self._box()

    def draw(self, contour: "Contour", paths: "list[DescentPath]") -> None:
        """Writes the figure or the page that was asked for, if any."""
        if self.plot is None:
            return
        if self._is_page():
            from mnistfaces.pages.playground import save_page

            descents = [path.descent for path in paths]
            save_page(self.plot, contour.surface, descents, levels=self.levels, source=contour.path.as_posix())
            return
        from mnistfaces.plots import figures
        from mnistfaces.plots.landscape import paths_figure

        box = contour.surface.box() if self.zoom == WHOLE else self._box()
        figures.save(paths_figure(contour.surface, paths, levels=self.levels, box=box), self.plot)

    def _is_page(self) -> bool:
        return self.plot is not None and self.plot.suffix.lower() not in FIGURES

    def _box(self) -> "Box | None":
        """Returns the window that was typed; None for all paths, or the whole surface."""
        if self.zoom in (None, WHOLE):
            return None
        left, right, bottom, top = read_numbers(str(self.zoom), 4, "--zoom")
        if left >= right or bottom >= top:
            raise typer.BadParameter(f"{self.zoom!r} has a lower end that is not below the upper", param_hint="--zoom")
        return left, right, bottom, top
