"""`mnf train`: one model, trained and kept."""

from typing import Annotated

import typer

from mnistfaces.cli._columns import Column, number, percent, seconds, text
from mnistfaces.cli._grid import notes_on_batch, notes_on_step, one_cell, read_cells
from mnistfaces.cli._options import (
    Asked,
    DataDirOption,
    DatasetArgument,
    DeviceOption,
    ForceOption,
    IterationsOption,
    OutOption,
    OutputOptions,
    PlotOption,
    TrainingOptions,
    Without,
    check_plot,
    flat,
)
from mnistfaces.config import CLOSED, MAX_SEED, MOST, DataConfig, SplitConfig
from mnistfaces.datasets import kind_of, read_dataset
from mnistfaces.experiments.trials import Trial

COLUMNS: tuple[Column, ...] = (
    text("dataset"),
    number("train_loss", "train loss", rank=4),
    number("val_loss", "val loss", rank=3),
    percent("train_accuracy", "train", rank=4),
    percent("loo_accuracy", "left out", rank=3),
    percent("val_accuracy", "val", rank=2),
    percent("test_accuracy", "test [95 %]", "test_low", "test_high"),
    seconds(),
    text("status", role="result", rank=2),
    text("run"),
)

CALIBRATED = (
    "probabilities are scores over a temperature that was fitted to the training images, each scored without its group "
    "(Guo et al., 2017); loo_accuracy is of these scores"
)


@flat
def train(
    dataset: DatasetArgument = "digits",
    *,
    training: TrainingOptions,
    iterations: IterationsOption = None,
    plot: PlotOption = None,
    seed: Annotated[
        int,
        typer.Option("--seed", min=0, max=MAX_SEED, help="Of the subset, the split, the weights and the minibatches."),
    ] = 0,
    split: Annotated[Asked, SplitConfig, DataConfig, Without(("folds",))],
    every: Annotated[
        int | None,
        typer.Option(
            "--every", min=1, max=MOST, help="Epochs from one measurement to the next [default: up to 3000 in all]."
        ),
    ] = None,
    out: OutOption = None,
    force: ForceOption = False,
    data_dir: DataDirOption = None,
    device: DeviceOption = "auto",
    output: OutputOptions = OutputOptions(),
) -> None:
    """\b
    $ mnf train digits --plot curve.png
    $ mnf train digits-full --train-per-class all --lr 1e-5 --epochs 1000

    Train one model, keep it in a run directory, and report it on the three sets.
    """
    streams = output.open()
    cells, _ = read_cells(kind_of(dataset), {**training, **split}, iterations)
    cell = one_cell(cells, "train")
    trial = Trial(cell=cell, seed=seed, split_seed=seed)
    check_plot(plot)
    if plot is not None and cell.training.model in CLOSED:
        raise typer.BadParameter(f"draws a learning curve: --model {cell.training.model} has none", param_hint="--plot")
    from mnistfaces.experiments.hints import hint_of_training
    from mnistfaces.experiments.train import load_history, open_training, train_and_keep
    from mnistfaces.runs.runs import HISTORY

    images = streams.result(read_dataset(dataset, cell.data, data_dir=data_dir))
    folder = open_training(images, trial, device=device, every=every, out=out, force=force)
    row = streams.result(train_and_keep(folder, images, trial)).row
    streams.rows([row], COLUMNS)
    for note in [*notes_on_step(row), *notes_on_batch([row])]:
        streams.note(note)
    if row.get("loo_accuracy") is not None:  # runs of earlier releases have no such field
        streams.note(CALIBRATED)
    if cell.training.refit:
        streams.note("validation images train, too: val_accuracy and val_loss are null")
    elif not row["val_n"]:
        streams.note("no images were left to validate on: val_accuracy and val_loss are null")
    history = load_history(folder.path / HISTORY)
    if plot is not None:
        from mnistfaces.plots import figures
        from mnistfaces.plots.training import learning_curve

        title = f"{images.name}: {cell.training.model}, lr {cell.training.lr:g}, seed {seed}"
        figures.save(learning_curve(history, title), plot)
    if hint := hint_of_training(row, history, cell, images, dataset):
        streams.suggest(f"{hint.text}; try", hint.line)
    streams.wrote(plot)
    raise typer.Exit(3 if row["status"] == "diverged" else 0)
