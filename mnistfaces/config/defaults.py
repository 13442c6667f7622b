"""How each kind of dataset is trained and divided where nothing else is asked for."""

from collections.abc import Mapping

from mnistfaces.config.data import SplitConfig
from mnistfaces.config.names import DatasetKind
from mnistfaces.config.training import TrainConfig

DIGITS_TRAINING = TrainConfig()
DIGITS_SPLIT = SplitConfig(train_per_class=100)
FACES_TRAINING = TrainConfig(model="mlp", optimizer="adam", batch_size=32, epochs=1000, reduction="mean")
FACES_SPLIT = SplitConfig()
FEATURES_TRAINING = FACES_TRAINING.with_(batch_size=128)

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
