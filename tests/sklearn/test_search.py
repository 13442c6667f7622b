import itertools
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.datasets import load_digits
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mnistfaces.progress import Advanced
from mnistfaces.sklearn import Classifier, StackedSearchCV, search, training
from mnistfaces.sklearn.tasks import Task, Trained
from mnistfaces.sklearn.training import train_side_by_side

TIMES = ("mean_fit_time", "std_fit_time", "mean_score_time", "std_score_time")
GRID = {"lr": [0.01, 0.001], "weight_decay": [0, 0.01], "epochs": [3, 6], "random_state": [0, 1]}

Digits = tuple[NDArray[np.float64], NDArray[np.int64]]


@pytest.fixture(scope="module")
def digits() -> Digits:
    rows, labels = load_digits(return_X_y=True)
    return rows[:200], labels[:200]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Task]:
    """Returns the tasks that were trained side by side."""
    seen: list[Task] = []

    def train(tasks: list[Task], jobs: int) -> list[Trained]:
        seen.extend(tasks)
        return train_side_by_side(tasks, jobs)

    monkeypatch.setattr(search, "train_side_by_side", train)
    return seen


def assert_equal(ours: StackedSearchCV, theirs: GridSearchCV) -> None:
    """Checks that two searches found the same, to the last bit."""
    assert list(ours.cv_results_) == list(theirs.cv_results_)
    for name, values in theirs.cv_results_.items():
        if name not in TIMES:
            np.testing.assert_array_equal(ours.cv_results_[name], values, err_msg=name)
    assert (ours.best_index_, ours.best_params_) == (theirs.best_index_, theirs.best_params_)


