"""`mnf export`: a kept model, or what its dataset is, for other programs."""

from pathlib import Path
from typing import Annotated

import typer

from mnistfaces.cli._columns import Column, number, text
from mnistfaces.cli._model import find_model
from mnistfaces.cli._options import DataDirOption, OutputOptions, RunArgument, flat
from mnistfaces.config import TargetName

COLUMNS: tuple[Column, ...] = (text("file"), number("bytes", digits=9), text("runs"))


@flat
def export(
    run: RunArgument = "last",
    *,
    to: Annotated[
        TargetName,
        typer.Option(
            "--to",
            help="onnx: a graph from pixels to probabilities; npz: the weights as arrays; "
            "croissant: what the dataset is, for search engines and conferences.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Where [default: model.onnx, model.npz, croissant.json in RUN]."),
    ] = None,
    data_dir: DataDirOption = None,
    output: OutputOptions = OutputOptions(),
) -> None:
    """\b
    $ mnf export last --to onnx
    $ mnf export runs/train-a --to croissant --out croissant.json

    Write a kept model, or the metadata of its dataset, for other programs.
    An ONNX graph takes pixels from 0 to 255, (N, H, W) or (N, H, W, 3), at the model's size, and gives what
    `mnf predict --as-is` gives. Croissant metadata come with labels.csv, the list of images, classes and sides.
    """
    from mnistfaces.export import NAMES, TARGETS

    streams = output.open()
    model = find_model(run, streams)
    with streams.busy(f"reading {model.path}"):
        files = TARGETS[to](model, out or model.path / NAMES[to], data_dir)
    rows = [{"file": str(file), "bytes": file.stat().st_size, "runs": str(model.path)} for file in files]
    streams.rows(rows, COLUMNS)
    streams.wrote(*files)
