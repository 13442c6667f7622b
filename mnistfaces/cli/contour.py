"""`mnf contour`: the cost over two weights of a softmax regression."""

from typing import Annotated

import typer

from mnistfaces.cli._columns import number, seconds, text
from mnistfaces.cli._grid import read_config, refuse_unused
from mnistfaces.cli._options import (
    PAGES,
    DataDirOption,
    DataOptions,
    DeviceOption,
    ForceOption,
    OutOption,
    OutputOptions,
    PageOption,
    check_plot,
    flat,
)
from mnistfaces.cli._surface import ModelOptions, SurfaceOptions, draw_surface
from mnistfaces.config import DataConfig
from mnistfaces.datasets import read_dataset

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
            metavar="DATASET",
            help="digits, digits-sample, digits-full, or another that a softmax regression takes [default: digits].",
            show_default=False,
        ),
    ] = None,
    surface: SurfaceOptions = SurfaceOptions(),
    plot: PageOption = None,
    levels: Annotated[int, typer.Option("--levels", min=2, max=1000, help="Contour levels of the figure.")] = 25,
    model: ModelOptions = ModelOptions(),
    data: DataOptions,
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
    config, names, form = surface.config(), surface.names(), read_config(DataConfig, data)
    streams = output.open()
    from mnistfaces.landscape import contours, models
    from mnistfaces.runs.models import dataset_of

    kept = model.kept(streams)
    if kept is not None and dataset is None:
        refuse_unused(form, "counts only with a DATASET: --run reads its data as it did")
    if kept is not None and dataset is None:
        with streams.busy("reading the images"):
            images = dataset_of(kept, data_dir)
    else:
        images = streams.result(read_dataset(dataset or "digits", form, data_dir=data_dir))
    pair = contours.pair_of(images, names)
    run = kept or streams.result(models.train_model(images, model.request().trial(images.kind), device))
    request = contours.ContourRequest(pair=pair, surface=config)
    done = streams.result(contours.contour(images, run, request, out=out, force=force))
    streams.rows([done.row()], COLUMNS)
    if plot is not None:
        draw_surface(plot, done.surface, levels, str(done.row()["file"]))
        streams.wrote(plot)
