"""What a grid of trials says: a row per cell, which cell is best by validation, and which cannot be told from it.

Legend: T trials of a cell.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import TYPE_CHECKING

import numpy as np

from mnistfaces.config import STATUS_SEVERITY
from mnistfaces.experiments.trials import Cell, Row
from mnistfaces.statistics.intervals import accuracy_interval
from mnistfaces.statistics.selection import nested_accuracy, ties

if TYPE_CHECKING:
    from mnistfaces.statistics.scores import TrialScores

METRICS = ("train_loss", "val_loss", "test_loss", "train_accuracy", "val_accuracy", "test_accuracy")
COUNTS = ("train_n", "val_n", "test_n")


class CellResult:
    """A cell's trials and what they come to.

    Attributes:
        cell: the combination of options.
        records: one a trial that was done.
        scores: test answers of the trials with a finite loss, by (seed, fold).
    """

    def __init__(
        self, cell: Cell, records: Sequence[Row], scores: "Mapping[tuple[int, int], TrialScores | None]"
    ) -> None:
        self.cell, self.records = cell, records
        self.finite = [record for record in records if record["train_loss"] is not None]
        finite = {(record["seed"], record["fold"]) for record in self.finite}
        self.scores = {pair: score for pair, score in scores.items() if score is not None and pair in finite}

    def mean(self, field: str) -> float | None:
        """Returns the mean of a field over the trials that have it; None where none does."""
        values = [record[field] for record in self.finite if record[field] is not None]
        return fmean(values) if values else None

    def row(self, asked: int, **same: object) -> Row:
        """Returns the cell's row; `same` are fields that all cells share.

        Args:
            asked: how many trials there were to be.
            same: further fields, placed behind the options.
        """
        metrics: Row = {}
        for metric in METRICS:
            values = [record[metric] for record in self.finite if record[metric] is not None]
            metrics[metric] = fmean(values) if values else None
            metrics[f"{metric}_std"] = stdev(values) if len(values) > 1 else None
        interval = accuracy_interval(list(self.scores.values())) if self.scores else None
        states = [record["status"] for record in self.records] + ["failed"] * (asked - len(self.records))
        return {
            **self.cell.options(),
            **same,
            **metrics,
            **{count: _whole(self.mean(count)) for count in COUNTS},
            "test_low": interval.low if interval else None,
            "test_high": interval.high if interval else None,
            "seconds": fmean(record["seconds"] for record in self.records) if self.records else None,
            "status": max(states, key=STATUS_SEVERITY.index),
            "n": len(self.finite),
            "n_failed": asked - len(self.finite),
            "n_collapsed": sum(record["status"] == "collapsed" for record in self.records),
        }


def _whole(value: float | None) -> float | int | None:
    return int(value) if value is not None and value.is_integer() else value


def find_best(results: Sequence[CellResult]) -> int | None:
    """Returns the position of the cell with the best mean validation accuracy; the lower validation loss decides ties.

    None where no cell has validation images.
    """
    known = [number for number, result in enumerate(results) if result.mean("val_accuracy") is not None]
    if not known:
        return None

    def merit(number: int) -> tuple[float, float]:
        accuracy, loss = results[number].mean("val_accuracy"), results[number].mean("val_loss")
        return -(accuracy or 0.0), math.inf if loss is None else loss

    return min(known, key=merit)


def find_ties(results: Sequence[CellResult], best: int | None) -> list[bool | None]:
    """Returns which cells cannot be told from the best on the test images; None without a best."""
    if best is None or not results[best].scores:
        return [None] * len(results)
    others = [number for number in range(len(results)) if number != best]
    told = dict(zip(others, ties(results[best].scores, [results[number].scores for number in others]), strict=True))
    return [told.get(number, True) for number in range(len(results))]


def nested_row(results: Sequence[CellResult]) -> Row | None:
    """Returns the accuracy of choosing a cell by validation inside each fold, with its interval.

    None unless every cell has the same folds, each with validation and test images.
    """
    pairs = [sorted(result.scores) for result in results]
    if not pairs or not pairs[0] or any(other != pairs[0] for other in pairs):
        return None
    by_pair: list[Mapping[tuple[int, int], Row]] = [
        {(record["seed"], record["fold"]): record for record in result.finite} for result in results
    ]
    if any(records[pair]["val_accuracy"] is None for records in by_pair for pair in pairs[0]):
        return None
    nested = nested_accuracy(
        np.array([[records[pair]["val_accuracy"] for pair in pairs[0]] for records in by_pair]),
        np.array([[records[pair]["val_loss"] for pair in pairs[0]] for records in by_pair]),
        [[result.scores[pair] for pair in pairs[0]] for result in results],
    )
    return {
        "accuracy": nested.accuracy.mean,
        "low": nested.accuracy.low,
        "high": nested.accuracy.high,
        "n": nested.accuracy.n,
        "chosen": list(nested.chosen),
    }


def count_tested(result: CellResult) -> int:
    """Returns how many distinct images a cell's trials were tested on."""
    return len({name for score in result.scores.values() for name in score.ids.tolist()})
