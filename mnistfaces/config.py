"""What a run is asked to do: closed names, frozen configurations, and the one home of every default."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import NoneType
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

from mnistfaces.errors import UsageError
from mnistfaces.options import option

ModelName = Literal["softmax", "mlp"]
OptimizerName = Literal["gd", "nesterov", "rmsprop", "adagrad", "adam", "adamw"]
Reduction = Literal["sum", "mean"]
Activation = Literal["relu", "tanh"]
Selection = Literal["last", "best"]
DeviceName = Literal["auto", "cpu", "cuda", "mps"]
DtypeName = Literal["float32", "float64"]
DatasetKind = Literal["digits", "faces", "images", "arrays", "features"]
SideName = Literal["train", "val", "test"]
LayoutName = Literal["classes", "splits", "metadata"]
ReadAs = Literal["image", "features"]
Criterion = Literal["weight", "activation", "ablation"]
Status = Literal["ok", "stopped", "collapsed", "diverged", "failed"]
BackboneName = Literal["alexnet", "squeezenet1_1", "pixels"]
PreprocessName = Literal["course", "imagenet"]
FeatureDtypeName = Literal["float32", "bfloat16"]
Scale = Literal["quick", "full"]
Protocol = Literal["corrected", "published"]

STATUS_SEVERITY: tuple[Status, ...] = ("ok", "stopped", "collapsed", "diverged", "failed")
"""From harmless to grave: a cell's status is the gravest of its trials'."""

COLLAPSE_EPOCHS = 100
"""Epochs after which a class never predicted on the training images means that the model collapsed."""

MAX_SEED = 2**62
"""Far more than anyone needs, and few enough for torch's generators when S, S + 1, ... are counted from there."""

MOST = 1_000_000_000
MOST_HIDDEN = 1_000_000
"""Of epochs, images and steps, and of hidden units: more are a slip of the pen, too."""

ADAM_BETAS, ADAM_EPS = (0.9, 0.999), 1e-8
RMSPROP_ALPHA, RMSPROP_EPS = 0.99, 1e-8
ADAGRAD_EPS = 1e-10
"""Of the optimizers of these names: PyTorch's defaults."""

MOST_TRIALS = 1_000_000
"""Values of a list, cells of a grid and trials of a sweep: more are a slip of the pen, and are refused unbuilt."""

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
}

FOLDS_ARITHMETIC = 1
"""Raised whenever the same configuration with folds would give other numbers; part of the hash of runs with folds.

1: the validation images rotate with the folds.
"""


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise UsageError(message)


def _require_bounded(config: "SplitConfig | TrainConfig | ExtractConfig") -> None:
    """Raises UsageError for a count that no machine could work off."""
    for field, value in vars(config).items():
        counts = value if isinstance(value, tuple) else (value,)
        most = MOST_HIDDEN if field == "hidden" else MOST
        if field != "seed" and any(isinstance(count, int) and count > most for count in counts):
            raise UsageError(f"--{field.replace('_', '-')} is too large: {most:,} at most")


def _require_known_names(config: "TrainConfig | ExtractConfig") -> None:
    """Raises UsageError for a field of closed names that holds another one."""
    for field, names in _CLOSED_NAMES[type(config)].items():
        value = getattr(config, field)
        _require(value in names, f"--{field.replace('_', '-')} {value!r} is not one of {', '.join(map(str, names))}")


def _closed_names(configuration: "type[TrainConfig | ExtractConfig]") -> dict[str, tuple[str | None, ...]]:
    """Returns what each field can hold whose type is a `Literal`, or that and None."""
    found: dict[str, tuple[str | None, ...]] = {}
    for field, hint in get_type_hints(configuration).items():
        for part in (hint, *get_args(hint)):
            if get_origin(part) is Literal:
                found[field] = (*get_args(part), *((None,) if NoneType in get_args(hint) else ()))
    return found


def check_momentum(optimizer: OptimizerName, momentum: float) -> None:
    """Raises UsageError for a momentum that an optimizer cannot have."""
    _require(0 <= momentum < 1, f"--momentum must be at least 0 and below 1, not {momentum:g}")
    own = OPTIMIZER_DEFAULTS[optimizer].momentum
    takers = " or ".join(name for name, default in OPTIMIZER_DEFAULTS.items() if default.momentum is not None)
    _require(own is not None or momentum == 0, f"--momentum goes with --optimizer {takers}, not with {optimizer}")
    _require(not own or momentum > 0, f"--momentum must be above 0 for --optimizer {optimizer}: gd is vanilla at 0")


