"""Every optimizer, model and activation by name through the commands."""

import json
from typing import get_args

import pytest
from conftest import Mnf

from mnistfaces.config import Activation, ModelName, OptimizerName

FIELDS = ("optimizer", "momentum", "weight_decay")
FEW = ("digits-sample", "--train-per-class", 10, "--test-per-class", 5)


def test_a_sweep_over_every_optimizer_trains_each_in_its_own_way(mnf: Mnf) -> None:
    names = ",".join(get_args(OptimizerName))
    common = ("--model", "mlp", "--epochs", 3, "--lr", "1e-3", "--reduction", "mean", "--batch-size", 10)
    rows = mnf("sweep", *FEW, "--optimizer", names, *common).rows
    assert [row["optimizer"] for row in rows] == list(get_args(OptimizerName))
    assert [row["momentum"] for row in rows] == [0, 0.9, 0, 0, 0, 0]
    assert [row["weight_decay"] for row in rows] == [0, 0, 0, 0, 0, 0.01]
    assert len({row["train_loss"] for row in rows}) == len(rows)
    for row in rows:
        name = row["optimizer"]
        alone = mnf("train", *FEW, "--optimizer", name, *common, "--out", name).row
        assert alone["train_loss"] == row["train_loss"]
        told = json.loads((mnf.folder / name / "config.json").read_text())["training"]
        assert [told[field] for field in FIELDS] == [row[field] for field in FIELDS]


@pytest.mark.parametrize(
    ("optimizer", "momentum", "message"),
    [
        *(
            (name, 0.9, "--momentum goes with --optimizer gd or nesterov")
            for name in ("rmsprop", "adagrad", "adam", "adamw")
        ),
        ("nesterov", 0, "--momentum must be above 0 for --optimizer nesterov"),
        ("sgd", 0.9, "'sgd' is not one of gd, nesterov, rmsprop, adagrad, adam, adamw"),
    ],
)
def test_a_momentum_that_an_optimizer_cannot_have_is_wrong_usage(
    optimizer: str, momentum: float, message: str, mnf: Mnf
) -> None:
    command = "sweep" if optimizer in ("adam", "nesterov") else "train"
    refused = mnf(command, *FEW, "--optimizer", optimizer, "--momentum", momentum, code=2)
    assert message in " ".join(refused.stderr.replace("│", " ").split())


@pytest.mark.parametrize("model", get_args(ModelName))
@pytest.mark.parametrize("activation", get_args(Activation))
def test_every_model_and_activation_goes_through_train_evaluate_and_predict(
    model: str, activation: str, mnf: Mnf
) -> None:
    options = ("--activation", activation) if model == "mlp" else ()
    row = mnf("train", *FEW, "--model", model, *options, "--epochs", 5, "--out", "run").row
    assert (row["model"], row["activation"]) == (model, activation if model == "mlp" else None)
    assert mnf("evaluate", "run").rows[-1]["accuracy"] == row["test_accuracy"]
