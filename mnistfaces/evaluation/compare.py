"""Are two models different? Their answers, paired on the same images."""

import csv
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mnistfaces.datasets.base import class_number
from mnistfaces.errors import DataError, RunError
from mnistfaces.evaluation.advice import DIFFERENCE, advice_line
from mnistfaces.experiments.trials import Row
from mnistfaces.runs.runs import Run, find_runs
from mnistfaces.statistics.differences import equivalence, match_trials, paired_difference, verdict
from mnistfaces.statistics.intervals import accuracy_interval
from mnistfaces.statistics.planning import Design, assumptions_of
from mnistfaces.statistics.proportions import LEVEL
from mnistfaces.statistics.scores import Board, TrialScores
from mnistfaces.statistics.selection import holm

COMMANDS = ("train", "sweep")


@dataclass(frozen=True, kw_only=True, eq=False)
class Contender:
    """One side of a comparison.

    Attributes:
        name: what the user called it.
        trials: test answers by (seed, fold).
        note: what was chosen for the user, or "".
    """

    name: str
    trials: Mapping[tuple[int, int], TrialScores]
    note: str = ""


def load_contenders(references: Sequence[str], lines: Iterable[str] = ()) -> list[Contender]:
    """Returns the contenders that some references mean: runs, `last`, `-`, or CSV files of `image,class`.

    Raises:
        RunError: there is no such run, or nothing to compare.
        DataError: a CSV does not fit the images of the first run.
    """
    tables = [reference for reference in references if Path(reference).suffix.lower() == ".csv"]
    runs = [run for reference in references if reference not in tables for run in find_runs(reference, COMMANDS, lines)]
    if not runs:
        raise RunError("a CSV has answers but no truth: give a run to compare it with, too")
    contenders = [load_contender(run) for run in runs] + [_of_table(Path(table), runs[0]) for table in tables]
    if len(contenders) < 2:  # noqa: PLR2004  a pair
        raise RunError("give at least two runs to compare")
    return contenders


def compare(contenders: Sequence[Contender], *, margin: float | None = None) -> Iterator[Row]:
    """Yields a row per pair: the difference in accuracy, a less b, with its paired 95 % interval and p value.

    p is adjusted for the number of pairs (Holm 1979), and the verdict goes by it; each interval stands for its pair
    alone. `a_above_b` is the share of trials in which a was more accurate.

    Args:
        contenders: two or more.
        margin: differences smaller than that count as none: the verdict says whether equality within it is shown.

    Raises:
        DataError: two were not tested on the same images.
    """
    pairs = list(itertools.combinations(contenders, 2))
    results = [paired_difference(*_matched(a, b)) for a, b in pairs]
    for (a, b), result, p in zip(pairs, results, holm([result.p for result in results]), strict=True):
        if margin is None:
            said = verdict(result, a.name, b.name, p=p)
        else:
            both_tests = paired_difference(*_matched(a, b), level=1 - 2 * (1 - LEVEL))  # two one-sided tests
            said = equivalence(both_tests, margin, p=p, names=(a.name, b.name))
        yield {
            "a": a.name,
            "b": b.name,
            "difference": result.difference,
            "low": result.low,
            "high": result.high,
            "p": p,
            "n": result.n,
            "discordant": result.discordant,
            "a_above_b": result.above,
            "verdict": said,
        }


def advice(contenders: Sequence[Contender]) -> str:
    """Returns what it takes to tell the two most accurate contenders apart; "" where their answers cannot say."""
    ranked = sorted(contenders, key=lambda contender: -accuracy_interval(list(contender.trials.values())).mean)
    trials = _matched(*ranked[:2])
    board = Board.of(trials)
    assumed = assumptions_of(board, 0, [1])
    present = Design(images=board.tested.shape[1], seeds=len(trials[0]))
    return "" if assumed is None else advice_line(assumed, DIFFERENCE, present)


def _matched(a: Contender, b: Contender) -> tuple[list[TrialScores], list[TrialScores]]:
    """Returns the trials of two contenders that belong together: by seed and fold, or one against each."""
    shared = [pair for pair in a.trials if pair in b.trials]
    if shared:
        return [a.trials[pair] for pair in shared], [b.trials[pair] for pair in shared]
    return match_trials(list(a.trials.values()), list(b.trials.values()))


def load_contender(run: Run) -> Contender:
    """Returns a run as a contender: of a sweep its best cell.

    Raises:
        RunError: it answered no test images.
    """
    predictions = run.predictions()
    if run.command == "sweep":
        summary = run.summary()
        pairs = {row["trial"]: (row["seed"], row["fold"]) for row in summary["best_trials"]}
        note = f"{run.path}: its best cell by validation, {summary['best_command'] or 'the first'}"
    else:
        pairs, note = {str(predictions.trials[0]): (run.config["seed"], 0)}, ""
    scores = {pair: predictions.scores(trial) for trial, pair in pairs.items()}
    tested = {pair: score for pair, score in scores.items() if score is not None}
    if not tested:
        raise RunError(f"{run.path} answered no test images: it diverged or was not tested")
    return Contender(name=str(run.path), trials=tested, note=note)


def _of_table(path: Path, run: Run) -> Contender:
    """Returns the answers of a CSV with the columns image and class, judged by a run's test images."""
    predictions, reference = run.predictions(), next(iter(load_contender(run).trials.values()))
    classes = tuple(run.config["dataset"]["classes"] if run.command == "train" else run.config["classes"])
    answers = _read_table(path, classes)
    truth = dict(zip(predictions.ids.tolist(), predictions.labels.tolist(), strict=True))
    missing = [name for name in reference.ids.tolist() if name not in answers]
    if missing:
        raise DataError(f"{path} has no answer for {len(missing)} of {len(reference.ids)} images, such as {missing[0]}")
    correct = np.array([answers[name] == truth[name] for name in reference.ids.tolist()])
    scores = TrialScores(correct=correct, ids=reference.ids, groups=reference.groups, train_n=reference.train_n)
    return Contender(name=str(path), trials={(-1, -1): scores})


def _read_table(path: Path, classes: tuple[str, ...]) -> dict[str, int]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    body = rows[1:] if rows and [cell.strip().lower() for cell in rows[0][:2]] == ["image", "class"] else rows
    answers = {}
    for number, row in enumerate(body, 1 + len(rows) - len(body)):
        if len(row) < 2:  # noqa: PLR2004  image and class
            raise DataError(f"{path}, line {number}: expected image,class, got {','.join(row)!r}")
        if row[0].strip() in answers:
            raise DataError(f"{path}, line {number}: image {row[0].strip()} is answered twice")
        answers[row[0].strip()] = class_number(classes, row[1])
    return answers
