"""`mnf train` as a person or a script meets it."""

import csv
import json
import resource
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Mnf, Trained
from PIL import Image
from safetensors.numpy import load_file

from mnistfaces.datasets.sample import load_sample
from mnistfaces.files import sha256_of_file, write_json
from mnistfaces.files.seals import CHECK, seal
from mnistfaces.runs.predictions import load_predictions
from mnistfaces.statistics.proportions import wilson

FIELDS = [
    "train_loss",
    "val_loss",
    "test_loss",
    "train_accuracy",
    "val_accuracy",
    "test_accuracy",
    "train_n",
    "val_n",
    "test_n",
    "test_low",
    "test_high",
    "seconds",
    "status",
    "run",
    "lr",
    "momentum",
    "batch_size",
    "epochs",
    "hidden",
    "seed",
    "model",
    "optimizer",
    "dataset",
    "res",
]
SMALL = ("digits-sample", "--train-per-class", 10, "--epochs", 30, "--lr", "1e-3")


def test_a_pipe_gets_one_row_with_the_fields_of_the_contract(trained: Trained) -> None:
    row = trained.answer.row
    assert [field for field in FIELDS if field not in row] == []
    assert (row["dataset"], row["model"], row["optimizer"], row["seed"]) == ("digits-sample", "softmax", "gd", 0)
    assert (row["train_n"], row["val_n"], row["test_n"], row["status"], row["run"]) == (100, 20, 1000, "ok", "one")
    assert 0.6 < row["test_accuracy"] < row["train_accuracy"] <= 1
    assert 0 < row["train_loss"] < row["test_loss"] < np.log(10)


def test_notes_say_what_the_summed_cost_means_and_stay_off_stdout(trained: Trained) -> None:
    assert "summed cost: lr 0.001 on 100 images is lr 0.1 on their mean cost" in trained.answer.stderr


def test_the_interval_is_wilsons(trained: Trained) -> None:
    row = trained.answer.row
    assert (row["test_low"], row["test_high"]) == wilson(row["test_accuracy"] * 1000, 1000)


def test_the_run_directory_keeps_what_the_row_tells(trained: Trained) -> None:
    run, row, sample = trained.mnf.folder / "one", trained.answer.row, load_sample()
    config = json.loads((run / "config.json").read_text())
    assert {name: sha256_of_file(run / name) for name in config["sha256"]} == config["sha256"]
    assert set(config["sha256"]) == {path.name for path in run.iterdir()} - {"config.json"}
    assert json.loads((run / "results.ndjson").read_text()) == row
    kept = load_predictions(run / "predictions.npz")
    position = {name: number for number, name in enumerate(sample.ids.tolist())}
    images = np.array([position[name] for name in kept.ids.tolist()])
    assert np.array_equal(kept.labels, sample.labels[images])
    peer = torch.nn.Sequential(torch.nn.Linear(784, 10))
    peer.load_state_dict(
        {name: torch.from_numpy(array) for name, array in load_file(run / "weights.safetensors").items()}
    )
    answered = peer(torch.from_numpy(sample.inputs[images] / np.float32(255))).argmax(1).numpy()
    for side, field in ((1, "val"), (2, "test")):
        seen = kept.side[0] == side
        assert seen.sum() == row[f"{field}_n"]
        assert np.array_equal(kept.predicted[0, seen], answered[seen])
        assert np.mean(answered[seen] == kept.labels[seen]) == pytest.approx(row[f"{field}_accuracy"])


def test_the_history_holds_every_epoch_and_ends_with_the_row(trained: Trained) -> None:
    with (trained.mnf.folder / "one" / "history.csv").open() as file:
        history = list(csv.DictReader(file))
    assert [int(line["epoch"]) for line in history] == list(range(31))
    assert float(history[0]["train_loss"]) == pytest.approx(np.log(10), rel=1e-6)
    for field in ("train_loss", "val_loss", "test_accuracy"):
        assert float(history[-1][field]) == trained.answer.row[field]


def test_the_learning_curve_is_a_picture(trained: Trained) -> None:
    with Image.open(trained.mnf.folder / "curve.png") as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 500


def test_the_same_command_shows_the_same_row_without_training_and_redraws(trained: Trained) -> None:
    mnf, first = trained.mnf, trained.answer
    drawn = (mnf.folder / "curve.png").read_bytes()
    (mnf.folder / "curve.png").unlink()
    again = mnf(*trained.asked)
    assert again.stdout == first.stdout
    assert "one holds this run already" in again.stderr
    assert (mnf.folder / "curve.png").read_bytes() == drawn


