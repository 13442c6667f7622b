"""`mnf compare`: are these models different? With --board: who is ahead, and who cannot be told from the first."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnistfaces.cli._columns import Column, Row, number, percent, text
from mnistfaces.cli._completion import offer_runs
from mnistfaces.cli._options import DataDirOption, OutputOptions, PlotOption, check_plot, flat
from mnistfaces.cli._output import Output

if TYPE_CHECKING:
    from mnistfaces.evaluation.contenders import Field

COLUMNS: tuple[Column, ...] = (
    text("a"),
    text("b"),
    percent("difference", "a - b [95 %]", "low", "high"),
    number("p", digits=2, role="result", rank=2),
    number("n", "images", rank=3),
    number("discordant", rank=3),
    percent("a_above_b", "P(a > b)", rank=4),
    text("verdict", role="result"),
)
BOARD_COLUMNS: tuple[Column, ...] = (
    number("rank", role="result"),
    Column("", lambda row: "~" if row["tied"] else "", number=False),
    text("contender"),
    percent("accuracy", "accuracy [95 %]", "low", "high"),
    number("n", "images", rank=3),
    text("status", rank=2),
    text("note", rank=4),
)


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
    rows = _show_board(streams, field, ladder) if board else _show_pairs(streams, field, margin)
    if plot is not None:
        from mnistfaces.plots import figures
        from mnistfaces.plots.comparison import board_figure, differences_figure

        figures.save(board_figure(rows) if board else differences_figure(rows, margin), plot)
    streams.wrote(plot)
    if any(row.get("status") == "failed" for row in rows):
        raise typer.Exit(3)


def _show_pairs(streams: Output, field: "Field", margin: float | None) -> Sequence[Row]:
    """Prints a row per pair, and what it would take to tell the best two apart."""
    from mnistfaces.evaluation import compare as comparing

    contenders = field.sound()
    for contender in contenders:
        if contender.note:
            streams.note(f"{contender.name}: {contender.note}")
    rows = list(comparing.compare(contenders, margin=margin))
    streams.rows(rows, COLUMNS)
    if len(rows) > 1:
        streams.note(f"p is adjusted for {len(rows)} pairs (Holm); each interval stands for its pair alone")
    advice = comparing.advice(contenders)
    if advice:
        streams.note(advice)
    return rows


def _show_board(streams: Output, field: "Field", ladder: Path | None) -> Sequence[Row]:
    """Prints a row per contender, the best first."""
    from mnistfaces.evaluation.ladder import climb_all, opened
    from mnistfaces.evaluation.ranking import rank

    if ladder is None:
        contenders = field.contenders()
    else:
        with opened(ladder, field.reference) as state:
            contenders = [*field.runs, *climb_all(state, field.entries)]
    rows: list[Row] = [*rank(contenders, field.reference.trials)]
    streams.rows(rows, BOARD_COLUMNS)
    tied = [row["tied"] for row in rows if row["rank"] is not None]
    streams.note(
        f"{sum(tied)} of {len(tied)} cannot be told from the most accurate (~): the 95 % confidence set of the best"
    )
    if failed := [row for row in rows if row["status"] == "failed"]:
        streams.note(f"{len(failed)} of {len(rows)} could not be judged: the note says why")
    return rows
