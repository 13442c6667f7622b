"""From the options of a command to the cells of a grid."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

import typer

from mnistfaces.cli._columns import Row
from mnistfaces.cli._lists import read_option
from mnistfaces.cli._options import Asked, Tokens
from mnistfaces.config import DataConfig, DatasetKind, ExtractConfig, OptimizerName, copies_of
from mnistfaces.experiments.commands import default_cell
from mnistfaces.experiments.trials import OPTIONS, SWEPT, Cell, build_cells
from mnistfaces.options import options_of

Configuration = TypeVar("Configuration", DataConfig, ExtractConfig)

GRADIENT_STEPS: tuple[OptimizerName, ...] = ("gd", "nesterov")
"""Optimizers whose steps grow with the gradient, and so with the number of images of a summed cost."""


def read_cells(kind: DatasetKind, asked: Asked, iterations: Tokens = None) -> tuple[tuple[Cell, ...], tuple[str, ...]]:
    """Returns the product of every list, and the names of the lists that were given.

    Args:
        kind: whose defaults stand for what was not typed.
        asked: what was typed, by the option's name; None for nothing.
        iterations: another word for epochs where batches are full.

    Raises:
        typer.BadParameter: names the first bad token, or an option that no cell uses.
        UsageError: a value, or two values together, cannot be meant.
    """
    if iterations is not None:
        asked = {**asked, "epochs": _iterations(kind, asked, iterations)}
    given = {name: read_option(OPTIONS[name], typed) for name, typed in asked.items() if typed is not None}
    lists = {name: given[name] for name in SWEPT if name in given}
    single = {name: values[0] for name, values in given.items() if name not in lists}
    cells = build_cells(lists, default_cell(kind, single.get("folds")).with_(**single))
    _check_use(cells, given)
    return cells, tuple(lists)


def _iterations(kind: DatasetKind, asked: Asked, iterations: Tokens) -> Tokens:
    """Returns the tokens of --iterations, where that is the same as --epochs."""
    if asked.get("epochs") is not None:
        raise typer.BadParameter("give --epochs or --iterations, not both", param_hint="--iterations")
    typed = asked.get("batch_size")
    sizes = (default_cell(kind).training.batch_size,) if typed is None else read_option(OPTIONS["batch_size"], typed)
    if any(size is not None for size in sizes):
        raise typer.BadParameter("is for full batches only: give --epochs", param_hint="--iterations")
    return iterations


def _check_use(cells: tuple[Cell, ...], given: Mapping[str, Any]) -> None:
    """Refuses an option that bears on none of the cells."""
    for name in given:
        if all(name in cell.training.ignored() for cell in cells):
            option = OPTIONS[name]
            raise typer.BadParameter(f"counts only with {option.declaration.needs}", param_hint=option.spelled)


def read_config(configuration: type[Configuration], asked: Asked) -> Configuration:
    """Returns the configuration that a command without cells was asked for.

    Raises:
        typer.BadParameter: names the first bad token, or a list.
        UsageError: a value cannot be meant.
    """
    options = options_of(configuration)  # type: ignore[arg-type]  # mypy doubts that a class can be hashed
    given = {name: read_option(options[name], typed) for name, typed in asked.items() if typed is not None}
    for name, values in given.items():
        if len(values) > 1:
            raise typer.BadParameter("takes one value here, no list", param_hint=options[name].spelled)
    return configuration(**{name: values[0] for name, values in given.items()})


def refuse_unused(configuration: DataConfig, why: str) -> None:
    """Refuses options that would not count.

    Raises:
        typer.BadParameter: one was typed.
    """
    for name in configuration.asked():
        raise typer.BadParameter(why, param_hint=options_of(DataConfig)[name].spelled)


def one_cell(cells: tuple[Cell, ...], command: str) -> Cell:
    """Returns the only cell.

    Raises:
        typer.BadParameter: there are several: that is a sweep.
    """
    if len(cells) > 1:
        raise typer.BadParameter(f"these lists name {len(cells)} models; `mnf {command}` trains one: use `mnf sweep`")
    return cells[0]


def notes_on_step(row: Row) -> Iterator[str]:
    """Yields what the learning rate of a row's training is worth for the mean cost; of lbfgs, whether it ended."""
    if row["optimizer"] == "lbfgs":
        reached = row["status"] == "stopped"
        ends = (
            "at the optimum, as far as --eps asks or --dtype can tell" if reached else "before its end: raise --epochs"
        )
        if reached and not row["weight_decay"] and row["train_accuracy"] == 1:
            ends = "without a mistake on the training images: there is no optimum then but with a --weight-decay"
        after = f" after {row['epoch']:,} iterations" if row.get("epoch") is not None else ""  # a cell has several
        yield f"lbfgs stopped{after}, {ends}"
    if row["reduction"] == "sum" and row["optimizer"] in GRADIENT_STEPS:
        lr, images = row["lr"], row["train_n"] * copies_of(row.get("augment"))
        images = min(row["batch_size"] or images, images)
        yield f"summed cost: lr {lr:g} on {images:.0f} images is lr {lr * images:g} on their mean cost"


def notes_on_batch(rows: Iterable[Row]) -> list[str]:
    """Returns which batch sizes of some rows are above the number of images that train: a step then takes them all."""
    notes: dict[str, None] = {}
    for row in rows:
        images = (row["train_n"] or 0) * copies_of(row.get("augment"))
        if 0 < images < (row["batch_size"] or 0):
            notes[f"batch size {row['batch_size']} is the full batch: {images:.0f} images train"] = None
    return list(notes)
