"""A classifier for scikit-learn, trained by the engine.

Legend: N rows, D inputs, C classes.
"""

import math
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

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
from mnistfaces.datasets.augmentation import require_in_sight
from mnistfaces.errors import UsageError
from mnistfaces.runs.network import Ensemble, Network
from mnistfaces.sklearn.tables import Rows, Table
from mnistfaces.sklearn.tasks import Task
from mnistfaces.sklearn.training import train

FLOATS = [np.float64, np.float32]
IMAGE_AXES = (2, 3)


class Classifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn brings no types
    """Softmax regression, a network with hidden layers, or a model in closed form, with the arithmetic of `mnf train`.

    Inputs are taken as they are: put a `StandardScaler`, or a division by 255, before it. The defaults are those of
    `mnf train` for data of one's own; equal seeds give equal bits, alone and in a `StackedSearchCV`.

    A row of weight w counts as w such rows do in every loss, whose mean over rows i is sum_i w_i loss_i / sum_i w_i:
    where all rows go through together (`batch_size=None`, `lbfgs`, `ridge`, `kernel`) that is the same as w copies, and
    no row where w is 0. A minibatch has its rows whatever they weigh, and the mean is over it.

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
        augment: changes of training rows that are images, such as `"mirror,shift:2,rotate:10"`: each adds a copy of
            every one, mirrored, moved by up to so many pixels or turned by up to so many degrees. Rows that are
            predicted or held out are not changed.
        image_shape: (height, width) of such images, or (height, width, 3) with colours; their pixels stand in the rows
            as `image.ravel()` gives them.
        refit: once rows held out have chosen the epoch, train all rows up to it.
        ensemble: how many models, which differ in their seeds, answer together by the mean of their probabilities.
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
            at most about 100 values; empty where a search trained the model. Of an ensemble the mean of its models'
            losses, and at the end the loss of what they answer together.
        loss_epochs_: the epochs of these values.
        weights_: parameters by their `torch.nn.Sequential` names: `0.weight` (H or C, D), `0.bias`, ...; of an ensemble
            behind a number each: `0.0.weight`, ..., `1.0.weight`, ...
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
        augment: str | None = None,
        image_shape: tuple[int, ...] | None = None,
        refit: bool = False,
        ensemble: int = 1,
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
        self.augment = augment
        self.image_shape = image_shape
        self.refit = refit
        self.ensemble = ensemble
        self.validation_fraction = validation_fraction
        self.dtype = dtype
        self.device = device
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Trains on rows (N, D), their labels (N,), and what each row counts (N,); None is 1 each.

        Raises:
            ValueError: the rows, the labels, the weights or a parameter cannot be meant; or the training diverged.
        """
        table = self.read(X, y, sample_weight)
        rows = table.rows(np.arange(len(table.labels)))
        self.classes_ = rows.classes
        try:
            trained = train(self.task(rows))
        except UsageError as error:
            raise ValueError(str(error)) from error
        if trained.weights is None:
            raise ValueError(f"the training diverged at lr={self.lr:g}: try a smaller one, or scale the inputs")
        self.weights_ = dict(trained.weights)
        self.status_, self.n_iter_ = trained.status, trained.epochs
        self.loss_epochs_ = [epoch for epoch, _ in trained.curve]
        self.loss_curve_ = [loss for _, loss in trained.curve]
        return self

    def read(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None) -> Table:
        """Returns rows, labels and weights as arrays; keeps what scikit-learn wants to know of them.

        Raises:
            ValueError: they cannot be meant.
        """
        inputs, labels = validate_data(self, X, y, dtype=FLOATS)
        check_classification_targets(labels)
        weights = None
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, inputs, dtype=np.float64, ensure_non_negative=True)
        return Table(inputs=inputs, labels=labels, weights=weights)

    def task(self, rows: Rows) -> Task:
        """Returns what `fit` trains on some rows.

        Raises:
            ValueError: a parameter cannot be meant.
        """
        shape = self._shape(rows.table.inputs.shape[1])
        try:
            config = self._config()
            require_in_sight(config.augment, shape)
        except UsageError as error:
            raise ValueError(str(error)) from error
        seed = self._seed()
        held = self._validation(rows.labels, seed)
        return Task(config=config, rows=rows, validation=held, seed=seed, device=self.device, shape=shape)

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Returns the probability of every class for rows (N, D), (N, C)."""
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=FLOATS, reset=False)
        kind = Ensemble if "0.0.weight" in self.weights_ else Network
        return kind.of(self.weights_, self.activation).probabilities(rows)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Returns the most probable class of rows (N, D), (N,)."""
        most = self.predict_proba(X).argmax(axis=1)
        predicted: NDArray[Any] = self.classes_[most]
        return predicted

    def _config(self) -> TrainConfig:
        names = set(vars(TrainConfig())) & set(self.get_params(deep=False))
        return TrainConfig(**{name: getattr(self, name) for name in names})

    def _shape(self, inputs: int) -> tuple[int, ...]:
        """Returns the shape of a row; of what is not said to be an image (D,)."""
        if self.image_shape is None:
            if self.augment is not None:
                raise ValueError(
                    "augment changes images: say how they lie in the rows, image_shape=(height, width) or "
                    f"(height, width, 3), of {inputs} numbers in all"
                )
            return (inputs,)
        shape = tuple(self.image_shape) if isinstance(self.image_shape, tuple | list) else ()
        whole = all(isinstance(size, int | np.integer) and size > 0 for size in shape)
        if not (whole and len(shape) in IMAGE_AXES and shape[2:] in ((), (3,)) and math.prod(shape) == inputs):
            raise ValueError(
                f"image_shape must be (height, width) or (height, width, 3), of {inputs} numbers in all, "
                f"not {self.image_shape!r}"
            )
        return shape

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
