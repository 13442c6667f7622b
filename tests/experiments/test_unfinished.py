"""What a training keeps of itself while it runs: damaged, foreign or old, it is never believed."""

import errno
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from damage import unreadable
from kept_runs import MLP
from small_data import make_dataset

from mnistfaces.config import SplitConfig
from mnistfaces.datasets.base import Dataset
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


def train(
    out: Path, *, trial: Trial = TRIAL, force: bool = False, dataset: Dataset | None = None
) -> tuple[Run, list[str]]:
    """Trains into a folder; returns the kept run and what was said."""
    sample = load_sample() if dataset is None else dataset
    folder = open_training(sample, trial, device="cpu", every=None, out=out, force=force)
    events = list(train_and_keep(folder, sample, trial))
    return next(event for event in events if isinstance(event, Run)), [
        event.message for event in events if isinstance(event, Note)
    ]


def interrupted(out: Path, snapshots_kept: int, trial: Trial = TRIAL, dataset: Dataset | None = None) -> Path:
    """Leaves a folder as a training leaves it that ends after so many snapshots."""
    count = 0

    def end(*arguments: object) -> None:
        nonlocal count
        save_snapshot(*arguments)  # type: ignore[arg-type]
        count += 1
        if count == snapshots_kept:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unfinished, "save_snapshot", end)
        with pytest.raises(KeyboardInterrupt):
            train(out, trial=trial, dataset=dataset)
    return out


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of the training that nothing interrupts."""
    run, _ = train(tmp_path_factory.mktemp("whole") / "run")
    return files_of(run.path)


def files_of(folder: Path) -> dict[str, bytes]:
    names = ("weights.safetensors", "predictions.npz", "history.csv")
    return {name: (folder / name).read_bytes() for name in names if (folder / name).exists()}


SMALL = replace(make_dataset((30, 30, 30)), shape=(4, 5))


def trial_of(**training: Any) -> Trial:  # noqa: ANN401  options of all types
    split = SplitConfig(train_per_class=10, val_per_class=5, test_per_class=10)
    return Trial(cell=Cell(training=MLP.with_(batch_size=7).with_(**training), split=split), seed=0, split_seed=0)


def test_a_refit_goes_on_with_the_epoch_that_validation_chose(tmp_path: Path) -> None:
    trial = trial_of(select="best", refit=True)
    undisturbed, _ = train(tmp_path / "whole", trial=trial, dataset=SMALL)
    chosen = MLP.epochs - 1  # snapshots of the choosing: none of its last epoch
    for count, place in ((2, 2), (chosen, chosen), (chosen + 2, 2)):
        folder = interrupted(tmp_path / f"run{count}", count, trial, SMALL)
        run, said = train(folder, trial=trial, dataset=SMALL)
        assert f"{folder} goes on after epoch {place}" in said
        assert any("validation chose epoch" in line for line in said) == (count <= chosen)  # it does not choose again
        assert files_of(folder) == files_of(undisturbed.path)
        assert run.row["epoch"] == undisturbed.row["epoch"] <= MLP.epochs


SLOW = {"epochs": 60, "patience": 2, "lr": 0.1, "hidden": 3}
TOGETHER: Mapping[str, dict[str, Any]] = {
    "side by side": {"epochs": 6},
    "one after the other": {"epochs": 6, "batch_size": None},
    "chosen": {"epochs": 3, "batch_size": 300, "select": "best", "refit": True},
    "out of patience": {**SLOW, "batch_size": 5},
    "out of patience one after the other": {**SLOW, "lr": 0.2, "batch_size": None, "augment": "rotate:9"},
    "diverged": {"epochs": 3, "batch_size": None, "optimizer": "gd", "lr": 1e30},
}


@pytest.mark.parametrize("kind", TOGETHER)
def test_an_ensemble_goes_on_from_wherever_it_was_to_the_same_bits(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnistfaces.engine.session.THINNING_SECONDS", 0.0)
    monkeypatch.setattr("mnistfaces.engine.session.THINNING_COST", 0.0)
    trial = trial_of(ensemble=3, **TOGETHER[kind])
    kept: list[object] = []
    with monkeypatch.context() as patch:
        patch.setattr(unfinished, "save_snapshot", lambda *state: kept.append(state[-1]))
        undisturbed, _ = train(tmp_path / "whole", trial=trial, dataset=SMALL)
    assert len(kept) >= 5
    for number in (1, len(kept) // 2, len(kept)):
        folder = interrupted(tmp_path / f"run{number}", number, trial, SMALL)
        run, said = train(folder, trial=trial, dataset=SMALL)
        assert [line for line in said if "goes on after epoch" in line]
        assert files_of(folder) == files_of(undisturbed.path)
        same = {name: value for name, value in undisturbed.row.items() if name not in ("seconds", "run")}
        assert {name: run.row[name] for name in same} == same


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
