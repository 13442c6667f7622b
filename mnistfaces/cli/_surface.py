"""The options of a surface: its two weights and their axes, and the model that it is the cost of."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mnistfaces.cli._lists import read_numbers, read_sizes
from mnistfaces.cli._model import find_model
from mnistfaces.cli._options import Tokens
from mnistfaces.cli._output import Output
from mnistfaces.config import MOST, Reduction
from mnistfaces.text import counted

if TYPE_CHECKING:
    from mnistfaces.landscape import Surface, SurfaceConfig
    from mnistfaces.landscape.models import ModelRequest
    from mnistfaces.runs.runs import Run

DEFAULT_WEIGHTS, DEFAULT_RANGES, DEFAULT_STEPS = ("5,13,14", "5,15,14"), ("-10,10",), ("0.01",)


@dataclass(frozen=True, kw_only=True)
class SurfaceOptions:
    """Which surface, and how it is computed."""

    weight: Annotated[
        Tokens,
        typer.Option(
            "--weight",
            metavar="CLASS,ROW,COLUMN",
            help="One of the two weights; given twice [default: 5,13,14 and 5,15,14].",
        ),
    ] = None
    ranges: Annotated[
        Tokens,
        typer.Option(
            "--range",
            metavar="LOW,HIGH",
            help="Values of both weights, or given twice; leaves out HIGH [default: -10,10].",
        ),
    ] = None
    step: Annotated[
        Tokens,
        typer.Option("--step", metavar="STEP", help="Between two values; may be given twice [default: 0.01]."),
    ] = None
    method: Annotated[
        Literal["spectral", "exact", "forward"],
        typer.Option("--method", help="Interpolate and check; evaluate every point; or run the model at every point."),
    ] = "spectral"
    tol: Annotated[float, typer.Option("--tol", help="Largest error of spectral, relative to max(cost, 1 nat).")] = 1e-9
    reduction: Annotated[
        Reduction, typer.Option("--reduction", help="The cost is the sum or the mean over the images.")
    ] = "sum"

    def names(self) -> tuple[str, str]:
        """Returns the two weights.

        Raises:
            typer.BadParameter: there are not two.
        """
        return _two(self.weight or DEFAULT_WEIGHTS, "--weight")

    def config(self) -> "SurfaceConfig":
        """Returns axes and method.

        Raises:
            typer.BadParameter: a range or a step cannot be read.
            UsageError: no surface can be so.
        """
        ends = [read_numbers(token, 2, "--range") for token in _two_or_both(self.ranges or DEFAULT_RANGES, "--range")]
        steps = [read_numbers(token, 1, "--step") for token in _two_or_both(self.step or DEFAULT_STEPS, "--step")]
        from mnistfaces.landscape import Axis, SurfaceConfig

        first, second = (Axis(*end, *size) for end, size in zip(ends, steps, strict=True))
        return SurfaceConfig(first=first, second=second, method=self.method, tol=self.tol, reduction=self.reduction)


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """Which model: one that is kept, or one trained for the surface."""

    run: Annotated[
        str | None,
        typer.Option("--run", metavar="RUN", help="A kept model: directory, last, or - [default: train one]."),
    ] = None
    train_per_class: Annotated[
        str | None,
        typer.Option("--train-per-class", metavar="N|all", help="Images per class [default: digits 400, others all]."),
    ] = None
    lr: Annotated[float | None, typer.Option("--lr", help="Of the training [default: digits 1e-4].")] = None
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, max=MOST, help="Of the training [default: digits 3000].")
    ] = None
    seed: Annotated[int | None, typer.Option("--seed", help="Of the draw of the images [default: 0].")] = None

    def kept(self, streams: Output) -> "Run | None":
        """Returns the model that --run names, or None where one is to be trained.

        Raises:
            typer.BadParameter: options of a training stand beside --run.
            RunError: there is no such run.
        """
        if self.run is None:
            return None
        if given := list(self._training()):
            option = f"--{given[0].replace('_', '-')}"
            raise typer.BadParameter("--run brings its own training: leave this out", param_hint=option)
        return find_model(self.run, streams)

    def request(self) -> "ModelRequest":
        """Returns how a model of the surface's own is trained.

        Raises:
            typer.BadParameter: an option cannot be read.
        """
        from mnistfaces.landscape.models import ALL, ModelRequest

        given = self._training()
        if "train_per_class" in given:
            given["train_per_class"] = read_sizes([given["train_per_class"]], "--train-per-class", "all")[0] or ALL
        return ModelRequest(**given)

    def _training(self) -> dict[str, Any]:
        """Returns the options of a training that were given."""
        named = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "run"}
        return {name: value for name, value in named.items() if value is not None}


def _two_or_both(tokens: Sequence[str], option: str) -> tuple[str, str]:
    """Returns the first weight's and the second's token; a single one is both's."""
    return _two([*tokens] * 2 if len(tokens) == 1 else tokens, option)


def _two(tokens: Sequence[str], option: str) -> tuple[str, str]:
    if len(tokens) != 2:  # noqa: PLR2004  a surface has two weights
        raise typer.BadParameter(
            f"give it for each of the two weights, not {counted(len(tokens), 'time')}", param_hint=option
        )
    return tokens[0], tokens[1]


def draw_surface(plot: Path, surface: "Surface", levels: int, source: str) -> None:
    """Draws contours into a figure, or writes the page to play with."""
    if plot.suffix.lower() == ".html":
        from mnistfaces.pages.playground import save_page

        save_page(plot, surface, levels=levels, source=source)
        return
    from mnistfaces.plots import figures
    from mnistfaces.plots.landscape import contour_figure

    figures.save(contour_figure(surface, levels), plot)
