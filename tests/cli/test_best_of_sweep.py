"""A sweep that keeps weights answers as the training of its best cell would."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import Mnf
from kept_runs import save_image
from safetensors.numpy import load_file

from mnistfaces import load_run
from mnistfaces.datasets.sample import load_sample
from mnistfaces.errors import RunError

GRID = ("sweep", "digits-sample", "--train-per-class", 20, "--epochs", "30,60", "--lr", "1e-3,1e-4", "--seeds", 2)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Mnf:
    """A sweep that keeps its best weights, and the training that its last line tells to type, in one folder."""
    mnf = Mnf(tmp_path_factory.mktemp("swept"))
    mnf(*GRID, "--keep-weights", "best", "--out", "runs/swept")
    line = json.loads((mnf.folder / "runs" / "swept" / "summary.json").read_text())["best_command"]
    mnf(*line.split()[1:], "--out", "alone")
    save_image(mnf.folder / "digit.png", load_sample().inputs[4100].reshape(28, 28))
    return mnf


@pytest.mark.parametrize("command", ["evaluate", "predict", "visualize-weights"])
@pytest.mark.parametrize("run", ["runs/swept", "last"])
def test_it_answers_as_its_best_cell_trained_alone(swept: Mnf, command: str, run: str) -> None:
    more = {"evaluate": (), "predict": ("digit.png",), "visualize-weights": ("--plot", "w.png")}[command]
    ours, theirs = swept(command, run, *more), swept(command, "alone", *more)
    assert ours.rows == theirs.rows
    assert "runs/swept is a sweep: its best model answers" in ours.stderr.splitlines()[0]
    assert "is a sweep" not in theirs.stderr


def test_the_images_that_trained_it_are_known(swept: Mnf) -> None:
    sample = load_sample()
    np.savez(swept.folder / "all.npz", X=sample.inputs[:2000].reshape(-1, 28, 28), y=sample.labels[:2000])
    ours, theirs = (swept("evaluate", run, "all.npz") for run in ("runs/swept", "alone"))
    assert ours.rows == theirs.rows
    assert " images trained or validated the model" in ours.stderr


def test_the_best_of_folds_is_measured_on_its_own_fold(mnf: Mnf) -> None:
    mnf("sweep", "digits-sample", "--folds", 4, "--epochs", 20, "--lr", "1e-6,1e-4", "--keep-weights", "best")
    answer = mnf("evaluate", "last")
    assert answer.rows[-1]["n"] == 1000
    assert ", fold 0" in answer.stderr


def test_without_weights_it_says_how_to_get_them(mnf: Mnf) -> None:
    mnf(*GRID, "--out", "run")
    told = mnf("evaluate", "run", code=1).complaint
    assert "unless --keep-weights best; get one model with `mnf train digits-sample --lr" in told


def test_last_is_the_newest_run_of_any_command_from_python_too(
    swept: Mnf, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(swept.folder)
    assert load_run("last").path == Path("runs/swept")
    weights = load_file(next((swept.folder / "runs" / "swept" / "weights").iterdir()))
    assert set(weights) == {"0.weight", "0.bias"}
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match="no finished run"):
        load_run("last")
