"""What a grid of trials says: a row per cell, which cell is best by validation, and which cannot be told from it.

Legend: T trials of a cell.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from statistics import fmean, stdev
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mnistfaces.config import STATUS_SEVERITY
from mnistfaces.experiments.trials import Cell, Row
from mnistfaces.statistics.intervals import accuracy_interval, accuracy_intervals
from mnistfaces.statistics.planning import assumptions_of
from mnistfaces.statistics.scores import Board, order_of
from mnistfaces.statistics.selection import NestedAccuracy, confidence_set, nested_accuracy
from mnistfaces.statistics.variance import FEW_TRIALS, WILD, parts_of

if TYPE_CHECKING:
    from mnistfaces.statistics.scores import TrialScores

METRICS = ("train_loss", "val_loss", "test_loss", "train_accuracy", "val_accuracy", "test_accuracy")
TEST_FIELDS = ("test_accuracy", "test_accuracy_std", "test_low", "test_high")
IS_WILD = "wild"
"""Whether trials are so few and so unlike that the interval holds too seldom."""
COUNTS = ("train_n", "val_n", "test_n", "test_groups")


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
        values = [record[field] for record in self.finite if record.get(field) is not None]
        return fmean(values) if values else None

    @cached_property
    def tested(self) -> Row:
        """Returns the fields of the row that the test answers give."""
        return tested_fields([self])[0]

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
        metrics.update({field: self.tested[field] for field in TEST_FIELDS})
        states = [record["status"] for record in self.records] + ["failed"] * (asked - len(self.records))
        return {
            **self.cell.options(),
            **same,
            **metrics,
            **{count: _whole(self.mean(count)) for count in COUNTS},
            "loo_accuracy": self.mean("loo_accuracy"),
            "seconds": fmean(record["seconds"] for record in self.records) if self.records else None,
            "status": max(states, key=STATUS_SEVERITY.index),
            "n": len(self.finite),
            "n_failed": asked - len(self.finite),
            "n_collapsed": sum(record["status"] == "collapsed" for record in self.records),
            "caution": "; ".join(cautions(self)),
        }

    def trial_rows(self) -> list[Row]:
        """Returns what each trial that was done came to, near-duplicates counted once as in the cell's mean."""
        fields = ("seed", "fold", "status", "train_accuracy", "val_accuracy")
        means = {pair: scores.mean() for pair, scores in self.scores.items()}
        return [
            {**{field: record[field] for field in fields}, "test_accuracy": means.get((record["seed"], record["fold"]))}
            for record in self.records
        ]


def _whole(value: float | None) -> float | int | None:
    return int(value) if value is not None and value.is_integer() else value


def board_of(results: Sequence[CellResult]) -> Board | None:
    """Returns the test answers of cells in the trials that any of them did; None where nothing was tested."""
    pairs = sorted({pair for result in results for pair in result.scores})
    if not pairs:
        return None
    return Board.of([[result.scores.get(pair) for pair in pairs] for result in results])


def tested_fields(results: Sequence[CellResult]) -> list[Row]:
    """Returns for each cell its mean test accuracy, the spread and the interval: near-duplicates count once in all."""
    board = board_of(results)
    if board is None:
        return [{**dict.fromkeys(TEST_FIELDS), IS_WILD: False} for _ in results]
    found, wilds = accuracy_intervals(board), _wild(board)
    rows = []
    for of_trials, low, high, wild in zip(
        found.of_trials, found.low.tolist(), found.high.tolist(), wilds.tolist(), strict=True
    ):
        ended = of_trials[np.isfinite(of_trials)].tolist()
        spread = stdev(ended) if len(ended) > 1 else None
        values = (fmean(ended), spread, low, high) if ended else (None,) * len(TEST_FIELDS)
        rows.append({**dict(zip(TEST_FIELDS, values, strict=True)), IS_WILD: wild})
    return rows


def _wild(board: Board) -> NDArray[np.bool_]:
    """Returns of which cells, (C,), two or three trials, all of which ended, differ by more than images explain."""
    if not 1 < len(board.tested) <= FEW_TRIALS:
        return np.zeros(len(board), np.bool_)
    return parts_of(board.by_test_set()).wild() & board.ended.all(axis=1)


def judge_together(results: Sequence[CellResult]) -> None:
    """Finds what the test answers of cells give, many at a time where they were tested on the same images.

    Each cell's numbers are those that it has alone: only cells that share the very arrays of their images meet.
    """
    alike: dict[Hashable, list[CellResult]] = {}
    for result in results:
        tested_on = tuple((pair, id(scores.ids)) for pair, scores in sorted(result.scores.items()))
        alike.setdefault(tested_on, []).append(result)
    for same in alike.values():
        for result, fields in zip(same, tested_fields(same), strict=True):
            result.tested = fields


