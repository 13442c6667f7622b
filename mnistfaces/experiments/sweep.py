"""A sweep on disk: a grid of trials in a run directory that grows, resumes and gathers shards."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from mnistfaces.config import DeviceName
from mnistfaces.datasets import NAMES, load_dataset
from mnistfaces.datasets.splits import settled
from mnistfaces.errors import DataError
from mnistfaces.experiments.commands import train_line, without_folds
from mnistfaces.experiments.execution.stacks import Checkpoint, train_group
from mnistfaces.experiments.plan import Draws, Group, draw_key, plan
from mnistfaces.experiments.results import COUNTS, METRICS, CellResult, count_tested, find_best, find_ties, nested_row
from mnistfaces.experiments.trials import SWEPT, Cell, Grid, LoadDataset, Row, Trial
from mnistfaces.files import Ledger, hash_of, read_records, sha256_of_file, write_json, write_text
from mnistfaces.progress import Event, Note, Stage
from mnistfaces.runs.predictions import Predictions, load_predictions, save_predictions
from mnistfaces.runs.runs import (
    PREDICTIONS,
    RESULTS,
    SUMMARY,
    RunFolder,
    configuration,
    describe,
    read_config,
    read_json,
    save_weights,
)
from mnistfaces.statistics.intervals import accuracy_interval

if TYPE_CHECKING:
    from mnistfaces.datasets.base import Dataset

LEDGER = "trials.ndjson"
PARTS = "parts"
WEIGHTS = "weights"


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
        self.config, self.grid = config, config.grid
        self.datasets = {data: load(data) for data in dict.fromkeys(cell.data for cell in self.grid.cells)}
        self.trials = self.grid.trials()
        self.keys = [self.key(trial) for trial in self.trials]
        self._places: dict[Cell, list[int]] = {}
        for place, trial in enumerate(self.trials):
            self._places.setdefault(trial.cell, []).append(place)
        self.folder = RunFolder(
            self._asked(), [LEDGER, RESULTS, PREDICTIONS, SUMMARY], out=config.out, force=config.force
        )
        shard = self.grid.shard
        self._own = self.folder.path / (LEDGER if shard is None else f"trials-{shard[0]}-of-{shard[1]}.ndjson")
        ledgers = [] if self.folder.replaces else sorted(self.folder.path.glob("trials*.ndjson"))
        there = {part.name for part in (self.folder.path / PARTS).glob("*.npz")}
        self.records = {
            record["trial"]: record
            for path in ledgers
            for record in read_records(path)
            if "trial" in record and record.get("part") in there
        }
        self.summary: Row = {}
        self.failures: list[str] = []
        self._draws = Draws(self.datasets)
        self._parts: dict[str, Predictions] = {}
        self._results: dict[Cell, CellResult] = {}
        self._kept = self._read_kept()

    @property
    def dataset(self) -> "Dataset":
        """Returns the dataset, at the first resolution."""
        return next(iter(self.datasets.values()))

    @property
    def timing(self) -> str:
        """Returns whose the seconds are: a model's own, or its share of a stack's."""
        return "isolated" if self.config.isolated else "shared"

    def key(self, trial: Trial) -> str:
        """Returns the hash under which a trial is found."""
        return trial.key(self.datasets[trial.cell.data], self.config.device)

    def missing(self) -> list[Trial]:
        """Returns the trials that are still to be done, for their weights perhaps."""
        places = [place for place, key in enumerate(self.keys) if key not in self.records]
        if self.config.keep_weights == "all":
            places += self._lacking_weights(range(len(self.trials)))
        return [self.trials[place] for place in places]

    def groups(self, trials: Sequence[Trial]) -> Iterator[Group]:
        """Yields the stacks in which these trials train."""
        return plan(trials, self.datasets, self._draws, isolated=self.config.isolated)

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
        trials = self.drawable(self.missing())
        self.folder.claim()
        yield from self._train(trials)
        yield from self._train([self.trials[place] for place in self._best_lacking_weights()])

    def _train(self, trials: Sequence[Trial]) -> Iterator[Row | Event]:
        """Does some trials, yielding how far they are, and each one's record once it is on the disk."""
        if not trials:
            return
        self._kept, groups, ledger = None, list(self.groups(trials)), Ledger(self._own)
        keep, device = self.config.keep_weights is not None, self.config.device
        yield Stage(name="sweep", total=sum(group.work for group in groups))
        for number, group in enumerate(groups, 1):
            yield Note(message=f"stack {number} of {len(groups)}: {group.describe()}", detail=True)
            for event in train_group(group, self.datasets[group.data], self._draws, device, keep_weights=keep):
                if isinstance(event, Checkpoint):
                    yield from self._keep(event, ledger)
                else:
                    yield event

    def _keep(self, found: Checkpoint, ledger: Ledger) -> Iterator[Row]:
        """Writes what trials answered, then their records: only finished work is recorded."""
        for key, weights in found.weights.items():
            save_weights(self.folder.path / WEIGHTS / f"{key}.safetensors", weights)
        part = f"{hash_of(found.predictions.trials.tolist())[:16]}.npz"
        save_predictions(self.folder.path / PARTS / part, found.predictions)
        records = [{**record, "part": part} for record in found.records]
        ledger.extend(records)
        self.records.update((record["trial"], record) for record in records)
        yield from records

    def is_done(self, cell: Cell) -> bool:
        """Returns whether every trial of a cell is done."""
        return all(self.keys[place] in self.records for place in self._places[cell])

    def result(self, cell: Cell) -> CellResult:
        """Returns what the trials of a cell that are done come to."""
        if cell in self._results:
            return self._results[cell]
        keys = [self.keys[place] for place in self._places[cell] if self.keys[place] in self.records]
        records = [self.records[key] for key in keys]
        scores = {
            (record["seed"], record["fold"]): self._part(record["part"]).scores(record["trial"]) for record in records
        }
        found = CellResult(cell, records, scores)
        if len(records) == len(self._places[cell]):
            self._results[cell] = found
        return found

    def row(self, cell: Cell) -> Row:
        """Returns the row of a cell."""
        if self._kept is not None:
            row = self._kept[cell]
            return {name: value for name, value in row.items() if name not in ("best", "tied")}
        same = {"dataset": self.datasets[cell.data].name, "seed": self.grid.seeds[0]}
        row = self.result(cell).row(len(self._places[cell]), **same)
        return {**row, "timing": self.timing, "run": str(self.folder.path)}

    def trial_rows(self, cell: Cell) -> list[Row]:
        """Returns a row per trial of a cell; a trial that failed has no numbers."""
        rows = []
        for place in self._places[cell]:
            trial, record = self.trials[place], self.records.get(self.keys[place], {})
            scores = self._part(record["part"]).scores(record["trial"]) if record else None
            interval = accuracy_interval([scores]) if scores and record["test_loss"] is not None else None
            rows.append(
                {
                    **cell.options(),
                    "dataset": self.datasets[cell.data].name,
                    "seed": trial.seed,
                    "fold": trial.fold if cell.split.folds else None,
                    **{field: record.get(field) for field in (*METRICS, *COUNTS)},
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
        """
        if self._kept is not None:
            return
        cells = self.grid.own_cells()
        results = [self.result(cell) for cell in cells]
        best, nested = find_best(results), nested_row(results)
        tied = find_ties(results, best)
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
            "nested": nested,
            "cells": rows,
            "failures": self.failures,
        }
        if self.grid.shard is None:
            self._write(None if best is None else cells[best])

    def _write(self, best: Cell | None) -> None:
        path, summary = self.folder.path, self.summary
        done = [self.records[key] for key in self.keys if key in self.records]
        if done:
            parts = [self._part(name) for name in dict.fromkeys(record["part"] for record in done)]
            joined = Predictions.joined(parts).only([record["trial"] for record in done])
            save_predictions(path / PREDICTIONS, joined)
        write_json(path / SUMMARY, summary)
        write_text(path / RESULTS, "".join(json.dumps(row, allow_nan=False) + "\n" for row in summary["cells"]))
        if self.config.keep_weights == "best" and best is not None:
            kept = {self.keys[place] for place in self._places[best]}
            for file in (path / WEIGHTS).glob("*.safetensors"):
                if file.stem not in kept:
                    file.unlink()
        files = [file for folder in (PARTS, WEIGHTS) for file in sorted((path / folder).glob("*.*"))]
        self.folder.finish(
            [file.relative_to(path).as_posix() for file in files],
            best_command=summary["best_command"],
            table=self._table(),
        )

    def _table(self) -> str:
        """Returns what the kept table says: of which trials, in which words, by which release."""
        return hash_of([metadata.version("mnistfaces"), self.config.reference, self.keys])

    def _read_kept(self) -> dict[Cell, Row] | None:
        """Returns the rows of the table that is on the disk, if it is this grid's and nothing is left to do."""
        if not self.folder.finished or self.grid.shard or self.config.keep_weights == "best" or self.missing():
            return None
        known, path = read_config(self.folder.path), self.folder.path
        tables = {name: known["sha256"].get(name) for name in (PREDICTIONS, RESULTS, SUMMARY)}
        if known.get("table") != self._table() or not all((path / name).exists() for name in tables):
            return None
        if any(sha256_of_file(path / name) != sha256 for name, sha256 in tables.items()):
            return None
        self.summary = read_json(path / SUMMARY)
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

    def _part(self, name: str) -> Predictions:
        if name not in self._parts:
            self._parts[name] = load_predictions(self.folder.path / PARTS / name)
        return self._parts[name]

    def _asked(self) -> Row:
        """Returns the configuration of the directory: all that its cells have in common, and no seeds."""
        cell, swept = self.grid.cells[0], set(self.config.swept)
        division = settled(cell.split, self.dataset)
        fixed: dict[str, object] = {**cell.training.to_dict(), **asdict(division)}
        if cell.data.color is not None:
            fixed["color"] = cell.data.color
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
        `cells`, a row each with `best` and `tied`; `best`, its row; `best_command`; `nested`; `failures`.

    Raises:
        MnistFacesError: the dataset is not there, the directory holds another run, or the disk refuses.
    """
    reference = None if dataset in NAMES else dataset
    config = SweepConfig(grid=grid, reference=reference, swept=SWEPT, device=device, out=out)
    job = Sweep(config, lambda data: load_dataset(dataset, data_dir=data_dir, **vars(data)))
    for _ in job.run():
        pass
    job.finish()
    return job.summary
