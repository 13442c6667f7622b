"""A classifier for scikit-learn, trained by the engine.

Legend: N rows, D inputs, C classes.
"""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from mnistfaces.config import (
    FACES_TRAINING,
    MAX_SEED,
    Activation,
    DeviceName,
    DtypeName,
    ModelName,
    OptimizerName,
    Reduction,
    Selection,
    TrainConfig,
)
from mnistfaces.errors import UsageError
from mnistfaces.runs.network import Network
from mnistfaces.sklearn.tasks import Task, train

FLOATS = [np.float64, np.float32]


class Classifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn brings no types
    """Softmax regression, or a network with hidden layers, with the arithmetic of `mnf train`.

    Inputs are taken as they are: put a `StandardScaler`, or a division by 255, before it. The defaults are those of
    `mnf train` for data of one's own; equal seeds give equal bits, alone and in a `StackedSearchCV`.

    Args:
        model: `softmax` or `mlp`; or `ridge` or `kernel`, in closed form, of which `weight_decay`, `gamma` and `dtype`
            alone count.
        hidden: hidden units of the mlp; `"300x100"` is two layers of them.
        activation: of the hidden units, `relu` or `tanh`.
        optimizer: `gd`, `nesterov`, `rmsprop`, `adagrad`, `adam` or `adamw`; or `lbfgs`, on all rows to the optimum.
        lr: learning rate.
        momentum: of `gd` and `nesterov`; None is the optimizer's own.
        batch_size: rows per step; None is all of them.
        epochs: passes over the rows.
        weight_decay: L2 penalty on weights; None is the model's or the optimizer's own.
        gamma: of the kernel exp(-gamma |x - y|^2); None is 1 / (D * variance of the training rows).
        reduction: the cost is the `sum` or the `mean` over the rows of a batch.
        eps: stop when the steps of weights and of biases have norms of at most this; 0 is never.
        drop_last: leave out an incomplete last batch.
        select: keep the `last` epoch's weights, or those of the `best` loss on rows held out.
        patience: end when the loss on rows held out has not improved for so many epochs, and keep the best; None is
            never.
        validation_fraction: the rows held out for `select="best"` and for patience, a share of each class.
        dtype: of weights and training, `float32` or `float64`.
        device: `cpu`, `cuda`, `mps` or `auto`.
        random_state: an int is the seed, as that of `mnf train --seed`; of a `RandomState` or None it is drawn.

    Attributes:
        classes_: (C,) the labels, sorted.
        n_features_in_: D.
        n_iter_: epochs that were trained.
        status_: `ok`, `stopped` by eps, `early` by patience, or `collapsed`: some class is never predicted on the
            training rows.
        loss_curve_: mean loss on the training rows, nats per row, from before the first epoch to after the last,
            at most about 100 values; empty where a search trained the model.
        loss_epochs_: the epochs of these values.
        weights_: parameters by their `torch.nn.Sequential` names: `0.weight` (H or C, D), `0.bias`, ...
    """

    def __init__(  # noqa: PLR0913  scikit-learn reads parameters off this signature
        self,
        model: ModelName = FACES_TRAINING.model,
        *,
        hidden: int | str = FACES_TRAINING.hidden,
        activation: Activation = FACES_TRAINING.activation,
        optimizer: OptimizerName = FACES_TRAINING.optimizer,
        lr: float = FACES_TRAINING.lr,
        momentum: float | None = None,
        batch_size: int | None = FACES_TRAINING.batch_size,
        epochs: int = FACES_TRAINING.epochs,
        weight_decay: float | None = None,
        gamma: float | None = None,
        reduction: Reduction = FACES_TRAINING.reduction,
        eps: float = FACES_TRAINING.eps,
        drop_last: bool = FACES_TRAINING.drop_last,
        select: Selection = FACES_TRAINING.select,
        patience: int | None = None,
        validation_fraction: float = 0.2,
        dtype: DtypeName = FACES_TRAINING.dtype,
        device: DeviceName = "cpu",
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.model = model
        self.hidden = hidden
        self.activation = activation
        self.optimizer = optimizer
        self.lr = lr
        self.momentum = momentum
        self.batch_size = batch_size
        self.epochs = epochs
        self.weight_decay = weight_decay
        self.gamma = gamma
        self.reduction = reduction
        self.eps = eps
        self.drop_last = drop_last
        self.select = select
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.dtype = dtype
        self.device = device
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Trains on rows (N, D) and their labels (N,).

        Raises:
            ValueError: the rows, the labels or a parameter cannot be meant; or the training diverged.
        """
        task = self.task(X, y)
        trained = train(task)
        if trained.weights is None:
            raise ValueError(f"the training diverged at lr={self.lr:g}: try a smaller one, or scale the inputs")
        self.weights_ = dict(trained.weights)
        self.status_, self.n_iter_ = trained.status, trained.epochs
        self.loss_epochs_ = [epoch for epoch, _ in trained.curve]
        self.loss_curve_ = [loss for _, loss in trained.curve]
        return self

    def task(self, X: ArrayLike, y: ArrayLike) -> Task:
        """Returns what `fit` trains; keeps what scikit-learn wants to know of rows and labels.

        Raises:
            ValueError: the rows, the labels or a parameter cannot be meant.
        """
        rows, labels = validate_data(self, X, y, dtype=FLOATS)
        check_classification_targets(labels)
        self.classes_, numbers = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:  # noqa: PLR2004  one class is nothing to tell apart
            raise ValueError(f"the labels hold one class, {self.classes_[0]!r}: there is nothing to tell apart")
        try:
            config = self._config()
        except UsageError as error:
            raise ValueError(str(error)) from error
        seed = self._seed()
        return Task(
            config=config,
            inputs=rows,
            labels=numbers.astype(np.int64),
            validation=self._validation(numbers, seed),
            seed=seed,
            device=self.device,
        )

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Returns the probability of every class for rows (N, D), (N, C)."""
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=FLOATS, reset=False)
        return Network.of(self.weights_, self.activation).probabilities(rows)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Returns the most probable class of rows (N, D), (N,)."""
        most = self.predict_proba(X).argmax(axis=1)
        predicted: NDArray[Any] = self.classes_[most]
        return predicted

    def _config(self) -> TrainConfig:
        names = set(vars(TrainConfig())) & set(self.get_params(deep=False))
        return TrainConfig(**{name: getattr(self, name) for name in names})

    def _seed(self) -> int:
        if isinstance(self.random_state, int | np.integer):
            if not 0 <= self.random_state <= MAX_SEED:
                raise ValueError(f"random_state must lie between 0 and {MAX_SEED}, not {self.random_state}")
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _validation(self, labels: NDArray[np.int64], seed: int) -> NDArray[np.bool_]:
        """Returns which rows are held out: of each class its share, drawn by the seed; none unless they choose."""
        held = np.zeros(len(labels), bool)
        if self.select != "best" and self.patience is None:
            return held
        if not 0 < self.validation_fraction < 1:
            raise ValueError(f"validation_fraction must lie between 0 and 1, not {self.validation_fraction:g}")
        generator = np.random.default_rng(seed)
        for number in range(int(labels.max()) + 1):
            own = np.flatnonzero(labels == number)
            held[generator.permutation(own)[: round(self.validation_fraction * len(own))]] = True
        if not held.any() or len(np.unique(labels[~held])) < len(np.unique(labels)):
            raise ValueError("choosing an epoch needs more rows per class, some to train on and some held out")
        return held
