"""A Dask cluster on the loopback: the same bits, and nothing lost when workers and scheduler die."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Mnf
from dask_cluster import DaskCluster, dask_cluster
from distributed import Client, get_worker

from mnistfaces.config import DeviceName
from mnistfaces.execution.cluster import Cluster
from mnistfaces.execution.dispatch import Done, dispatch
from mnistfaces.execution.tasks import Task, Tell

SMALL = (
    *("sweep", "digits-sample", "--train-per-class", "10", "--epochs", "10,30", "--batch-size", "16,32"),
    *("--lr", "1e-3,1e-4", "--seeds", "2"),
)
LONG = (
    *("sweep", "digits-sample", "--train-per-class", "20", "--epochs", "250", "--lr", "1e-4", "--per-seed"),
    *("--batch-size", "5,6,7,8,9,10,11,12,13,14", "--seeds", "2"),
)
OTHER_VERSION = """
from importlib import metadata
known = metadata.version
metadata.version = lambda name: "0.0.9" if name == "mnistfaces" else known(name)
"""


def numbers(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{field: value for field, value in row.items() if field not in ("seconds", "run")} for row in rows]


def test_workers_give_the_bits_of_one_thread_here(mnf: Mnf) -> None:
    alone = mnf(*SMALL, "--out", "alone")
    with dask_cluster(mnf.folder / "dask", mnf.environment(), workers=2) as cluster:
        planned = mnf(*SMALL, "--out", "spread", "--engine", f"dask={cluster.address}", "--dry-run")
        assert f"Dask cluster at {cluster.address} ({os.uname().nodename})" in planned.stderr
        spread = mnf(*SMALL, "--out", "spread", "--engine", f"dask={cluster.address}")
    assert numbers(spread.rows) == numbers(alone.rows)
    records = [json.loads(line) for line in (mnf.folder / "spread" / "trials.ndjson").read_text().splitlines()]
    assert {(record["host"], bool(record["processor"])) for record in records} == {(os.uname().nodename, True)}


def test_a_cluster_of_this_machine_is_started_and_ended(mnf: Mnf) -> None:
    jobs = os.cpu_count() or 1  # one thread each
    spread = mnf(*SMALL, "--out", "spread", "--engine", "dask", "--jobs", jobs)
    assert numbers(spread.rows) == numbers(mnf(*SMALL, "--out", "alone").rows)


def test_a_cluster_of_this_machine_is_named_without_being_started(mnf: Mnf, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = mnf(*SMALL, "--engine", "dask", "--jobs", 3, "--dry-run")
    assert "on 3 workers of a Dask cluster on this machine" in planned.stderr
    monkeypatch.setattr("mnistfaces.execution.cluster._local_cluster", None)  # whoever starts it fails
    workers = Cluster(None, 3, "cpu")
    with workers.asked():
        assert (workers.count, workers.where()) == (3, "on 3 workers of a Dask cluster on this machine")


def records_in(ledger: Path) -> int:
    return len(ledger.read_text().splitlines()) if ledger.exists() else 0


def wait_for(records: int, ledger: Path, process: "subprocess.Popen[str]") -> None:
    limit = time.monotonic() + 120
    while records_in(ledger) < records:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit
        time.sleep(0.02)


@pytest.mark.timed
def test_no_finished_trial_is_lost_when_a_worker_is_killed_and_then_the_scheduler(mnf: Mnf) -> None:
    whole = mnf(*LONG, "--out", "whole")
    ledger = mnf.folder / "cut" / "trials.ndjson"
    with dask_cluster(mnf.folder / "dask", mnf.environment(), workers=2) as cluster:
        command = mnf.command(*LONG, "--out", "cut", "--engine", f"dask={cluster.address}")
        with subprocess.Popen(
            command,
            cwd=mnf.folder,
            env=mnf.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        ) as process:
            wait_for(2, ledger, process)
            os.kill(cluster.workers[0].pid, signal.SIGKILL)
            before = records_in(ledger)
            wait_for(before + 6, ledger, process)  # the other one goes on with the work of both
            os.kill(cluster.scheduler.pid, signal.SIGKILL)
            _, complaint = process.communicate(timeout=60)
    assert process.returncode == 1
    assert complaint.splitlines()[-1].startswith(f"mnf: the Dask scheduler at {cluster.address} went away")
    assert "Traceback" not in complaint
    kept = ledger.read_text()
    assert before + 6 <= records_in(ledger) < len(whole.rows)
    again = mnf(*LONG, "--out", "cut")
    assert f"{len(whole.rows) - len(kept.splitlines())} to do" in again.stderr
    assert ledger.read_text().startswith(kept)
    assert numbers(again.rows) == numbers(whole.rows)


def refused(mnf: Mnf, cluster: DaskCluster) -> str:
    while True:  # until the worker has come
        done = mnf(*SMALL, "--out", "out", "--engine", f"dask={cluster.address}", "--dry-run", code=None)
        if "none there yet" not in done.stderr:
            assert done.code == 1
            return done.complaint


def test_a_worker_with_another_version_is_refused_with_one_line(mnf: Mnf) -> None:
    preload = mnf.folder / "other.py"
    preload.write_text(OTHER_VERSION)
    with dask_cluster(mnf.folder / "dask", mnf.environment(), workers=0) as cluster:
        cluster.add_worker("--preload", str(preload))
        complaint = refused(mnf, cluster)
    assert "has mnistfaces 0.0.9, arithmetic" in complaint
    assert complaint.endswith("install the same there")
    assert not (mnf.folder / "out").exists()


def test_an_address_where_no_scheduler_answers_is_one_line(mnf: Mnf) -> None:
    done = mnf(*SMALL, "--engine", "dask=tcp://127.0.0.1:9", code=1)
    assert done.complaint == "no Dask scheduler answers at tcp://127.0.0.1:9: start one with `dask scheduler`"


def test_without_dask_the_line_says_what_to_install(mnf: Mnf) -> None:
    (mnf.folder / "distributed.py").write_text("raise ImportError('not here')")
    done = mnf(*SMALL, "--engine", "dask", env={"PYTHONPATH": str(mnf.folder)}, code=1)
    assert done.complaint == "--engine dask needs Dask: pip install 'mnistfaces[dask]'"


def name_of_the_worker() -> Task[str]:
    def work(tell: Tell) -> str:
        tell(0.25)
        return str(get_worker().name)

    return Task(work=work, amount=1, words="a name", contents="a name", device="cpu", threads=1)


@pytest.mark.parametrize(("device", "reached"), [("cuda", {"gpu"}), ("cpu", {"gpu", "plain"})])
def test_only_workers_that_declare_a_gpu_get_tasks_for_one(mnf: Mnf, device: DeviceName, reached: set[str]) -> None:
    with dask_cluster(mnf.folder / "dask", mnf.environment(), workers=0) as cluster:
        cluster.add_worker("--name", "plain")
        cluster.add_worker("--name", "gpu", "--resources", "GPU=1")
        workers = wait_for_both(cluster, device)
        with workers:
            assert workers.count == len(reached)
            ends = [
                end for end in dispatch([name_of_the_worker() for _ in range(12)], workers) if isinstance(end, Done)
            ]
            assert {end.result for end in ends} == reached
            assert ("workers with a GPU" in workers.where()) == (device == "cuda")
            assert workers.submit(99, name_of_the_worker()).result(60) in reached
            limit = time.monotonic() + 60
            while (99, 0.25) not in workers.told():  # it comes by another way than the result
                assert time.monotonic() < limit
                time.sleep(0.02)


def wait_for_both(cluster: DaskCluster, device: DeviceName) -> Cluster:
    with Client(cluster.address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)
    return Cluster(cluster.address, None, device)


def test_a_gpu_that_nobody_declares_or_nobody_has_is_one_line(mnf: Mnf) -> None:
    command = (*SMALL, "--out", "out", "--device", "cuda")
    with dask_cluster(mnf.folder / "dask", mnf.environment(), workers=2) as cluster:
        wait_for_both(cluster, "cuda")
        done = mnf(*command, "--engine", f"dask={cluster.address}", code=1)
        assert done.complaint.startswith(f"none of the 2 workers of {cluster.address} declares a GPU: start one with ")
        cluster.add_worker("--name", "boast", "--resources", "GPU=1")
        while "declares a GPU" in (done := mnf(*command, "--engine", f"dask={cluster.address}", code=1)).complaint:
            time.sleep(0.1)
    assert done.complaint.startswith("worker ")
    assert done.complaint.endswith("--device cuda: this machine has none that torch can use")
