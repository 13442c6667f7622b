"""`mnf extract-features`: what a pretrained network sees in images, as a dataset."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from mnistfaces.cli._columns import number, text
from mnistfaces.cli._grid import read_config
from mnistfaces.cli._options import DataDirOption, ExtractionOptions, OutputOptions, ReadingOptions, flat
from mnistfaces.cli._workers import WorkersOptions
from mnistfaces.config import DataConfig, ExtractConfig

LESS_THAN_ASKED = 3
COLUMNS = (
    number("images", digits=9),
    number("features", digits=9),
    number("skipped", digits=9),
    number("images_per_second", "images/s", digits=3),
    text("file"),
)


@flat
def extract_features(
    *,
    images: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DATASET",
            help="digits, faces, faces-synthetic, a .npz, a folder of images, or image files [default: digits].",
            show_default=False,
        ),
    ] = None,
    extraction: ExtractionOptions,
    workers: WorkersOptions = WorkersOptions(),
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The .npz, or its folder [default: runs/extract-features-<hash>]."),
    ] = None,
    reading: ReadingOptions,
    force: Annotated[bool, typer.Option("--force", help="Replace what another extraction left at --out.")] = False,
    data_dir: DataDirOption = None,
    output: OutputOptions = OutputOptions(),
) -> None:
    """\b
    $ mnf extract-features faces
    $ mnf extract-features faces --weights alexnet-owt-7be5be79.pth --preprocess course --out features.npz

    Keep the activations of a pretrained network's convolutional part in place of pixels, as a dataset to train on.
    Needs crops of 227 pixels for faces: mnf fetch faces --res 227.
    """
    config, form = read_config(ExtractConfig, extraction), read_config(DataConfig, reading)
    device, processes = workers.choose(config.device)
    config = replace(config, device=device)
    from mnistfaces.features.extraction import extract_features as extract

    out_streams = output.open()
    events = extract(_request(images), out, config, reading=form, data_dir=data_dir, force=force, workers=processes)
    finished = out_streams.result(events)
    out_streams.rows([asdict(finished)], COLUMNS)
    if finished.skipped:
        raise typer.Exit(LESS_THAN_ASKED)


def _request(images: list[str] | None) -> str | list[Path]:
    """Returns a dataset's name or folder, or image files."""
    from mnistfaces.datasets.layouts import endings

    named = images or ["digits"]
    first = Path(named[0])
    if len(named) > 1 or (first.is_file() and not first.name.lower().endswith(endings())):
        return [Path(name) for name in named]
    return named[0]
