"""A grid search whose candidates, on all folds, train side by side."""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.model_selection import GridSearchCV, ParameterGrid, check_cv
from sklearn.pipeline import Pipeline
from sklearn.utils import indexable

from mnistfaces.sklearn.classifier import Classifier
from mnistfaces.sklearn.tasks import Task, Trained, prepared, train_side_by_side

Setting = Mapping[str, Any]
Fold = tuple[NDArray[np.int64], NDArray[np.int64]]


class StackedSearchCV(GridSearchCV):  # type: ignore[misc]  # scikit-learn brings no types
    """`GridSearchCV`, but settings, folds and seeds train side by side, in a fraction of its time.

    What comes out is what `GridSearchCV` gives, to the last bit: the same scores, the same `cv_results_`, the same
    `best_estimator_`. Seeds are one more parameter of the grid: `"random_state": [0, 1, 2]`. Fit times are a model's
    share of its stack.

    Args:
        estimator: a `Classifier`, or a `Pipeline` that ends with one. With `random_state=None` every candidate
            trains alone.
        param_grid: names of parameters and the values to try; `lr`, `momentum`, `weight_decay`, `epochs` and
            `random_state` cost the least, since models that differ in nothing else share a stack.
        scoring: as in `GridSearchCV`, as are all that follow.
        refit: train the best setting again on all rows.
        cv: the folds.
        verbose: how much is printed.
        error_score: of a setting whose training diverged.
        return_train_score: score the training rows, too.
    """

    def __init__(  # noqa: PLR0913  as GridSearchCV, but for the jobs
        self,
        estimator: BaseEstimator,
        param_grid: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Sequence[Any]]],
        *,
        scoring: object = None,
        refit: bool | str | Callable[..., int] = True,
        cv: object = None,
        verbose: int = 0,
        error_score: float | str = np.nan,
        return_train_score: bool = False,
    ) -> None:
        super().__init__(
            estimator,
            param_grid,
            scoring=scoring,
            refit=refit,
            cv=cv,
            verbose=verbose,
            error_score=error_score,
            return_train_score=return_train_score,
        )

    def fit(self, X: ArrayLike, y: ArrayLike | None = None, **params: Any) -> Self:  # noqa: ANN401  scikit-learn's
        """Tries every setting on every fold.

        Args:
            X: (N, D) rows.
            y: (N,) labels.
            **params: `groups` of the rows, for folds that keep groups whole.

        Raises:
            TypeError: the estimator is no `Classifier`, and no `Pipeline` that ends with one.
            ValueError: what `GridSearchCV` refuses.
        """
        if not isinstance(_last(self.estimator), Classifier):
            raise TypeError(f"the estimator must be, or end with, a Classifier of mnistfaces: {self.estimator!r}")
        rows, labels = indexable(X, y)
        folds = list(check_cv(self.cv, labels, classifier=is_classifier(self.estimator)).split(rows, labels, **params))
        settings = list(ParameterGrid(self.param_grid))
        tasks = _Tasks(self.estimator, rows, labels, folds)
        keys = [[tasks.add(setting, number) for number in range(len(folds))] for setting in settings]
        found = train_side_by_side(tasks.distinct())
        self._folds = folds
        try:
            with prepared(found):
                super().fit(X, y, **params)
        finally:
            del self._folds
        self._tell_times(keys, found)
        return self

    def _run_search(self, evaluate_candidates: Callable[..., object]) -> None:
        """Scores every setting, on the folds that its models were trained for."""
        evaluate_candidates(ParameterGrid(self.param_grid), cv=check_cv(self._folds))

    def _tell_times(self, keys: Sequence[Sequence[str | None]], found: Mapping[str, Trained]) -> None:
        """Puts each model's share of its stack in the place of the time that it took to find it."""
        for number, own in enumerate(keys):
            seconds = [found[key].seconds for key in own if key is not None and key in found]
            if len(seconds) == len(own):
                self.cv_results_["mean_fit_time"][number] = np.mean(seconds)
                self.cv_results_["std_fit_time"][number] = np.std(seconds)


class _Tasks:
    """What the settings of a grid train on the folds, each distinct task once."""

    def __init__(self, estimator: BaseEstimator, rows: Any, labels: Any, folds: Iterable[Fold]) -> None:  # noqa: ANN401  arrays, frames or lists
        self._estimator, self._rows, self._labels = estimator, rows, labels
        self._folds = [train for train, _ in folds]
        self._tasks: dict[str, Task] = {}

    def distinct(self) -> list[Task]:
        return list(self._tasks.values())

    def add(self, setting: Setting, fold: int) -> str | None:
        """Notes what a setting trains on a fold; returns its key, None where it cannot be known beforehand.

        A setting that cannot be meant is left to `GridSearchCV`, which says so in its own way.
        """
        whole = clone(self._estimator).set_params(**clone(dict(setting), safe=False))
        last = _last(whole)
        if not isinstance(last.random_state, int | np.integer):
            warnings.warn("random_state is no number: every candidate trains alone", stacklevel=3)
            return None
        try:
            rows, labels = _of_fold(self._rows, self._folds[fold]), _of_fold(self._labels, self._folds[fold])
            if isinstance(whole, Pipeline) and len(whole) > 1:
                rows = whole[:-1].fit_transform(rows, labels)
            task = last.task(rows, labels)
        except ValueError:
            return None
        key: str = task.key
        self._tasks[key] = task
        return key


def _last(estimator: BaseEstimator) -> BaseEstimator:
    """Returns the estimator, or that at the end of a pipeline."""
    return estimator[-1] if isinstance(estimator, Pipeline) and len(estimator) else estimator


def _of_fold(values: Any, places: NDArray[np.int64]) -> Any:  # noqa: ANN401  an array, a frame or a list
    """Returns some of the rows."""
    if hasattr(values, "iloc"):
        return values.iloc[places]
    return values[places] if hasattr(values, "shape") else [values[place] for place in places]
