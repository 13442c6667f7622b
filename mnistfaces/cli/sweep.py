"""`mnf sweep`: a grid of trainings."""

from typing import Annotated, Literal

import typer

from mnistfaces.cli._grid import read_cells
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
    PlotOption,
    TrainingOptions,
    check_plot,
    flat,
)
from mnistfaces.cli._seeds import SeedsOptions
from mnistfaces.cli._sweep_notes import COLUMNS, OF_TRIALS, conclude, show_plan, sweep_rows
from mnistfaces.cli._workers import ShardOption, WorkersOptions, read_shard
from mnistfaces.datasets import NAMES, kind_of
from mnistfaces.experiments.trials import Grid


@flat
def sweep(
    dataset: DatasetArgument = "digits",
    *,
    training: TrainingOptions,
    iterations: IterationsOption = None,
    seeds: SeedsOptions,
    images: ImageOptions,
    per_seed: Annotated[bool, typer.Option("--per-seed", help="A row per trial instead of a row per cell.")] = False,
    plot: PlotOption = None,
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
    $ mnf sweep digits --lr log:1e-5:1e-2:4 --epochs 100,1000 --seeds 5 --plot sweep.png

    Train every combination of the options given as lists; choose by validation, report on test.
    """
    check_plot(plot)
    streams = output.open()
    cells, swept = read_cells(kind_of(dataset), {**training, **images}, iterations)
    grid = Grid(cells=cells, seeds=seeds.read(), fixed_split=seeds.fixed_split, shard=read_shard(shard))
    chosen, processes = workers.choose(device)
    from mnistfaces.execution.reference import DatasetReference
    from mnistfaces.experiments.sweep import Sweep
    from mnistfaces.experiments.sweep_config import SweepConfig

    config = SweepConfig(
        grid=grid,
        reference=None if dataset in NAMES else dataset,
        swept=swept,
        device=chosen,
        isolated=isolated,
        keep_weights=keep_weights,
        workers=processes,
        merges=True,
        fail_fast=fail_fast,
        out=out,
        force=force,
    )
    job = Sweep(config, DatasetReference(dataset, data_dir, streams.result))
    for remark in job.remarks:
        streams.note(remark)
    if dry_run:
        show_plan(streams, job)
        return
    together = None if per_seed else lambda _: [*job.summary["cells"], *job.final_rows(per_seed=False)]
    columns = OF_TRIALS if per_seed else COLUMNS
    rows = streams.rows(sweep_rows(streams, job, per_seed=per_seed), columns, together)
    conclude(streams, job)
    if plot is not None:
        from mnistfaces.plots import figures
        from mnistfaces.plots.sweep import sweep_figure

        figures.save(sweep_figure(job.summary), plot)
        streams.wrote(plot)
    if job.failures or any(row["status"] in ("failed", "diverged") for row in rows):
        raise typer.Exit(3)
