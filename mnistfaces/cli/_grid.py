"""From the options of a command to the cells of a grid."""

from typing import Any

import typer

from mnistfaces import config
from mnistfaces.cli._options import (
    SplitOptions,
    Tokens,
    TrainingOptions,
    read_floats,
    read_integers,
    read_names,
    read_sizes,
)
from mnistfaces.config import DatasetKind, SplitConfig, default_split, default_training
from mnistfaces.experiments.trials import Cell, build_cells

READERS: dict[str, Any] = {
    "lr": read_floats,
    "momentum": read_floats,
    "batch_size": lambda tokens, option: read_sizes(tokens, option, "full"),
    "epochs": read_integers,
    "hidden": read_integers,
    "model": lambda tokens, option: read_names(tokens, option, config.ModelName),
    "optimizer": lambda tokens, option: read_names(tokens, option, config.OptimizerName),
    "weight_decay": read_floats,
    "reduction": lambda tokens, option: read_names(tokens, option, config.Reduction),
    "activation": lambda tokens, option: read_names(tokens, option, config.Activation),
    "train_per_class": lambda tokens, option: read_sizes(tokens, option, "all"),
    "res": read_integers,
}
"""How each option that takes a list is read."""


def read_cells(
    kind: DatasetKind,
    training: TrainingOptions,
    split: SplitOptions,
    folds: int | None = None,
) -> tuple[tuple[Cell, ...], tuple[str, ...]]:
    """Returns the product of every list, and the names of the options that were given.

    Raises:
        typer.BadParameter: names the first bad token.
        UsageError: a value, or two values together, cannot be meant.
    """
    given = {**vars(training), **vars(split)}
    given["epochs"] = _epochs(kind, training)
    lists = {
        name: READERS[name](given[name], f"--{name.replace('_', '-')}")
        for name in config.SWEPT
        if given[name] is not None
    }
    common = default_training(kind).with_(
        eps=training.eps or 0.0, drop_last=training.drop_last, select=training.select, dtype=training.dtype
    )
    return build_cells(lists, common, _division(kind, split, folds)), tuple(lists)


def _epochs(kind: DatasetKind, training: TrainingOptions) -> Tokens:
    """Returns the tokens of --epochs, or of --iterations where that is the same thing."""
    if training.iterations is None:
        return training.epochs
    if training.epochs is not None:
        raise typer.BadParameter("give --epochs or --iterations, not both", param_hint="--iterations")
    batch = READERS["batch_size"](training.batch_size, "--batch-size") if training.batch_size else ()
    if any(size is not None for size in batch or (default_training(kind).batch_size,)):
        raise typer.BadParameter("is for full batches only: give --epochs", param_hint="--iterations")
    return training.iterations


def _division(kind: DatasetKind, split: SplitOptions, folds: int | None) -> SplitConfig:
    default = default_split(kind)
    replaced = folds is not None
    return SplitConfig(
        train_per_class=None if replaced else default.train_per_class,
        val_per_class=split.val_per_class,
        test_per_class=split.test_per_class if replaced or split.test_per_class else default.test_per_class,
        val_fraction=split.val_fraction,
        folds=folds,
    )


def one_cell(cells: tuple[Cell, ...], command: str) -> Cell:
    """Returns the only cell.

    Raises:
        typer.BadParameter: there are several: that is a sweep.
    """
    if len(cells) > 1:
        raise typer.BadParameter(f"these lists name {len(cells)} models; `mnf {command}` trains one: use `mnf sweep`")
    return cells[0]


def summed_rate(lr: float, images: float) -> str:
    """Returns a note on what a learning rate for the summed cost is worth for the mean cost."""
    return f"summed cost: lr {lr:g} on {images:g} images is lr {lr * images:g} on their mean cost"
