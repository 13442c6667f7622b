"""A sweep on disk: a grid of trials in a run directory that grows, resumes and gathers shards.

What there is to do is in `worklist`, how it is cut into stacks in `plan`, what is done in `kept`, what that came to
in `outcomes`, and what all cells together tell in `summary`.
"""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mnistfaces.config import DeviceName
from mnistfaces.datasets import NAMES
from mnistfaces.datasets.augmentation import notes_on, require_images
from mnistfaces.engine.closed.sizes import require_size
from mnistfaces.engine.draws import require_unlike
from mnistfaces.errors import DataError, WorkerError
from mnistfaces.execution.dispatch import Done, Lost, dispatch
from mnistfaces.execution.reference import DatasetReference, LoadDataset
from mnistfaces.experiments.final import FinalTrials, without_refit
from mnistfaces.experiments.full_batches import without_equals
from mnistfaces.experiments.kept import LEDGER, LEDGERS, KeptTrials, TrialRecord
from mnistfaces.experiments.outcomes import Outcomes
from mnistfaces.experiments.plan import Draws, StackPlan, draw_key, plan
from mnistfaces.experiments.stacks import Checkpoint, train_planned
from mnistfaces.experiments.summary import Summary, best_cell, read_summary, rows_alone, summarise, write_summary
from mnistfaces.experiments.sweep_config import SweepConfig, asked_of
from mnistfaces.experiments.tasks import tasks_of
from mnistfaces.experiments.trials import SWEPT, Grid, Row, Trial
from mnistfaces.experiments.worklist import Worklist
from mnistfaces.files.ledger import Ledger
from mnistfaces.progress import Event, Note, Stage
from mnistfaces.runs.folder import RunFolder
from mnistfaces.runs.runs import PREDICTIONS, RESULTS, SUMMARY

if TYPE_CHECKING:
    from mnistfaces.datasets.base import Dataset


