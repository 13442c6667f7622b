"""Rows that are images: `augment` beside the same changes made by hand, and beside the command."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mnistfaces.config import SplitConfig, TrainConfig
from mnistfaces.datasets.sample import load_sample
from mnistfaces.datasets.splits import draw_split
from mnistfaces.experiments.train import open_training, train_and_keep
from mnistfaces.experiments.trials import Cell, Trial
from mnistfaces.runs.runs import Run
from mnistfaces.sklearn import Classifier, StackedSearchCV

Digits = tuple[NDArray[np.float64], NDArray[np.int64]]
EXACT = {"dtype": "float64", "batch_size": None}


@pytest.fixture(scope="module")
def digits() -> Digits:
    rows, labels = load_digits(return_X_y=True)
    return rows[:300] / 16, labels[:300]


def scores(model: Classifier, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the logarithms of probabilities, the mean of a row's taken away."""
    found: NDArray[np.float64] = np.log(model.predict_proba(rows))
    return found - found.mean(axis=1, keepdims=True)


@pytest.mark.parametrize(
    "model",
    [
        Classifier("ridge", dtype="float64"),
        Classifier("kernel", gamma=0.05, dtype="float64"),
        Classifier("softmax", optimizer="gd", lr=0.5, epochs=40, **EXACT),
    ],
)
@pytest.mark.parametrize("shape", [(8, 8), (4, 5, 3)])
def test_mirrored_rows_train_as_if_they_stood_behind_the_others(
    digits: Digits, model: Classifier, shape: tuple[int, ...]
) -> None:
    rows, labels = digits[0][:, : np.prod(shape)], digits[1]
    flipped = np.flip(rows.reshape(-1, *shape), 2).reshape(len(rows), -1)
    by_hand = clone(model).fit(np.concatenate([rows, flipped]), np.concatenate([labels, labels]))
    ours = clone(model).set_params(augment="mirror", image_shape=shape).fit(rows, labels)
    plain = clone(model).fit(rows, labels)
    fresh = load_digits(return_X_y=True)[0][300:500, : np.prod(shape)] / 16
    one, other = scores(ours, fresh), scores(by_hand, fresh)
    # in closed form what scales the scores is found without an image's group, of which its copy is one
    factor = 1.0 if ours.model == "softmax" else (one * other).sum() / (other * other).sum()
    assert factor > 0.5
    np.testing.assert_allclose(one, factor * other, atol=1e-8)
    assert np.abs(ours.predict_proba(fresh) - plain.predict_proba(fresh)).max() > 0.01


def test_turned_rows_of_any_numbers_are_scipys_rotation(digits: Digits) -> None:
    scaled = StandardScaler().fit_transform(digits[0])
    model = Classifier("ridge", dtype="float64", augment="rotate:20", image_shape=(8, 8), random_state=3)
    angles = np.random.default_rng((3, 2)).uniform(-20, 20, len(scaled))  # as the seed draws them
    turned = [
        ndimage.rotate(row.reshape(8, 8), angle, axes=(1, 0), reshape=False, order=1, mode="nearest").ravel()
        for row, angle in zip(scaled, angles, strict=True)
    ]
    by_hand = Classifier("ridge", dtype="float64").fit(np.concatenate([scaled, turned]), np.tile(digits[1], 2))
    ours = model.fit(scaled, digits[1])
    one, other = scores(ours, scaled), scores(by_hand, scaled)
    np.testing.assert_allclose(one, (one * other).sum() / (other * other).sum() * other, atol=1e-8)


