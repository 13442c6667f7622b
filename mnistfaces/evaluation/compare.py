"""Are two models different? Their answers, paired on the same images."""

import csv
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mnistfaces.datasets.base import class_number
from mnistfaces.errors import DataError, RunError
from mnistfaces.experiments.trials import Row
from mnistfaces.runs.runs import Run, find_runs
from mnistfaces.statistics.differences import paired_difference, verdict
from mnistfaces.statistics.scores import TrialScores

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
    contenders = [_of_run(run) for run in runs] + [_of_table(Path(table), runs[0]) for table in tables]
    if len(contenders) < 2:  # noqa: PLR2004  a pair
        raise RunError("give at least two runs to compare")
    return contenders


def compare(contenders: Sequence[Contender]) -> Iterator[Row]:
    """Yields a row per pair: the difference in accuracy, a less b, with its paired 95 % interval and p value.

    Raises:
        DataError: the two were not tested on the same images.
    """
    for a, b in itertools.combinations(contenders, 2):
        shared = [pair for pair in a.trials if pair in b.trials]
        if shared:
            ours, theirs = [a.trials[pair] for pair in shared], [b.trials[pair] for pair in shared]
        else:
            ours, theirs = list(a.trials.values()), list(b.trials.values())
        result = paired_difference(ours, theirs)
        yield {
            "a": a.name,
            "b": b.name,
            "difference": result.difference,
            "low": result.low,
            "high": result.high,
            "p": result.p,
            "n": result.n,
            "discordant": result.discordant,
            "verdict": verdict(result, a.name, b.name),
        }


def _of_run(run: Run) -> Contender:
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
    predictions, reference = run.predictions(), next(iter(_of_run(run).trials.values()))
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
