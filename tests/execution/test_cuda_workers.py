"""Processes and Dask workers that compute on a GPU. `pytest -m cuda`; skipped, and said, where there is none."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from dask_cluster import dask_cluster
from distributed import Client

from mnistfaces.config import SplitConfig, TrainConfig
from mnistfaces.devices import processor_name
from mnistfaces.execution.cluster import Cluster
from mnistfaces.execution.dispatch import Workers
from mnistfaces.execution.processes import Processes
from mnistfaces.execution.reference import DatasetReference
from mnistfaces.experiments.sweep import Sweep
from mnistfaces.experiments.sweep_config import SweepConfig
from mnistfaces.experiments.trials import Cell, Grid

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here that torch can use"),
]

SPLIT = SplitConfig(train_per_class=30, val_per_class=5, test_per_class=5)
CELLS = tuple(
    Cell(training=TrainConfig(model="mlp", optimizer="adam", batch_size=size, lr=lr, epochs=5), split=SPLIT)
    for size in (16, 32)
    for lr in (1e-3, 1e-4)
)


def records(folder: Path, workers: Workers | None) -> dict[str, dict[str, Any]]:
    config = SweepConfig(
        grid=Grid(cells=CELLS, seeds=(1, 2)), out=folder, swept=("lr", "batch_size"), device="cuda", workers=workers
    )
    job = Sweep(config, DatasetReference("digits-sample"))
    list(job.run())
    return dict(job.kept.records)


@contextlib.contextmanager
def workers_of(kind: str, folder: Path) -> Iterator[Workers]:
    if kind == "processes":
        yield Processes(2)
    elif kind == "a cluster of this machine":
        yield Cluster(None, None, "cuda")
    else:
        with dask_cluster(folder / "dask", os.environ, workers=1) as cluster:
            cluster.add_worker("--name", "gpu", "--resources", "GPU=1")
            with Client(cluster.address, set_as_default=False) as client:
                client.wait_for_workers(2, timeout=60)
            yield Cluster(cluster.address, None, "cuda")


@pytest.mark.parametrize("kind", ["processes", "a cluster of this machine", "a cluster with and without a GPU"])
def test_workers_with_a_gpu_give_the_losses_of_this_process(kind: str, tmp_path: Path) -> None:
    alone = records(tmp_path / "alone", None)
    with workers_of(kind, tmp_path) as workers:
        spread = records(tmp_path / "spread", workers)
    assert spread.keys() == alone.keys()
    for key, record in alone.items():
        assert spread[key]["processor"] == processor_name("cuda")
        assert spread[key]["train_loss"] == pytest.approx(record["train_loss"], abs=1e-4)
