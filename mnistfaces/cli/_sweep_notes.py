"""What `mnf sweep` says: its plan, its rows, and what the numbers can and cannot tell."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mnistfaces.cli._columns import Column, number, option_columns, percent, seconds, text
from mnistfaces.cli._grid import notes_on_batch, notes_on_step
from mnistfaces.cli._output import Output
from mnistfaces.experiments.trials import OPTIONS
from mnistfaces.text import counted

if TYPE_CHECKING:
    from mnistfaces.experiments.sweep import Sweep
    from mnistfaces.experiments.trials import Row

COLUMNS: tuple[Column, ...] = (
    Column("", lambda row: "*" if row.get("best") else "~" if row.get("tied") else "", number=False),
    text("dataset", role="setting"),
    *option_columns(OPTIONS),
    *(number(field, role="setting") for field in ("fold", "n")),
    percent("train_accuracy", "train", rank=4),
    percent("loo_accuracy", "left out", rank=3),
    percent("val_accuracy", "val", rank=2),
    percent("test_accuracy", "test [95 %]", "test_low", "test_high"),
    seconds(),
    text("status", role="result", rank=2),
)

OF_TRIALS: tuple[Column, ...] = (*COLUMNS[:-6], number("seed", role="setting"), *COLUMNS[-6:])
"""Of a row per trial."""


def sweep_rows(streams: Output, job: "Sweep", *, per_seed: bool) -> "Iterator[Row]":
    """Yields the rows of each cell, in the order asked, as soon as it and those before it are done."""
    cells, trials = job.worklist.cells, len(job.worklist.trials)
    missing = len(job.missing())
    streams.note(
        f"{counted(len(cells), 'cell')}, {counted(trials, 'trial')} on {job.dataset.name}, {missing} to do, "
        f"into {job.folder.path}"
    )
    for line in job.dataset.notes():
        streams.note(line)
    if missing and job.config.device != "cpu":
        streams.note("on a GPU the last bits of a model depend on what trains beside it: losses agree to about 1e-4")
    shown = 0
    for _ in streams.follow(job.run()):
        while shown < len(cells) and job.outcomes.is_done(cells[shown]):
            yield from job.outcomes.trial_rows(cells[shown]) if per_seed else [job.outcomes.row(cells[shown])]
            shown += 1
    for cell in cells[shown:]:
        yield from job.outcomes.trial_rows(cell) if per_seed else [job.outcomes.row(cell)]
    job.finish()
    yield from job.final_rows(per_seed=per_seed)


def conclude(streams: Output, job: "Sweep") -> None:
    """Says which cell is best, how to train it again, and what the test images can tell."""
    for failure in job.failures:
        streams.note(f"failed: {failure}")
    processors = job.processors()
    if len(processors) > 1:
        streams.note(f"trained on unlike processors ({', '.join(processors)}): last bits may differ among trials")
    best, cells = job.summary["best"], job.summary["cells"]
    for note in notes_on_batch(cells):
        streams.note(note)
    if diverged := sum(row["status"] == "diverged" for row in cells):
        streams.note(f"{diverged} of {counted(len(cells), 'cell')} diverged: loss or weights are no longer finite")
    if job.grid.shard is not None:
        streams.note(f"shard done; `mnf sweep` without --shard and with --out {job.folder.path} gathers all of them")
        return
    if best is None:
        ended = any(row["n"] for row in job.summary["cells"])
        why = "there are no validation images to choose by" if ended else "no trial ended with a finite loss"
        streams.note(f"no cell is called best: {why}")
        _hint(streams, job)
        return
    for note in notes_on_step(best):
        streams.note(note)
    for line in _judgement(job.summary):
        streams.note(line)
    if (final := job.summary.get("final")) is not None and final["test_accuracy"] is not None:
        streams.note(f"the best cell, trained on training and validation images together: {_tested(final)}")
    _hint(streams, job)
    chosen = f"best by validation ({best['val_accuracy']:.1%})" if len(job.summary["cells"]) > 1 else "the same again"
    streams.suggest(chosen, job.summary["best_command"])


def _hint(streams: Output, job: "Sweep") -> None:
    """Says what to try next, where the state of the sweep tells."""
    from mnistfaces.experiments.hints import Asked, hint_of_sweep

    asked = Asked(grid=job.grid, dataset=job.dataset, reference=job.config.reference or job.dataset.name)
    if hint := hint_of_sweep(job.summary, asked):
        streams.suggest(f"{hint.text}; try", hint.line)


def _judgement(summary: "Row") -> Iterator[str]:
    """Yields what the test images can tell, how far they took part in choosing, and which figure to quote."""
    cells, tested = summary["cells"], summary["tested"]
    if not tested or len(cells) == 1:
        return
    tied = [row["tied"] for row in cells]
    alone = "" if summary["best"]["tied"] else "; the cell that validation chose (*) is told from it"
    yield (
        f"{tested} test images, one is worth {100 / tested:.2g} points; {sum(tied)} of {len(cells)} cells cannot be "
        f"told from the most accurate (~){alone}"
    )
    if summary["redrawn"]:
        quoted = "" if summary["nested"] is None else f": quote {_nested(summary)}"
        yield f"through the other draws the test images took part in choosing{quoted}"
    else:
        yield "the test images took no part in choosing"
    yield from (f"the best cell: {caution}" for caution in summary["cautions"])
    if summary["assumed"] is not None:
        from mnistfaces.evaluation.advice import DIFFERENCE, advice_line
        from mnistfaces.evaluation.plan import read_assumptions
        from mnistfaces.statistics.planning import Design

        present = Design(images=tested, **summary["design"])
        yield advice_line(read_assumptions(summary["assumed"]), DIFFERENCE, present)


def _nested(summary: "Row") -> str:
    nested, again = summary["nested"], "" if summary.get("final") is None else ", then training on all but test images"
    found = {"test_accuracy": nested["accuracy"], "test_low": nested["low"], "test_high": nested["high"]}
    return f"nested, choosing inside each draw by validation{again}: {_tested(found)}"


def _tested(row: "Row") -> str:
    return f"test accuracy {row['test_accuracy']:.1%} [{100 * row['test_low']:.1f}, {100 * row['test_high']:.1f}]"


def show_plan(streams: Output, job: "Sweep") -> None:
    """Prints the stacks in which the missing trials would train, where, and about what they would take."""
    missing = job.missing()
    drawable = job.drawable(missing)
    workers = job.config.workers
    with workers.asked() if workers else contextlib.nullcontext():
        stacks, where = list(job.stacks(drawable)), workers.where() if workers else "in this process"
        at_once = workers.count if workers else 1
    streams.rows(
        {
            "stack": number,
            "models": stack.size,
            "cells": len(stack.cells),
            "draws": len(stack.draws),
            "epochs": stack.epochs[-1],
            "lr": sorted({cell.lr for cell in stack.cells if "lr" not in cell.ignored()}),
            "batch_size": stack.cells[0].batch_size,
            "model": stack.cells[0].model,
            "estimate_seconds": stack.estimate_seconds(),
        }
        for number, stack in enumerate(stacks, 1)
    )
    total = sum(stack.estimate_seconds() for stack in stacks) / min(at_once, len(stacks) or 1)
    size, trials = sum(stack.estimate_bytes() for stack in stacks), len(job.worklist.trials)
    streams.note(
        f"{counted(len(job.worklist.cells), 'cell')}, {counted(trials, 'trial')}, {trials - len(missing)} done; "
        f"the rest in {counted(len(stacks), 'stack')}, a task each, about {total:.0f} s, "
        f"at most {size / 1e6:.1f} MB on the disk, {where}, into {job.folder.path}"
    )
