"""`mnf train`, killed or stopped in the middle, goes on where it was; and ends by itself when it learns no more."""

import csv
import signal
import time
from pathlib import Path

import pytest
from conftest import Mnf

ASKED = ("train", "digits-sample", "--train-per-class", 60, "--model", "mlp", "--optimizer", "adam", "--lr", "1e-3")
ASKED += ("--batch-size", 20, "--reduction", "mean", "--epochs", 400, "--ensemble", 2)
SNAPSHOT = "newest.snapshot"


def files_of(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in ("weights.safetensors", "predictions.npz", "history.csv")}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    mnf = Mnf(tmp_path_factory.mktemp("whole"))
    mnf(*ASKED, "--out", "run")
    return files_of(mnf.folder / "run")


def end_after_a_snapshot(mnf: Mnf, how: int, code: int) -> str:
    """Starts the training, ends it by a signal as soon as it has kept a new snapshot; returns what it said."""
    kept = mnf.folder / "run" / SNAPSHOT
    before = kept.stat().st_mtime_ns if kept.exists() else 0
    process = mnf.start(*ASKED, "--out", "run")
    deadline = time.monotonic() + 60
    while not kept.exists() or kept.stat().st_mtime_ns == before:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(how)
    said = process.communicate(timeout=10)[1]
    assert process.returncode == code
    return said


@pytest.mark.timed
def test_killed_and_stopped_in_the_middle_it_goes_on_to_the_same_bits(mnf: Mnf, whole: dict[str, bytes]) -> None:
    end_after_a_snapshot(mnf, signal.SIGKILL, -signal.SIGKILL)
    said = end_after_a_snapshot(mnf, signal.SIGINT, 130)
    assert "run goes on after epoch " in said
    assert said.splitlines()[-1] == "mnf: stopped; finished work is kept: the same command goes on from there"
    last = mnf(*ASKED, "--out", "run")
    first, second = (int(words.split("goes on after epoch ")[1].split()[0]) for words in (said, last.stderr))
    assert 0 < first < second < 400
    assert files_of(mnf.folder / "run") == whole
    assert sorted(path.name for path in (mnf.folder / "run").iterdir() if not path.name.startswith(".")) == [
        "config.json",
        "history.csv",
        "predictions.npz",
        "results.ndjson",
        "weights.safetensors",
    ]


def test_patience_ends_a_training_and_keeps_its_best(mnf: Mnf) -> None:
    asked = ("train", "digits-sample", "--train-per-class", 20, "--val-per-class", 20, "--model", "mlp")
    asked += ("--optimizer", "adam", "--lr", "3e-3", "--reduction", "mean", "--epochs", 3000, "--patience", 7)
    row = mnf(*asked, "--out", "run").row
    assert (row["status"], row["patience"], row["select"]) == ("early", 7, "best")
    history = list(csv.DictReader((mnf.folder / "run" / "history.csv").read_text().splitlines()))
    losses = [float(line["val_loss"]) for line in history[1:]]
    best = losses.index(min(losses))
    assert row["epoch"] == len(losses) == best + 1 + 7
    assert row["val_loss"] == min(losses)


def test_patience_without_validation_images_is_found_before_any_work(mnf: Mnf) -> None:
    answer = mnf("train", "digits-sample", "--train-per-class", 400, "--patience", 3, "--out", "run", code=2)
    assert answer.complaint == "--patience needs validation images: see --val-per-class"
    assert not (mnf.folder / "run").exists()
    assert "--patience must be at least 1" in mnf("train", "--patience", 0, code=2).complaint
