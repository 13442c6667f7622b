"""Local processes: the same bits, and nothing lost when one of them dies."""

import itertools
import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import loaders
import pytest

from mnistfaces.config import SplitConfig, TrainConfig
from mnistfaces.errors import WorkerError
from mnistfaces.execution.dispatch import Lost, Workers, dispatch
from mnistfaces.execution.processes import Processes
from mnistfaces.execution.reference import LoadDataset
from mnistfaces.execution.tasks import Task
from mnistfaces.experiments.sweep import Sweep
from mnistfaces.experiments.sweep_config import SweepConfig
from mnistfaces.experiments.trials import Cell, Grid
from mnistfaces.progress import Advanced, Stage

TRAINING = TrainConfig(model="mlp", hidden=5, optimizer="adam", reduction="mean", batch_size=6)
SPLIT = SplitConfig(train_per_class=7, val_per_class=3, test_per_class=5)


def grid(epochs: int = 4) -> Grid:
    cells = tuple(
        Cell(training=TRAINING.with_(lr=lr, batch_size=size, epochs=epochs), split=SPLIT)
        for lr, size in itertools.product([1e-3, 1e-2], [5, 6, 7])
    )
    return Grid(cells=cells, seeds=(0, 1))


def open_sweep(
    out: Path,
    workers: Workers | None = None,
    load: LoadDataset = loaders.load,
    asked: Grid | None = None,
    **options: Any,  # noqa: ANN401  SweepConfig's own
) -> Sweep:
    config = SweepConfig(grid=asked or grid(), swept=("lr", "batch_size"), out=out, workers=workers, **options)
    return Sweep(config, load)


def one_each(count: int) -> Processes:
    workers = Processes(count)
    workers.threads = 1
    return workers


def table(job: Sweep) -> list[dict[str, Any]]:
    job.finish()
    return [{k: v for k, v in row.items() if k not in ("seconds", "run")} for row in job.summary["cells"]]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    job = open_sweep(tmp_path_factory.mktemp("alone"))
    list(job.run())
    return table(job)


def test_two_processes_give_the_bits_of_one(alone: list[dict[str, Any]], tmp_path: Path) -> None:
    job = open_sweep(tmp_path, one_each(2))
    events = list(job.run())
    assert table(job) == alone
    (stage,) = (event for event in events if isinstance(event, Stage))
    assert sum(event.amount for event in events if isinstance(event, Advanced)) == stage.total
    assert {record["host"] for record in job.kept.records.values()} == {os.uname().nodename}
    assert job.processors() == [next(iter(job.kept.records.values()))["processor"]]
    assert multiprocessing.active_children() == []


def test_a_process_that_is_killed_takes_no_work_with_it(tmp_path: Path) -> None:
    whole = open_sweep(tmp_path / "whole", asked=grid(epochs=1000))
    list(whole.run())
    job = open_sweep(tmp_path / "killed", one_each(2), asked=grid(epochs=1000))
    killed = 0
    for event in job.run():
        if isinstance(event, Advanced) and not killed:
            victim = multiprocessing.active_children()[0]
            os.kill(victim.pid or 0, signal.SIGKILL)
            killed += 1
    assert killed == 1
    assert job.failures == []
    assert table(job) == table(whole)


def test_a_stack_whose_process_dies_every_time_is_given_up_and_its_cells_fail(tmp_path: Path) -> None:
    job = open_sweep(tmp_path, one_each(2), loaders.load_and_die_elsewhere)
    list(job.run())
    assert {row["status"] for row in table(job)} == {"failed"}
    (reason,) = set(job.failures)
    assert reason == "4 trials: their worker died each time (out of memory?)"
    assert len(job.failures) == 3
    with pytest.raises(WorkerError, match="died each time"):
        list(open_sweep(tmp_path, one_each(2), loaders.load_and_die_elsewhere, fail_fast=True).run())


def test_a_worker_with_other_data_is_refused(tmp_path: Path) -> None:
    job = open_sweep(tmp_path, one_each(1), loaders.OtherElsewhere(os.getpid()))
    with pytest.raises(WorkerError, match=r"^worker \S+ has another content of .* copy this machine's data there$"):
        list(job.run())


def test_a_worker_with_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda _: "9.9")
    with pytest.raises(WorkerError, match=r"^worker \S+ has mnistfaces .* here is mnistfaces 9.9, arithmetic"):
        list(open_sweep(tmp_path, one_each(1)).run())
    assert multiprocessing.active_children() == []


def test_work_that_is_broken_off_ends_its_processes(tmp_path: Path) -> None:
    work = open_sweep(tmp_path, one_each(2), asked=grid(epochs=20_000)).run()
    for event in work:
        if isinstance(event, Advanced):
            break
    assert len(multiprocessing.active_children()) == 2
    work.close()  # type: ignore[attr-defined]
    assert multiprocessing.active_children() == []


def test_a_process_that_dies_in_the_middle_of_its_answer_is_not_waited_for() -> None:
    task = Task(work=loaders.die_answering, amount=1, words="", contents="an answer", device="cpu", threads=1)
    with one_each(1) as workers:
        workers.retries = 0
        (ended,) = [event for event in dispatch([task], workers) if isinstance(event, Lost)]
    assert ended.reason == "an answer: their worker died each time (out of memory?)"
    assert multiprocessing.active_children() == []