def find_best(results: Sequence[CellResult]) -> int | None:
    """Returns the position of the cell with the best mean validation accuracy; the lower validation loss decides ties.

    A trial that failed counts as no image right: a cell does not win by its survivors. None where no cell has
    validation images.
    """
    trials = {(record["seed"], record["fold"]) for result in results for record in result.records}
    known = [number for number, result in enumerate(results) if result.mean("val_accuracy") is not None]
    if not known:
        return None

    def merit(number: int) -> tuple[float, float]:
        loss = results[number].mean("val_loss")
        right = sum(record["val_accuracy"] or 0.0 for record in results[number].finite)
        return -right / len(trials), math.inf if loss is None else loss

    return min(known, key=merit)


def find_tied(results: Sequence[CellResult]) -> list[bool | None]:
    """Returns which cells are in the 95 % confidence set of the best on the test images; None without any."""
    board = board_of(results)
    return [None] * len(results) if board is None else confidence_set(board).tolist()


def choose_nested(results: Sequence[CellResult]) -> dict[tuple[int, int], int] | None:
    """Returns which cell validation chooses inside each trial, by seed and fold; None as `nested_row`."""
    found = _nested(results)
    return None if found is None else dict(zip(found[0], found[1].chosen, strict=True))


def nested_row(
    results: Sequence[CellResult], final: "Mapping[tuple[int, int], TrialScores | None] | None" = None
) -> Row | None:
    """Returns the accuracy of choosing a cell by validation inside each trial, with its interval.

    A trial in which some cell failed is chosen from the others. None where no trial has validation and test images.

    Args:
        results: what the cells came to.
        final: answers of the chosen cell, trained again in each trial; None takes those of the cells.
    """
    found = _nested(results)
    if found is None:
        return None
    pairs, nested = found
    accuracy = nested.accuracy
    if final is not None:
        scores = [answers for pair in pairs if (answers := final.get(pair)) is not None]
        if not scores:
            return None
        accuracy = accuracy_interval(scores)
    return {
        "accuracy": accuracy.mean,
        "low": accuracy.low,
        "high": accuracy.high,
        "n": accuracy.n,
        "chosen": list(nested.chosen),
    }


def _nested(results: Sequence[CellResult]) -> tuple[list[tuple[int, int]], NestedAccuracy] | None:
    """Returns the trials, by seed and fold, and what choosing inside each gives."""
    records = [{(record["seed"], record["fold"]): record for record in result.finite} for result in results]
    able = [
        {pair for pair, record in of_cell.items() if record["val_accuracy"] is not None and pair in result.scores}
        for of_cell, result in zip(records, results, strict=True)
    ]
    pairs = sorted(set().union(*able))
    if not pairs:
        return None

    def table(field: str) -> NDArray[np.float64]:
        return np.array(
            [
                [of_cell[pair][field] if pair in known else np.nan for pair in pairs]
                for of_cell, known in zip(records, able, strict=True)
            ],
            np.float64,
        )

    nested = nested_accuracy(
        table("val_accuracy"), table("val_loss"), [[result.scores.get(pair) for pair in pairs] for result in results]
    )
    return pairs, nested


def trades_places(result: CellResult) -> bool:
    """Returns whether images that test in one trial of a cell train or validate in another."""
    scores = list(result.scores.values())
    return any(order_of(other.ids, scores[0].ids) is None and other.traded() > 0 for other in scores[1:])


def cautions(result: CellResult) -> list[str]:
    """Returns in sentences where a cell's interval holds less often than it says (measured: benchmarks/README.md)."""
    found = []
    collapsed = sum(record["status"] == "collapsed" for record in result.records)
    trials = len(result.records)
    if trials > 1 and 0 < collapsed < trials:
        found.append(f"{collapsed} of {trials} trials collapsed: mean and interval describe no run")
    if result.tested[IS_WILD]:
        found.append(WILD)
    return found


def assumed(results: Sequence[CellResult], best: int, tied: Sequence[bool | None]) -> Row | None:
    """Returns what a plan can take from a sweep: how the best cell's answers vary, and its differences to the tied."""
    others = [number for number, inside in enumerate(tied) if inside and number != best]
    board = board_of([results[number] for number in [best, *others]])
    found = None if board is None else assumptions_of(board, 0, list(range(1, len(board))))
    return None if found is None else asdict(found)


def count_tested(result: CellResult) -> int:
    """Returns how many distinct images a cell's trials were tested on."""
    return len({name for score in result.scores.values() for name in score.ids.tolist()})
