"""A grid search whose candidates, on all folds, train side by side."""

import contextlib
import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from joblib import effective_n_jobs, parallel_config
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.model_selection import GridSearchCV, ParameterGrid, check_cv
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing, indexable
from sklearn.utils.validation import _check_method_params

from mnistfaces.sklearn.classifier import Classifier
from mnistfaces.sklearn.tables import Rows, Table
from mnistfaces.sklearn.tasks import Prepared, Task, prepared
from mnistfaces.sklearn.training import train_side_by_side

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
        n_jobs: how many stacks train at a time, in threads of this process that share the cores evenly; -1 is as many
            as there are cores. Cores that have a stack each do not wait for each other, as those of one stack do at
            every step. On a GPU there is one at a time.
        refit: train the best setting again on all rows.
        cv: the folds.
        verbose: how much is printed.
        error_score: of a setting whose training diverged.
        return_train_score: score the training rows, too.
    """

    def __init__(  # noqa: PLR0913  as GridSearchCV
        self,
        estimator: BaseEstimator,
        param_grid: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Sequence[Any]]],
        *,
        scoring: object = None,
        n_jobs: int | None = None,
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
            n_jobs=n_jobs,
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
            **params: `groups` of the rows, for folds that keep groups whole, and `sample_weight`; with a `Pipeline`
                `classifier__sample_weight`.

        Raises:
            TypeError: the estimator is no `Classifier`, and no `Pipeline` that ends with one.
            ValueError: what `GridSearchCV` refuses.
        """
        if not isinstance(_last(self.estimator), Classifier):
            raise TypeError(f"the estimator must be, or end with, a Classifier of mnistfaces: {self.estimator!r}")
        rows, labels = indexable(X, y)
        routed = self._get_routed_params_for_fit(_check_method_params(rows, params=params))
        split = check_cv(self.cv, labels, classifier=is_classifier(self.estimator)).split
        folds = list(split(rows, labels, **routed.splitter.split))
        settings = list(ParameterGrid(self.param_grid))
        tasks = _Tasks(self.estimator, rows, labels, routed.estimator.fit, folds)
        asked = [[tasks.of(setting, number) for number in range(len(folds))] for setting in settings]
        jobs = effective_n_jobs(self.n_jobs)
        found = train_side_by_side(tasks.distinct, jobs)
        # what is prepared is found in this thread alone
        in_this = parallel_config(backend="sequential") if jobs > 1 else contextlib.nullcontext()
        self._folds = folds
        try:
            with prepared(Prepared(zip(tasks.distinct, found, strict=True))), in_this:
                super().fit(X, y, **params)
        finally:
            del self._folds
        self._tell_times([[found[number].seconds for number in own if number is not None] for own in asked])
        return self

    def _run_search(self, evaluate_candidates: Callable[..., object]) -> None:
        """Scores every setting, on the folds that its models were trained for."""
        evaluate_candidates(ParameterGrid(self.param_grid), cv=check_cv(self._folds))

    def _tell_times(self, seconds: Sequence[Sequence[float]]) -> None:
        """Puts each model's share of its stack in the place of the time that it took to find it."""
        for number, own in enumerate(seconds):
            if len(own) == self.n_splits_:
                self.cv_results_["mean_fit_time"][number] = np.mean(own)
                self.cv_results_["std_fit_time"][number] = np.std(own)


class _Tasks:
    """What the settings of a grid train on the folds, each distinct task once.

    Settings of one fold share its rows, and folds that nothing is done to share one table.

    Attributes:
        distinct: the tasks.
    """

    def __init__(
        self,
        estimator: BaseEstimator,
        rows: Any,  # noqa: ANN401  an array, a frame or a list
        labels: Any,  # noqa: ANN401  likewise
        params: Mapping[str, Any],
        folds: Sequence[Fold],
    ) -> None:
        self._estimator, self._rows, self._labels, self._params = estimator, rows, labels, params
        self._folds = [train for train, _ in folds]
        self._table: Table | None = None
        self._made: dict[Hashable, Rows | None] = {}
        self._numbers: dict[Hashable, int] = {}
        self.distinct: list[Task] = []

    def of(self, setting: Setting, fold: int) -> int | None:
        """Notes what a setting trains on a fold; returns its number, None where it cannot be known beforehand.

        A setting that cannot be meant is left to `GridSearchCV`, which says so in its own way.
        """
        whole = clone(self._estimator).set_params(**clone(dict(setting), safe=False))
        last = _last(whole)
        if not isinstance(last.random_state, int | np.integer):
            warnings.warn("random_state is no number: every candidate trains alone", stacklevel=3)
            return None
        rows = self._rows_of(whole, setting, fold)
        try:
            task = None if rows is None else last.task(rows)
        except ValueError:
            task = None
        if task is None:
            return None
        key = id(rows), task.key
        if key not in self._numbers:
            self._numbers[key] = len(self.distinct)
            self.distinct.append(task)
        return self._numbers[key]

    def _rows_of(self, whole: BaseEstimator, setting: Setting, fold: int) -> Rows | None:
        """Returns what a fold comes to before the last step, None where that is an error; made once per distinct way.

        Values of the grid are told by their identity: some, such as transformers, tell nothing else.
        """
        steps = whole.steps[:-1] if isinstance(whole, Pipeline) else []
        own = f"{whole.steps[-1][0]}__" if steps else ""
        before = {name: id(value) for name, value in setting.items() if steps and not name.startswith(own)}
        key = fold, tuple(sorted(before.items()))
        if key not in self._made:
            try:
                made = (
                    self._transformed(whole, fold, own) if steps else self._whole(_last(whole)).rows(self._folds[fold])
                )
            except ValueError:
                made = None
            self._made[key] = made
        return self._made[key]

    def _whole(self, last: Classifier) -> Table:
        """Returns all rows, read once.

        Raises:
            ValueError: they cannot be meant.
        """
        if self._table is None:
            self._table = last.read(self._rows, self._labels, self._params.get("sample_weight"))
        return self._table

    def _transformed(self, whole: Pipeline, fold: int, own: str) -> Rows:
        """Returns the rows of a fold behind the steps before the last.

        Args:
            whole: the steps.
            fold: its number.
            own: how names of the last step's parameters begin.

        Raises:
            ValueError: they cannot be meant.
        """
        at = self._folds[fold]
        rows, labels = _safe_indexing(self._rows, at), _safe_indexing(self._labels, at)
        params = _check_method_params(self._rows, self._params, at)
        before = {name: value for name, value in params.items() if not name.startswith(own)}
        transformed = whole[:-1].fit_transform(rows, labels, **before)
        table: Table = whole[-1].read(transformed, labels, params.get(f"{own}sample_weight"))
        return table.rows(np.arange(len(at)))


def _last(estimator: BaseEstimator) -> BaseEstimator:
    """Returns the estimator, or that at the end of a pipeline."""
    return estimator[-1] if isinstance(estimator, Pipeline) and len(estimator) else estimator
