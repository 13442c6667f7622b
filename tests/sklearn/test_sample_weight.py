"""What a row of some weight counts: as scikit-learn and PyTorch weigh it, and as so many copies of it."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mnistfaces.sklearn import Classifier, StackedSearchCV, search
from mnistfaces.sklearn.tasks import Task, Trained
from mnistfaces.sklearn.training import train_side_by_side

Floats = NDArray[np.float64]
Digits = tuple[Floats, NDArray[np.int64], Floats]
"""Rows, labels, and weights, every fifth of which is 0."""


@pytest.fixture(scope="module")
def digits() -> Digits:
    rows, labels = load_digits(return_X_y=True)
    weights = np.random.default_rng(0).uniform(0.1, 5, 300)
    weights[::5] = 0
    return rows[:300] / 16, labels[:300], weights


def test_the_optimum_is_that_of_scikit_learn(digits: Digits) -> None:
    rows, labels, weights = digits
    exact = {"optimizer": "lbfgs", "weight_decay": 0.5, "reduction": "sum", "dtype": "float64"}
    ours = Classifier("softmax", **exact).fit(rows, labels, weights)
    peer = LogisticRegression(C=2.0, tol=1e-12, max_iter=10_000, solver="newton-cg").fit(rows, labels, weights)
    assert np.abs(ours.weights_["0.weight"] - peer.coef_).max() < 1e-5
    assert np.abs(ours.predict_proba(rows) - peer.predict_proba(rows)).max() < 1e-5
    losses = -np.log(peer.predict_proba(rows)[np.arange(300), labels])
    assert ours.loss_curve_[-1] == pytest.approx(np.average(losses, weights=weights), abs=1e-6)


@pytest.mark.parametrize(
    "parameters",
    [
        {"optimizer": "gd", "lr": 1e-3, "reduction": "sum", "momentum": 0.5},
        {"optimizer": "gd", "lr": 0.3, "activation": "tanh", "weight_decay": 0.01},
        {"model": "mlp", "lr": 0.01, "ensemble": 2},
        {"model": "ridge"},
        {"model": "kernel", "gamma": 0.02},
    ],
    ids=lambda parameters: "-".join(map(str, parameters.values())),
)
def test_a_row_counts_as_so_many_copies_of_it(digits: Digits, parameters: dict[str, Any]) -> None:
    rows, labels, _ = digits
    times = np.random.default_rng(1).integers(0, 3, 300)
    one = Classifier(**{"model": "softmax", "batch_size": None, "epochs": 30, "dtype": "float64"} | parameters)
    copies = Classifier(**one.get_params()).fit(rows.repeat(times, axis=0), labels.repeat(times))
    one.fit(rows, labels, times)
    np.testing.assert_allclose(one.predict_proba(rows), copies.predict_proba(rows), rtol=1e-9)
    np.testing.assert_allclose(one.loss_curve_, copies.loss_curve_, rtol=1e-9)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_minibatches_weigh_their_rows_as_pytorch_does(digits: Digits, reduction: str) -> None:
    rows, labels, weights = (values[:90] for values in digits)
    there = weights > 0  # 72 rows: minibatches of 20, 20, 20 and 12
    ours = Classifier("softmax", optimizer="gd", lr=0.1, reduction=reduction, batch_size=20, epochs=4, dtype="float64")
    ours.fit(rows, labels, weights)
    inputs, targets, counts = map(torch.from_numpy, (rows[there], labels[there], weights[there]))
    layer = torch.nn.Linear(64, 10, dtype=torch.float64)
    for parameter in layer.parameters():
        torch.nn.init.zeros_(parameter)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    orders = np.random.default_rng((0, 1))
    for _ in range(4):
        order = orders.permutation(np.arange(72))
        for batch in (order[first : first + 20] for first in range(0, 72, 20)):
            optimizer.zero_grad()
            losses = torch.nn.functional.cross_entropy(layer(inputs[batch]), targets[batch], reduction="none")
            cost = (losses * counts[batch]).sum()
            (cost / counts[batch].sum() if reduction == "mean" else cost).backward()
            optimizer.step()
    np.testing.assert_allclose(ours.weights_["0.weight"], layer.weight.detach().numpy(), rtol=0, atol=1e-12)


def test_weights_of_one_change_no_bit(digits: Digits) -> None:
    rows, labels, _ = digits
    for parameters in ({}, {"batch_size": None, "select": "best"}, {"model": "softmax", "optimizer": "lbfgs"}):
        one = Classifier(lr=0.05, epochs=8, **parameters)
        plain = one.fit(rows, labels).predict_proba(rows)
        assert (one.fit(rows, labels, np.ones(300)).predict_proba(rows) == plain).all()


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (-1, "Negative values"),
        (np.nan, "NaN"),
        (0, "non-zero number|hold no class"),
        ([1] * 299, "sample_weight.shape"),
        ([1] + [0] * 299, "above 0 hold one class, 0"),
    ],
)
def test_weights_that_cannot_be_meant_are_a_value_error(digits: Digits, weights: object, said: str) -> None:
    given = np.full(300, weights, float) if np.isscalar(weights) else weights
    with pytest.raises(ValueError, match=said):
        Classifier(epochs=3).fit(*digits[:2], sample_weight=given)


def test_a_search_weighs_rows_as_grid_search_does(digits: Digits, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, labels, weights = digits
    trained: list[Task] = []

    def train(tasks: list[Task], jobs: int) -> list[Trained]:
        trained.extend(tasks)
        return train_side_by_side(tasks, jobs)

    monkeypatch.setattr(search, "train_side_by_side", train)
    for estimator, prefix in (
        (Classifier(epochs=3), ""),
        (make_pipeline(StandardScaler(), Classifier(epochs=3)), "classifier__"),
    ):
        grid = {f"{prefix}lr": [0.01, 0.1], f"{prefix}batch_size": [20, None]}
        given = {f"{prefix}sample_weight": weights}
        ours = StackedSearchCV(estimator, grid, cv=3).fit(rows, labels, **given)
        theirs = GridSearchCV(estimator, grid, cv=3).fit(rows, labels, **given)
        unweighted = GridSearchCV(estimator, grid, cv=3).fit(rows, labels)
        assert len(trained) == 12
        np.testing.assert_array_equal(ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"])
        assert (ours.predict_proba(rows) == theirs.predict_proba(rows)).all()
        assert (ours.predict_proba(rows) != unweighted.predict_proba(rows)).any()
        trained.clear()
