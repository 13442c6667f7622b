import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.utils.estimator_checks import parametrize_with_checks

from mnistfaces.config import TrainConfig
from mnistfaces.sklearn import Classifier

Rows = NDArray[np.float64]
FAST = {"lr": 0.05, "epochs": 20}


@pytest.fixture(scope="module")
def digits() -> tuple[Rows, NDArray[np.int64]]:
    rows, labels = load_digits(return_X_y=True)
    return rows[:400] / 16, labels[:400]


EXACT = {"dtype": "float64", "batch_size": None}
CHECKED = [
    Classifier(**FAST),
    Classifier("softmax", **FAST),
    Classifier(**FAST, **EXACT),
    Classifier("softmax", optimizer="lbfgs", weight_decay=0.1, dtype="float64"),
    Classifier("ridge", dtype="float64"),
    Classifier("kernel", dtype="float64"),
]


def expected_failures(estimator: Classifier) -> dict[str, str]:
    """Returns the checks that a configuration cannot pass, each with its reason."""
    if estimator.dtype == "float64":
        return {}
    weighs = "check_sample_weight_equivalence_on_dense_data"
    return {weighs: "compares at 1e-7, which float32 does not hold over 20 epochs of Adam"}


@parametrize_with_checks(CHECKED, expected_failed_checks=expected_failures)
def test_scikit_learn_finds_nothing_to_say(estimator: Classifier, check: Callable[[Classifier], None]) -> None:
    check(estimator)


def test_the_weights_are_those_of_pytorch_after_the_same_steps(digits: tuple[Rows, NDArray[np.int64]]) -> None:
    rows, labels = digits
    ours = Classifier("softmax", optimizer="gd", lr=0.5, momentum=0.9, batch_size=None, epochs=50, dtype="float64")
    ours.fit(rows, labels)
    layer = torch.nn.Linear(64, 10, dtype=torch.float64)
    for parameter in layer.parameters():
        torch.nn.init.zeros_(parameter)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.5, momentum=0.9)
    for _ in range(50):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(layer(torch.tensor(rows)), torch.tensor(labels)).backward()
        optimizer.step()
    np.testing.assert_allclose(ours.weights_["0.weight"], layer.weight.detach().numpy(), rtol=0, atol=1e-12)
    theirs = layer(torch.tensor(rows)).softmax(1).detach().numpy()
    np.testing.assert_allclose(ours.predict_proba(rows), theirs, rtol=0, atol=1e-12)


def test_the_loss_curve_falls_and_ends_with_the_last_epoch(digits: tuple[Rows, NDArray[np.int64]]) -> None:
    fitted = Classifier(lr=0.01, epochs=30).fit(*digits)
    assert fitted.loss_epochs_ == list(range(31))
    probability = fitted.predict_proba(digits[0])[np.arange(400), digits[1]]
    assert fitted.loss_curve_[-1] == pytest.approx(-np.log(probability).mean(), abs=1e-5)
    assert fitted.loss_curve_[-1] < fitted.loss_curve_[0] / 2
    assert fitted.n_iter_ == 30


def test_names_of_classes_come_back_and_a_pickle_predicts_the_same(digits: tuple[Rows, NDArray[np.int64]]) -> None:
    rows, labels = digits
    names = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])[labels]
    fitted = Classifier(**FAST).fit(rows, names)
    assert set(fitted.predict(rows)) == set(names)
    again = pickle.loads(pickle.dumps(fitted))  # noqa: S301  made here
    assert (again.predict_proba(rows) == fitted.predict_proba(rows)).all()


def test_pixels_of_eight_bits_are_taken_as_the_numbers_they_are(digits: tuple[Rows, NDArray[np.int64]]) -> None:
    rows, labels = digits
    whole = (rows * 16).astype(np.uint8)
    fitted = Classifier(lr=0.001, epochs=5)
    as_bytes = fitted.fit(whole, labels).predict_proba(whole)
    assert (as_bytes == fitted.fit(whole.astype(float), labels).predict_proba(whole)).all()


def test_rows_held_out_choose_the_epoch(digits: tuple[Rows, NDArray[np.int64]]) -> None:
    rows, labels = digits
    chosen = Classifier(lr=0.05, epochs=200, select="best").fit(rows, labels)
    held = chosen.task(chosen.read(rows, labels, None).rows(np.arange(400))).validation
    assert np.bincount(labels[held]).tolist() == np.round(0.2 * np.bincount(labels)).tolist()
    last = Classifier(lr=0.05, epochs=200).fit(rows[~held], labels[~held])

    def loss(model: Classifier) -> float:
        return float(-np.log(model.predict_proba(rows[held])[np.arange(held.sum()), labels[held]]).mean())

    assert loss(chosen) < loss(last)


def test_an_ensemble_answers_by_the_mean_of_its_seeds(digits: tuple[Rows, NDArray[np.int64]]) -> None:
    rows, labels = digits
    together = Classifier(**FAST, ensemble=3).fit(rows, labels)
    alone = [Classifier(**FAST, random_state=member << 20).fit(rows, labels) for member in range(3)]
    mean = np.mean([one.predict_proba(rows) for one in alone], axis=0)
    assert np.abs(alone[0].predict_proba(rows) - alone[1].predict_proba(rows)).max() > 1e-3
    np.testing.assert_allclose(together.predict_proba(rows), mean, rtol=1e-12)
    assert together.loss_curve_[-1] == pytest.approx(-np.log(mean[np.arange(400), labels]).mean(), rel=1e-9)


def test_patience_ends_a_training_and_keeps_its_best(digits: tuple[Rows, NDArray[np.int64]]) -> None:
    patient = Classifier(lr=0.05, epochs=300, patience=5).fit(*digits)
    assert (patient.status_, patient.n_iter_ < 300) == ("early", True)
    best = Classifier(lr=0.05, epochs=patient.n_iter_, select="best").fit(*digits)
    assert (patient.predict_proba(digits[0]) == best.predict_proba(digits[0])).all()


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"optimizer": "lion"}, "'lion' is not one of gd"),
        ({"lr": -1}, "--lr must be positive"),
        ({"lr": 1e30, "optimizer": "gd"}, "diverged at lr=1e+30"),
        ({"random_state": -1}, "random_state must lie between 0"),
        ({"select": "best", "validation_fraction": 1.5}, "validation_fraction must lie between"),
        ({"select": "best", "validation_fraction": 0.001}, "needs more rows per class"),
        ({"model": "softmax", "batch_size": None, "ensemble": 3}, "are the same for every seed"),
    ],
)
def test_what_cannot_be_meant_is_a_value_error(
    digits: tuple[Rows, NDArray[np.int64]], parameters: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said.replace("+", r"\+")):
        Classifier(epochs=3).set_params(**parameters).fit(*digits)


def test_every_option_of_a_training_is_a_parameter() -> None:
    of_images_and_runs = {"augment", "refit"}  # an estimator's rows have no form, its fit is all there is
    assert set(vars(TrainConfig())) - of_images_and_runs <= set(Classifier().get_params())
