"""What a training keeps of itself while it runs: damaged, foreign or old, it is never believed."""

import errno
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from damage import unreadable
from kept_runs import MLP

from mnistfaces.config import SplitConfig
from mnistfaces.datasets.sample import load_sample
from mnistfaces.engine import snapshots
from mnistfaces.errors import FileError, RunError
from mnistfaces.experiments import unfinished
from mnistfaces.experiments.train import open_training, train_and_keep
from mnistfaces.experiments.trials import Cell, Trial
from mnistfaces.progress import Note
from mnistfaces.runs.runs import Run
from mnistfaces.runs.snapshots import BEFORE, NEWEST, read_snapshots, save_snapshot

TRIAL = Trial(cell=Cell(training=MLP, split=SplitConfig(train_per_class=30)), seed=0, split_seed=0)


@pytest.fixture(autouse=True)
def snapshot_after_every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("EVERY_SHARE", 0.0), ("LEAST_SECONDS", 0.0), ("COST", 0)):
        monkeypatch.setattr(snapshots, name, value)


def train(out: Path, *, trial: Trial = TRIAL, force: bool = False) -> tuple[Run, list[str]]:
    """Trains into a folder; returns the kept run and what was said."""
    sample = load_sample()
    folder = open_training(sample, trial, device="cpu", every=None, out=out, force=force)
    events = list(train_and_keep(folder, sample, trial))
    return next(event for event in events if isinstance(event, Run)), [
        event.message for event in events if isinstance(event, Note)
    ]


def interrupted(out: Path, snapshots_kept: int, trial: Trial = TRIAL) -> Path:
    """Leaves a folder as a training leaves it that ends after so many snapshots."""
    count = 0

    def end(*arguments: object) -> None:
        nonlocal count
        if count == snapshots_kept:
            raise KeyboardInterrupt
        count += 1
        save_snapshot(*arguments)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unfinished, "save_snapshot", end)
        with pytest.raises(KeyboardInterrupt):
            train(out, trial=trial)
    return out


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of the training that nothing interrupts."""
    run, _ = train(tmp_path_factory.mktemp("whole") / "run")
    return files_of(run.path)


def files_of(folder: Path) -> dict[str, bytes]:
    names = ("weights.safetensors", "predictions.npz", "history.csv")
    return {name: (folder / name).read_bytes() for name in names}


def test_a_refit_goes_on_with_the_epoch_that_validation_chose(tmp_path: Path) -> None:
    training = MLP.with_(select="best", refit=True)
    trial = Trial(cell=Cell(training=training, split=SplitConfig(train_per_class=30)), seed=0, split_seed=0)
    undisturbed, _ = train(tmp_path / "whole", trial=trial)
    folder = interrupted(tmp_path / "run", 2, trial)
    run, said = train(folder, trial=trial)
    assert said[-1] == f"{folder} goes on after epoch 2"  # and does not choose again
    assert files_of(folder) == files_of(undisturbed.path)
    assert run.row["epoch"] == undisturbed.row["epoch"] <= training.epochs


def test_it_goes_on_from_the_newest_and_ends_as_if_nothing_had_happened(
    tmp_path: Path, whole: dict[str, bytes]
) -> None:
    folder = interrupted(tmp_path / "run", 4)
    run, said = train(folder)
    assert said[-1] == f"{folder} goes on after epoch 4"
    assert files_of(folder) == whole
    assert not list(folder.glob("*.snapshot*"))
    assert not [name for name in run.config["files"] if "snapshot" in name]


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def halved(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [flipped, halved, emptied])
def test_a_damaged_one_gives_way_to_the_one_before_and_both_to_the_beginning(
    damage: Callable[[Path], None], tmp_path: Path, whole: dict[str, bytes]
) -> None:
    folder = interrupted(tmp_path / "run", 4)
    damage(folder / NEWEST)
    _, said = train(folder)
    assert f"{folder / NEWEST} is damaged" in said[-2]
    assert said[-1] == f"{folder} goes on after epoch 3"
    assert files_of(folder) == whole
    folder = interrupted(tmp_path / "other", 2)
    damage(folder / NEWEST)
    damage(folder / BEFORE)
    _, said = train(folder)
    assert all("is damaged" in line for line in said[-2:])
    assert files_of(folder) == whole


def test_one_that_cannot_be_read_now_costs_no_work(tmp_path: Path, whole: dict[str, bytes]) -> None:
    folder = interrupted(tmp_path / "run", 4)
    with (
        unreadable(folder / NEWEST, errno.EMFILE),
        pytest.raises(FileError, match=f"cannot read {folder / NEWEST}: Too many open files"),
    ):
        train(folder)
    _, said = train(folder)
    assert said[-1] == f"{folder} goes on after epoch 4"
    assert files_of(folder) == whole


def test_another_version_of_a_program_begins_again_and_says_so(
    tmp_path: Path, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = interrupted(tmp_path / "run", 3)
    known = unfinished.versions()
    monkeypatch.setattr(unfinished, "versions", lambda: {**known, "torch": "9.0"})
    _, said = train(folder)
    assert f"was begun with python {known['python']}" in said[-1]
    assert files_of(folder) == whole


def test_a_snapshot_of_another_configuration_is_not_used(tmp_path: Path, whole: dict[str, bytes]) -> None:
    folder = interrupted(tmp_path / "run", 1)
    other = Trial(cell=TRIAL.cell.with_(lr=2e-3), seed=0, split_seed=0)
    strange = interrupted(tmp_path / "strange", 3, other)
    (strange / NEWEST).replace(folder / NEWEST)
    _, said = train(folder)
    assert not [line for line in said if "goes on" in line]
    assert files_of(folder) == whole


def test_another_configuration_takes_the_place_of_an_unfinished_one_by_force(tmp_path: Path) -> None:
    other = Trial(cell=TRIAL.cell.with_(lr=2e-3), seed=0, split_seed=0)
    folder = interrupted(tmp_path / "run", 3, other)
    with pytest.raises(RunError, match="holds another run"):
        train(folder)
    train(folder, force=True)
    assert not list(folder.glob("*.snapshot*"))


def test_force_begins_again(tmp_path: Path, whole: dict[str, bytes]) -> None:
    folder = interrupted(tmp_path / "run", 3)
    _, said = train(folder, force=True)
    assert not [line for line in said if "goes on" in line]
    assert files_of(folder) == whole


def test_a_process_killed_between_its_two_renames_leaves_the_one_before(tmp_path: Path) -> None:
    save_snapshot(tmp_path, {"a": np.arange(3)}, {"number": 1})
    save_snapshot(tmp_path, {"a": np.arange(4)}, {"number": 2})
    (tmp_path / NEWEST).unlink()
    ((arrays, facts),) = (found for found in read_snapshots(tmp_path) if not isinstance(found, Note))
    assert (arrays["a"].tolist(), facts) == ([0, 1, 2], {"number": 1})