def read_hidden(text: str) -> int | str:
    """Returns hidden layers as a configuration keeps them: `20` as a number, `300x100` as it is typed.

    Raises:
        UsageError: a layer has no whole number of units, or none.
    """
    layers = text.split("x")
    known = all(layer.isascii() and layer.isdecimal() and int(layer) >= 1 for layer in layers)
    _require(known, f"--hidden {text!r} is not a number of units from 1, or several such as 300x100")
    return int(text) if len(layers) == 1 else "x".join(str(int(layer)) for layer in layers)


@dataclass(frozen=True, kw_only=True)
class SplitConfig:
    """How a dataset is divided into training, validation and test images; `None` takes what is left.

    Attributes:
        train_per_class: training images per class; None trains on all that is neither test nor validation.
        val_per_class: validation images per class; None is a quarter of `train_per_class`, or `val_fraction`.
        test_per_class: test images per class; `all` is the test set that the data bring along, None the same where
            they bring one, else 20.
        val_fraction: share of what is not test that validates, when no numbers a class are given.
        folds: number of cross-validation folds that replace the test set; None for one split.
        validation: False leaves the validation set out.
    """

    train_per_class: int | None = option(None, "Training images per class.", swept=True, word="all")
    val_per_class: int | None = option(
        None, "Validation images per class.", unset="a quarter of --train-per-class, else --val-fraction"
    )
    test_per_class: int | Literal["all"] | None = option(
        None, "Test images per class.", unset="all of a test set that the data bring along, else 20"
    )
    val_fraction: float = option(0.2, "Validating share of what is not test, without --train-per-class.")
    folds: int | None = option(None, "Cross-validation instead of a test set.", unset="off")
    validation: bool = True

    def __post_init__(self) -> None:
        """Raises UsageError for numbers that no split can have."""
        _require_bounded(self)
        _require(self.train_per_class is None or self.train_per_class >= 1, "--train-per-class must be at least 1")
        _require(self.val_per_class is None or self.val_per_class >= 0, "--val-per-class must not be negative")
        _require(
            self.test_per_class in (None, "all") or int(self.test_per_class) >= 1, "--test-per-class must be at least 1"
        )
        _require(0 <= self.val_fraction < 1, "--val-fraction must be at least 0 and below 1")
        _require(self.folds is None or self.folds >= 2, "--folds must be at least 2")  # noqa: PLR2004  one fold is none
        _require(
            self.folds is None or self.test_per_class is None,
            "--folds replaces the test set: leave out --test-per-class",
        )


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One model and how it is trained.

    Attributes:
        model: `softmax` (multinomial logistic regression from zero weights) or `mlp` (one or more hidden layers).
        hidden: hidden units of the mlp: a number for one layer, as it has always been in hashes and rows; for several
            the text that is typed, from the inputs on: `300x100`. So it has one form in rows, hashes and lines.
        activation: of the hidden units.
        optimizer: `gd` (with `momentum`), `nesterov`, `rmsprop`, `adagrad`, `adam` or `adamw`.
        lr: learning rate, a step per unit of the gradient of the cost.
        momentum: beta of v <- beta v + lr grad, w <- w - v; 0 is vanilla descent. None is the optimizer's own.
        batch_size: images per step; None is the full batch.
        epochs: passes over the training images.
        weight_decay: L2 penalty: weight_decay * w is added to the gradient of weights, not of biases. With `adamw`,
            weights and biases shrink by lr * weight_decay a step, whatever the gradient. None is the optimizer's own.
        eps: stop when the step of the weights and that of the biases both have a norm of at most eps; 0 is never.
        reduction: the cost is the `sum` or the `mean` over the images of a batch.
        drop_last: leave out an incomplete last batch.
        select: keep the weights of the `last` epoch or of the epoch with the `best` validation loss.
        dtype: of the weights and of all arithmetic.
    """

    lr: float = option(1e-4, "Learning rate.", swept=True)
    momentum: float = option(None, "Beta of gd, where 0 is vanilla, and nesterov.", swept=True, unset="0, nesterov 0.9")
    batch_size: int | None = option(None, "Images per step.", swept=True, word="full")
    epochs: int = option(3000, "Passes over the training images.", swept=True)
    hidden: int | str = option(20, "Hidden units; 300x100 is two layers of them.", swept=True, needs="--model mlp")
    model: ModelName = option("softmax", "Softmax regression, or a network with hidden units.", swept=True)
    optimizer: OptimizerName = option("gd", "How each step is made.", swept=True)
    weight_decay: float = option(None, "L2 penalty on weights.", swept=True, unset="0, adamw 0.01")
    reduction: Reduction = option("sum", "Cost over the images of a batch.", swept=True)
    activation: Activation = option("relu", "Of the hidden units.", swept=True, needs="--model mlp")
    eps: float = option(0.0, "Stop when the steps of weights and of biases have norms of at most this.", unset="off")
    drop_last: bool = option(default=False, help="Leave out an incomplete last batch.")
    select: Selection = option("last", "Keep the last epoch's weights, or those of the best validation loss.")
    dtype: DtypeName = option("float32", "Of weights and arithmetic.")

    def __post_init__(self) -> None:
        """Fills in what the optimizer decides; raises UsageError for values that no training can have."""
        _require_known_names(self)
        _require_bounded(self)
        own = OPTIMIZER_DEFAULTS[self.optimizer]
        if self.momentum is None:
            object.__setattr__(self, "momentum", own.momentum or 0.0)
        if self.weight_decay is None:
            object.__setattr__(self, "weight_decay", own.weight_decay)
        _require(math.isfinite(self.lr) and self.lr > 0, f"--lr must be positive, not {self.lr:g}")
        _require(self.batch_size is None or self.batch_size >= 1, "--batch-size must be at least 1")
        _require(self.epochs >= 1, f"--epochs must be at least 1, not {self.epochs}")
        object.__setattr__(self, "hidden", read_hidden(str(self.hidden)))
        _require(
            math.isfinite(self.weight_decay) and self.weight_decay >= 0,
            f"--weight-decay must not be negative, not {self.weight_decay:g}",
        )
        _require(math.isfinite(self.eps) and self.eps >= 0, f"--eps must not be negative, not {self.eps:g}")
        check_momentum(self.optimizer, self.momentum)

    def with_(self, **changes: Any) -> Self:  # noqa: ANN401  each field keeps its own type
        """Returns a copy with some fields changed, checked again.

        Another optimizer brings its own momentum and weight decay where these were its predecessor's own.
        """
        own = OPTIMIZER_DEFAULTS[self.optimizer]
        if changes.get("optimizer", self.optimizer) != self.optimizer:
            inherited = {"momentum": own.momentum or 0.0, "weight_decay": own.weight_decay}
            changes = {name: None for name, value in inherited.items() if getattr(self, name) == value} | changes
        return replace(self, **changes)

    @property
    def hidden_layers(self) -> tuple[int, ...]:
        """Returns the hidden units of every layer, from the inputs on."""
        return tuple(map(int, str(self.hidden).split("x")))

    def ignored(self) -> set[str]:
        """Returns the names of the fields that do not bear on the result."""
        return {"hidden", "activation"} if self.model == "softmax" else set()

    def to_dict(self) -> dict[str, object]:
        """Returns the fields that bear on the result."""
        ignored = self.ignored()
        return {name: value for name, value in vars(self).items() if name not in ignored}


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """In which form the images of a dataset are taken, and how data of one's own are read.

    Attributes:
        res: pixels per side of faces and folders; None is 32, and all there is of a dataset that has but one form.
        color: RGB (True) or gray (False) for faces and folders; None is gray up to 64 pixels.
        layout: how a folder is read: `classes`, `splits` or `metadata`; None is what it looks like.
        read_as: whether numbers are an `image` or `features`; None is what they look like.
        label_column: of a table or of metadata; None is `label`.
        group_by: a column, or a regular expression on the image's name: images that share its value stay together.
    """

    res: int | None = option(None, "Pixels per side of faces and folders.", swept=True, unset="32")
    color: bool | None = option(
        None, "Channels of faces and folders.", flags="--color/--gray", unset="gray up to 64 pixels"
    )
    layout: LayoutName | None = option(None, "How a folder is read.", unset="as it looks")
    read_as: ReadAs | None = option(None, "What numbers stand for.", flags="--as", unset="as they look")
    label_column: str | None = option(None, "Column of the labels, of a table or of metadata.", unset="label")
    group_by: str | None = option(
        None,
        "Column, or regular expression on the image's name: images that share it stay on one side of a split.",
        unset="near-duplicates alone",
    )

    def __post_init__(self) -> None:
        """Raises UsageError for a size that no image can have."""
        _require(self.res is None or 1 <= self.res <= MAX_RES, f"--res must be from 1 to {MAX_RES}")

    def asked(self) -> dict[str, object]:
        """Returns the fields that are not the default."""
        return {name: value for name, value in vars(self).items() if value is not None}

    @property
    def reading(self) -> dict[str, str]:
        """Returns the fields that say how data of one's own are read, where they are not the default."""
        return {name: str(value) for name, value in self.asked().items() if name not in ("res", "color")}


