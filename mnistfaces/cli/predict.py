"""`mnf predict`: what a kept model says of new images."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnistfaces.cli._columns import Column, Row, percent, text
from mnistfaces.cli._completion import offer_runs
from mnistfaces.cli._lists import read_box
from mnistfaces.cli._model import find_model
from mnistfaces.cli._options import DataDirOption, OutputOptions, flat
from mnistfaces.cli._output import Output
from mnistfaces.errors import DataError
from mnistfaces.text import counted

if TYPE_CHECKING:
    from mnistfaces.evaluation.predict import Prediction

COLUMNS: tuple[Column, ...] = (
    text("image"),
    text("class", role="result"),
    percent("probability", "probability"),
    text("status", role="result", rank=2),
)
LESS_THAN_ASKED = 3


@flat
def predict(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="A run of mnf train: directory, last, or -.", autocompletion=offer_runs)
    ],
    images: Annotated[
        list[str], typer.Argument(metavar="IMAGE...", help="Files, folders, or - for names on stdin, one per line.")
    ],
    *,
    box: Annotated[
        str | None,
        typer.Option(
            "--box",
            metavar="X1,Y1,X2,Y2",
            help="Part of the stored pixels to look at [default: the largest square in the middle].",
        ),
    ] = None,
    as_is: Annotated[
        bool, typer.Option("--as-is", help="Only resize the images: do not crop, center or invert them.")
    ] = False,
    invert: Annotated[
        bool, typer.Option("--invert", help="Swap dark and bright in every image [default: seen by itself for digits].")
    ] = False,
    weights: Annotated[
        Path | None,
        typer.Option("--weights", metavar="FILE", help="Where the weights behind its features are now, if moved."),
    ] = None,
    data_dir: DataDirOption = None,
    output: OutputOptions = OutputOptions(),
) -> None:
    """\b
    $ mnf predict last photo.jpg --box 120,80,240,200
    $ ls scans/*.png | mnf predict runs/train-a -

    Class and probability of new images, brought into the form of the run's own: digits as MNIST's were made.
    An image that cannot be read is a row with a status: exit 3 when there are some, 1 when there are no others.
    """
    if run == "-" and "-" in images:
        raise typer.BadParameter("- can stand for the run or for the images, not for both", param_hint="IMAGE")
    area = None if box is None else read_box(box)
    from mnistfaces.evaluation import predict as predicting

    streams = output.open()
    model = find_model(run, streams)
    prepare = predicting.Preparation.of(model, box=area, invert=invert, as_is=as_is)
    paths = predicting.image_paths(images, sys.stdin if "-" in images else ())
    predictions = predicting.predict(model, paths, prepare, weights=weights, data_dir=data_dir)
    tally: Counter[str] = Counter()
    streams.rows(_rows(streams, streams.follow(predicting.watched(predictions)), tally), COLUMNS)
    if tally["ok"]:
        dark = f"; {tally['dark']} of {tally['ok']} had dark strokes and were inverted" if tally["dark"] else ""
        streams.note(f"each image: {prepare.told}{dark}{'' if as_is else ' (--as-is only resizes)'}")
    _conclude(tally)


def _rows(streams: Output, predictions: "Iterable[Prediction]", tally: Counter[str]) -> Iterator[Row]:
    """Yields a row per image, counting what came of it; what a person should know of it becomes a note."""
    for prediction in predictions:
        tally["ok" if prediction.status == "ok" else "not ok"] += 1
        tally["dark"] += prediction.found_dark
        if prediction.note:
            streams.note(f"{prediction.image}: {prediction.note}")
        yield prediction.row()


def _conclude(tally: Counter[str]) -> None:
    """Ends with the exit code that tells how many images could be read."""
    if not tally["ok"]:
        unread = counted(tally["not ok"], "image")
        raise DataError(f"none of {unread} could be read" if tally["not ok"] else "there is no image")
    if tally["not ok"]:
        raise typer.Exit(LESS_THAN_ASKED)
