"""What a run may be asked to do, and what it does when it is not told."""

import dataclasses
import json
from typing import get_args

import pytest

from mnistfaces.config import (
    DIGITS_SPLIT,
    DIGITS_TRAINING,
    FACES_SPLIT,
    FACES_TRAINING,
    FEATURES_TRAINING,
    STATUS_SEVERITY,
    OptimizerName,
    SplitConfig,
    TrainConfig,
    default_split,
    default_training,
)
from mnistfaces.errors import UsageError


def test_digits_are_trained_as_the_report_did() -> None:
    asked = DIGITS_TRAINING
    assert (asked.model, asked.optimizer, asked.lr, asked.momentum) == ("softmax", "gd", 1e-4, 0)
    assert (asked.batch_size, asked.epochs, asked.reduction, asked.eps) == (None, 3000, "sum", 0)
    assert SplitConfig(train_per_class=100) == DIGITS_SPLIT


def test_faces_are_trained_as_the_report_did() -> None:
    asked = FACES_TRAINING
    assert (asked.model, asked.hidden, asked.activation, asked.optimizer, asked.lr) == ("mlp", 20, "relu", "adam", 1e-4)
    assert (asked.batch_size, asked.epochs, asked.reduction) == (32, 1000, "mean")
    assert SplitConfig() == FACES_SPLIT  # 20 test images per class, unless the data bring a test set


def test_features_differ_from_faces_by_their_batch_of_128() -> None:
    assert FACES_TRAINING.with_(batch_size=128) == FEATURES_TRAINING


def test_each_kind_of_dataset_has_its_defaults() -> None:
    kinds = ("digits", "faces", "images", "features")
    trainings = [DIGITS_TRAINING, FACES_TRAINING, FACES_TRAINING, FEATURES_TRAINING]
    assert [default_training(kind) for kind in kinds] == trainings
    assert [default_split(kind) for kind in kinds] == [DIGITS_SPLIT, FACES_SPLIT, FACES_SPLIT, FACES_SPLIT]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("lr", 0.0),
        ("lr", -1e-3),
        ("lr", float("nan")),
        ("lr", float("inf")),
        ("momentum", 1.0),
        ("momentum", -0.1),
        ("momentum", float("nan")),
        ("batch_size", 0),
        ("epochs", 0),
        ("epochs", -5),
        ("hidden", 0),
        ("weight_decay", -1e-9),
        ("weight_decay", float("nan")),
        ("eps", -1.0),
        ("eps", float("inf")),
    ],
)
def test_an_impossible_training_is_refused_by_the_name_of_its_option(field: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"--{field.replace('_', '-')} "):
        TrainConfig(**{field: value})


@pytest.mark.parametrize(
    "wrong",
    [
        {"train_per_class": 0},
        {"val_per_class": -1},
        {"test_per_class": 0},
        {"val_fraction": 1.0},
        {"val_fraction": -0.1},
        {"val_fraction": float("nan")},
        {"folds": 1},
        {"folds": 5, "test_per_class": 20},
    ],
)
def test_an_impossible_split_is_refused_by_the_name_of_its_option(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=f"--{next(iter(wrong)).replace('_', '-')}"):
        SplitConfig(**wrong)


@pytest.mark.parametrize("optimizer", ["rmsprop", "adagrad", "adam", "adamw"])
def test_momentum_is_refused_with_optimizers_that_take_none_whichever_is_given_first(optimizer: OptimizerName) -> None:
    with pytest.raises(UsageError, match=f"--momentum goes with --optimizer gd or nesterov, not with {optimizer}"):
        TrainConfig(optimizer=optimizer, momentum=0.9)
    with pytest.raises(UsageError, match="--momentum goes with --optimizer gd or nesterov"):
        TrainConfig(momentum=0.9).with_(optimizer=optimizer)


def test_nesterov_needs_a_momentum_and_has_one() -> None:
    assert TrainConfig(optimizer="nesterov").momentum == 0.9
    assert TrainConfig(optimizer="nesterov", momentum=0.5).momentum == 0.5
    with pytest.raises(UsageError, match="--momentum must be above 0 for --optimizer nesterov"):
        TrainConfig(optimizer="nesterov", momentum=0.0)


def test_only_adamw_decays_unasked() -> None:
    own = {name: TrainConfig(optimizer=name).weight_decay for name in get_args(OptimizerName)}
    assert own == dict.fromkeys(own, 0.0) | {"adamw": 0.01}
    assert TrainConfig(optimizer="adamw", weight_decay=0.0).weight_decay == 0.0


def test_another_optimizer_brings_its_own_numbers_but_keeps_those_that_were_asked_for() -> None:
    assert (TrainConfig().with_(optimizer="nesterov").momentum, FACES_TRAINING.momentum) == (0.9, 0.0)
    assert TrainConfig(momentum=0.5).with_(optimizer="nesterov").momentum == 0.5
    assert TrainConfig(optimizer="nesterov").with_(optimizer="adam").momentum == 0.0
    assert FACES_TRAINING.with_(optimizer="adamw").weight_decay == 0.01
    assert FACES_TRAINING.with_(optimizer="adamw").with_(optimizer="adam") == FACES_TRAINING
    assert FACES_TRAINING.with_(weight_decay=0.1).with_(optimizer="adamw").weight_decay == 0.1
    assert FACES_TRAINING.with_(optimizer="adamw", weight_decay=0.0).weight_decay == 0.0
    assert TrainConfig(optimizer="adamw").with_(lr=0.1).weight_decay == 0.01


def test_configurations_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        DIGITS_TRAINING.lr = 1.0  # type: ignore[misc]


def test_one_hidden_layer_is_a_number_and_several_are_the_text_that_names_them() -> None:
    assert [TrainConfig(hidden=hidden).hidden for hidden in (20, "20", "300x100", "0300x010")] == [
        *(20, 20, "300x100", "300x10")
    ]
    assert [TrainConfig(hidden=hidden).hidden_layers for hidden in (20, "300x100x10")] == [(20,), (300, 100, 10)]
    told = TrainConfig(model="mlp", hidden="300x100").to_dict()
    assert TrainConfig(**json.loads(json.dumps(told))) == TrainConfig(model="mlp", hidden="300x100")  # type: ignore[arg-type]


@pytest.mark.parametrize("hidden", [0, -3, 2.5, "", "x", "20x", "x20", "300x0", "300X100", "300x-1", "3e2", "²"])
def test_layers_without_a_whole_number_of_units_are_refused(hidden: object) -> None:
    with pytest.raises(UsageError, match=r"--hidden '.*' is not a number of units from 1: two layers are 300x100, two"):
        TrainConfig(hidden=hidden)  # type: ignore[arg-type]


def test_options_that_a_model_ignores_do_not_make_it_another_model() -> None:
    assert TrainConfig(hidden=7, activation="tanh").to_dict() == TrainConfig().to_dict()
    assert TrainConfig(model="mlp", hidden=7).to_dict() != TrainConfig(model="mlp").to_dict()


def test_statuses_go_from_harmless_to_grave() -> None:
    assert STATUS_SEVERITY == ("ok", "stopped", "early", "collapsed", "diverged", "failed")