@dataclass(frozen=True, kw_only=True)
class ExtractConfig:
    """Which numbers stand for an image.

    Attributes:
        backbone: the network, torchvision's; or `pixels`, the dataset as it is.
        layer: of the network, by name (`conv2`) or by torchvision's (`features.3`); `features` is all convolutions.
        weights: `imagenet`, `random`, or a file: .pth, .safetensors or .npz.
        preprocess: `course` (minus the image's mean, over its largest absolute value) or `imagenet` (channel means
            and deviations); None is what the weights were trained with.
        res: pixels per side of what the network sees, or of the pixels; None is 227, for pixels 32.
        color: RGB (True) or gray (False), of pixels.
        dtype: of the network's arithmetic; features are stored as float32.
        batch_size: images that go through the network together.
        jobs: threads that decode images; None is one a core.
        device: where the network runs.
        seed: of `random` weights.
    """

    backbone: BackboneName = "alexnet"
    layer: str = "features"
    weights: str = "imagenet"
    preprocess: PreprocessName | None = None
    res: int | None = None
    color: bool | None = None
    dtype: FeatureDtypeName = "float32"
    batch_size: int = 32
    jobs: int | None = None
    device: DeviceName = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises UsageError for values that no extraction can have."""
        _require_known_names(self)
        _require_bounded(self)
        _require(self.res is None or 1 <= self.res <= MAX_RES, f"--res must be from 1 to {MAX_RES}")
        _require(self.batch_size >= 1, "--batch-size must be at least 1")
        _require(self.jobs is None or self.jobs >= 1, "--jobs must be at least 1")
        _require(self.color is None or self.backbone == "pixels", "--color and --gray are for --backbone pixels")

    @property
    def side(self) -> int:
        """Pixels per side of what the network sees."""
        return NETWORK_RES if self.res is None else self.res


_CLOSED_NAMES = {configuration: _closed_names(configuration) for configuration in (TrainConfig, ExtractConfig)}

DIGITS_TRAINING = TrainConfig()
DIGITS_SPLIT = SplitConfig(train_per_class=100)
FACES_TRAINING = TrainConfig(model="mlp", optimizer="adam", batch_size=32, epochs=1000, reduction="mean")
FACES_SPLIT = SplitConfig()
FEATURES_TRAINING = FACES_TRAINING.with_(batch_size=128)

FACES_RES = 32
NETWORK_RES = 227
MAX_RES = 4096


DATASET_DEFAULTS: Mapping[DatasetKind, tuple[TrainConfig, SplitConfig]] = {
    "digits": (DIGITS_TRAINING, DIGITS_SPLIT),
    "faces": (FACES_TRAINING, FACES_SPLIT),
    "images": (FACES_TRAINING, FACES_SPLIT),
    "arrays": (FACES_TRAINING, FACES_SPLIT),
    "features": (FEATURES_TRAINING, FACES_SPLIT),
}
"""How each kind of dataset is trained and divided where nothing else is asked for."""


def default_training(kind: DatasetKind) -> TrainConfig:
    """Returns the training that the report used for a kind of dataset."""
    return DATASET_DEFAULTS[kind][0]


def default_split(kind: DatasetKind) -> SplitConfig:
    """Returns the division that the report used for a kind of dataset."""
    return DATASET_DEFAULTS[kind][1]
