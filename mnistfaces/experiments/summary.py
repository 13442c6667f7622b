"""What only all cells of a sweep together can tell, and the files that say so once everything is done."""

import json
from dataclasses import asdict
from importlib import metadata
from typing import TYPE_CHECKING, Any

from mnistfaces.datasets.normalisation import normalisation_of
from mnistfaces.datasets.splits import settled
from mnistfaces.display import Displayed
from mnistfaces.experiments.commands import train_line, without_folds
from mnistfaces.experiments.final import FinalTrials
from mnistfaces.experiments.kept import KeptTrials
from mnistfaces.experiments.outcomes import Outcomes
from mnistfaces.experiments.results import (
    assumed,
    cautions,
    count_tested,
    find_best,
    find_tied,
    nested_row,
    trades_places,
)
from mnistfaces.experiments.trials import Cell, Row
from mnistfaces.experiments.worklist import Worklist
from mnistfaces.files import hash_of, write_text
from mnistfaces.runs.configuration import describe
from mnistfaces.runs.folder import RunFolder
from mnistfaces.runs.predictions import save_predictions
from mnistfaces.runs.runs import PREDICTIONS, RESULTS, SUMMARY, load_run

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from mnistfaces.config import DataConfig
    from mnistfaces.datasets.base import Dataset

OF_THE_LEDGER = ("trial", "part", "part_sha256", "weights_sha256", "host", "processor", "timing", "fold")
"""What a trial's record says beyond what the row of a training says."""

OF_THE_TABLE = ("best", "tied")
"""What a row of a cell says only beside all others."""

ALONE: Row = dict.fromkeys(OF_THE_TABLE)
"""What the row of the chosen cell, trained again, says beside the cells that it was chosen from: nothing."""


class Summary(Displayed, dict[str, Any]):
    """What a sweep says, as `sweep` returns it; a notebook shows it as a figure and a table."""


def best_cell(worklist: Worklist, outcomes: Outcomes) -> Cell | None:
    """Returns the cell that validation chooses; None where there is none."""
    best = find_best([outcomes.result(cell) for cell in worklist.cells])
    return None if best is None else worklist.cells[best]


def summarise(
    worklist: Worklist,
    outcomes: Outcomes,
    datasets: "Mapping[DataConfig, Dataset]",
    reference: str | None,
    final: FinalTrials | None,
) -> Row:
    """Returns the best cell, its ties, its command, the accuracy of choosing inside each trial, and all rows.

    Args:
        worklist: what was to do.
        outcomes: what it came to.
        datasets: by their form.
        reference: the path that the user gave for the dataset; None is the dataset's own name.
        final: the chosen setting, trained again; None where that was not asked for.
    """
    cells = worklist.cells
    results = [outcomes.result(cell) for cell in cells]
    best, tied = find_best(results), find_tied(results)
    rows = [{**outcomes.row(cell), "best": number == best, "tied": tied[number]} for number, cell in enumerate(cells)]
    shown = results[best or 0] if results else None
    again = None if final is None else final.result()
    command = None
    if best is not None:
        cell = cells[best] if again is None else again.cell
        dataset = datasets[cell.data]
        name = reference or dataset.name
        command = train_line(without_folds(cell, dataset), name, dataset.kind, worklist.grid.seeds[0])
    kept_of = again or shown
    return {
        "best": None if best is None else rows[best],
        "best_command": command,
        "best_trials": [
            {name: record[name] for name in ("trial", "seed", "fold")}
            for record in (kept_of.records if kept_of else ())
        ],
        "tested": count_tested(shown) if shown else 0,
        "redrawn": shown is not None and trades_places(shown),
        "cautions": cautions(shown) if shown else [],
        "assumed": assumed(results, best or 0, tied) if shown else None,
        "design": {"seeds": len(worklist.grid.seeds), "folds": shown.cell.split.folds if shown else None},
        "nested": nested_row(results, final.nested_scores() if final else None),
        "final": again and {**outcomes.row_of(again, len(worklist.places(cells[best or 0]))), **ALONE},
        "cells": rows,
        "trials": [result.trial_rows() for result in results],
    }


