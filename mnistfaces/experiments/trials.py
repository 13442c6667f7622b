"""Cells, trials and grids: what is asked, what identifies it, and the row that tells of it."""

import functools
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mnistfaces.config import (
    ARITHMETIC,
    CLOSED,
    FOLDS_ARITHMETIC,
    MOST_TRIALS,
    OPTIMIZER_DEFAULTS,
    DataConfig,
    SplitConfig,
    TrainConfig,
)
from mnistfaces.errors import UsageError
from mnistfaces.files import hash_of
from mnistfaces.options import options_of
from mnistfaces.runs.configuration import HASH_LENGTH

if TYPE_CHECKING:
    from mnistfaces.datasets.base import Dataset
    from mnistfaces.engine.draws import Draw
    from mnistfaces.engine.measuring import Score
    from mnistfaces.engine.records import Measure

Row = dict[str, Any]

OPTIONS = options_of(TrainConfig, SplitConfig, DataConfig)
"""Every option of a cell; the lists among them are multiplied in this order."""

SWEPT = tuple(name for name, option in OPTIONS.items() if option.declaration.swept)
"""The options that take lists."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One combination of options: how a model is trained, on which part of the data, and in which form they are."""

    training: TrainConfig
    split: SplitConfig
    data: DataConfig = DataConfig()

    def options(self) -> Row:
        """Returns the fields of a row that say what was asked; None for options that do not bear on the result."""
        ignored = self.training.ignored()
        return {name: None if name in ignored else value for name, value in self.asked().items()}

    def asked(self) -> Row:
        """Returns the value of every option, whether or not it bears on the result."""
        values = {**vars(self.training), **vars(self.split), **vars(self.data)}
        return {name: values[name] for name in OPTIONS}

    def with_(self, **changes: Any) -> "Cell":  # noqa: ANN401  each option keeps its own type
        """Returns a copy with some options changed, checked again."""
        parts: dict[str, Any] = {}
        for part, config in vars(self).items():
            ours = {name: changes.pop(name) for name in vars(config).keys() & changes.keys()}
            changed = config.with_ if isinstance(config, TrainConfig) else functools.partial(replace, config)
            parts[part] = changed(**ours) if ours else config
        if changes:
            raise TypeError(f"a cell has no options {', '.join(changes)}")
        return Cell(**parts)


def fullest(cells: Sequence[Cell]) -> Cell:
    """Returns the first cell, or the first of a model with the most options that count: what all have in common."""
    return next((cell for cell in cells if cell.training.model not in CLOSED), cells[0])


def build_cells(lists: Mapping[str, Sequence[Any]], common: Cell) -> tuple[Cell, ...]:
    """Returns the product of lists of values, each distinct training once.

    A momentum is for the optimizers among them that take one.

    Args:
        lists: values by the name of the option that they vary.
        common: what all cells have in common.

    Raises:
        UsageError: a value, or two values together, cannot be meant.
    """
    if (count := math.prod(map(len, lists.values()))) > MOST_TRIALS:
        raise UsageError(f"the lists name {count:,} combinations: {MOST_TRIALS:,} at most")
    swept = {part: [name for name in lists if name in vars(config)] for part, config in vars(common).items()}
    if unknown := set(lists).difference(*swept.values()):
        raise TypeError(f"a cell has no options {', '.join(sorted(unknown))}")
    trainings = _trainings({name: lists[name] for name in swept["training"]}, common.training)
    splits, forms = (
        [replace(getattr(common, part), **chosen) for chosen in _products({name: lists[name] for name in swept[part]})]
        for part in ("split", "data")
    )
    return tuple(
        Cell(training=training, split=split, data=data)
        for training, split, data in itertools.product(trainings, splits, forms)
    )


def _trainings(lists: Mapping[str, Sequence[Any]], common: TrainConfig) -> list[TrainConfig]:
    """Returns the product of lists, each distinct training once: hidden units make no two softmax regressions."""
    trainings: dict[object, TrainConfig] = {}
    optimizers = lists.get("optimizer", [common.optimizer])
    taken = {name for name in optimizers if OPTIMIZER_DEFAULTS[name].momentum is not None}
    for chosen in _products(lists):
        if taken and chosen.get("optimizer", common.optimizer) not in taken:
            chosen.pop("momentum", None)
        training = common.with_(**chosen)
        ignored, values = training.ignored(), vars(training)
        trainings.setdefault(tuple([values[name] for name in lists if name not in ignored]), training)
    return list(trainings.values())


