"""One model and how it is trained."""

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, get_args

from mnistfaces.config.augmentation import copies_of, read_augment
from mnistfaces.config.checks import REMEMBERED, require, require_bounded, require_known_names
from mnistfaces.config.names import Activation, ClosedName, DtypeName, ModelName, OptimizerName, Reduction, Selection
from mnistfaces.options import option

ADAM_BETAS, ADAM_EPS = (0.9, 0.999), 1e-8
RMSPROP_ALPHA, RMSPROP_EPS = 0.99, 1e-8
ADAGRAD_EPS = 1e-10
"""Of the optimizers of these names: PyTorch's defaults."""

COLLAPSE_EPOCHS = 100
"""Epochs after which a class never predicted on the training images means that the model collapsed."""

ARITHMETIC = 2
"""Raised whenever the same configuration would give other numbers than before; part of every run's hash."""


@dataclass(frozen=True, kw_only=True)
class OptimizerDefaults:
    """What an optimizer is trained with where nothing else is asked for.

    Attributes:
        momentum: beta; None is that of an optimizer that takes none. One that is not 0 cannot be turned off.
        weight_decay: the penalty.
    """

    momentum: float | None = None
    weight_decay: float = 0.0


OPTIMIZER_DEFAULTS: Mapping[OptimizerName, OptimizerDefaults] = {
    "gd": OptimizerDefaults(momentum=0.0),
    "nesterov": OptimizerDefaults(momentum=0.9),
    "rmsprop": OptimizerDefaults(),
    "adagrad": OptimizerDefaults(),
    "adam": OptimizerDefaults(),
    "adamw": OptimizerDefaults(weight_decay=0.01),
    "lbfgs": OptimizerDefaults(),
}


CLOSED: tuple[ModelName, ...] = get_args(ClosedName)
"""The models that are solved in closed form: nothing of an optimizer, of steps or of epochs counts with them."""

MODEL_TITLES: Mapping[ModelName, str] = {
    "softmax": "softmax regression",
    "mlp": "neural network",
    "ridge": "ridge regression",
    "kernel": "kernel regression",
}
"""What a person calls a model."""

CLOSED_WEIGHT_DECAY = 1.0
"""The penalty of these models where nothing else is asked for."""

OF_CLOSED = ("model", "weight_decay", "refit", "augment", "dtype")
"""What counts with every model in closed form."""

OF_MODELS: Mapping[str, tuple[ModelName, ...]] = {"hidden": ("mlp",), "activation": ("mlp",), "gamma": ("kernel",)}
"""Fields that count with some models alone."""

OF_STEPS = ("lr", "momentum", "batch_size", "drop_last")
"""Fields that `lbfgs` has no use for: it takes all images and searches its steps."""

ITERATIVE = "--model softmax or mlp"
STEPS = f"{ITERATIVE} and an --optimizer other than lbfgs"


@functools.lru_cache(maxsize=REMEMBERED, typed=True)
def check_momentum(optimizer: OptimizerName, momentum: float) -> None:
    """Raises UsageError for a momentum that an optimizer cannot have."""
    require(0 <= momentum < 1, f"--momentum must be at least 0 and below 1, not {momentum:g}")
    own = OPTIMIZER_DEFAULTS[optimizer].momentum
    takers = " or ".join(name for name, default in OPTIMIZER_DEFAULTS.items() if default.momentum is not None)
    require(own is not None or momentum == 0, f"--momentum goes with --optimizer {takers}, not with {optimizer}")
    require(not own or momentum > 0, f"--momentum must be above 0 for --optimizer {optimizer}: gd is vanilla at 0")


@functools.lru_cache(maxsize=REMEMBERED)
def read_hidden(text: str) -> int | str:
    """Returns hidden layers as a configuration keeps them: `20` as a number, `300x100` as it is typed.

    Raises:
        UsageError: a layer has no whole number of units, or none.
    """
    layers = text.split("x")
    known = all(layer.isascii() and layer.isdecimal() and int(layer) >= 1 for layer in layers)
    require(known, f"--hidden {text!r} is not a number of units from 1: two layers are 300x100, two networks 300,100")
    return int(text) if len(layers) == 1 else "x".join(str(int(layer)) for layer in layers)


MOST_MEMBERS = 1000
"""Of an ensemble: more are a slip of the pen."""

