"""Figures by the ending of their file: checked before any work starts."""

from pathlib import Path

import typer

FIGURES = ("png", "svg", "pdf")
PAGES = (*FIGURES, "html")


def check_plot(plot: Path | None, endings: tuple[str, ...] = FIGURES) -> None:
    """Raises typer.BadParameter for a figure of an unknown kind."""
    if plot is not None and plot.suffix.lstrip(".").lower() not in endings:
        raise typer.BadParameter(f"{plot} must end in .{', .'.join(endings)}", param_hint="--plot")
