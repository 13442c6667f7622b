"""What `mnf sweep` says on stderr: its plan, and what the numbers can and cannot tell."""

from typing import TYPE_CHECKING

from mnistfaces.cli._grid import summed_rate
from mnistfaces.cli._output import Output

if TYPE_CHECKING:
    from mnistfaces.experiments.sweep import Sweep


def conclude(streams: Output, job: "Sweep") -> None:
    """Says which cell is best, how to train it again, and what the test images can tell."""
    for failure in job.failures:
        streams.note(f"failed: {failure}")
    best = job.summary["best"]
    if job.grid.shard is not None:
        streams.note(f"shard done; `mnf sweep` without --shard and with --out {job.folder.path} gathers all of them")
        return
    if best is None:
        streams.note("no cell is called best: there are no validation images to choose by")
        return
    if best["reduction"] == "sum" and best["optimizer"] == "gd":
        streams.note(summed_rate(best["lr"], min(best["batch_size"] or best["train_n"], best["train_n"])))
    nested = job.summary["nested"]
    if nested is not None and job.grid.cells[0].split.folds:
        streams.note(
            f"choosing by validation inside each fold: test accuracy {nested['accuracy']:.1%} "
            f"[{100 * nested['low']:.1f}, {100 * nested['high']:.1f}]"
        )
    tested = job.summary["tested"]
    if tested and len(job.summary["cells"]) > 1:
        tied = sum(bool(row["tied"]) for row in job.summary["cells"]) - 1
        streams.note(
            f"{tested} test images, one is worth {1 / tested:.2%}; {tied} of "
            f"{len(job.grid.cells) - 1} other cells cannot be told from the best (~); test was not used to choose"
        )
    chosen = f"best by validation ({best['val_accuracy']:.1%})" if len(job.summary["cells"]) > 1 else "the same again"
    streams.note(f"{chosen}: {job.summary['best_command']}")


def show_plan(streams: Output, job: "Sweep") -> None:
    """Prints the stacks in which the missing trials would train, and about how long they would take."""
    missing = job.drawable(job.missing())
    rows = [
        {
            "stack": number,
            "models": group.size,
            "cells": len(group.cells),
            "draws": len(group.draws),
            "epochs": group.epochs[-1],
            "lr": sorted({cell.lr for cell in group.cells}),
            "batch_size": group.cells[0].batch_size,
            "model": group.cells[0].model,
            "estimate_seconds": group.estimate_seconds(),
        }
        for number, group in enumerate(job.groups(missing), 1)
    ]
    streams.rows(rows)
    done = len(job.trials) - len(job.missing())
    total = sum(float(str(row["estimate_seconds"])) for row in rows)
    streams.note(
        f"{len(job.grid.own_cells())} cells, {len(job.trials)} trials, {done} done; the rest in {len(rows)} stacks, "
        f"about {total:.0f} s, into {job.folder.path}"
    )