def _products(lists: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """Yields every combination of the values of some lists."""
    return (dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values()))


def folds_arithmetic(split: SplitConfig) -> Row:
    """Returns what a run with folds says of its arithmetic, beside what all runs say; nothing without folds."""
    return {"folds_arithmetic": FOLDS_ARITHMETIC} if split.folds else {}


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A cell with the seed of its initial weights and minibatches, the seed of its split, and its fold."""

    cell: Cell
    seed: int
    split_seed: int
    fold: int = 0

    def identity(self, dataset: "Dataset", device: str) -> Row:
        """Returns everything that decides the trial's numbers."""
        from mnistfaces.datasets.splits import settled

        return {
            "arithmetic": ARITHMETIC,
            "dataset": [dataset.name, dataset.fingerprint],
            "device": device,
            "training": self.cell.training.to_dict(),
            "split": vars(settled(self.cell.split, dataset)),
            "seed": self.seed,
            "split_seed": self.split_seed,
            "fold": self.fold if self.cell.split.folds else None,
            **folds_arithmetic(self.cell.split),
        }

    def key(self, dataset: "Dataset", device: str) -> str:
        """Returns the hash of the trial's identity."""
        return hash_of(self.identity(dataset, device))[:HASH_LENGTH]

    def pair(self) -> tuple[int, int]:
        """Returns what trials of different cells share when they can be compared: seed and fold."""
        return self.seed, self.fold


def counted_fields(draw: "Draw", dataset: "Dataset") -> Row:
    """Returns the fields of a row that say how many images a draw has: the same for all its models."""
    split = draw.split
    counts = {"train_n": len(split.train), "val_n": len(split.val), "test_n": len(split.test)}
    return {**counts, "test_groups": dataset.count_groups(split.test)}


def measured_fields(measure: "Measure", counted: Row) -> Row:
    """Returns the fields of a row that say how a model did; null where there is no such number."""
    left_out = measure.solution and measure.solution.loo_accuracy
    return {**_score_fields(measure), **counted, "loo_accuracy": left_out}


def history_fields(measure: "Measure") -> Row:
    """Returns one line of a learning curve."""
    return {"epoch": measure.epoch, **_score_fields(measure)}


def _score_fields(measure: "Measure") -> Row:
    """Returns losses, then accuracies, of the three sets."""
    scores: Mapping[str, Score | None] = {"train": measure.train, "val": measure.val, "test": measure.test}
    return {
        **{f"{side}_loss": score.loss if score else None for side, score in scores.items()},
        **{f"{side}_accuracy": score.accuracy if score else None for side, score in scores.items()},
    }


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Cells, each for every seed and fold.

    Attributes:
        cells: in the order asked.
        seeds: of the trials; cells share them, so comparisons between cells are paired.
        fixed_split: every trial keeps the split of the first seed.
        shard: (i, n) does the i-th of n parts of the cells, told apart by their hashes; None does all.
    """

    cells: tuple[Cell, ...]
    seeds: tuple[int, ...] = (0,)
    fixed_split: bool = False
    shard: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        """Raises UsageError for more trials than anyone can mean."""
        count = sum(cell.split.folds or 1 for cell in self.cells) * len(self.seeds)
        if count > MOST_TRIALS:
            raise UsageError(f"{count:,} trials are too many: {MOST_TRIALS:,} at most; give fewer cells or --seeds")

    def trials(self) -> list[Trial]:
        """Returns every trial that this process is to do, cell by cell."""
        return [
            Trial(cell=cell, seed=seed, split_seed=self.seeds[0] if self.fixed_split else seed, fold=fold)
            for cell in self.own_cells()
            for seed, fold in itertools.product(self.seeds, range(cell.split.folds or 1))
        ]

    def own_cells(self) -> list[Cell]:
        """Returns the cells of this shard."""
        if self.shard is None:
            return list(self.cells)
        part, parts = self.shard
        return [cell for cell in self.cells if int(hash_of(_plain(cell))[:8], 16) % parts == part - 1]


def _plain(cell: Cell) -> Row:
    return {"training": cell.training.to_dict(), "split": vars(cell.split), "res": cell.data.res}
