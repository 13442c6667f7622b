"""`mnf plan`: how many images, seeds and folds it takes to tell models apart."""

import sys
from typing import Annotated

import typer

from mnistfaces.cli._columns import Column, number, percent
from mnistfaces.cli._completion import offer_runs
from mnistfaces.cli._lists import read_integers
from mnistfaces.cli._options import OutputOptions, PlotOption, Tokens, check_plot, flat

COLUMNS: tuple[Column, ...] = (
    number("images", digits=9),
    number("seeds"),
    number("folds"),
    percent("width", "width of the 95 % interval"),
    percent("power", "power"),
)
IMAGES = "120,250,500,1000,2000,5000,10000"
SEEDS = "1,3,5,10"
FOLDS = "5,10"
MOST = 10_000_000


@flat
def plan(
    *,
    accuracy: Annotated[
        float | None, typer.Option("--accuracy", help="Of the models, 0 to 1 [default: that of --from, else 0.85].")
    ] = None,
    difference: Annotated[
        float, typer.Option("--difference", help="Between two models' accuracies, 0 to 1: what is to be found.")
    ] = 0.02,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="RUN",
            help="A training or sweep whose answers tell how models vary.",
            autocompletion=offer_runs,
        ),
    ] = None,
    images: Annotated[
        Tokens,
        typer.Option("--images", metavar="LIST", help=f"Test images, in all folds together [default: {IMAGES}]."),
    ] = None,
    seeds: Annotated[
        Tokens, typer.Option("--seeds", metavar="LIST", help=f"Seeds on one test set [default: {SEEDS}].")
    ] = None,
    folds: Annotated[Tokens, typer.Option("--folds", metavar="LIST", help=f"Or folds [default: {FOLDS}].")] = None,
    plot: PlotOption = None,
    output: OutputOptions = OutputOptions(),
) -> None:
    """\b
    $ mnf plan --accuracy 0.85 --difference 0.02
    $ mnf plan --difference 0.01 --from last --plot plan.png

    How many test images, seeds and folds it takes to tell two models apart.
    Width is that of one model's interval; power is the chance that a paired test finds the difference. One seed
    compares two models, several compare two settings. Without a run, models vary as little networks on digits do.
    """
    check_plot(plot)
    _check_fraction(accuracy, "--accuracy")
    _check_fraction(difference, "--difference")
    counts = _whole(images or [IMAGES], "--images", 2), _whole(seeds or [SEEDS], "--seeds", 1)
    parts = _whole(folds or [FOLDS], "--folds", 2)
    from mnistfaces.evaluation import plan as planning

    streams = output.open()
    assumed = None if from_ is None else planning.assumptions_from(from_, sys.stdin if from_ == "-" else ())
    rows = list(planning.plan(assumed, accuracy, difference, planning.designs_of(*counts, parts)))
    if plot is not None:
        from mnistfaces.plots import figures
        from mnistfaces.plots.plan import plan_figure

        figures.save(plan_figure(rows, difference), plot)
    streams.rows(rows, COLUMNS)
    streams.wrote(plot)


def _check_fraction(value: float | None, option: str) -> None:
    if value is not None and not 0 < value < 1:
        raise typer.BadParameter("must lie between 0 and 1", param_hint=option)


def _whole(tokens: list[str], option: str, least: int) -> tuple[int, ...]:
    numbers = read_integers(tokens, option)
    if min(numbers) < least or max(numbers) > MOST:
        raise typer.BadParameter(f"must lie between {least} and {MOST:,}", param_hint=option)
    return numbers