LATER = ("patience", "augment", "refit", "ensemble", "gamma")
"""Fields that release 0.1.0 did not have: at their default they are no part of a run's hash."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One model and how it is trained.

    Attributes:
        model: `softmax` (multinomial logistic regression from zero weights), `mlp` (one or more hidden layers), `ridge`
            (least squares on one-hot targets) or `kernel` (the same with a Gaussian kernel).
        hidden: hidden units of the mlp: a number for one layer, as it has always been in hashes and rows; for several
            the text that is typed, from the inputs on: `300x100`. So it has one form in rows, hashes and lines.
        activation: of the hidden units.
        optimizer: `gd` (with `momentum`), `nesterov`, `rmsprop`, `adagrad`, `adam` or `adamw`; or `lbfgs`, which takes
            full batches to the optimum of the cost.
        lr: learning rate, a step per unit of the gradient of the cost.
        momentum: beta of v <- beta v + lr grad, w <- w - v; 0 is vanilla descent. None is the optimizer's own.
        batch_size: images per step; None is the full batch.
        epochs: passes over the training images.
        weight_decay: L2 penalty: weight_decay * w is added to the gradient of weights, not of biases. With `adamw`,
            weights and biases shrink by lr * weight_decay a step, whatever the gradient. Of `ridge` and `kernel` it is
            what multiplies the squared norm beside the summed squared errors. None is the model's or optimizer's own.
        gamma: of the kernel exp(-gamma |x - y|^2); None is 1 / (inputs * variance of the training inputs).
        eps: stop when the step of the weights and that of the biases both have a norm of at most eps; 0 is never. With
            `lbfgs` when no part of the gradient of the mean cost is larger; 0 is 1e-6, or 1e-9 in float64.
        reduction: the cost is the `sum` or the `mean` over the images of a batch.
        drop_last: leave out an incomplete last batch.
        select: keep the weights of the `last` epoch or of the epoch with the `best` validation loss.
        patience: ends a training whose validation loss has not improved for so many epochs, and keeps the best; None
            never does.
        augment: changes of the training images, each of which adds a copy of every one; None adds none.
        refit: the validation images train, too, once they have chosen: the epoch, where the best is kept, and in a
            sweep the cell.
        ensemble: how many models answer together, by the mean of their probabilities.
        dtype: of the weights and of all arithmetic.
    """

    lr: float = option(1e-4, "Learning rate.", swept=True, needs=STEPS)
    momentum: float = option(
        None, "Beta of gd, where 0 is vanilla, and nesterov.", swept=True, unset="0, nesterov 0.9", needs=STEPS
    )
    batch_size: int | None = option(None, "Images per step.", swept=True, word="full", needs=STEPS)
    epochs: int = option(3000, "Passes over the training images.", swept=True, needs=ITERATIVE)
    hidden: int | str = option(20, "Hidden units; 300x100 is two layers of them.", swept=True, needs="--model mlp")
    model: ModelName = option(
        "softmax",
        "Softmax regression, a network with hidden units, or in closed form ridge or Gaussian kernel regression",
        swept=True,
    )
    optimizer: OptimizerName = option("gd", "How each step is made.", swept=True, needs=ITERATIVE)
    weight_decay: float = option(None, "L2 penalty on weights.", swept=True, unset="0, adamw 0.01, ridge and kernel 1")
    gamma: float | None = option(
        None,
        "Of the kernel exp(-gamma |x - y|^2).",
        swept=True,
        unset="1 / (inputs x variance of the training inputs)",
        needs="--model kernel",
    )
    reduction: Reduction = option("sum", "Cost over the images of a batch.", swept=True, needs=ITERATIVE)
    activation: Activation = option("relu", "Of the hidden units.", swept=True, needs="--model mlp")
    eps: float = option(
        0.0,
        "Stop when the steps of weights and of biases have norms of at most this; lbfgs: when no part of the mean "
        "cost's gradient is larger.",
        unset="off, lbfgs 1e-6 and of float64 1e-9",
        needs=ITERATIVE,
    )
    drop_last: bool = option(default=False, help="Leave out an incomplete last batch.", needs=STEPS)
    select: Selection = option(
        "last", "Keep the last epoch's weights, or those of the best validation loss.", needs=ITERATIVE
    )
    patience: int | None = option(
        None,
        "End when the validation loss has not improved for so many epochs; keep the best weights.",
        unset="off",
        needs=ITERATIVE,
    )
    augment: str | None = option(
        None,
        "Changes of the training images, such as mirror,shift:2,rotate:10: each adds a copy of every one, mirrored, "
        "moved by up to so many pixels or turned by up to so many degrees. Drawn once from the seed, not every epoch.",
        unset="none",
    )
    refit: bool = option(
        default=False,
        help="Train the chosen setting again, on training and validation images together: for as many epochs, or up to "
        "the best one where that is kept. A sweep chooses first, and does so in every draw.",
    )
    ensemble: int = option(
        1,
        "Models that differ in the seed of their weights and minibatches, and are kept and counted as one: it predicts "
        "by the mean of their probabilities.",
        needs=ITERATIVE,
    )
    dtype: DtypeName = option("float32", "Of weights and arithmetic.")

    def __post_init__(self) -> None:
        """Fills in what the optimizer decides; raises UsageError for values that no training can have."""
        require_known_names(self)
        require_bounded(self)
        for name, value in self._inherited().items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        require(math.isfinite(self.lr) and self.lr > 0, f"--lr must be positive, not {self.lr:g}")
        require(self.batch_size is None or self.batch_size >= 1, "--batch-size must be at least 1")
        require(self.epochs >= 1, f"--epochs must be at least 1, not {self.epochs}")
        object.__setattr__(self, "hidden", read_hidden(str(self.hidden)))
        require(
            math.isfinite(self.weight_decay) and self.weight_decay >= 0,
            f"--weight-decay must not be negative, not {self.weight_decay:g}",
        )
        require(
            self.weight_decay > 0 or self.model not in CLOSED,
            f"--weight-decay must be above 0 for --model {self.model}: without a penalty it has no one solution",
        )
        require(
            self.gamma is None or (math.isfinite(self.gamma) and self.gamma > 0),
            f"--gamma must be positive, not {self.gamma}",
        )
        require(math.isfinite(self.eps) and self.eps >= 0, f"--eps must not be negative, not {self.eps:g}")
        require(self.patience is None or self.patience >= 1, "--patience must be at least 1")
        require(1 <= self.ensemble <= MOST_MEMBERS, f"--ensemble must be from 1 to {MOST_MEMBERS}")
        if self.augment is not None:
            object.__setattr__(self, "augment", ",".join(map(str, read_augment(self.augment))))
        if self.patience is not None:
            object.__setattr__(self, "select", "best")
        check_momentum(self.optimizer, self.momentum)
        if self.optimizer == "lbfgs":
            object.__setattr__(self, "batch_size", None)
        if self.model in CLOSED:  # one pass over all training images, and whatever was asked, no choice among epochs
            for name, fixed in {
                "epochs": 1,
                "batch_size": None,
                "select": "last",
                "patience": None,
                "ensemble": 1,
            }.items():
                object.__setattr__(self, name, fixed)

    def with_(self, **changes: Any) -> Self:  # noqa: ANN401  each field keeps its own type
        """Returns a copy with some fields changed, checked again.

        Another optimizer or model brings its own momentum and weight decay where these were its predecessor's own.
        """
        if any(changes.get(name, getattr(self, name)) != getattr(self, name) for name in ("optimizer", "model")):
            own = {name for name, value in self._inherited().items() if getattr(self, name) == value}
            changes = dict.fromkeys(own) | changes
        return type(self)(**{**vars(self), **changes})

    def refitted(self, best_epoch: int | None) -> Self:
        """Returns how validation images train, too: up to the epoch that they chose, where the best was kept."""
        if self.select == "last":
            return self.with_(refit=True)
        return self.with_(refit=True, select="last", patience=None, epochs=best_epoch or self.epochs)

    @property
    def copies(self) -> int:
        """Returns how often each training image stands in the training set: once, and once per change."""
        return copies_of(self.augment)

    @property
    def hidden_layers(self) -> tuple[int, ...]:
        """Returns the hidden units of every layer, from the inputs on."""
        return tuple(map(int, str(self.hidden).split("x")))

    def _inherited(self) -> dict[str, float]:
        """Returns what model and optimizer decide where nothing else is asked for."""
        own = OPTIMIZER_DEFAULTS[self.optimizer]
        decay = CLOSED_WEIGHT_DECAY if self.model in CLOSED else own.weight_decay
        return {"momentum": own.momentum or 0.0, "weight_decay": decay}

    def ignored(self) -> set[str]:
        """Returns the names of the fields that do not bear on the result."""
        ignored = {name for name, models in OF_MODELS.items() if self.model not in models}
        if self.model in CLOSED:
            return ignored | set(vars(self)).difference(OF_CLOSED, OF_MODELS)
        return ignored | set(OF_STEPS) if self.optimizer == "lbfgs" else ignored

    def to_dict(self) -> dict[str, object]:
        """Returns the fields that bear on the result; those that came later only where they are not the default."""
        ignored = self.ignored() | {name for name in LATER if getattr(self, name) == getattr(type(self), name)}
        return {name: value for name, value in vars(self).items() if name not in ignored}
