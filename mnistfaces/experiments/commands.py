"""The `mnf` lines that repeat what was done: of all options, those that are not the default."""

import functools
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mnistfaces.config import (
    CLOSED,
    DataConfig,
    DatasetKind,
    ModelName,
    OptimizerName,
    SplitConfig,
    TrainConfig,
    default_split,
    default_training,
)
from mnistfaces.errors import RunError
from mnistfaces.experiments.trials import OPTIONS, Cell, Row
from mnistfaces.runs.runs import Run

if TYPE_CHECKING:
    from mnistfaces.datasets.base import Dataset


def default_cell(kind: DatasetKind, folds: int | None = None) -> Cell:
    """Returns what a command does with a kind of dataset when nothing but `--folds` is asked.

    Folds take the place of the test set, and of the subset.
    """
    split = default_split(kind) if folds is None else SplitConfig(folds=folds)
    return Cell(training=default_training(kind), split=split)


def without_folds(cell: Cell, dataset: "Dataset") -> Cell:
    """Returns a cell for one split in place of folds: where the data bring no test set, as many test as in a fold."""
    folds = cell.split.folds
    if folds is None:
        return cell
    if dataset.given_test.any():
        return replace(cell, split=replace(cell.split, folds=None))
    distinct = min(len(set(dataset.groups[dataset.labels == label])) for label in range(len(dataset.classes)))
    return replace(cell, split=replace(cell.split, folds=None, test_per_class=max(1, distinct // folds)))


def train_line(cell: Cell, dataset: str, kind: DatasetKind, seed: int) -> str:
    """Returns the `mnf train` line that trains a cell with a seed."""
    words = ["mnf", "train", dataset, *_words(cell, kind)]
    return shlex.join([*words, "--seed", str(seed)] if seed else words)


def sweep_line(
    dataset: str, kind: DatasetKind, lists: Mapping[str, Sequence[Any]], common: Cell, *, seeds: int = 1
) -> str:
    """Returns the `mnf sweep` line of a grid.

    Args:
        dataset: its name or path.
        kind: whose defaults the line can leave out.
        lists: the values of every option that is swept.
        common: what all cells have in common.
        seeds: trials per cell, from seed 0.
    """
    words = ["mnf", "sweep", dataset]
    for name, values in lists.items():
        words += [OPTIONS[name].spelled, ",".join(map(OPTIONS[name].typed, values))]
    words += _words(common, kind, without=lists)
    return shlex.join([*words, "--seeds", str(seeds)] if seeds > 1 else words)


def line_of(run: Run) -> str:
    """Returns the `mnf` line that repeats a kept training or sweep.

    Raises:
        RunError: it is the run of another command, or a sweep whose dataset is not told.
    """
    if run.command == "train":
        known = run.config["dataset"]
        form = {name: run.config.get(name) for name in vars(DataConfig())}
        cell = _cell_of({**run.config["training"], **run.config["split"], **form})
        return train_line(cell, _place_of(known), known["kind"], run.config["seed"])
    several = run.config.get("datasets")
    if run.command != "sweep" or not several:
        raise RunError(f"{run.path} does not say all that mnf {run.command} was asked")
    rows = run.rows()
    swept = {name: _asked_in(rows, name) for name in OPTIONS if name in run.config["swept"]}
    lists = {name: values for name, values in swept.items() if values}
    first = {name: values[0] for name, values in lists.items()}
    if descending := [model for model in lists.get("model", ()) if model not in CLOSED]:
        first["model"] = descending[0]  # with which the most options count
    common = _cell_of({**run.config["fixed"], **first})
    seeds = max(row["n"] + row["n_failed"] for row in rows) // (common.split.folds or 1)
    return sweep_line(_place_of(several[0]), several[0]["kind"], lists, common, seeds=seeds)


def _asked_in(rows: Sequence[Row], name: str) -> list[Any]:
    """Returns the values of an option where it counts, each once; null only where a word stands for it, as `full`."""
    values = dict.fromkeys(row[name] for row in rows if name not in _ignored(row["model"], row["optimizer"]))
    return [value for value in values if value is not None or OPTIONS[name].declaration.word is not None]


@functools.cache
def _ignored(model: ModelName, optimizer: OptimizerName | None) -> set[str]:
    """Returns the options that do not bear on a model and its optimizer."""
    return TrainConfig(model=model, optimizer=optimizer or TrainConfig.optimizer).ignored()


def _cell_of(values: Mapping[str, Any]) -> Cell:
    """Returns the cell of some options, by name."""

    def of(config: object) -> Row:
        return {name: value for name, value in values.items() if name in vars(config)}

    return Cell(
        training=TrainConfig(**of(TrainConfig())),
        split=SplitConfig(**of(SplitConfig())),
        data=DataConfig(**of(DataConfig())),
    )


def _place_of(known: Mapping[str, Any]) -> str:
    """Returns the name or the path by which a dataset is asked for, from what a configuration says of it."""
    return str(known["meta"].get("source", known["name"]) if known["kind"] in ("images", "arrays") else known["name"])


def _words(cell: Cell, kind: DatasetKind, without: Mapping[str, object] | None = None) -> list[str]:
    """Returns the options in which a cell differs from the default of a kind of dataset, its model and optimizer."""
    usual, chosen = default_cell(kind, cell.split.folds), ("model", "optimizer")
    default = usual.with_(**{name: getattr(cell.training, name) for name in chosen}).asked()
    default |= {name: getattr(usual.training, name) for name in chosen} | {"folds": None}
    ignored = {*(without or {}), *cell.training.ignored()}
    values = {name: value for name, value in cell.asked().items() if name not in ignored}
    return [word for name, value in values.items() if value != default[name] for word in OPTIONS[name].words(value)]