def test_another_configuration_into_the_same_folder_is_refused_and_the_run_stays(trained: Trained) -> None:
    mnf = trained.mnf
    before = {path.name: path.read_bytes() for path in (mnf.folder / "one").iterdir()}
    refused = mnf(*trained.asked, "--seed", 1, code=1)
    assert "one holds another run (train " in refused.complaint
    assert "--force" in refused.complaint
    assert {path.name: path.read_bytes() for path in (mnf.folder / "one").iterdir()} == before


def test_no_argument_trains_on_the_sample_into_a_folder_named_after_the_configuration(mnf: Mnf) -> None:
    done = mnf("train", "--epochs", 1)
    assert done.row["dataset"] == "digits-sample"
    assert (done.row["train_n"], done.row["val_n"], done.row["lr"]) == (1000, 250, 1e-4)
    assert "digits-sample" in done.stderr
    run = Path(done.row["run"])
    assert run.parent == Path("runs")
    assert run.name == f"train-{json.loads((mnf.folder / run / 'config.json').read_text())['hash']}"


def test_too_few_images_are_one_line_that_names_the_counts(mnf: Mnf) -> None:
    done = mnf("train", "digits-sample", "--train-per-class", 401, code=1)
    assert "class 0 has 400 images left to train, 401 were asked for" in done.complaint
    assert len(done.stderr.splitlines()) <= 2


def test_numbers_that_do_not_exist_are_null_and_labelled(mnf: Mnf) -> None:
    """A rate beyond all bounds, and all images taken to train."""
    done = mnf(
        "train", "digits-sample", "--train-per-class", 400, "--epochs", 3, "--lr", "1e38", "--plot", "curve.png", code=3
    )
    assert "NaN" not in done.stdout
    row = done.row
    assert row["status"] == "diverged"
    assert {row[field] for field in FIELDS[:6]} == {None}
    assert (row["val_n"], row["test_low"], row["test_high"]) == (0, None, None)
    assert "no images were left to validate on" in done.stderr
    assert (mnf.folder / "curve.png").exists()


def limited() -> None:
    """Stands for a full disk: a file that grows beyond 2,000 bytes is refused."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))


def finish(process: Any) -> tuple[int, str, str]:  # noqa: ANN401  a process
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def test_a_full_disk_is_one_line_that_names_the_file_and_nothing_is_left(mnf: Mnf) -> None:
    arguments = ("train", "digits-sample", "--train-per-class", 2, "--epochs", 2, "--out", "run", "--quiet")
    code, out, err = finish(mnf.start(*arguments, preexec_fn=limited))
    assert (code, out) == (1, "")
    (line,) = err.splitlines()
    assert line.startswith("mnf: cannot write run/")
    assert [path.name for path in (mnf.folder / "run").iterdir()] == ["config.json"]


@pytest.mark.timed
def test_an_interrupt_ends_a_training_within_two_seconds_with_one_line(mnf: Mnf) -> None:
    process = mnf.start("train", "digits-sample", "--epochs", 10**7, "--out", "run", "--quiet")
    config = mnf.folder / "run" / "config.json"
    deadline = time.monotonic() + 60
    while not config.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert finish(process) == (130, "", "mnf: stopped; finished work is kept: the same command goes on from there\n")
    assert time.monotonic() - start < 2
    assert "sha256" in json.loads(config.read_text())


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_at_any_moment_of_the_start_is_no_traceback(mnf: Mnf, sent: int) -> None:
    for wait in (0.4, 0.9):
        process = mnf.start("train", *SMALL, "--out", "run", "--quiet")
        time.sleep(wait)
        process.send_signal(sent)
        code, _, err = finish(process)
        assert "Traceback" not in err
        assert code in (0, 128 + sent, -sent)


def test_a_kept_run_whose_row_says_less_than_todays_is_answered_from(mnf: Mnf) -> None:
    """Fields are added by releases; a run of an earlier one has not all of them."""
    line = ("train", "digits-sample", "--epochs", "2", "--train-per-class", "5", "--out", "run")
    mnf(*line)
    config = json.loads((mnf.folder / "run" / "config.json").read_text())
    (name,) = (name for name in config["files"] if name.endswith("results.ndjson"))
    file = mnf.folder / "run" / name
    row = json.loads(file.read_text())
    del row["loo_accuracy"]
    file.write_text(json.dumps(row) + "\n")
    config["sha256"][name] = sha256_of_file(file)
    del config[CHECK]
    write_json(mnf.folder / "run" / "config.json", seal(config))
    answer = mnf(*line)
    assert answer.code == 0, answer.stderr
    assert "not trained again" in answer.stderr
