"""`mnf visualize-weights`: what the classes of a model look for, as images."""

from pathlib import Path
from typing import Annotated

import typer

from mnistfaces.cli._columns import number, text
from mnistfaces.cli._model import find_model
from mnistfaces.cli._options import DataDirOption, OutputOptions, PlotOption, RunArgument, Tokens, check_plot, flat
from mnistfaces.config import Criterion

COLUMNS = (
    text("class"),
    number("unit", digits=9),
    number("score"),
    text("sign"),
    text("criterion", role="setting"),
    text("shared", "shared with"),
)


@flat
def visualize_weights(
    *,
    run: RunArgument = "last",
    plot: PlotOption = None,
    classes: Annotated[
        Tokens, typer.Option("--class", metavar="LIST", help="Class by name, surname or number [default: all].")
    ] = None,
    top: Annotated[
        int | None, typer.Option("--top", min=1, help="Hidden units per class [default: 4].", show_default=False)
    ] = None,
    criterion: Annotated[
        Criterion | None,
        typer.Option(
            "--criterion",
            help="Rank hidden units by |output weight|, by output weight x mean activation on the class's training "
            "images, or by the recall lost without the unit [default: weight].",
        ),
    ] = None,
    gray: Annotated[
        bool, typer.Option("--gray", help="In gray, as in the report, instead of blue, white, red.")
    ] = False,
    each: Annotated[
        Path | None, typer.Option("--each", metavar="DIR", help="Also one .png an image, in this folder.")
    ] = None,
    data_dir: DataDirOption = None,
    output: OutputOptions = OutputOptions(),
) -> None:
    """\b
    $ mnf visualize-weights last --plot weights.png
    $ mnf visualize-weights runs/train-a --class baldwin --class bracco --top 4 --plot units.png

    Draw weights as the images that they look at, on one symmetric scale.
    They are those into every class of a softmax regression, or those into the hidden units that matter most for a
    class, with sign and score.
    """
    check_plot(plot)
    names = tuple(name.strip() for token in classes or () for name in token.split(","))
    from mnistfaces.inspection.hidden_units import UnitsRequest, draw_weights
    from mnistfaces.inspection.weight_images import weight_rows

    streams = output.open()
    model = find_model(run, streams)
    with streams.busy(f"reading {model.path}"):
        drawn = draw_weights(model, UnitsRequest(classes=names, top=top, criterion=criterion), data_dir=data_dir)
    for note in drawn.notes:
        streams.note(note)
    if plot is not None or each is not None:
        from mnistfaces.plots.weights import save_weight_figures

        save_weight_figures(drawn.images, drawn.title, plot=plot, each=each, gray=gray)
    streams.rows(weight_rows(drawn.images, plot, each), COLUMNS)
    streams.wrote(plot, *(each / image.file_name for image in drawn.images if each is not None))
