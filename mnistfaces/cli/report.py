"""`mnf report`: one page of any run or runs."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from mnistfaces.cli._columns import Column, number, text
from mnistfaces.cli._options import DataDirOption, OutputOptions, check_plot, flat

COLUMNS: tuple[Column, ...] = (text("file"), number("bytes"), text("runs"))


@flat
def report(
    runs: Annotated[
        list[str],
        typer.Argument(metavar="RUN...", help="Run directories, last, -, or a file of features."),
    ],
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE.html",
            help="The page [default: report.html in the first run's folder].",
            show_default=False,
        ),
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    data_dir: DataDirOption = None,
    output: OutputOptions = OutputOptions(),
) -> None:
    """\b
    $ mnf report last --open
    $ mnf report runs/train-a runs/train-b --out both.html

    Write one page of a run: what was asked, tables, curves, mistakes, and a pad to draw on.
    Of a sweep its figure and every cell, of several runs their curves and whether they differ, of a surface its
    playground, of features their recipe. The page is one file that asks nothing of a network.
    """
    check_plot(out, (".html",), "--out")
    from mnistfaces.files import write_text
    from mnistfaces.pages.report import PAGE, build_report, find_subjects

    streams = output.open()
    subjects = find_subjects(runs, sys.stdin if "-" in runs else (), data_dir)
    with streams.busy("writing the page"):
        page = build_report(subjects, data_dir)
    file = out or subjects[0].folder / PAGE
    write_text(file, page)
    row = {"file": str(file), "bytes": len(page.encode()), "runs": [str(subject.path) for subject in subjects]}
    streams.rows([row], COLUMNS)
    streams.wrote(file)
    if lacking := page.count('class="unmade"'):
        streams.note(f"{lacking} {'parts' if lacking > 1 else 'part'} cannot be shown: the page says which, and why")
    if show:
        import webbrowser

        webbrowser.open(file.resolve().as_uri())
