"""`--model ridge` and `--model kernel` as a person meets them, from training to the page."""

from pathlib import Path

import numpy as np
import pytest
from conftest import Mnf
from kept_runs import save_image
from safetensors.numpy import load_file
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge

from mnistfaces.datasets.sample import load_sample
from mnistfaces.runs.models import split_of
from mnistfaces.runs.runs import load_run

SMALL = ("digits-sample", "--train-per-class", 12)


@pytest.mark.parametrize("model", ["ridge", "kernel"])
def test_a_training_in_closed_form_goes_through_every_command(mnf: Mnf, tmp_path: Path, model: str) -> None:
    done = mnf("train", *SMALL, "--model", model, "--weight-decay", 0.5, "--dtype", "float64", "--out", "one")
    assert f"{model} decomposes a matrix of 120 x 120" in done.stderr
    assert "fitted to the training images" in done.stderr
    row, run, sample = done.row, load_run(tmp_path / "one"), load_sample()
    split = split_of(run, sample)
    train, test = (sample.values(images, "float64") for images in (split.train, split.test))
    gamma = 1 / (train.shape[1] * train.var())
    assert row["gamma"] == (pytest.approx(gamma) if model == "kernel" else None)
    its = Ridge(alpha=0.5) if model == "ridge" else KernelRidge(alpha=0.5, kernel="rbf", gamma=gamma)
    scores = its.fit(train, np.eye(10)[sample.labels[split.train]]).predict(test)
    assert row["test_accuracy"] == np.mean(scores.argmax(axis=1) == sample.labels[split.test])
    assert 0 < row["loo_accuracy"] < row["train_accuracy"]
    assert [row[name] for name in ("lr", "epochs", "optimizer", "batch_size", "status")] == [*[None] * 4, "ok"]

    assert mnf("evaluate", "one").rows[-1]["accuracy"] == row["test_accuracy"]
    save_image(tmp_path / "digit.png", sample.images(split.test[:1])[0])
    answer = mnf("predict", "one", "digit.png", "--as-is").row
    assert answer["class"] == sample.classes[scores[0].argmax()]
    assert scores[0].max() < answer["probability"] + 0.5 < 1.5
    page = mnf("report", "one", "--out", "page.html")
    assert "solved in closed form" in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.row["runs"] == ["one"]
    if model == "ridge":
        assert len(mnf("visualize-weights", "one", "--plot", "w.png").rows) == 10
        assert {name: values.shape for name, values in load_file(tmp_path / "one" / "weights.safetensors").items()} == {
            "0.weight": (10, 784),
            "0.bias": (10,),
        }
    else:
        assert "weighs its training images, not pixels" in mnf("visualize-weights", "one", code=1).complaint


def test_a_sweep_takes_lists_and_models_side_by_side(mnf: Mnf) -> None:
    asked = "sweep", *SMALL, "--model", "kernel,ridge,softmax", "--gamma", "0.01,0.1", "--weight-decay", "0.1,1"
    more = "--batch-size", 30, "--epochs", 2, "--seeds", 2
    done = mnf(*asked, *more, "--verbose", "--keep-weights", "best")
    kinds = [(row["model"], row["gamma"], row["weight_decay"]) for row in done.rows]
    kernels = [("kernel", gamma, decay) for decay in (0.1, 1.0) for gamma in (0.01, 0.1)]
    assert kinds == [*kernels, *((model, None, decay) for model in ("ridge", "softmax") for decay in (0.1, 1.0))]
    assert "2 kernel models (2 settings, 1 draw) by one decomposition of a matrix of 120 x 120" in done.stderr
    best = max(done.rows, key=lambda row: row["val_accuracy"])
    assert best["model"] == "kernel"
    assert {row["model"]: row["loo_accuracy"] is None for row in done.rows} == {
        "kernel": False,
        "ridge": False,
        "softmax": True,
    }
    assert mnf("evaluate", "last").rows[-1]["n"] == 1000
    (listed,) = mnf("runs").rows
    again = mnf("sweep", "digits-sample", *listed["setting"].split(), "--keep-weights", "best")
    assert [row["run"] for row in again.rows] == [row["run"] for row in done.rows]
    assert [row["test_accuracy"] for row in again.rows] == [row["test_accuracy"] for row in done.rows]


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        (("--model", "ridge", "--lr", 1), "--lr: counts only with --model softmax or mlp"),
        (("--model", "kernel", "--epochs", 5), "--epochs: counts only with --model softmax or mlp"),
        (("--model", "ridge", "--optimizer", "adam"), "--optimizer: counts only with --model softmax or mlp"),
        (("--model", "ridge", "--patience", 3), "--patience: counts only with --model softmax or mlp"),
        (("--model", "ridge", "--gamma", 1), "--gamma: counts only with --model kernel"),
        (("--model", "kernel", "--gamma", 0), "--gamma must be positive, not 0.0"),
        (("--model", "kernel", "--weight-decay", 0), "--weight-decay must be above 0 for --model kernel"),
        (("--model", "ridge", "--plot", "a.png"), "--plot: draws a learning curve: --model ridge has none"),
    ],
)
def test_what_does_not_count_is_refused_before_any_work(mnf: Mnf, asked: tuple[object, ...], complaint: str) -> None:
    assert complaint in mnf("train", *SMALL, *asked, code=2).complaint
