"""`mnf visualize-weights`: what each class of a softmax regression looks for, as images."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from mnistfaces.cli._figures import check_plot
from mnistfaces.cli._options import OutputOptions, PlotOption, flat
from mnistfaces.cli._output import number, text

COLUMNS = (text("class"), text("unit"), number("score"), text("sign"), text("criterion", folds=True), text("file"))


@flat
def visualize_weights(
    *,
    run: Annotated[str, typer.Argument(metavar="[RUN]", help="A run of mnf train: directory, last, or -.")] = "last",
    plot: PlotOption = None,
    gray: Annotated[
        bool, typer.Option("--gray", help="In gray, as in the report, instead of blue, white, red.")
    ] = False,
    each: Annotated[
        Path | None, typer.Option("--each", metavar="DIR", help="Also one .png a class, in this folder.")
    ] = None,
    output: OutputOptions = OutputOptions(),  # noqa: B008  frozen
) -> None:
    """\b
    $ mnf visualize-weights last --plot weights.png
    $ mnf train | mnf visualize-weights - --gray --each weights

    Draw the weights into every class of a softmax regression as images, on one symmetric scale.
    """
    check_plot(plot)
    from mnistfaces.runs import find_runs  # noqa: PLC0415  --help does without
    from mnistfaces.weights import images_of, weight_rows  # noqa: PLC0415  likewise

    model = find_runs(run, ("train",), sys.stdin if run == "-" else ())[0]
    images = images_of(model)
    title = f"Weights into every class: softmax regression on {model.config['dataset']['name']}"
    streams = output.open()
    if plot is not None or each is not None:
        from mnistfaces.plots_weights import save_weight_figures  # noqa: PLC0415  only a figure needs matplotlib

        save_weight_figures(images, title, plot=plot, each=each, gray=gray)
    streams.rows(weight_rows(images, plot, each), COLUMNS)