def test_the_command_trains_the_same_weights_on_the_same_images(tmp_path: Path) -> None:
    sample = load_sample()
    training = TrainConfig(
        model="mlp", optimizer="adam", reduction="mean", batch_size=32, epochs=3, lr=1e-3, augment="mirror"
    )
    trial = Trial(cell=Cell(training=training, split=SplitConfig(train_per_class=20)), seed=4, split_seed=4)
    folder = open_training(sample, trial, device="cpu", every=None, out=tmp_path / "run")
    (run,) = [event for event in train_and_keep(folder, sample, trial) if isinstance(event, Run)]
    train = draw_split(sample, trial.cell.split, 4).train
    asked = {
        name: getattr(training, name) for name in ("optimizer", "reduction", "batch_size", "epochs", "lr", "augment")
    }
    model = Classifier(**asked, image_shape=(28, 28), random_state=4)
    model.fit(sample.values(train), sample.labels[train])
    assert all((model.weights_[name] == values).all() for name, values in run.all_weights().items())


def test_a_search_over_changes_finds_what_grid_search_finds_to_the_last_bit(digits: Digits) -> None:
    model = make_pipeline(StandardScaler(), Classifier(epochs=3, image_shape=(8, 8)))
    grid = {
        "classifier__augment": [None, "mirror", "shift:1,rotate:9"],
        "classifier__lr": [0.01, 0.001],
        "classifier__batch_size": [20, None],
    }
    ours, theirs = (search(model, grid, cv=2).fit(*digits) for search in (StackedSearchCV, GridSearchCV))
    assert (ours.cv_results_["mean_test_score"] == theirs.cv_results_["mean_test_score"]).all()
    assert (ours.predict_proba(digits[0]) == theirs.predict_proba(digits[0])).all()
    assert len(set(ours.cv_results_["mean_test_score"])) > 6


def test_rows_that_count_nothing_have_no_copies(digits: Digits) -> None:
    rows, labels = digits
    model = Classifier("ridge", dtype="float64", augment="shift:2", image_shape=(8, 8))
    counts = (np.arange(len(rows)) % 3 > 0).astype(float)
    weighted = clone(model).fit(rows, labels, sample_weight=counts)
    left_out = clone(model).fit(rows[counts > 0], labels[counts > 0])
    np.testing.assert_allclose(weighted.predict_proba(rows), left_out.predict_proba(rows), atol=1e-9)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"augment": "mirror"}, r"say how they lie in the rows, image_shape=\(height, width\)"),
        ({"augment": "mirror", "image_shape": (8, 9)}, r"of 64 numbers in all, not \(8, 9\)"),
        ({"image_shape": (64,)}, r"of 64 numbers in all, not \(64,\)"),
        ({"image_shape": (4, 8, 2)}, r"of 64 numbers in all, not \(4, 8, 2\)"),
        ({"image_shape": (-8, -8)}, r"not \(-8, -8\)"),
        ({"image_shape": 8}, "not 8"),
        ({"image_shape": "8x8"}, "not '8x8'"),
        ({"image_shape": (8.0, 8.0)}, r"not \(8.0, 8.0\)"),
        ({"augment": "flip", "image_shape": (8, 8)}, "'flip' is not one of mirror"),
        ({"augment": "shift:8", "image_shape": (8, 8)}, "moves images of 8 pixels out of sight"),
    ],
)
def test_what_cannot_be_meant_is_said(digits: Digits, asked: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Classifier(epochs=1, **asked).fit(*digits)


def test_once_the_epoch_is_chosen_all_rows_train_up_to_it(digits: Digits) -> None:
    rows, labels = digits
    asked = {"lr": 0.05, "epochs": 60, "patience": 3, "random_state": 2}
    chosen = Classifier(**asked).fit(rows, labels)
    again = Classifier(**asked, refit=True).fit(rows, labels)
    best = chosen.n_iter_ - 3
    plain = Classifier(lr=0.05, epochs=best, random_state=2).fit(rows, labels)
    assert chosen.status_ == "early"
    assert (again.n_iter_, again.status_) == (best, "ok")
    assert (again.predict_proba(rows) == plain.predict_proba(rows)).all()
    grid = {"lr": [0.05, 0.01], "refit": [True, False], "select": ["last", "best"]}
    ours, theirs = (search(Classifier(epochs=4), grid, cv=2).fit(*digits) for search in (StackedSearchCV, GridSearchCV))
    assert (ours.cv_results_["mean_test_score"] == theirs.cv_results_["mean_test_score"]).all()
