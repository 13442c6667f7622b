"""`--ensemble` as a person or a script meets it."""

import numpy as np
from conftest import Mnf
from PIL import Image

from mnistfaces.datasets.sample import load_sample

SMALL = ("digits-sample", "--train-per-class", 10, "--model", "mlp", "--hidden", 5, "--batch-size", 20, "--epochs", 20)


def test_an_ensemble_is_one_model_to_every_command_that_asks_and_is_refused_where_one_is_wanted(mnf: Mnf) -> None:
    row = mnf("train", *SMALL, "--optimizer", "adam", "--lr", 0.01, "--ensemble", 3, "--out", "run").row
    assert (row["ensemble"], row["test_n"]) == (3, 1000)
    assert row["test_low"] < row["test_accuracy"] < row["test_high"]
    assert mnf("evaluate", "run").rows[-1]["accuracy"] == row["test_accuracy"]
    sample = load_sample()
    (image,) = sample.images(np.flatnonzero(sample.given_test)[:1])
    Image.fromarray(image).save(mnf.folder / "digit.png")
    told = mnf("predict", "run", "digit.png", "--as-is").row
    assert 0.1 < told["probability"] <= 1
    page = mnf("report", "run").row["file"]
    assert "3 models answer together" in (mnf.folder / page).read_text(encoding="utf-8")
    refused = mnf("visualize-weights", "run", "--class", "3", code=1)
    assert "keeps 3 models that answer together: one is wanted here" in refused.complaint


def test_models_that_would_all_be_the_same_are_refused_before_any_work(mnf: Mnf) -> None:
    for command in ("train", "sweep"):
        refused = mnf(command, "digits-sample", "--train-per-class", 5, "--ensemble", 3, "--out", "run", code=2)
        assert refused.complaint == (
            "--ensemble 3: full batches of --model softmax are the same for every seed: give a --batch-size"
        )
        assert not (mnf.folder / "run").exists()