class Sweep:
    """A grid in its run directory.

    Attributes:
        config: what is asked for.
        datasets: by their form.
        grid: what is asked for, each distinct training once, as it is trained to choose.
        refits: whether the chosen setting is trained again, validation images included.
        remarks: what is to be said of the grid: cells that were equal, changed images that are no digits.
        worklist: every trial that this process is to do.
        folder: the run directory.
        kept: what of it is done.
        outcomes: what that came to: the rows.
        failures: why trials could not be done.
        summary: what only all cells together can tell, once `finish` found it.
    """

    def __init__(self, config: SweepConfig, load: LoadDataset) -> None:
        """Opens the run directory and reads what is done.

        Raises:
            DataError: a dataset is not there.
            UsageError: images are to be changed where there are none.
            RunError: another configuration's results are in the directory.
        """
        self.config, self._load = config, load
        self.grid, self.refits = without_refit(config.grid)
        self.datasets = {data: load(data) for data in dict.fromkeys(cell.data for cell in self.grid.cells)}
        self._draws = Draws(self.datasets)
        self.grid, equals = without_equals(self.grid, self._draws) if config.merges else (self.grid, [])
        changes = list(dict.fromkeys((cell.data, cell.training.augment) for cell in self.grid.cells))
        for data, augment in changes:
            require_images(self.datasets[data], augment)
        self.remarks = [
            *equals,
            *(note for data, augment in changes for note in notes_on(self.datasets[data], augment)),
        ]
        self.worklist = Worklist(self.grid, self.datasets, config.device)
        files = [RESULTS, PREDICTIONS, SUMMARY]
        self.folder = RunFolder(
            asked_of(config, self.grid, self.datasets), files, out=config.out, force=config.force, grows=LEDGERS
        )
        self.kept = KeptTrials(self.folder)
        self.failures: list[str] = []
        self._look()

    @property
    def dataset(self) -> "Dataset":
        """Returns the dataset, at the first resolution."""
        return next(iter(self.datasets.values()))

    def _look(self) -> None:
        """Takes over the finished table where nothing is left to do; else all rows are to be made."""
        names = {data: dataset.name for data, dataset in self.datasets.items()}
        timing = "isolated" if self.config.isolated else "shared"
        same = {"timing": timing, "run": str(self.folder.path)}
        self.outcomes = Outcomes(self.worklist, self.kept, names, same)
        summary = None
        if self.folder.finished and self.grid.shard is None and self.config.keep_weights != "best":
            known = None if self._missing_cells() else self._read_summary()
            done = known is not None and all(trial["trial"] in self.kept.records for trial in known["best_trials"])
            summary = known if done else None
        self.summary: Row = summary or {}
        if summary is not None:
            self.outcomes.take(dict(zip(self.worklist.cells, rows_alone(summary), strict=True)))

    def _read_summary(self) -> Row | None:
        return read_summary(self.folder, self.worklist, self.config.reference, refits=self.refits)

    def processors(self) -> list[str]:
        """Returns the makes of the processors that trials were done on, where their records say so."""
        done = (self.kept.records.get(key, {}) for key in self.worklist.keys)
        return sorted({record["processor"] for record in done if "processor" in record})

    def missing(self) -> list[Trial]:
        """Returns the trials that are to be done, for their weights perhaps; those that follow on a choice are last."""
        missing = self._missing_cells()
        if not missing and not self.summary and (final := self.final()) is not None:
            return final.missing()
        return missing

    def _missing_cells(self) -> list[Trial]:
        done = self.kept.records
        if self.refits and any(cell.training.select == "best" for cell in self.grid.cells):
            done = {key: record for key, record in done.items() if record.get("best_epoch") is not None}
        missing = list(self.worklist.missing(done))
        if self.config.keep_weights == "all":
            missing += self.worklist.named(self.kept.lacking_weights(self.worklist.keys))
        return missing

    def final(self) -> FinalTrials | None:
        """Returns the trainings that follow on the choice that the trials done so far make; None where none were asked.

        A shard does not know all cells, and chooses nothing.
        """
        if not self.refits or self.grid.shard is not None:
            return None
        return FinalTrials(self.worklist, self.kept, [self.outcomes.result(cell) for cell in self.worklist.cells])

    def final_rows(self, *, per_seed: bool) -> list[Row]:
        """Returns the row of the chosen setting, trained again, or a row per trial of it, once `finish` found it."""
        if not per_seed:
            return [row for row in [self.summary.get("final")] if row is not None]
        final = self.final()
        results = [] if final is None else final.results_by_trial()
        return [self.outcomes.trial_row_of(result.cell, result.records[0], result.tested) for result in results]

    def stacks(self, trials: Sequence[Trial]) -> Iterator[StackPlan]:
        """Yields the stacks in which these trials train."""
        workers = self.config.workers.count if self.config.workers else 1
        return plan(trials, self.datasets, self._draws, isolated=self.config.isolated, workers=workers)

    def drawable(self, trials: Sequence[Trial]) -> list[Trial]:
        """Returns the trials whose splits can be drawn and are not too large; the others are added to `failures`.

        Raises:
            DataError: a split cannot be drawn, or is too large, and the configuration says to fail fast.
            UsageError: an ensemble's models would be the same.
        """
        able = []
        for trial in trials:
            try:
                images, training = len(self._draws.of(draw_key(trial)).split.train), trial.cell.training
                require_size(training, images * training.copies, self.datasets[trial.cell.data].inputs.shape[1])
                require_unlike(training, images)
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
            self.kept.look()  # another process may have done some meanwhile, and damaged lines are gone
            self._look()
            yield from self._train(self.drawable(self._missing_cells()), ledger)
            final = None if self.summary else self.final()
            if final is not None:
                yield from self._train(final.missing(), ledger)
            if self.config.keep_weights == "best":
                of_best = self._trials_of_best(final)
                lacking = self.kept.lacking_weights([self.worklist.key(trial) for trial in of_best])
                yield from self._train([trial for trial in of_best if self.worklist.key(trial) in lacking], ledger)

    def _trials_of_best(self, final: FinalTrials | None) -> list[Trial]:
        """Returns the trials whose models are those of the cell that validation chose."""
        if final is not None:
            return list(final.of_best.values())
        best = best_cell(self.worklist, self.outcomes)
        return [] if best is None else [self.worklist.trials[place] for place in self.worklist.places(best)]

    def _train(self, trials: Sequence[Trial], ledger: Ledger) -> Iterator[Row | Event]:
        """Does some trials, yielding how far they are, and each one's record once it is on the disk."""
        if not trials:
            return
        with self.config.workers or contextlib.nullcontext():
            stacks = list(self.stacks(trials))
            yield Stage(name="sweep", total=sum(stack.work for stack in stacks))
            for event in self._executed(stacks):
                if isinstance(event, Checkpoint):
                    yield from self.kept.keep(event, ledger)
                elif not isinstance(event, Lost):
                    yield event
                elif self.config.fail_fast:
                    raise WorkerError(event.reason)
                else:
                    self.failures.append(event.reason)

    def _executed(self, stacks: Sequence[StackPlan]) -> Iterator[Event | Checkpoint | Lost]:
        """Trains stacks in this process or on the workers."""
        keep, device, workers = self.config.keep_weights is not None, self.config.device, self.config.workers
        if workers is None:
            for number, stack in enumerate(stacks, 1):
                yield Note(message=f"stack {number} of {len(stacks)}: {stack.describe()}", detail=True)
                yield from train_planned(stack, self.datasets[stack.data], self._draws, device, keep_weights=keep)
            return
        threads = workers.threads
        tasks = tasks_of(stacks, self._load, self.datasets, device=device, threads=threads, keep_weights=keep)
        for event in dispatch(list(tasks), workers):
            if isinstance(event, Done):
                yield from event.result
            else:
                yield event

    def finish(self) -> None:
        """Finds the best cell and its ties and, unless this is a shard, writes all that the sweep says.

        Raises:
            FileError: the disk refuses.
            RunError: another process has made the directory another sweep's since `run` ended.
        """
        if self.summary:
            return
        reference = self.config.reference
        final = self.final()
        found = summarise(self.worklist, self.outcomes, self.datasets, reference, final)
        self.summary = {**found, "failures": self.failures}
        if self.grid.shard is None:
            with self.folder:
                for _ in self.folder.claim():
                    pass
                if self.config.keep_weights == "best" and found["best"] is not None:
                    self.kept.drop_weights_but({trial["trial"] for trial in found["best_trials"]})
                self.kept.drop_parts_of_nobody()
                write_summary(self.folder, self.worklist, self.kept, self.summary, reference=reference, final=final)


def sweep(
    grid: Grid,
    dataset: str = "digits",
    *,
    out: Path | None = None,
    data_dir: Path | None = None,
    device: DeviceName = "cpu",
) -> Summary:
    """Works through a grid, or through what is left of it, and returns what it says.

    Args:
        grid: what to train.
        dataset: a name or a path, as for `load_dataset`.
        out: the run directory; None names it after the configuration.
        data_dir: where data live.
        device: where to compute.

    Returns:
        `cells`, one row each with `best` and `tied`; `best`, its row; `best_command`; `final`, the row of the best cell
        trained again, where a cell asks for `refit`; `nested`; `failures`.

    Raises:
        MnistFacesError: the dataset is not there, the directory holds another run, or the disk refuses.
    """
    reference = None if dataset in NAMES else dataset
    config = SweepConfig(grid=grid, reference=reference, swept=SWEPT, device=device, out=out)
    job = Sweep(config, DatasetReference(dataset, data_dir))
    for _ in job.run():
        pass
    job.finish()
    return Summary(job.summary)
