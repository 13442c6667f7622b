"""What is compared: kept runs, and tables of answers that others' programs wrote, judged by a run's test images."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnistfaces.datasets.order import published_order
from mnistfaces.errors import DataError, FileError, RunError
from mnistfaces.evaluation.answers import AnswerTable, Question, read_answers
from mnistfaces.files import hash_of
from mnistfaces.runs.runs import Run, find_runs
from mnistfaces.statistics.scores import TrialScores

COMMANDS = ("train", "sweep")
TABLES = (".csv", ".tsv", ".txt")

Trials = Mapping[tuple[int, int], TrialScores]
"""Test answers by (seed, fold)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Contender:
    """One side of a comparison.

    Attributes:
        name: what the user called it.
        trials: test answers; none where there is a problem.
        note: what was chosen for the user, or does not fit; else "".
        problem: why it cannot be judged, or "".
    """

    name: str
    trials: Trials
    note: str = ""
    problem: str = ""


class Reference:
    """The run by whose test images and labels tables of answers are judged.

    Attributes:
        run: it.
        trials: its own answers.
        ids: (n,) names of the images that some trial tested.
        labels: (n,) their classes.
    """

    def __init__(self, run: Run, trials: Trials, data_dir: Path | None = None) -> None:
        predictions = run.predictions()
        tested = np.unique(np.concatenate([scores.ids for scores in trials.values()]))
        place = {name: number for number, name in enumerate(predictions.ids.tolist())}
        self.run, self.trials, self.ids, self._data_dir = run, trials, tested, data_dir
        self.labels: NDArray[np.int64] = predictions.labels[[place[name] for name in tested.tolist()]]

    @cached_property
    def question(self) -> Question:
        """Returns what a table is asked."""
        config = self.run.config
        described = config["dataset"] if self.run.command == "train" else {**config, "name": config["dataset"]}
        return Question(
            ids=self.ids,
            classes=tuple(described["classes"]),
            order=lambda: published_order(described["name"], self._data_dir),
        )

    @cached_property
    def fingerprint(self) -> str:
        """Returns the hash of which images are tested, and of what they show."""
        return hash_of([self.ids.tolist(), self.labels.tolist()])

    def scores(self, predicted: NDArray[np.integer]) -> dict[tuple[int, int], TrialScores]:
        """Returns the scores of predicted classes, (n,), on the test images of each trial."""
        right = predicted == self.labels
        return {
            pair: replace(scores, correct=right[np.searchsorted(self.ids, scores.ids)])
            for pair, scores in self.trials.items()
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class Entry:
    """A table of answers, or why it is none.

    Attributes:
        path: of the file.
        table: what it answers; None where there is a problem.
        problem: or "".
    """

    path: Path
    table: AnswerTable | None
    problem: str = ""

    def contender(self, reference: Reference) -> Contender:
        """Returns it as a contender."""
        if self.table is None:
            return Contender(name=str(self.path), trials={}, problem=self.problem)
        trials = reference.scores(self.table.predicted)
        return Contender(name=str(self.path), trials=trials, note=self.table.note())


@dataclass(frozen=True, kw_only=True, eq=False)
class Field:
    """All that are compared.

    Attributes:
        reference: the first run.
        runs: runs as contenders, the first one first.
        entries: tables.
    """

    reference: Reference
    runs: Sequence[Contender]
    entries: Sequence[Entry]

    def contenders(self) -> list[Contender]:
        """Returns runs, then tables."""
        return [*self.runs, *(entry.contender(self.reference) for entry in self.entries)]

    def sound(self) -> list[Contender]:
        """Returns the same.

        Raises:
            DataError: one of them cannot be judged.
        """
        contenders = self.contenders()
        for contender in contenders:
            if contender.problem:
                raise DataError(contender.problem)
        return contenders


def load_field(references: Sequence[str], lines: Iterable[str] = (), data_dir: Path | None = None) -> Field:
    """Returns what some references mean: runs, `last`, `-`, or tables of answers; `*` in a name may stand unopened.

    Tables that cannot be read are entries with a problem, as are runs after the first.

    Args:
        references: as the user gave them.
        lines: of stdin, for `-`.
        data_dir: where data live; None is the usual folder.

    Raises:
        RunError: there is no run, the first cannot be compared, or there is but one contender.
    """
    named = [name for reference in references for name in _opened(reference)]
    tables = [Path(name) for name in named if Path(name).suffix.lower() in TABLES]
    others = [name for name in named if Path(name).suffix.lower() not in TABLES]
    if not others:
        raise RunError("a table has answers but no truth: give a run to compare it with, too")
    runs: list[Run] = find_runs(others[0], COMMANDS, lines)
    first = load_contender(runs[0])
    contenders = [first, *map(_contender, runs[1:])]
    contenders += [one for name in others[1:] for one in _contenders_of(name, lines)]
    if len(contenders) + len(tables) < 2:  # noqa: PLR2004  a pair
        raise RunError("give at least two runs to compare")
    reference = Reference(runs[0], first.trials, data_dir)
    return Field(reference=reference, runs=contenders, entries=[_entry(path, reference) for path in tables])


def load_contender(run: Run) -> Contender:
    """Returns a run as a contender: of a sweep its best cell.

    Raises:
        RunError: it answered no test images.
    """
    predictions = run.predictions()
    if run.command == "sweep":
        summary = run.summary()
        pairs = {row["trial"]: (row["seed"], row["fold"]) for row in summary["best_trials"]}
        note = f"its best cell by validation, {summary['best_command'] or 'the first'}"
    else:
        pairs, note = {str(predictions.trials[0]): (run.config["seed"], 0)}, ""
    scores = {pair: predictions.scores(trial) for trial, pair in pairs.items()}
    tested = {pair: score for pair, score in scores.items() if score is not None}
    if not tested:
        raise RunError(f"{run.path} answered no test images: it diverged or was not tested")
    return Contender(name=str(run.path), trials=tested, note=note)


def _contenders_of(name: str, lines: Iterable[str]) -> list[Contender]:
    try:
        return [_contender(run) for run in find_runs(name, COMMANDS, lines)]
    except (FileError, RunError) as error:
        return [Contender(name=name, trials={}, problem=str(error))]


def _contender(run: Run) -> Contender:
    try:
        return load_contender(run)
    except (FileError, RunError) as error:
        return Contender(name=str(run.path), trials={}, problem=str(error))


def _entry(path: Path, reference: Reference) -> Entry:
    try:
        return Entry(path=path, table=read_answers(path, reference.question))
    except DataError as error:
        return Entry(path=path, table=None, problem=str(error))


def _opened(reference: str) -> list[str]:
    """Returns the files that `*` stands for, where the shell left it as it is: not every shell opens it."""
    path = Path(reference)
    if "*" not in reference or path.exists():
        return [reference]
    found = sorted(map(str, Path(path.anchor).glob(str(path.relative_to(path.anchor)))))
    return found or [reference]
