"""`mnf contour`: the cost over two weights of a softmax regression."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mnistfaces.cli._lists import read_numbers, read_sizes
from mnistfaces.cli._options import (
    PAGES,
    DataDirOption,
    DeviceOption,
    ForceOption,
    OutOption,
    OutputOptions,
    PageOption,
    check_plot,
    flat,
)
from mnistfaces.cli._output import number, seconds, text
from mnistfaces.config import Reduction
from mnistfaces.datasets import load_dataset

if TYPE_CHECKING:
    from mnistfaces.datasets.base import Dataset
    from mnistfaces.landscape import Surface
    from mnistfaces.runs.runs import Run

COLUMNS = (
    number("minimum", digits=7),
    number("w1"),
    number("w2"),
    number("maximum", digits=7),
    text("method"),
    number("error", digits=2),
    seconds(),
    seconds("train_seconds", "training"),
    text("file"),
)


@flat
def contour(
    *,
    dataset: Annotated[
        str | None,
        typer.Argument(
            metavar="[DATASET]",
            help="digits, digits-sample, digits-full, or another that a softmax regression takes [default: digits].",
            show_default=False,
        ),
    ] = None,
    weight: Annotated[
        list[str],
        typer.Option("--weight", metavar="CLASS,ROW,COLUMN", help="One of the two weights; given twice."),
    ] = ["5,13,14", "5,15,14"],  # noqa: B006  Typer copies it
    ranges: Annotated[
        list[str],
        typer.Option("--range", metavar="LOW,HIGH", help="Values of both weights, or given twice; leaves out HIGH."),
    ] = ["-10,10"],  # noqa: B006  likewise
    step: Annotated[
        list[str], typer.Option("--step", metavar="STEP", help="Between two values; may be given twice.")
    ] = ["0.01"],  # noqa: B006  likewise
    plot: PageOption = None,
    levels: Annotated[int, typer.Option("--levels", min=2, max=1000, help="Contour levels of the figure.")] = 25,
    run: Annotated[
        str | None,
        typer.Option("--run", metavar="RUN", help="A kept model: directory, last, or - [default: train one]."),
    ] = None,
    train_per_class: Annotated[
        str | None,
        typer.Option("--train-per-class", metavar="N|all", help="Images a class [default: digits 400, others all]."),
    ] = None,
    lr: Annotated[float | None, typer.Option("--lr", help="Of the training [default: digits 1e-4].")] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", help="Of the training [default: digits 3000].")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Of the draw of the images [default: 0].")] = None,
    method: Annotated[
        Literal["spectral", "exact", "forward"],
        typer.Option("--method", help="Interpolate and check; evaluate every point; or run the model at every point."),
    ] = "spectral",
    tol: Annotated[
        float, typer.Option("--tol", help="Largest error of spectral, relative to max(cost, 1 nat).")
    ] = 1e-9,
    reduction: Annotated[
        Reduction,
        typer.Option("--reduction", help="The cost is the sum or the mean over the images."),
    ] = "sum",
    data_dir: DataDirOption = None,
    device: DeviceOption = "auto",
    out: OutOption = None,
    force: ForceOption = False,
    output: OutputOptions = OutputOptions(),
) -> None:
    """\b
    $ mnf contour --plot contour.png
    $ mnf contour digits-full --weight 1,3,14 --weight 1,3,15 --plot playground.html

    Draw the cost over two weights of a softmax regression, all others held at their trained values.
    The surface is interpolated from a few exact values and checked at random points; `--plot FILE.html` writes a
    page to play with. `mnf trajectory` descends on it.
    """
    check_plot(plot, PAGES)
    first, second = _axes(ranges, step)
    asked = {"train_per_class": train_per_class, "lr": lr, "epochs": epochs, "seed": seed}
    streams = output.open()
    from mnistfaces.landscape import Axis, SurfaceConfig, contours, models

    config = SurfaceConfig(first=Axis(*first), second=Axis(*second), method=method, tol=tol, reduction=reduction)
    names = _two(weight, "--weight")
    if run is not None:
        images, model = _kept_model(dataset, run, data_dir, asked)
        pair = contours.pair_of(images, names)
    else:
        with streams.busy(f"reading {dataset or 'digits'}"):
            images = load_dataset(dataset or "digits", data_dir=data_dir)
        pair = contours.pair_of(images, names)
        trial = models.ModelRequest(**_training(asked)).trial(images.kind)
        model = streams.result(models.train_model(images, trial, device))
    request = contours.ContourRequest(pair=pair, surface=config)
    done = streams.result(contours.contour(images, model, request, out=out, force=force))
    streams.rows([done.row()], COLUMNS)
    if plot is not None:
        _draw(plot, done.surface, levels)


def _axes(ranges: list[str], steps: list[str]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Returns low, high and step of both weights."""
    ends = [read_numbers(token, 2, "--range") for token in _two_or_both(ranges, "--range")]
    sizes = [read_numbers(token, 1, "--step") for token in _two_or_both(steps, "--step")]
    return ends[0] + sizes[0], ends[1] + sizes[1]


def _two_or_both(tokens: list[str], option: str) -> tuple[str, str]:
    """Returns the first weight's and the second's token; a single one is both's."""
    return _two(tokens * 2 if len(tokens) == 1 else tokens, option)


def _two(tokens: list[str], option: str) -> tuple[str, str]:
    if len(tokens) != 2:  # noqa: PLR2004  a surface has two weights
        raise typer.BadParameter(f"given {len(tokens)} times, for two weights", param_hint=option)
    return tokens[0], tokens[1]


def _training(asked: dict[str, Any]) -> dict[str, Any]:
    """Returns the training options that were given, read."""
    from mnistfaces.landscape.models import ALL

    given = {name: value for name, value in asked.items() if value is not None}
    if "train_per_class" in given:
        given["train_per_class"] = read_sizes([given["train_per_class"]], "--train-per-class", "all")[0] or ALL
    return given


def _kept_model(dataset: str | None, run: str, data_dir: Path | None, asked: dict[str, Any]) -> "tuple[Dataset, Run]":
    """Returns the model that --run names and its images."""
    from mnistfaces.runs import models

    if given := [name for name, value in asked.items() if value is not None]:
        option = f"--{given[0].replace('_', '-')}"
        raise typer.BadParameter("--run brings its own training: leave this out", param_hint=option)
    model = models.find_run(run, ("train",), sys.stdin if run == "-" else ())
    return load_dataset(dataset, data_dir=data_dir) if dataset else models.dataset_of(model, data_dir), model


def _draw(plot: Path, surface: "Surface", levels: int) -> None:
    if plot.suffix.lower() == ".html":
        from mnistfaces.pages.playground import save_page

        save_page(plot, surface, levels=levels)
        return
    from mnistfaces.plots import figures
    from mnistfaces.plots.landscape import contour_figure

    figures.save(contour_figure(surface, levels), plot)
