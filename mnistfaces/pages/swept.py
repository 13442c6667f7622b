"""The page of a sweep: its figure, which cell was chosen and which cannot be told from it, and every cell to sort."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mnistfaces.errors import MnistFacesError
from mnistfaces.experiments.trials import OPTIONS
from mnistfaces.pages.asked import asked_section, option_cell
from mnistfaces.pages.drawn import PAGE_INCHES, drawn_part
from mnistfaces.pages.page import Section
from mnistfaces.pages.parts import (
    Cell,
    cannot,
    interval,
    line,
    number,
    percent,
    shown,
    table,
    tiles,
)
from mnistfaces.pages.trained import looked_at_sections
from mnistfaces.runs.best import BestModel, best_model_of
from mnistfaces.runs.runs import Run

Row = Mapping[str, Any]

NO_MODEL = "The sweep kept no weights: with <code>--keep-weights best</code> its best model can be drawn for here."

DRAWN_CELLS = 1000
"""Of a sweep with more cells no figure is drawn."""


def title_of(run: Run) -> str:
    """Returns what a page of a sweep is called."""
    swept = ", ".join(OPTIONS[name].title for name in options_of(run.rows()))
    return f"{run.config['dataset']}: a sweep over {swept}"


def lead_of(run: Run) -> str:
    """Returns the numbers that come first."""
    summary = run.summary()
    cells, best = summary["cells"], summary["best"]
    tied = sum(bool(row["tied"]) for row in cells)
    told = {"cells": f"{len(cells):,}", "trials": f"{sum(row['n'] + row['n_failed'] for row in cells):,}"}
    if best is not None:
        told |= {
            "validation accuracy of the chosen cell": percent(best["val_accuracy"]),
            f"its test accuracy, 95 % {interval(best['test_low'], best['test_high'])}": percent(best["test_accuracy"]),
            "others that cannot be told from the most accurate": f"{tied - bool(best['tied']):,}",
        }
    return tiles(told)


def swept_sections(run: Run, data_dir: Path | None = None) -> list[Section]:
    """Returns the sections of a sweep's page; its best model shows itself where the sweep kept weights.

    Raises:
        RunError: the sweep is not finished.
    """
    summary = run.summary()
    best = best_model_of(run)
    model = looked_at_sections(best, data_dir) if isinstance(best, BestModel) else []
    lacking = "" if model else f'<p class="quiet">{NO_MODEL}</p>'
    return [
        Section(title="Which setting", inside=_figure(summary) + _chosen(summary) + lacking, name="figure"),
        *model,
        Section(title="Every cell", inside=_cells(summary), name="cells"),
        *_seeds(summary),
        asked_section(run),
    ]


def _figure(summary: Row) -> str:
    if len(summary["cells"]) > DRAWN_CELLS:
        return cannot("A figure", f"it is drawn of up to {DRAWN_CELLS:,} cells")
    if not any(row["test_accuracy"] is not None for row in summary["cells"]):
        return cannot("A figure", "no trial was tested")
    from mnistfaces.plots.figures import inline_svg
    from mnistfaces.plots.sweep import sweep_figure

    title = "Accuracy by what was swept"
    try:
        picture = inline_svg(sweep_figure(summary, PAGE_INCHES), f"{title}; every number stands in the table of cells")
        return drawn_part(picture, title)
    except MnistFacesError as error:
        return cannot("The figure", error)


def _chosen(summary: Row) -> str:
    """Returns which cell was chosen, the line that trains it, and how far that choice can be trusted."""
    best, nested = summary["best"], summary["nested"]
    if best is None:
        return "<p>No cell was chosen: nothing was validated, or no trial ended with a finite loss.</p>"
    count, tied = len(summary["cells"]), sum(bool(row["tied"]) for row in summary["cells"])
    others = tied - bool(best["tied"])
    marked = f"; the {others:,} marked ~ cannot be told from it" if others else ""
    told = (
        f"<p>Validation chose the cell marked &#9733; ({percent(best['val_accuracy'])}). "
        f"{number(summary['tested'])} test images tell {count - tied:,} of {count:,} cells from the most accurate"
        f"{marked}.</p>"
    )
    parts = [told]
    if nested is not None and summary.get("redrawn"):
        quoted = f"{percent(nested['accuracy'])} {interval(nested['low'], nested['high'])}"
        parts.append(
            f"<p>Chosen inside each draw by validation, the test accuracy is {shown(quoted)}: the figure to quote.</p>"
        )
    if (final := summary.get("final")) is not None and final["test_accuracy"] is not None:
        quoted = f"{percent(final['test_accuracy'])} {interval(final['test_low'], final['test_high'])}"
        parts.append(
            f"<p>Trained on training and validation images together, the chosen cell has a test accuracy of "
            f"{shown(quoted)}.</p>"
        )
    parts += [f"<p>{shown(text)}.</p>" for text in summary.get("cautions", ())]
    if summary["best_command"]:
        parts.append(f"<p>The line that trains the chosen cell:</p>{line(summary['best_command'])}")
    return "".join(parts)


def options_of(cells: Sequence[Row]) -> list[str]:
    """Returns the options that tell cells apart, or the model's name where there is but one."""
    from mnistfaces.plots.swept import swept_options

    return [option.name for option in swept_options(cells)] or ["model"]


