"""The `mnf` lines that repeat what was done: of all options, those that are not the default."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from mnistfaces.config import DatasetKind, SplitConfig, TrainConfig, default_split, default_training
from mnistfaces.experiments.trials import Cell


def train_line(cell: Cell, dataset: str, kind: DatasetKind, seed: int) -> str:
    """Returns the `mnf train` line that trains a cell with a seed."""
    words = ["mnf", "train", dataset, *_training_words(cell.training, kind), *_split_words(cell.split, kind)]
    if cell.res is not None:
        words += ["--res", str(cell.res)]
    if seed:
        words += ["--seed", str(seed)]
    return shlex.join(words)


def sweep_line(
    dataset: str,
    kind: DatasetKind,
    lists: Mapping[str, Sequence[Any]],
    training: TrainConfig,
    split: SplitConfig,
    *,
    seeds: int = 1,
    color: bool | None = None,
) -> str:
    """Returns the `mnf sweep` line of a grid.

    Args:
        dataset: its name or path.
        kind: whose defaults the line can leave out.
        lists: the values of every option that is swept.
        training: what all cells have in common.
        split: likewise.
        seeds: trials a cell, from seed 0.
        color: channels of the images; None is the dataset's own.
    """
    words = ["mnf", "sweep", dataset]
    for field, values in lists.items():
        words += [_option(field), ",".join(_value(field, value) for value in values)]
    words += [*_training_words(training, kind, lists), *_split_words(split, kind, lists)]
    if color is not None:
        words.append("--color" if color else "--gray")
    if seeds > 1:
        words += ["--seeds", str(seeds)]
    return shlex.join(words)


def _training_words(training: TrainConfig, kind: DatasetKind, without: Mapping[str, object] | None = None) -> list[str]:
    """Returns the options in which a training differs from the default of a kind of dataset."""
    words: list[str] = []
    default = default_training(kind)
    ignored = {*(without or {}), *(() if training.model == "mlp" else ("hidden", "activation"))}
    for field, value in vars(training).items():
        if value != getattr(default, field) and field not in ignored:
            words += [_option(field)] if value is True else [_option(field), _value(field, value)]
    return words


def _split_words(split: SplitConfig, kind: DatasetKind, without: Mapping[str, object] | None = None) -> list[str]:
    """Returns the options in which a division differs from the default of a kind of dataset."""
    words: list[str] = []
    ignored = {"folds", "validation", *(without or {})}
    for field, value in vars(split).items():
        all_tested = field == "test_per_class" and value is None  # folds replace the test set, and train has none
        if field not in ignored and not all_tested and value != getattr(default_split(kind), field):
            words += [_option(field), _value(field, value)]
    return words


def _option(field: str) -> str:
    return f"--{field.replace('_', '-')}"


def _value(field: str, value: object) -> str:
    if value is None:
        return "full" if field == "batch_size" else "all"
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)
