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
    text("verdict"),
)


@flat
def compare(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN RUN...", help="Run directories, last, -, or a CSV of image,class.")
    ],
    *,
    output: OutputOptions = OutputOptions(),
) -> None:
    """\b
    $ mnf compare runs/train-a runs/train-b
    $ mnf compare last my_predictions.csv

    Test whether models differ, paired on the same test images.
    Two single models: exact McNemar. Several seeds or folds: a paired interval over them.
    """
    streams = output.open()
    from mnistfaces.evaluation import compare as comparing

    contenders = comparing.load_contenders(runs, sys.stdin if "-" in runs else ())
    for contender in contenders:
        if contender.note:
            streams.note(contender.note)
    streams.rows(comparing.compare(contenders), COLUMNS)
