"""`mnf extract-features`: what a pretrained network sees in images, as a dataset."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mnistfaces.cli._grid import read_data
from mnistfaces.cli._options import DataDirOption, DeviceOption, OutputOptions, ReadingOptions, flat
from mnistfaces.cli._output import number, text
from mnistfaces.config import (
    MOST,
    BackboneName,
    ExtractConfig,
    FeatureDtypeName,
    PreprocessName,
)

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
    backbone: Annotated[
        BackboneName, typer.Option("--backbone", help="The network; pixels writes the dataset as it is.")
    ] = ExtractConfig.backbone,
    layer: Annotated[
        str,
        typer.Option("--layer", help="conv1 to conv5, relu1.., pool1.. (fire2 to fire9), avgpool, or features.N."),
    ] = ExtractConfig.layer,
    weights: Annotated[
        str,
        typer.Option("--weights", metavar="imagenet|random|FILE", help="FILE: .pth, .safetensors or .npz."),
    ] = ExtractConfig.weights,
    preprocess: Annotated[
        PreprocessName | None,
        typer.Option(
            "--preprocess",
            help="course: each image minus its mean, over its largest absolute value "
            "[default: what the weights were trained with: imagenet].",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The .npz, or its folder [default: runs/extract-features-<hash>]."),
    ] = None,
    res: Annotated[int | None, typer.Option("--res", help="Pixels per side [default: 227; pixels 32].")] = None,
    color: Annotated[
        bool | None, typer.Option("--color/--gray", help="Channels of --backbone pixels [default: gray up to 64].")
    ] = None,
    dtype: Annotated[
        FeatureDtypeName, typer.Option("--dtype", help="Of the network's arithmetic; features are kept as float32.")
    ] = ExtractConfig.dtype,
    batch_size: Annotated[
        int, typer.Option("--batch-size", max=MOST, help="Images at once.")
    ] = ExtractConfig.batch_size,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, max=1024, help="Threads that decode images [default: one a core].")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of random weights.")] = ExtractConfig.seed,
    reading: ReadingOptions,
    device: DeviceOption = ExtractConfig.device,
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
    from mnistfaces.features.extraction import extract_features as extract

    config = ExtractConfig(
        backbone=backbone,
        layer=layer,
        weights=weights,
        preprocess=preprocess,
        res=res,
        color=color,
        dtype=dtype,
        batch_size=batch_size,
        jobs=jobs,
        device=device,
        seed=seed,
    )
    out_streams = output.open()
    form = read_data(reading)
    events = extract(_request(images), out, config, reading=form, data_dir=data_dir, force=force)
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
