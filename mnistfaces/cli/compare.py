"""`mnf compare`: are these models different? With --board: who is ahead, and who cannot be told from the first."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from mnistfaces.cli._completion import offer_runs
from mnistfaces.cli._contenders import show_board, show_pairs
from mnistfaces.cli._options import DataDirOption, OutputOptions, PlotOption, check_plot, flat


@flat
def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN RUN...",
            help="Run directories, last, -, or tables of image and class (.csv).",
            autocompletion=offer_runs,
        ),
    ],
    *,
    margin: Annotated[
        float | None,
        typer.Option("--margin", help="Differences below it count as none, 0 to 1: is equality within it shown?"),
    ] = None,
    board: Annotated[bool, typer.Option("--board", help="Rank them, instead of a row per pair.")] = False,
    ladder: Annotated[
        Path | None,
        typer.Option(
            "--ladder",
            metavar="STATE",
            help="With --board: reveal a table's new accuracy only when it is significantly better than its last one.",
        ),
    ] = None,
    plot: PlotOption = None,
    data_dir: DataDirOption = None,
    output: OutputOptions = OutputOptions(),
) -> None:
    """\b
    $ mnf compare runs/train-a runs/train-b --plot differences.png
    $ mnf compare last answers/*.csv --board --ladder class.json

    Test whether models differ, paired on the same test images.
    Two single models: exact McNemar. Several seeds or folds: a paired interval over them, and P(a > b), the share of
    trials in which a is more accurate.

    A table has the columns image and prediction, label or class, or these two without a header; commas, semicolons or
    tabs; UTF-8, or UTF-16 with its mark. Images go by the names that runs keep. For MNIST, Fashion-MNIST and
    Kuzushiji, plain numbers from 0 are the images of t10k-images-idx3-ubyte in its order: number n is test-C-R, where
    C is its label and R how many of that label come before it. Images without an answer count as wrong.
    """
    if margin is not None and not 0 < margin < 1:
        raise typer.BadParameter("must lie between 0 and 1", param_hint="--margin")
    if ladder is not None and not board:
        raise typer.BadParameter("goes with --board", param_hint="--ladder")
    if margin is not None and board:
        raise typer.BadParameter("is for pairs, not for --board", param_hint="--margin")
    check_plot(plot)
    streams = output.open()
    from mnistfaces.evaluation.contenders import load_field

    with streams.busy("reading answers"):
        field = load_field(runs, sys.stdin if "-" in runs else (), data_dir)
    rows = show_board(streams, field, ladder) if board else show_pairs(streams, field, margin)
    if plot is not None:
        from mnistfaces.plots import figures
        from mnistfaces.plots.comparison import board_figure, differences_figure

        figures.save(board_figure(rows) if board else differences_figure(rows, margin), plot)
    streams.wrote(plot)
    if any(row.get("status") == "failed" for row in rows):
        raise typer.Exit(3)
