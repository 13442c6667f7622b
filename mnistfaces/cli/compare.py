"""`mnf compare`: are these models different?"""

import sys
from typing import Annotated

import typer

from mnistfaces.cli._options import OutputOptions, flat
from mnistfaces.cli._output import Column, number, percent, text

COLUMNS: tuple[Column, ...] = (
    text("a"),
    text("b"),
    percent("difference", "a - b [95 %]", "low", "high"),
    number("p", digits=2),
    number("n", "images"),
    number("discordant"),
    percent("a_above_b", "P(a > b)"),
    text("verdict"),
)


@flat
def compare(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN RUN...", help="Run directories, last, -, or a CSV of image,class.")
    ],
    *,
    margin: Annotated[
        float | None,
        typer.Option("--margin", help="Differences below it count as none, 0 to 1: is equality within it shown?"),
    ] = None,
    output: OutputOptions = OutputOptions(),
) -> None:
    """\b
    $ mnf compare runs/train-a runs/train-b
    $ mnf compare last my_predictions.csv

    Test whether models differ, paired on the same test images.
    Two single models: exact McNemar. Several seeds or folds: a paired interval over them, and P(a > b), the share of
    trials in which a is more accurate.
    """
    if margin is not None and not 0 < margin < 1:
        raise typer.BadParameter("must lie between 0 and 1", param_hint="--margin")
    streams = output.open()
    from mnistfaces.evaluation import compare as comparing

    contenders = comparing.load_contenders(runs, sys.stdin if "-" in runs else ())
    for contender in contenders:
        if contender.note:
            streams.note(contender.note)
    rows = list(comparing.compare(contenders, margin=margin))
    streams.rows(rows, COLUMNS)
    if len(rows) > 1:
        streams.note(f"p is adjusted for {len(rows)} pairs (Holm); each interval stands for its pair alone")
    advice = comparing.advice(contenders)
    if advice:
        streams.note(advice)
