"""A sweep on disk: a grid of trials in a run directory that grows, resumes and gathers shards."""

import contextlib
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from mnistfaces.config import DataConfig, DeviceName
from mnistfaces.datasets import NAMES, load_dataset
from mnistfaces.datasets.splits import settled
from mnistfaces.errors import DataError, WorkerError
from mnistfaces.experiments.commands import train_line, without_folds
from mnistfaces.experiments.execution.dispatch import Lost, Workers, dispatch
from mnistfaces.experiments.execution.stacks import Checkpoint, train_planned
from mnistfaces.experiments.execution.tasks import Terms, version
from mnistfaces.experiments.kept import LEDGER, LEDGERS, Parts, TrialRecord, read_trials
from mnistfaces.experiments.plan import Draws, StackPlan, draw_key, plan
from mnistfaces.experiments.results import (
    COUNTS,
    METRICS,
    CellResult,
    assumed,
    cautions,
    count_tested,
    find_best,
    find_tied,
    judge_together,
    nested_row,
    trades_places,
)
from mnistfaces.experiments.trials import SWEPT, Cell, Grid, LoadDataset, Row, Trial, folds_arithmetic
from mnistfaces.files import hash_of, sha256_of_file, write_json, write_text
from mnistfaces.files.ledger import Ledger
from mnistfaces.progress import Event, Note, Stage
from mnistfaces.runs.configuration import configuration, describe
from mnistfaces.runs.folder import RunFolder
from mnistfaces.runs.predictions import Predictions, save_predictions
from mnistfaces.runs.runs import PREDICTIONS, RESULTS, SUMMARY, load_run, save_weights
from mnistfaces.statistics.intervals import accuracy_interval

if TYPE_CHECKING:
    from mnistfaces.datasets.base import Dataset

WEIGHTS = "weights"
JUDGED = 512  # cells whose rows are made together


@dataclass(frozen=True)
class DatasetReference:
    """A dataset by name or path, opened in any form; it can be sent to another process, which opens it there.

    Attributes:
        name: as for `load_dataset`.
        data_dir: where data live; None is each machine's own folder.
    """

    name: str
    data_dir: Path | None = None

    def __call__(self, data: DataConfig) -> "Dataset":
        """Returns the dataset in a form."""
        return load_dataset(self.name, data_dir=self.data_dir, **vars(data))

    def __reduce__(self) -> tuple[type, tuple[str, Path | None]]:
        """Sends paths that hold in whichever folder the other process was started."""
        name = self.name if self.name in NAMES else str(Path(self.name).absolute())
        return DatasetReference, (name, self.data_dir and self.data_dir.absolute())


@dataclass(frozen=True, kw_only=True)
class SweepConfig:
    """How a grid is worked through.

    Attributes:
        grid: what to train.
        reference: the path that the user gave for the dataset; None is the dataset's own name.
        swept: names of the options given as lists: their values are not part of the folder's hash.
        device: where to compute; `cpu`, `cuda` or `mps`.
        isolated: one model at a time, for times that are a model's own.
        keep_weights: of the `best` cell or of `all`; None keeps none.
        workers: where stacks are trained; None is in this process.
        fail_fast: the first trial that fails ends the sweep.
        out: the directory; None names it after the configuration.
        force: replaces what another configuration left there.
    """

    grid: Grid
    reference: str | None = None
    swept: tuple[str, ...] = ()
    device: DeviceName = "cpu"
    isolated: bool = False
    keep_weights: str | None = None
    workers: Workers | None = None
    fail_fast: bool = False
    out: Path | None = None
    force: bool = False