def write_summary(
    folder: RunFolder,
    worklist: Worklist,
    kept: KeptTrials,
    summary: Row,
    *,
    reference: str | None,
    final: FinalTrials | None,
) -> None:
    """Writes the answers of all trials, the summary and the table, and records that the sweep is done.

    Args:
        folder: the run directory.
        worklist: what was to do.
        kept: what is done.
        summary: from `summarise`.
        reference: as there.
        final: as there.

    Raises:
        FileError: the disk refuses.
    """
    wrote = {}
    predictions = kept.predictions(dict.fromkeys([*worklist.keys, *(final.keys() if final else ())]))
    if predictions is not None:
        wrote[PREDICTIONS] = save_predictions(folder.path / PREDICTIONS, predictions)
    wrote[SUMMARY] = write_text(folder.path / SUMMARY, _laid_out(summary))
    lines = "".join(json.dumps(row, allow_nan=False) + "\n" for row in summary["cells"])
    wrote[RESULTS] = write_text(folder.path / RESULTS, lines)
    table = _table(worklist, reference, refits=final is not None)
    whole = kept.sha256()
    found = {"best_command": summary["best_command"], "best_model": _best_model(worklist, kept, summary, whole, final)}
    folder.finish({**whole, **wrote}, **found, table=table)


def _best_model(
    worklist: Worklist, kept: KeptTrials, summary: Row, files: "Collection[str]", final: FinalTrials | None
) -> Row | None:
    """Returns what tells of the best cell's first model whose weights are kept as a run of its own would tell it."""
    best = {trial["trial"] for trial in summary["best_trials"]} if summary["best"] is not None else set()
    for trial in final.of_best.values() if final else worklist.named(best):
        key, dataset = worklist.key(trial), worklist.dataset(trial)
        weights = kept.weights_name(key)
        if weights in files:
            record = kept.records[key]
            measured = {name: record[name] for name in record if name not in OF_THE_LEDGER}
            return {
                "trial": key,
                "weights": weights,
                "dataset": describe(dataset),
                "training": trial.cell.training.to_dict(),
                "split": asdict(settled(trial.cell.split, dataset)),
                "seed": trial.seed,
                "split_seed": trial.split_seed,
                "fold": trial.fold,
                "normalisation": normalisation_of(dataset),
                "row": {**trial.cell.options(), "dataset": dataset.name, **measured},
            }
    return None


def _laid_out(summary: Row) -> str:
    """Returns a summary as JSON, each member and each entry of a list on a line of its own.

    With a line per field, as Python lays it out, it takes twice the time and a third more room.
    """
    return "{\n" + ",\n".join(f"  {json.dumps(name)}: {_lines(value)}" for name, value in summary.items()) + "\n}\n"


def _lines(value: object) -> str:
    if not isinstance(value, list) or not value:
        return json.dumps(value, allow_nan=False, ensure_ascii=False)
    return (
        "[\n" + ",\n".join(f"    {json.dumps(entry, allow_nan=False, ensure_ascii=False)}" for entry in value) + "\n  ]"
    )


def read_summary(folder: RunFolder, worklist: Worklist, reference: str | None, *, refits: bool) -> Row | None:
    """Returns the summary that is on the disk, if it is of just these trials; None if it must be made."""
    run = load_run(folder.path)
    if run.config.get("table") != _table(worklist, reference, refits=refits):
        return None
    summary = run.summary()
    rows = [{**row, "run": str(folder.path)} for row in summary["cells"]]
    final = summary.get("final")
    return {
        **summary,
        "cells": rows,
        "best": next((row for row in rows if row["best"]), None),
        "final": final and {**final, "run": str(folder.path)},
    }


def rows_alone(summary: Row) -> list[Row]:
    """Returns the rows of the cells of a summary without what they say only beside all others."""
    return [{name: value for name, value in row.items() if name not in OF_THE_TABLE} for row in summary["cells"]]


def _table(worklist: Worklist, reference: str | None, *, refits: bool) -> str:
    """Returns what the kept table says: of which trials, in which words, by which release, and what follows on them."""
    return hash_of([metadata.version("mnistfaces"), reference, worklist.keys, *(["refit"] if refits else [])])
