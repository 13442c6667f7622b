"""`mnf evaluate`: how good a kept model is."""

from pathlib import Path
from typing import Annotated

import typer

from mnistfaces.cli._columns import Column, Row, number, percent, text
from mnistfaces.cli._grid import read_config, refuse_unused
from mnistfaces.cli._mistakes import TABLE, save_mistakes
from mnistfaces.cli._model import find_model
from mnistfaces.cli._options import (
    FIGURES,
    DataDirOption,
    OutputOptions,
    PlotOption,
    ReadingOptions,
    RunArgument,
    check_plot,
    flat,
)
from mnistfaces.config import DataConfig


def _recall(row: Row) -> str:
    """Returns the share of a class's images that are told right; of all images that is the accuracy."""
    return percent("recall" if row["recall"] is not None else "accuracy", "", "low", "high").text(row)


COLUMNS: tuple[Column, ...] = (
    text("class"),
    percent("precision", "precision", rank=2),
    Column("recall (all: accuracy) [95 %]", _recall, "result"),
    number("support", "images", digits=9, role="result", rank=3),
)


@flat
def evaluate(
    run: RunArgument = "last",
    dataset: Annotated[
        str | None,
        typer.Argument(
            metavar="DATASET",
            help="Other images, by name or path [default: those the run was tested on].",
            show_default=False,
        ),
    ] = None,
    *,
    plot: PlotOption = None,
    mistakes: Annotated[
        list[Path] | None,
        typer.Option(
            "--mistakes",
            metavar="FILE",
            help="Misclassified images: a list as .csv, a sheet as .png, .svg or .pdf; may be repeated.",
        ),
    ] = None,
    reading: ReadingOptions,
    data_dir: DataDirOption = None,
    output: OutputOptions = OutputOptions(),
) -> None:
    """\b
    $ mnf evaluate last --plot confusion.png --mistakes mistakes.csv
    $ mnf evaluate runs/train-a digits-full --mistakes mistakes.png

    Accuracy with its 95 % interval, precision and recall of every class, the confusion matrix, the mistakes.
    Of a DATASET the test images count, or all where it has no test set; images that trained
    or validated the model are left out, with their near-duplicates.
    """
    form = read_config(DataConfig, reading)
    if dataset is None:
        refuse_unused(form, "counts only with a DATASET: the run's own images are not read again")
    check_plot(plot)
    for file in mistakes or ():
        check_plot(file, (TABLE, *FIGURES), "--mistakes")
    from mnistfaces.evaluation import evaluate as evaluating

    streams = output.open()
    model = find_model(run, streams)
    evaluation = streams.result(evaluating.watch_evaluation(model, dataset, reading=form, data_dir=data_dir))
    for note in (f"evaluated on {evaluation.what}", *evaluation.notes):
        streams.note(note)
    if plot is not None:
        from mnistfaces.plots import figures
        from mnistfaces.plots.evaluation import confusion_figure

        title = f"{model.path.name}\n{evaluation.what}"
        figures.save(confusion_figure(evaluation.confusion, evaluation.classes, title), plot)
    if mistakes:
        save_mistakes(mistakes, evaluation, data_dir)
    streams.rows(evaluation.rows(), COLUMNS)
    streams.wrote(plot, *mistakes or ())
