"""What a run may be asked to do, and what it does when it is not told."""

import dataclasses

import pytest

from mnistfaces.config import (
    DIGITS_SPLIT,
    DIGITS_TRAINING,
    FACES_SPLIT,
    FACES_TRAINING,
    FEATURES_TRAINING,
    STATUS_SEVERITY,
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


def test_momentum_is_refused_with_adam_whichever_is_given_first() -> None:
    with pytest.raises(UsageError, match="--momentum goes with --optimizer gd"):
        TrainConfig(optimizer="adam", momentum=0.9)
    with pytest.raises(UsageError, match="--momentum goes with --optimizer gd"):
        TrainConfig(momentum=0.9).with_(optimizer="adam")


def test_configurations_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        DIGITS_TRAINING.lr = 1.0  # type: ignore[misc]


def test_options_that_a_model_ignores_do_not_make_it_another_model() -> None:
    assert TrainConfig(hidden=7, activation="tanh").to_dict() == TrainConfig().to_dict()
    assert TrainConfig(model="mlp", hidden=7).to_dict() != TrainConfig(model="mlp").to_dict()


def test_statuses_go_from_harmless_to_grave() -> None:
    assert STATUS_SEVERITY == ("ok", "stopped", "collapsed", "diverged", "failed")
