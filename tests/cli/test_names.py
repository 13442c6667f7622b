"""Every optimizer, model and activation by name through the commands."""

import json
from typing import get_args

import numpy as np
import pytest
import torch
from conftest import Mnf
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from mnistfaces.config import CLOSED, Activation, ModelName, StepName
from mnistfaces.datasets.sample import load_sample

DEEP = (*("--model", "mlp", "--lr", "1e-3", "--optimizer", "adam"), *("--reduction", "mean", "--batch-size", 10))
FIELDS = ("optimizer", "momentum", "weight_decay")
FEW = ("digits-sample", "--train-per-class", 10, "--test-per-class", 5)


def test_a_sweep_over_every_optimizer_trains_each_in_its_own_way(mnf: Mnf) -> None:
    names = ",".join(get_args(StepName))
    common = ("--model", "mlp", "--epochs", 3, "--lr", "1e-3", "--reduction", "mean", "--batch-size", 10)
    rows = mnf("sweep", *FEW, "--optimizer", names, *common).rows
    assert [row["optimizer"] for row in rows] == list(get_args(StepName))
    assert [row["momentum"] for row in rows] == [0, 0.9, 0, 0, 0, 0]
    assert [row["weight_decay"] for row in rows] == [0, 0, 0, 0, 0, 0.01]
    assert len({row["train_loss"] for row in rows}) == len(rows)
    for row in rows:
        name = row["optimizer"]
        alone = mnf("train", *FEW, "--optimizer", name, *common, "--out", name).row
        assert alone["train_loss"] == row["train_loss"]
        told = json.loads((mnf.folder / name / "config.json").read_text())["training"]
        assert [told[field] for field in FIELDS] == [row[field] for field in FIELDS]


def test_the_rate_of_a_summed_cost_is_told_of_optimizers_whose_steps_grow_with_it(mnf: Mnf) -> None:
    told = {
        name: "lr 0.001 on 100 images is lr 0.1 on their mean cost"
        in mnf("train", *FEW, "--epochs", 1, "--lr", "1e-3", "--optimizer", name).stderr
        for name in ("gd", "nesterov", "adam")
    }
    assert told == {"gd": True, "nesterov": True, "adam": False}


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
    length = () if model in CLOSED else ("--epochs", 5)
    row = mnf("train", *FEW, "--model", model, *options, *length, "--out", "run").row
    assert (row["model"], row["activation"]) == (model, activation if model == "mlp" else None)
    assert mnf("evaluate", "run").rows[-1]["accuracy"] == row["test_accuracy"]


def test_networks_of_one_and_two_hidden_layers_are_two_cells_of_a_sweep(mnf: Mnf) -> None:
    swept = mnf("sweep", *FEW, *DEEP, "--epochs", 3, "--hidden", "20,30x10,30x20x10", "--hidden", 30)
    assert [row["hidden"] for row in swept.rows] == [20, "30x10", "30x20x10", 30]
    assert len({row["train_loss"] for row in swept.rows}) == 4
    table = mnf("sweep", *FEW, *DEEP, "--epochs", 3, "--hidden", "20,30x10,30x20x10,30", "--format", "md").stdout
    assert all(f" {hidden} " in table for hidden in ("20", "30x10", "30x20x10", "30"))


def test_a_deep_network_goes_through_every_command_that_takes_a_model(mnf: Mnf) -> None:
    row = mnf("train", *FEW, *DEEP, "--epochs", 40, "--hidden", "30x20", "--out", "run").row
    assert row["hidden"] == "30x20"
    assert row["train_accuracy"] > 0.9
    weights = load_file(mnf.folder / "run" / "weights.safetensors")
    peer = nn.Sequential(nn.Linear(784, 30), nn.ReLU(), nn.Linear(30, 20), nn.ReLU(), nn.Linear(20, 10))
    peer.load_state_dict(weights)
    assert mnf("evaluate", "run").rows[-1]["accuracy"] == row["test_accuracy"]
    sample = load_sample()
    position = 4_321
    pixels = sample.inputs[position].reshape(28, 28)
    Image.fromarray(pixels).save(mnf.folder / "digit.png")
    answer = mnf("predict", "run", "digit.png").row
    with torch.no_grad():
        probabilities = torch.softmax(peer(torch.from_numpy(pixels.reshape(1, -1) / np.float32(255))), 1)[0]
    assert answer["class"] == str(int(probabilities.argmax()))
    assert answer["probability"] == pytest.approx(float(probabilities.max()), abs=1e-5)
    drawn = mnf("visualize-weights", "run", "--class", "3", "--top", 5, "--plot", "units.png")
    assert len(drawn.rows) == 5
    assert {(one["class"], one["criterion"], one["sign"]) for one in drawn.rows} == {("3", "ablation", None)}
    assert "the first of 2 hidden layers" in drawn.stderr
    with Image.open(mnf.folder / "units.png") as figure:
        assert figure.width > 300
    refused = mnf("visualize-weights", "run", "--criterion", "weight", code=2)
    assert "the first of 2 hidden layers does not have" in " ".join(refused.stderr.split())
    again = mnf("train", *FEW, *DEEP, "--epochs", 40, "--hidden", "30x20", "--out", "run")
    assert again.row == row


@pytest.mark.parametrize(
    ("hidden", "named"),
    [("300x", "300x"), ("x", "x"), ("20,300x0", "300x0"), ("axb", "axb"), ("2.5", "2.5"), ("0", "0"), ("-1", "-1")],
)
def test_layers_that_cannot_be_meant_are_wrong_usage_and_named(hidden: str, named: str, mnf: Mnf) -> None:
    refused = mnf("train", *FEW, "--model", "mlp", f"--hidden={hidden}", code=2)
    told = " ".join(refused.stderr.replace("│", " ").split())
    assert "--hidden" in told
    assert named in told
