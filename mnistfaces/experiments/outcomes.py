"""What the trials of a sweep came to, as far as they are done: a row per cell, or per trial.

Test answers are judged many cells at a time, as arrays: one at a time, thousands of cells would wait for NumPy's calls.
"""

import itertools
from collections.abc import Mapping, Sequence

from mnistfaces.config import DataConfig
from mnistfaces.experiments.kept import KeptTrials
from mnistfaces.experiments.results import COUNTS, METRICS, CellResult, judge_together
from mnistfaces.experiments.trials import Cell, Row
from mnistfaces.experiments.worklist import Worklist

JUDGED_ANSWERS = 500_000
"""Answers of cells that are judged together: of 500 trials on a thousand images each."""


class Outcomes:
    """The rows of a sweep."""

    def __init__(
        self, worklist: Worklist, kept: KeptTrials, names: Mapping[DataConfig, str], same: Mapping[str, object]
    ) -> None:
        """Judges nothing yet.

        Args:
            worklist: what there is to do.
            kept: what is done.
            names: of the dataset in each form.
            same: fields that close every row.
        """
        self._worklist, self._kept, self._names, self._same = worklist, kept, names, dict(same)
        self._results: dict[Cell, CellResult] = {}  # of cells whose trials are all done, as are the rows
        self._rows: dict[Cell, Row] = {}
        self._trial_rows: dict[Cell, list[Row]] = {}

    def take(self, rows: Mapping[Cell, Row]) -> None:
        """Takes over rows that were made from the same trials before."""
        self._rows = dict(rows)

    def is_done(self, cell: Cell) -> bool:
        """Returns whether every trial of a cell is done."""
        return all(key in self._kept.records for key in self._worklist.keys_of(cell))

    def result(self, cell: Cell) -> CellResult:
        """Returns what the trials of a cell that are done come to."""
        if cell in self._results:
            return self._results[cell]
        found = {each: self._result(each, self._done(each)) for each in self._judged_with(cell)}
        judge_together(list(found.values()))
        if self.is_done(cell):
            self._results.update(found)
        return found[cell]

    def row(self, cell: Cell) -> Row:
        """Returns the row of a cell."""
        if cell in self._rows:
            return self._rows[cell]
        row = self.row_of(self.result(cell), len(self._worklist.places(cell)))
        if self.is_done(cell):
            self._rows[cell] = row
        return row

    def row_of(self, result: CellResult, asked: int) -> Row:
        """Returns the row of what trials came to, of which there were to be so many."""
        same = {"dataset": self._names[result.cell.data], "seed": self._worklist.grid.seeds[0]}
        return {**result.row(asked, **same), **self._same}

    def trial_rows(self, cell: Cell) -> list[Row]:
        """Returns a row per trial of a cell: that of a cell with one trial. One that failed has no numbers."""
        if cell in self._trial_rows:
            return self._trial_rows[cell]
        cells = self._judged_with(cell)
        found = {key: self._result(each, [key]) for each in cells for key in self._done(each)}
        judge_together(list(found.values()))
        rows = {each: [self._trial_row(place, found) for place in self._worklist.places(each)] for each in cells}
        self._trial_rows = rows if self.is_done(cell) else {}  # rows are read cell by cell: no more need be held
        return rows[cell]

    def _done(self, cell: Cell) -> list[str]:
        """Returns the keys of the trials of a cell that are done."""
        return [key for key in self._worklist.keys_of(cell) if key in self._kept.records]

    def _judged_with(self, cell: Cell) -> list[Cell]:
        """Returns a cell, and the next cells if all of these are done: as many as are judged together."""
        if not self.is_done(cell):
            return [cell]
        keys = self._worklist.keys_of(cell)
        answers = len(keys) * max(1, self._kept.records[keys[0]]["test_n"])
        first = self._worklist.number(cell)
        ahead = itertools.islice(self._worklist.cells, first, first + max(1, JUDGED_ANSWERS // answers))
        return list(itertools.takewhile(self.is_done, ahead))

    def _result(self, cell: Cell, keys: Sequence[str]) -> CellResult:
        """Returns some trials of a cell that are done, and what they answered."""
        records = [self._kept.records[key] for key in keys]
        scores = {(record["seed"], record["fold"]): self._kept.scores(record["trial"]) for record in records}
        return CellResult(cell, records, scores)

    def _trial_row(self, place: int, found: Mapping[str, CellResult]) -> Row:
        """Returns the row of a trial, of which `found` holds the result if it is done."""
        trial, key = self._worklist.trials[place], self._worklist.keys[place]
        record = self._kept.records.get(key, {"seed": trial.seed, "fold": trial.fold})
        return self.trial_row_of(trial.cell, record, found[key].tested if key in found else {})

    def trial_row_of(self, cell: Cell, record: Row, tested: Row) -> Row:
        """Returns the row of a trial: its record, and what its test answers give."""
        return {
            **cell.options(),
            "dataset": self._names[cell.data],
            "seed": record["seed"],
            "fold": record["fold"] if cell.split.folds else None,
            **{field: record.get(field) for field in (*METRICS, *COUNTS, "loo_accuracy")},
            **{field: tested.get(field) for field in ("test_accuracy", "test_low", "test_high")},
            "seconds": record.get("seconds"),
            "status": record.get("status", "failed"),
            **self._same,
        }
