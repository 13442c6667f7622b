"""Trainings and sweeps on a GPU that are cut off or do not fit. `pytest -m cuda`; skipped, and said, without one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from small_data import sample_of

from mnistfaces.config import SplitConfig, TrainConfig
from mnistfaces.engine import session, snapshots
from mnistfaces.errors import DeviceMemoryError
from mnistfaces.experiments.sweep import Sweep
from mnistfaces.experiments.sweep_config import SweepConfig
from mnistfaces.experiments.train import load_history, open_training, train_and_keep
from mnistfaces.experiments.trials import Cell, Grid, Trial
from mnistfaces.progress import Advanced, Event, Note
from mnistfaces.runs.runs import HISTORY, Run

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here that torch can use"),
]

FACE = TrainConfig(model="mlp", optimizer="adam", batch_size=16, reduction="mean", lr=1e-3)
LEARNING_RATES = (1e-4, 1e-3, 3e-3)
WIDE = FACE.with_(hidden=1000, batch_size=300, epochs=4)
"""784 inputs to 1,000 units: 13 MB per model with gradients and moments, 50 MB with what Adam computes on the way."""


def test_a_training_that_was_cut_off_goes_on_through_its_run_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("EVERY_SHARE", 0.0), ("LEAST_SECONDS", 0.0), ("COST", 0)):
        monkeypatch.setattr(snapshots, name, value)
    monkeypatch.setattr(session, "REPORT_SECONDS", 0)
    digits = sample_of(40)
    split = SplitConfig(train_per_class=30, val_per_class=5, test_per_class=5)
    trial = Trial(cell=Cell(training=FACE.with_(epochs=30), split=split), seed=1, split_seed=1)

    def run(name: str) -> Iterator[Event | Run]:
        return train_and_keep(open_training(digits, trial, device="cuda", every=1, out=tmp_path / name), digits, trial)

    (*_, whole) = run("whole")
    cut = run("cut")
    done = 0.0
    while done < 11:
        event = next(cut)
        done += event.amount if isinstance(event, Advanced) else 0
    cut.close()
    *said, gone_on = run("cut")
    assert any(isinstance(event, Note) and "goes on after epoch" in event.message for event in said)
    assert isinstance(whole, Run)
    assert isinstance(gone_on, Run)
    ours, theirs = (load_history(made.path / HISTORY) for made in (gone_on, whole))
    assert ours["epoch"] == theirs["epoch"]
    assert ours["train_loss"] == pytest.approx(theirs["train_loss"], abs=1e-4)


def test_a_sweep_that_was_cut_off_goes_on_through_its_run_folder(tmp_path: Path) -> None:
    digits = sample_of(40)
    split = SplitConfig(train_per_class=30, val_per_class=5, test_per_class=5)
    cells = tuple(
        Cell(training=FACE.with_(lr=lr, batch_size=size, epochs=10), split=split)
        for size in (16, 32)
        for lr in LEARNING_RATES
    )

    def job(name: str) -> Sweep:
        grid = Grid(cells=cells, seeds=(1, 2))
        return Sweep(
            SweepConfig(grid=grid, out=tmp_path / name, swept=("lr", "batch_size"), device="cuda"), lambda _: digits
        )

    whole = job("whole")
    list(whole.run())
    running = job("cut").run()
    next(event for event in running if isinstance(event, dict))
    running.close()
    gone_on = job("cut")
    left = len(gone_on.missing())
    assert 0 < left < 12
    assert sum(isinstance(event, dict) for event in gone_on.run()) == left
    ours, theirs = gone_on.kept.records, whole.kept.records
    assert ours.keys() == theirs.keys()
    for key, record in theirs.items():
        assert ours[key]["train_loss"] == pytest.approx(record["train_loss"], abs=1e-4)


def wide_sweep(folder: Path, rates: int) -> Sweep:
    digits = sample_of(40)
    split = SplitConfig(train_per_class=30, val_per_class=5, test_per_class=5)
    cells = tuple(Cell(training=WIDE.with_(lr=1e-4 * (1 + k)), split=split) for k in range(rates))
    grid = Grid(cells=cells, seeds=(1,))
    return Sweep(SweepConfig(grid=grid, out=folder, swept=("lr",), device="cuda"), lambda _: digits)


@pytest.fixture
def bounded_memory() -> Iterator[float]:
    """Yields the bytes of the GPU's memory; whatever a test allows itself of them is given back."""
    torch.cuda.empty_cache()
    yield torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(1.0)


def test_a_stack_that_does_not_fit_is_trained_in_smaller_ones_and_it_is_said(
    tmp_path: Path, bounded_memory: float
) -> None:
    torch.cuda.reset_peak_memory_stats()
    whole = wide_sweep(tmp_path / "whole", 32)
    list(whole.run())
    peak = torch.cuda.max_memory_reserved()
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(0.6 * peak / bounded_memory)
    halved = wide_sweep(tmp_path / "halved", 32)
    notes = [event.message for event in halved.run() if isinstance(event, Note)]
    assert any("models at once: half of them at a time" in note for note in notes), notes
    ours, theirs = halved.kept.records, whole.kept.records
    assert ours.keys() == theirs.keys()
    for key, record in theirs.items():
        assert ours[key]["train_loss"] == pytest.approx(record["train_loss"], abs=1e-4)


def test_memory_for_not_even_one_model_is_one_error(tmp_path: Path, bounded_memory: float) -> None:
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 2**22) / bounded_memory)
    with pytest.raises(DeviceMemoryError, match="the device's memory is full: try a smaller --batch-size"):
        list(wide_sweep(tmp_path / "out", 4).run())