def _cells(summary: Row) -> str:
    cells: list[Row] = summary["cells"]
    options = options_of(cells)
    head = [
        *(OPTIONS[name].title for name in options),
        "train",
        "validation",
        "test, 95 %",
        "trials",
        "seconds",
        "status",
    ]
    rows = (
        [
            *(option_cell(name, row[name]) for name in options),
            Cell.share(row["train_accuracy"]),
            _mean(row, "val_accuracy"),
            Cell.share(row["test_accuracy"], row["test_low"], row["test_high"]),
            Cell.of(row["n"]),
            Cell(number(row["seconds"], 3), row["seconds"]),
            Cell.of(row["status"]),
        ]
        for row in cells
    )
    marks = ["best" if row["best"] else "tied" if row["tied"] else "" for row in cells]
    return table("Every cell: click on a title to sort by it", head, rows, sortable=True, marks=marks)


def _mean(row: Row, field: str) -> Cell:
    spread = row.get(f"{field}_std")
    small = "" if spread is None else f"\N{PLUS-MINUS SIGN} {100 * spread:.1f}"
    return Cell(percent(row[field]), row[field], small)


MOST_TRIALS = 1000
"""Rows of the table of seeds."""


def _seeds(summary: Row) -> list[Section]:
    """Returns every trial of a sweep with several per cell; those of the first release are not listed."""
    trials: Sequence[Sequence[Row]] = summary.get("trials") or []
    if not trials or max(map(len, trials)) < 2:  # noqa: PLR2004  one is its cell
        return []
    cells = summary["cells"]
    options = options_of(cells)
    many = sum(map(len, trials)) > MOST_TRIALS
    best = next((place for place, row in enumerate(cells) if row["best"]), 0)
    shown_cells = [best] if many else range(len(cells))
    folded = any(trial.get("fold") for own in trials for trial in own)
    head = [
        *(OPTIONS[name].title for name in options),
        "seed",
        *(["fold"] if folded else []),
        "train",
        "validation",
        "test",
        "status",
    ]
    rows = (
        [
            *(option_cell(name, cells[place][name]) for name in options),
            Cell.of(trial["seed"]),
            *([Cell.of(trial["fold"])] if folded else []),
            *(Cell.share(trial[field]) for field in ("train_accuracy", "val_accuracy", "test_accuracy")),
            Cell.of(trial["status"]),
        ]
        for place in shown_cells
        for trial in trials[place]
    )
    said = f"<p>More than {MOST_TRIALS:,} trials: those of the chosen cell.</p>" if many else ""
    inside = said + table("Every trial, by its seed", head, rows, sortable=True)
    return [Section(title="Seed by seed", inside=inside, name="seeds")]