class Sweep:
    """A grid in its run directory.

    Attributes:
        folder: the run directory.
        trials: all trials asked for.
        records: of the trials that are done, by key.
        failures: why trials could not be done.
        summary: what only all cells together can tell, once `finish` found it.
    """

    def __init__(self, config: SweepConfig, load: LoadDataset) -> None:
        """Opens the run directory and reads what is done.

        Raises:
            DataError: a dataset is not there.
            RunError: another configuration's results are in the directory.
        """
        self.config, self.grid, self._load = config, config.grid, load
        self.datasets = {data: load(data) for data in dict.fromkeys(cell.data for cell in self.grid.cells)}
        self.trials = self.grid.trials()
        self.keys = [self.key(trial) for trial in self.trials]
        self._places: dict[Cell, list[int]] = {}
        for place, trial in enumerate(self.trials):
            self._places.setdefault(trial.cell, []).append(place)
        self._cells = list(self._places)
        self._number = {cell: number for number, cell in enumerate(self._cells)}
        self.folder = RunFolder(
            self._asked(), [RESULTS, PREDICTIONS, SUMMARY], out=config.out, force=config.force, grows=LEDGERS
        )
        self.summary: Row = {}
        self.failures: list[str] = []
        self._draws = Draws(self.datasets)
        self._read()

    @property
    def dataset(self) -> "Dataset":
        """Returns the dataset, at the first resolution."""
        return next(iter(self.datasets.values()))

    def _read(self) -> None:
        """Reads what is done: records, answers, and the finished table where nothing is left to do."""
        path, sha256 = self.folder.path, self.folder.sha256
        self._parts = Parts(path, sha256)
        self.records: dict[str, Row] = {} if self.folder.replaces else read_trials(path, self._parts, sha256)
        self._results: dict[Cell, CellResult] = {}  # of cells whose trials are all done, as are the rows
        self._rows: dict[Cell, Row] = {}
        self._kept = self._read_kept()

    @property
    def timing(self) -> str:
        """Returns whose the seconds are: a model's own, or its share of a stack's."""
        return "isolated" if self.config.isolated else "shared"

    def key(self, trial: Trial) -> str:
        """Returns the hash under which a trial is found."""
        return trial.key(self.datasets[trial.cell.data], self.config.device)

    def processors(self) -> list[str]:
        """Returns the makes of the processors that trials were done on, where their records say so."""
        done = (self.records.get(key, {}) for key in self.keys)
        return sorted({record["processor"] for record in done if "processor" in record})

    def missing(self) -> list[Trial]:
        """Returns the trials that are still to be done, for their weights perhaps."""
        places = [place for place, key in enumerate(self.keys) if key not in self.records]
        if self.config.keep_weights == "all":
            places += self._lacking_weights(range(len(self.trials)))
        return [self.trials[place] for place in places]

    def stacks(self, trials: Sequence[Trial]) -> Iterator[StackPlan]:
        """Yields the stacks in which these trials train."""
        workers = self.config.workers.count if self.config.workers else 1
        return plan(trials, self.datasets, self._draws, isolated=self.config.isolated, workers=workers)

    def drawable(self, trials: Sequence[Trial]) -> list[Trial]:
        """Returns the trials whose splits can be drawn; the others are added to `failures`.

        Raises:
            DataError: a split cannot be drawn and the configuration says to fail fast.
        """
        able = []
        for trial in trials:
            try:
                self._draws.of(draw_key(trial))
            except DataError as error:
                if self.config.fail_fast:
                    raise
                if str(error) not in self.failures:
                    self.failures.append(str(error))
            else:
                able.append(trial)
        return able

    def run(self) -> Iterator[Row | Event]:
        """Does what is missing, yielding how far it is, and each trial's record once it is on the disk.

        Raises:
            DataError: a trial failed and the configuration says to fail fast.
            FileError: the disk refuses.
        """
        self.drawable(self.missing())  # refused before anything is written
        part = "" if self.grid.shard is None else "{}-of-{}".format(*self.grid.shard)
        with self.folder:
            yield from self.folder.claim(part)
            name = f"trials-{part}.ndjson" if part else LEDGER
            ledger = Ledger(self.folder.path / name, TrialRecord, self.folder.sha256.get(name))
            yield from (Note(message=note) for note in ledger.notes)
            self._read()  # another process may have done some meanwhile, and damaged lines are gone
            yield from self._train(self.drawable(self.missing()), ledger)
            yield from self._train([self.trials[place] for place in self._best_lacking_weights()], ledger)

    def _train(self, trials: Sequence[Trial], ledger: Ledger) -> Iterator[Row | Event]:
        """Does some trials, yielding how far they are, and each one's record once it is on the disk."""
        if not trials:
            return
        self._kept = None
        with self.config.workers or contextlib.nullcontext():
            stacks = list(self.stacks(trials))
            yield Stage(name="sweep", total=sum(stack.work for stack in stacks))
            for event in self._executed(stacks):
                if isinstance(event, Checkpoint):
                    yield from self._keep(event, ledger)
                elif not isinstance(event, Lost):
                    yield event
                elif self.config.fail_fast:
                    raise WorkerError(event.reason)
                else:
                    self.failures.append(event.reason)

    def _executed(self, stacks: Sequence[StackPlan]) -> Iterator[Event | Checkpoint | Lost]:
        """Trains stacks in this process or on the workers."""
        keep, device = self.config.keep_weights is not None, self.config.device
        if self.config.workers is None:
            for number, stack in enumerate(stacks, 1):
                yield Note(message=f"stack {number} of {len(stacks)}: {stack.describe()}", detail=True)
                yield from train_planned(stack, self.datasets[stack.data], self._draws, device, keep_weights=keep)
            return
        terms = Terms(
            version=version(),
            load=self._load,
            known={data: (dataset.name, dataset.fingerprint) for data, dataset in self.datasets.items()},
            device=device,
            threads=self.config.workers.threads,
            keep_weights=keep,
        )
        yield from dispatch(stacks, terms, self.config.workers)

    def _keep(self, found: Checkpoint, ledger: Ledger) -> Iterator[Row]:
        """Writes what trials answered, then their records: only finished work is recorded."""
        for key, weights in found.weights.items():
            save_weights(self.folder.path / WEIGHTS / f"{key}.safetensors", weights)
        part = self._parts.keep(found.predictions)
        records = [{**record, "part": part} for record in found.records]
        ledger.extend(records)
        self.records.update((record["trial"], record) for record in records)
        yield from records

    def is_done(self, cell: Cell) -> bool:
        """Returns whether every trial of a cell is done."""
        return all(self.keys[place] in self.records for place in self._places[cell])

    def result(self, cell: Cell) -> CellResult:
        """Returns what the trials of a cell that are done come to."""
        if cell not in self._results and self.is_done(cell):
            ahead = itertools.islice(self._cells, self._number[cell], self._number[cell] + JUDGED)
            found = {done: self._found(done) for done in itertools.takewhile(self.is_done, ahead)}
            judge_together(list(found.values()))
            self._results.update(found)
        return self._results.get(cell) or self._found(cell)

    def _found(self, cell: Cell) -> CellResult:
        """Returns the trials of a cell that are done, and what they answered."""
        keys = [self.keys[place] for place in self._places[cell] if self.keys[place] in self.records]
        records = [self.records[key] for key in keys]
        scores = {
            (record["seed"], record["fold"]): self._parts.read(record["part"]).scores(record["trial"])
            for record in records
        }
        return CellResult(cell, records, scores)

    def row(self, cell: Cell) -> Row:
        """Returns the row of a cell."""
        if self._kept is not None:
            row = self._kept[cell]
            return {name: value for name, value in row.items() if name not in ("best", "tied")}
        if cell in self._rows:
            return self._rows[cell]
        same = {"dataset": self.datasets[cell.data].name, "seed": self.grid.seeds[0]}
        row = self.result(cell).row(len(self._places[cell]), **same)
        row = {**row, "timing": self.timing, "run": str(self.folder.path)}
        if cell in self._results:
            self._rows[cell] = row
        return row

    def trial_rows(self, cell: Cell) -> list[Row]:
        """Returns a row per trial of a cell; a trial that failed has no numbers."""
        rows = []
        for place in self._places[cell]:
            trial, record = self.trials[place], self.records.get(self.keys[place], {})
            scores = self._parts.read(record["part"]).scores(record["trial"]) if record else None
            interval = accuracy_interval([scores]) if scores and record["test_loss"] is not None else None
            rows.append(
                {
                    **cell.options(),
                    "dataset": self.datasets[cell.data].name,
                    "seed": trial.seed,
                    "fold": trial.fold if cell.split.folds else None,
                    **{field: record.get(field) for field in (*METRICS, *COUNTS)},
                    "test_accuracy": interval.mean if interval else record.get("test_accuracy"),
                    "test_low": interval.low if interval else None,
                    "test_high": interval.high if interval else None,
                    "seconds": record.get("seconds"),
                    "status": record.get("status", "failed"),
                    "timing": self.timing,
                    "run": str(self.folder.path),
                }
            )
        return rows

    def finish(self) -> None:
        """Finds the best cell and its ties and, unless this is a shard, writes all that the sweep says.

        Raises:
            FileError: the disk refuses.
            RunError: another process has made the directory another sweep's since `run` ended.
        """
        if self._kept is not None:
            return
        cells = self.grid.own_cells()
        results = [self.result(cell) for cell in cells]
        best, nested = find_best(results), nested_row(results)
        tied = find_tied(results)
        command = None
        if best is not None:
            dataset = self.datasets[cells[best].data]
            name = self.config.reference or dataset.name
            command = train_line(without_folds(cells[best], dataset), name, dataset.kind, self.grid.seeds[0])
        rows = [{**self.row(cell), "best": number == best, "tied": tied[number]} for number, cell in enumerate(cells)]
        self.summary = {
            "best": None if best is None else rows[best],
            "best_command": command,
            "best_trials": [
                {"trial": record["trial"], "seed": record["seed"], "fold": record["fold"]}
                for record in (results[best or 0].records if results else ())
            ],
            "tested": count_tested(results[best or 0]) if results else 0,
            "redrawn": bool(results) and trades_places(results[best or 0]),
            "cautions": cautions(results[best or 0]) if results else [],
            "assumed": assumed(results, best or 0, tied) if results else None,
            "design": {"seeds": len(self.grid.seeds), "folds": cells[best or 0].split.folds if cells else None},
            "nested": nested,
            "cells": rows,
            "failures": self.failures,
        }
        if self.grid.shard is None:
            with self.folder:
                for _ in self.folder.claim():
                    pass
                self._write(None if best is None else cells[best])

    def _write(self, best: Cell | None) -> None:
        path, summary = self.folder.path, self.summary
        wrote = self._parts.sha256(self.records)
        done = [self.records[key] for key in self.keys if key in self.records]
        if done:
            parts = [self._parts.read(name) for name in dict.fromkeys(record["part"] for record in done)]
            joined = Predictions.joined(parts).only([record["trial"] for record in done])
            wrote[PREDICTIONS] = save_predictions(path / PREDICTIONS, joined)
        wrote[SUMMARY] = write_json(path / SUMMARY, summary)
        lines = "".join(json.dumps(row, allow_nan=False) + "\n" for row in summary["cells"])
        wrote[RESULTS] = write_text(path / RESULTS, lines)
        if self.config.keep_weights == "best" and best is not None:
            kept = {self.keys[place] for place in self._places[best]}
            for file in (path / WEIGHTS).glob("*.safetensors"):
                if file.stem not in kept:
                    file.unlink()
        weights = sorted((path / WEIGHTS).glob("[!.]*.safetensors"))
        wrote |= {f"{WEIGHTS}/{file.name}": sha256_of_file(file) for file in weights}
        self.folder.finish(wrote, best_command=summary["best_command"], table=self._table())

    def _table(self) -> str:
        """Returns what the kept table says: of which trials, in which words, by which release."""
        return hash_of([metadata.version("mnistfaces"), self.config.reference, self.keys])

    def _read_kept(self) -> dict[Cell, Row] | None:
        """Returns the rows of the table that is on the disk, if it is this grid's and nothing is left to do."""
        if not self.folder.finished or self.grid.shard or self.config.keep_weights == "best" or self.missing():
            return None
        kept, path = load_run(self.folder.path), self.folder.path
        if kept.config.get("table") != self._table():
            return None
        self.summary = kept.summary()
        rows = [{**row, "run": str(path)} for row in self.summary["cells"]]
        self.summary.update(cells=rows, best=next((row for row in rows if row["best"]), None))
        return dict(zip(self.grid.cells, rows, strict=True))

    def _lacking_weights(self, places: Iterable[int]) -> list[int]:
        """Returns the places of trials that are done and ended with weights that were not kept."""
        there = {file.stem for file in (self.folder.path / WEIGHTS).glob("*.safetensors")}
        return [
            place
            for place in places
            if self.keys[place] not in there and self.records.get(self.keys[place], {}).get("train_loss") is not None
        ]

    def _best_lacking_weights(self) -> list[int]:
        """Returns the trials of the best cell whose weights are asked for but were not kept when they were done."""
        if self.config.keep_weights != "best":
            return []
        cells = self.grid.own_cells()
        best = find_best([self.result(cell) for cell in cells])
        return [] if best is None else self._lacking_weights(self._places[cells[best]])

    def _asked(self) -> Row:
        """Returns the configuration of the directory: all that its cells have in common, and no seeds."""
        cell, swept = self.grid.cells[0], set(self.config.swept)
        division = settled(cell.split, self.dataset)
        fixed: dict[str, object] = {**cell.training.to_dict(), **asdict(division)}
        fixed |= {name: value for name, value in cell.data.asked().items() if name != "res"}
        return configuration(
            "sweep",
            datasets=[describe(dataset) for dataset in self.datasets.values()] if "res" not in swept else None,
            dataset=self.dataset.name,
            classes=list(self.dataset.classes),
            swept=sorted(swept),
            fixed={name: value for name, value in fixed.items() if name not in swept},
            fixed_split=self.grid.fixed_split,
            device=self.config.device,
            isolated=self.config.isolated,
            **folds_arithmetic(division),
        )


def sweep(
    grid: Grid,
    dataset: str = "digits",
    *,
    out: Path | None = None,
    data_dir: Path | None = None,
    device: DeviceName = "cpu",
) -> Row:
    """Works through a grid, or through what is left of it, and returns what it says.

    Args:
        grid: what to train.
        dataset: a name or a path, as for `load_dataset`.
        out: the run directory; None names it after the configuration.
        data_dir: where data live.
        device: where to compute.

    Returns:
        `cells`, one row each with `best` and `tied`; `best`, its row; `best_command`; `nested`; `failures`.

    Raises:
        MnistFacesError: the dataset is not there, the directory holds another run, or the disk refuses.
    """
    reference = None if dataset in NAMES else dataset
    config = SweepConfig(grid=grid, reference=reference, swept=SWEPT, device=device, out=out)
    job = Sweep(config, DatasetReference(dataset, data_dir))
    for _ in job.run():
        pass
    job.finish()
    return job.summary