ESTIMATORS = {
    "alone": (Classifier(), GRID),
    "full batches": (Classifier("softmax", batch_size=None, optimizer="gd"), GRID),
    "best epoch": (Classifier(select="best"), {"lr": [0.01, 0.1], "epochs": [5]}),
    "ensemble": (Classifier(epochs=3), {"ensemble": [1, 3], "batch_size": [20, None]}),
    "closed forms": (Classifier("kernel"), {"weight_decay": [0.01, 0.1, 1.0], "gamma": [None, 0.001]}),
    "pipeline": (
        make_pipeline(StandardScaler(), Classifier(epochs=3)),
        {"standardscaler__with_std": [True, False], "classifier__lr": [0.01, 0.001]},
    ),
    "two grids": (Classifier(epochs=3), [{"hidden": [5, "6x4"]}, {"model": ["softmax"], "lr": [0.1, 0.01]}]),
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_search_finds_what_grid_search_finds_to_the_last_bit(digits: Digits, trained: list[Task], name: str) -> None:
    estimator, grid = ESTIMATORS[name]
    ours = StackedSearchCV(estimator, grid, cv=3, return_train_score=True).fit(*digits)
    theirs = GridSearchCV(estimator, grid, cv=3, return_train_score=True).fit(*digits)
    assert_equal(ours, theirs)
    assert (ours.predict_proba(digits[0]) == theirs.predict_proba(digits[0])).all()
    assert len(trained) == 3 * len(ours.cv_results_["params"])  # all of them side by side, none alone


@pytest.mark.parametrize("asked", ["here", "around"])
def test_stacks_that_train_at_a_time_find_the_same_and_share_the_cores(
    digits: Digits, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    """The two wait for each other, so that one after the other, or a model alone, would never end."""
    both, seen, train = threading.Barrier(2, timeout=60), list[tuple[int, str]](), training.train_cells

    def watched(*args: Any, **named: Any) -> Iterator[Any]:  # noqa: ANN401  as they are
        both.wait()
        threads = torch.get_num_threads()
        yield from train(*args, **named)
        both.wait()
        seen.append((threads, torch.get_float32_matmul_precision()))

    estimator, grid = Classifier(epochs=2), {"lr": [0.01, 0.001], "weight_decay": [0, 0.01]}
    before = torch.get_num_threads(), torch.get_float32_matmul_precision()
    torch.set_num_threads(4)
    torch.set_float32_matmul_precision("high")  # the caller's choice, which is none of the engine's
    try:
        with monkeypatch.context() as changed:
            changed.setattr(training, "train_cells", watched)
            ours = StackedSearchCV(estimator, grid, cv=2, n_jobs=2 if asked == "here" else None, refit=False)
            with joblib.parallel_config(n_jobs=None if asked == "here" else 2):
                ours.fit(*digits)
        assert (torch.get_num_threads(), torch.get_float32_matmul_precision()) == (4, "high")
    finally:
        torch.set_num_threads(before[0])
        torch.set_float32_matmul_precision(before[1])
    assert seen == [(2, "highest")] * 2
    assert_equal(ours, GridSearchCV(estimator, grid, cv=2, refit=False).fit(*digits))


def test_a_stack_that_fails_ends_those_beside_it(digits: Digits, monkeypatch: pytest.MonkeyPatch) -> None:
    both, went_on = threading.Barrier(2, timeout=60), list[int]()

    def train(*_args: Any, **_named: Any) -> Iterator[Advanced]:  # noqa: ANN401  as they are
        if both.wait() == 0:
            raise RuntimeError("out of memory")
        for step in itertools.count():
            went_on[:] = [step]
            yield Advanced(amount=1)
            assert step < 2000  # 20 s
            threading.Event().wait(0.01)

    monkeypatch.setattr(training, "train_cells", train)
    with pytest.raises(RuntimeError, match="out of memory"):
        StackedSearchCV(Classifier(epochs=3), {"lr": [0.01, 0.003]}, cv=2, n_jobs=2).fit(*digits)
    assert went_on
    assert went_on[0] < 2000


def test_folds_that_shuffle_anew_each_time_are_drawn_once(digits: Digits) -> None:
    folds = KFold(3, shuffle=True, random_state=np.random.RandomState(0))
    ours = StackedSearchCV(Classifier(epochs=3), {"lr": [0.01, 0.001]}, cv=folds).fit(*digits)
    again = KFold(3, shuffle=True, random_state=np.random.RandomState(0))
    assert_equal(ours, GridSearchCV(Classifier(epochs=3), {"lr": [0.01, 0.001]}, cv=again).fit(*digits))


def test_groups_reach_the_folds(digits: Digits) -> None:
    groups = np.arange(200) // 10
    grid = {"lr": [0.01, 0.001]}
    ours = StackedSearchCV(Classifier(epochs=3), grid, cv=GroupKFold(4)).fit(*digits, groups=groups)
    assert_equal(ours, GridSearchCV(Classifier(epochs=3), grid, cv=GroupKFold(4)).fit(*digits, groups=groups))


def test_a_setting_that_diverges_or_cannot_be_meant_scores_nan_as_elsewhere(digits: Digits) -> None:
    grid = {"optimizer": ["gd"], "lr": [0.001, 1e30], "momentum": [0.0, 2.0]}
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        ours = StackedSearchCV(Classifier(epochs=3), grid, cv=3).fit(*digits)
        theirs = GridSearchCV(Classifier(epochs=3), grid, cv=3).fit(*digits)
    failed = [str(warning.message) for warning in told if issubclass(warning.category, FitFailedWarning)]
    assert len(failed) == 2
    assert all("diverged at lr" in message and "9 fits failed" in message for message in failed)
    assert_equal(ours, theirs)
    assert np.isnan(ours.cv_results_["mean_test_score"]).sum() == 3
    assert ours.best_params_ == {"lr": 0.001, "momentum": 0.0, "optimizer": "gd"}


def test_a_class_that_a_fold_lacks_is_no_obstacle(digits: Digits) -> None:
    rows, labels = digits
    rare = np.append(np.flatnonzero(labels < 3), np.flatnonzero(labels == 9)[:1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # scikit-learn's own: one member is fewer than the folds
        ours = StackedSearchCV(Classifier(epochs=3), {"lr": [0.01, 0.1]}, cv=3).fit(rows[rare], labels[rare])
        theirs = GridSearchCV(Classifier(epochs=3), {"lr": [0.01, 0.1]}, cv=3).fit(rows[rare], labels[rare])
    assert_equal(ours, theirs)


def test_a_random_seed_is_said_to_train_alone(digits: Digits) -> None:
    search = StackedSearchCV(Classifier(epochs=3, random_state=None), {"lr": [0.01]}, cv=2)
    with pytest.warns(UserWarning, match="every candidate trains alone"):
        search.fit(*digits)
    assert search.best_score_ > 0


@pytest.mark.parametrize("estimator", [LogisticRegression(), make_pipeline(StandardScaler(), LogisticRegression())])
def test_other_estimators_are_refused(digits: Digits, estimator: BaseEstimator) -> None:
    with pytest.raises(TypeError, match="Classifier of mnistfaces"):
        StackedSearchCV(estimator, {}).fit(*digits)


def test_a_table_with_named_columns_is_taken(digits: Digits) -> None:
    rows, labels = pd.DataFrame(digits[0]).add_prefix("pixel"), pd.Series(digits[1])
    ours = StackedSearchCV(Classifier(epochs=3), {"lr": [0.01, 0.1]}, cv=2).fit(rows, labels)
    assert list(ours.feature_names_in_) == list(rows.columns)
    assert_equal(ours, GridSearchCV(Classifier(epochs=3), {"lr": [0.01, 0.1]}, cv=2).fit(rows, labels))
