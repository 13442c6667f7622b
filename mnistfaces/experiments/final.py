"""What a sweep does once validation has chosen: it trains the chosen setting again, validation images included.

The cells of a grid are trained without `--refit`, for validation images that train cannot choose. Then the cell chosen
over all draws is trained again in every draw, and inside each draw the cell chosen there: these give the accuracy of
the whole procedure, choosing included. Such a trial is a trial like any, of the training that it comes to.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mnistfaces.experiments.kept import KeptTrials
from mnistfaces.experiments.results import CellResult, choose_nested, find_best
from mnistfaces.experiments.trials import Cell, Grid, Row, Trial
from mnistfaces.experiments.worklist import Worklist

if TYPE_CHECKING:
    from mnistfaces.statistics.scores import TrialScores

Pair = tuple[int, int]
"""A seed and a fold: a draw."""


def without_refit(grid: Grid) -> tuple[Grid, bool]:
    """Returns the grid that is trained to choose, and whether what it chooses is to be trained again."""
    cells = tuple(cell.with_(refit=False) if cell.training.refit else cell for cell in grid.cells)
    return replace(grid, cells=cells), any(cell.training.refit for cell in grid.cells)


class FinalTrials:
    """The trainings that follow a choice.

    Attributes:
        cell: that is chosen over all draws, as it was asked for; None where nothing is.
        of_best: its trials, one per draw in which it was trained.
        nested: a trial of the cell chosen inside each draw; none where a draw has no validation or no test images.
    """

    def __init__(self, worklist: Worklist, kept: KeptTrials, results: Sequence[CellResult]) -> None:
        """Finds what follows from what the cells came to."""
        self._worklist, self._kept = worklist, kept
        self.cell: Cell | None = None
        self.of_best: Mapping[Pair, Trial] = {}
        self.nested: Mapping[Pair, Trial] = {}
        best = find_best(results)
        if best is not None:
            again = [_trained_again(worklist, number, result) for number, result in enumerate(results)]
            chosen = choose_nested(results) or {}
            self.cell, self.of_best = worklist.cells[best].with_(refit=True), again[best]
            self.nested = {pair: again[number][pair] for pair, number in chosen.items()}

    def keys(self) -> list[str]:
        """Returns the keys of all of them, each once."""
        return [self._worklist.key(trial) for trial in self._trials()]

    def missing(self) -> list[Trial]:
        """Returns those that are still to be done."""
        return [trial for trial in self._trials() if self._worklist.key(trial) not in self._kept.records]

    def result(self) -> CellResult | None:
        """Returns what the chosen cell came to; None where no cell was chosen."""
        return None if self.cell is None else self._result(self.cell, self.of_best.values())

    def results_by_trial(self) -> list[CellResult]:
        """Returns what each trial of the chosen cell came to that is done."""
        if self.cell is None:
            return []
        found = [self._result(self.cell, [trial]) for trial in self.of_best.values()]
        return [result for result in found if result.records]

    def nested_scores(self) -> "Mapping[Pair, TrialScores | None]":
        """Returns the answers in each draw of the cell that was chosen there."""
        return self._scores(self._records(self.nested.values()))

    def _trials(self) -> list[Trial]:
        return list(dict.fromkeys([*self.of_best.values(), *self.nested.values()]))

    def _result(self, cell: Cell, trials: Iterable[Trial]) -> CellResult:
        records = self._records(trials)
        return CellResult(cell, records, self._scores(records))

    def _records(self, trials: Iterable[Trial]) -> list[Row]:
        keys = map(self._worklist.key, trials)
        return [self._kept.records[key] for key in keys if key in self._kept.records]

    def _scores(self, records: Iterable[Row]) -> "dict[Pair, TrialScores | None]":
        return {(record["seed"], record["fold"]): self._kept.scores(record["trial"]) for record in records}


def _trained_again(worklist: Worklist, number: int, result: CellResult) -> dict[Pair, Trial]:
    """Returns the trial that follows on each trial of a cell that ended with a finite loss, by seed and fold."""
    epochs = {(record["seed"], record["fold"]): record.get("best_epoch") for record in result.finite}
    trials = (worklist.trials[place] for place in worklist.places(worklist.cells[number]))
    return {
        trial.pair(): replace(
            trial, cell=replace(trial.cell, training=trial.cell.training.refitted(epochs[trial.pair()]))
        )
        for trial in trials
        if trial.pair() in epochs
    }
