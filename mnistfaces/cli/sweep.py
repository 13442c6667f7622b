"""`mnf sweep`: a grid of trainings."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mnistfaces.cli._grid import read_cells
from mnistfaces.cli._lists import read_integers
from mnistfaces.cli._options import (
    DataDirOption,
    DatasetArgument,
    DeviceOption,
    DryRunOption,
    ForceOption,
    ImageOptions,
    IterationsOption,
    OutOption,
    OutputOptions,
    TrainingOptions,
    flat,
)
from mnistfaces.cli._output import Column, Output, Row, number, option_columns, percent, seconds, text
from mnistfaces.cli._sweep_notes import conclude, show_plan
from mnistfaces.cli._workers import ShardOption, WorkersOptions, read_shard
from mnistfaces.config import MAX_SEED, MOST_TRIALS
from mnistfaces.datasets import NAMES, kind_of
from mnistfaces.experiments.trials import OPTIONS, Grid

if TYPE_CHECKING:
    from mnistfaces.experiments.sweep import Sweep

COLUMNS: tuple[Column, ...] = (
    Column("", lambda row: "*" if row.get("best") else "~" if row.get("tied") else "", number=False),
    text("dataset", folds=True),
    *option_columns(OPTIONS),
    *(number(field, folds=True) for field in ("fold", "n")),
    percent("train_accuracy", "train"),
    percent("val_accuracy", "val"),
    percent("test_accuracy", "test [95 %]", "test_low", "test_high"),
    seconds(),
    text("status"),
)


@flat
def sweep(
    dataset: DatasetArgument = "digits",
    *,
    training: TrainingOptions,
    iterations: IterationsOption = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Trials a cell, with seeds S, S + 1, ...")] = 1,
    seed: Annotated[
        list[str] | None, typer.Option("--seed", metavar="LIST", help="First seed S, or all seeds [default: 0].")
    ] = None,
    images: ImageOptions,
    fixed_split: Annotated[
        bool, typer.Option("--fixed-split", help="Every seed keeps the split of the first.")
    ] = False,
    per_seed: Annotated[bool, typer.Option("--per-seed", help="A row per trial instead of a row per cell.")] = False,
    dry_run: DryRunOption = False,
    isolated: Annotated[bool, typer.Option("--isolated", help="One model at a time.")] = False,
    shard: ShardOption = None,
    workers: WorkersOptions = WorkersOptions(),
    keep_weights: Annotated[
        Literal["best", "all"] | None, typer.Option("--keep-weights", help="Keep weights of the best cell or of all.")
    ] = None,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="End with the first trial that fails.")] = False,
    out: OutOption = None,
    force: ForceOption = False,
    data_dir: DataDirOption = None,
    device: DeviceOption = "auto",
    output: OutputOptions = OutputOptions(),
) -> None:
    """\b
    $ mnf sweep --lr 1e-3,1e-4
    $ mnf sweep digits --lr log:1e-5:1e-2:4 --epochs 100,1000 --seeds 5

    Train every combination of the options given as lists; choose by validation, report on test.
    """
    streams = output.open()
    cells, swept = read_cells(kind_of(dataset), {**training, **images}, iterations)
    grid = Grid(cells=cells, seeds=_read_seeds(seed, seeds), fixed_split=fixed_split, shard=read_shard(shard))
    chosen, processes = workers.choose(device)
    from mnistfaces.experiments.sweep import DatasetReference, Sweep, SweepConfig

    config = SweepConfig(
        grid=grid,
        reference=None if dataset in NAMES else dataset,
        swept=swept,
        device=chosen,
        isolated=isolated,
        keep_weights=keep_weights,
        workers=processes,
        fail_fast=fail_fast,
        out=out,
        force=force,
    )
    with streams.busy(f"reading {dataset}"):
        job = Sweep(config, DatasetReference(dataset, data_dir))
    if dry_run:
        show_plan(streams, job)
        return
    together = None if per_seed else lambda _: job.summary["cells"]
    rows = streams.rows(_rows(streams, job, per_seed=per_seed), COLUMNS, together)
    conclude(streams, job)
    if job.failures or any(row["status"] in ("failed", "diverged") for row in rows):
        raise typer.Exit(3)


def _rows(streams: Output, job: "Sweep", *, per_seed: bool) -> Iterator[Row]:
    """Yields the rows of each cell, in the order asked, as soon as it and those before it are done."""
    cells = job.grid.own_cells()
    missing = len(job.missing())
    streams.note(
        f"{len(cells)} cells, {len(job.trials)} trials on {job.dataset.name}, {missing} to do, into {job.folder.path}"
    )
    for line in job.dataset.notes():
        streams.note(line)
    if missing and job.config.device != "cpu":
        streams.note("on a GPU the last bits of a model depend on what trains beside it: losses agree to about 1e-4")
    shown = 0
    for _ in streams.follow(job.run()):
        while shown < len(cells) and job.is_done(cells[shown]):
            yield from job.trial_rows(cells[shown]) if per_seed else [job.row(cells[shown])]
            shown += 1
    for cell in cells[shown:]:
        yield from job.trial_rows(cell) if per_seed else [job.row(cell)]
    job.finish()


def _read_seeds(tokens: list[str] | None, count: int) -> tuple[int, ...]:
    seeds = read_integers(tokens, "--seed") if tokens else (0,)
    if min(seeds) < 0 or max(seeds) > MAX_SEED:
        raise typer.BadParameter(f"must lie between 0 and {MAX_SEED}", param_hint="--seed")
    if count == 1:
        return seeds
    if len(seeds) > 1:
        raise typer.BadParameter("give a list of --seed or --seeds N, not both", param_hint="--seeds")
    if count > MOST_TRIALS:
        raise typer.BadParameter(f"{count:,} are too many: {MOST_TRIALS:,} at most", param_hint="--seeds")
    return tuple(range(seeds[0], seeds[0] + count))
