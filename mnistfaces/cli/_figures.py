"""Figures by the ending of their file: checked before any work starts."""

from pathlib import Path
from typing import Annotated

import typer

FIGURES = ("png", "svg", "pdf")
PAGES = (*FIGURES, "html")

PageOption = Annotated[
    Path | None,
    typer.Option("--plot", metavar="FILE", help="Draw a figure: png, svg or pdf; or html, a page to play with."),
]


def check_plot(plot: Path | None, endings: tuple[str, ...] = FIGURES) -> None:
    """Raises typer.BadParameter for a figure of an unknown kind."""
    if plot is not None and plot.suffix.lstrip(".").lower() not in endings:
        raise typer.BadParameter(f"{plot} must end in .{', .'.join(endings)}", param_hint="--plot")
