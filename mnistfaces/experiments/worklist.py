"""What a sweep has to do: every trial of its grid, cell by cell, under the key by which it is found again."""

import functools
import itertools
from collections.abc import Collection, Container, Iterator, Mapping
from typing import TYPE_CHECKING

from mnistfaces.config import DataConfig, DeviceName
from mnistfaces.experiments.trials import Cell, Grid, Trial

if TYPE_CHECKING:
    from mnistfaces.datasets.base import Dataset


class Worklist:
    """The trials of a grid.

    Attributes:
        grid: what is asked for.
        cells: those that this process is to do, in the order asked.
        trials: of these cells, one cell after the other.
    """

    def __init__(self, grid: Grid, datasets: "Mapping[DataConfig, Dataset]", device: DeviceName) -> None:
        self.grid, self._datasets, self._device = grid, datasets, device
        self.cells = grid.own_cells()
        self.trials = grid.trials()

    @functools.cached_property
    def keys(self) -> list[str]:
        """Returns the keys of the trials."""
        return [self.key(trial) for trial in self.trials]

    @functools.cached_property
    def _numbers(self) -> dict[Cell, int]:
        return {cell: number for number, cell in enumerate(self.cells)}

    @functools.cached_property
    def _starts(self) -> list[int]:
        counts = (len(self.grid.seeds) * (cell.split.folds or 1) for cell in self.cells)
        return list(itertools.accumulate(counts, initial=0))

    def key(self, trial: Trial) -> str:
        """Returns the hash under which a trial is found."""
        return trial.key(self.dataset(trial), self._device)

    def dataset(self, trial: Trial) -> "Dataset":
        """Returns the dataset of a trial in its form."""
        return self._datasets[trial.cell.data]

    def number(self, cell: Cell) -> int:
        """Returns the place of a cell among the cells."""
        return self._numbers[cell]

    def places(self, cell: Cell) -> range:
        """Returns the places of a cell's trials among the trials."""
        number = self._numbers[cell]
        return range(self._starts[number], self._starts[number + 1])

    def keys_of(self, cell: Cell) -> list[str]:
        """Returns the keys of a cell's trials."""
        return [self.keys[place] for place in self.places(cell)]

    def missing(self, done: Collection[str]) -> Iterator[Trial]:
        """Yields the trials whose keys are not among those that are done."""
        if not done:  # no trial needs a key to be told apart
            return iter(self.trials)
        return (trial for trial, key in zip(self.trials, self.keys, strict=True) if key not in done)

    def named(self, keys: Container[str]) -> Iterator[Trial]:
        """Yields the trials with these keys."""
        return (trial for trial, key in zip(self.trials, self.keys, strict=True) if key in keys)
