"""`--optimizer lbfgs` as a person meets it: to scikit-learn's optimum, in sweeps, and without a rate."""

from pathlib import Path

import numpy as np
import pytest
from conftest import Mnf
from sklearn.linear_model import LogisticRegression

from mnistfaces.cli._grid import notes_on_step
from mnistfaces.datasets.sample import load_sample
from mnistfaces.runs.models import split_of
from mnistfaces.runs.runs import load_run

SMALL = ("digits-sample", "--train-per-class", 12, "--optimizer", "lbfgs")


def test_a_training_ends_at_the_optimum_of_scikit_learn(mnf: Mnf, tmp_path: Path) -> None:
    row = mnf("train", *SMALL, "--weight-decay", 0.5, "--dtype", "float64", "--out", "one").row
    assert (row["status"], row["optimizer"]) == ("stopped", "lbfgs")
    assert [row[name] for name in ("lr", "momentum", "batch_size")] == [None] * 3
    split, sample = split_of(load_run(tmp_path / "one"), load_sample()), load_sample()
    train, test = (sample.values(images, "float64") for images in (split.train, split.test))
    peer = LogisticRegression(C=2.0, tol=1e-12, max_iter=10_000, solver="newton-cg").fit(
        train, sample.labels[split.train]
    )
    told = peer.predict_proba(test)[np.arange(len(test)), sample.labels[split.test]]
    assert row["test_loss"] == pytest.approx(-np.log(told).mean(), abs=1e-5)
    assert row["test_accuracy"] == peer.score(test, sample.labels[split.test])
    assert mnf("evaluate", "one").rows[-1]["accuracy"] == row["test_accuracy"]


def test_a_sweep_gives_what_each_training_gives(mnf: Mnf) -> None:
    rows = mnf("sweep", *SMALL, "--weight-decay", "0.1,1", "--out", "many").rows
    alone = mnf("train", *SMALL, "--weight-decay", 1, "--out", "one").row
    assert [row["weight_decay"] for row in rows] == [0.1, 1.0]
    assert rows[1]["test_loss"] == alone["test_loss"]
    assert rows[0]["train_loss"] < rows[1]["train_loss"]


@pytest.mark.parametrize("option", [("--lr", 1), ("--batch-size", 10)])
def test_what_only_steps_of_a_rate_have_is_refused(mnf: Mnf, option: tuple[str, float]) -> None:
    complaint = mnf("train", *SMALL, *option, code=2).complaint
    assert f"{option[0]}: counts only with" in complaint
    assert "an --optimizer other than lbfgs" in complaint


@pytest.mark.parametrize(
    ("decay", "accuracy", "said"),
    [(0.0, 1.0, "there is no optimum"), (0.1, 1.0, "at the optimum"), (0.0, 0.9, "at the optimum")],
)
def test_images_told_apart_without_a_penalty_are_said_to_have_no_optimum(
    decay: float, accuracy: float, said: str
) -> None:
    row = {"optimizer": "lbfgs", "status": "stopped", "epoch": 9, "reduction": "sum"}
    (note,) = notes_on_step({**row, "weight_decay": decay, "train_accuracy": accuracy})
    assert said in note
