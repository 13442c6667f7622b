"""`mnf contour`: the cost over two weights of a softmax regression."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mnistfaces import config
from mnistfaces.cli._figures import PAGES, check_plot
from mnistfaces.cli._options import (
    DataDirOption,
    DeviceOption,
    ForceOption,
    OutOption,
    OutputOptions,
    PlotOption,
    Tokens,
    flat,
    read_floats,
    read_numbers,
    read_sizes,
)
from mnistfaces.cli._output import Output, number, seconds, text

if TYPE_CHECKING:
    from mnistfaces.contours import ModelRequest
    from mnistfaces.datasets.base import Dataset
    from mnistfaces.landscape import Axis
    from mnistfaces.runs import Run

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
TWO = 2


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
    plot: PlotOption = None,
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
        config.Reduction, typer.Option("--reduction", help="The cost is the sum or the mean over the images.")
    ] = "sum",
    data_dir: DataDirOption = None,
    device: DeviceOption = "auto",
    out: OutOption = None,
    force: ForceOption = False,
    output: OutputOptions = OutputOptions(),  # noqa: B008  frozen
) -> None:
    """\b
    $ mnf contour --plot contour.png
    $ mnf contour digits-full --weight 1,3,14 --weight 1,3,15 --plot playground.html

    Draw the cost over two weights of a softmax regression, all others held at their trained values.
    The surface is interpolated from a few exact values and checked at random points; `--plot FILE.html` writes a
    page to play with. `mnf trajectory` descends on it.
    """
    from mnistfaces.contours import ContourRequest, ModelRequest  # noqa: PLC0415  --help does without
    from mnistfaces.contours import contour as keep_contour  # noqa: PLC0415  likewise
    from mnistfaces.landscape import SurfaceConfig  # noqa: PLC0415  likewise

    check_plot(plot, PAGES)
    first, second = _axes(ranges, step)
    request = ContourRequest(
        weights=_pair(weight),
        surface=SurfaceConfig(first=first, second=second, method=method, tol=tol, reduction=reduction),
    )
    model = ModelRequest(train_per_class=_per_class(train_per_class), lr=lr, epochs=epochs, seed=seed, device=device)
    output_ = output.open()
    images, kept = _model(dataset, run, model, data_dir, output_)
    done = keep_contour(images, kept, request, out=out, force=force)
    for note in done.surface.notes:
        output_.note(note)
    output_.rows([done.row()], COLUMNS)
    if plot is not None:
        _draw(plot, done, levels)
