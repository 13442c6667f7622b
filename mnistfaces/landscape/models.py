"""The model behind a surface: trained for it, or kept by another run; and the images that judge it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from mnistfaces.config import DatasetKind, DeviceName, SplitConfig, default_split, default_training
from mnistfaces.datasets.augmentation import with_copies
from mnistfaces.datasets.base import Dataset
from mnistfaces.errors import RunError
from mnistfaces.experiments.train import open_training, train_and_keep
from mnistfaces.experiments.trials import Cell, Trial
from mnistfaces.landscape import SoftmaxProblem, Surface, softmax_problem
from mnistfaces.progress import Event
from mnistfaces.runs.models import split_of
from mnistfaces.runs.runs import WEIGHTS, Run, load_run

ALL = -1
"""Images per class: as many as there are."""

MEASURED = 100
"""How many points the learning curve of a surface's own model has."""

PART_6 = SplitConfig(train_per_class=400, validation=False)
"""The images of the report's surface: 400 to train a digit, none to validate."""


@dataclass(frozen=True, kw_only=True)
class ModelRequest:
    """How a surface's own model is trained; None stands for Part 6's, or for what the kind of dataset is trained with.

    Attributes:
        train_per_class: images per class; ALL takes all there are.
        lr: learning rate.
        epochs: passes over the images.
        seed: of the draw of the images.
    """

    train_per_class: int | None = None
    lr: float | None = None
    epochs: int | None = None
    seed: int = 0

    def trial(self, kind: DatasetKind) -> Trial:
        """Returns what to train: a softmax regression without validation images."""
        split = PART_6 if kind == "digits" else replace(default_split(kind), validation=False)
        if self.train_per_class is not None:
            split = replace(split, train_per_class=None if self.train_per_class == ALL else self.train_per_class)
        changes = {name: value for name in ("lr", "epochs") if (value := getattr(self, name)) is not None}
        training = default_training(kind).with_(model="softmax", **changes)
        return Trial(cell=Cell(training=training, split=split), seed=self.seed, split_seed=self.seed)


def train_model(dataset: Dataset, trial: Trial, device: DeviceName) -> Iterator[Event | Run]:
    """Trains a surface's own model, or finds it, yielding how far it is, and at last its run.

    Raises:
        DataError: a class has too few images.
        FileError: the disk refuses.
    """
    every = max(1, trial.cell.training.epochs // MEASURED)
    folder = open_training(dataset, trial, device=device, every=every, out=None)
    yield from train_and_keep(folder, dataset, trial)


def problem_of(model: Run, dataset: Dataset) -> SoftmaxProblem:
    """Returns a kept model and the images that it was trained on, copies included, as a surface needs them.

    Raises:
        RunError: the run keeps no weights, or was made with other images.
        DataError: its model is no softmax regression.
    """
    known = model.config.get("dataset") or {}
    if known.get("fingerprint") != dataset.fingerprint:
        raise RunError(
            f"{model.path} was made with {known.get('name', 'other images')} of other content than {dataset.name} "
            "has here: name its dataset, or make the run again"
        )
    train, augment = split_of(model, dataset).train, model.training.augment
    if augment is not None:
        dataset, (train,) = with_copies(dataset, augment, [(train, model.config["seed"])])
    return softmax_problem(dataset, train, model.weights())


def model_of(surface: Surface) -> Run:
    """Returns the run of the model that a surface was computed from.

    Raises:
        RunError: it is gone, or another model's weights are there now.
    """
    if surface.origin.run is None:
        raise RunError("the surface does not say which run its model is in: use --mode restricted")
    model = load_run(surface.origin.run)
    if model.config["sha256"].get(WEIGHTS) != surface.origin.checksum:
        raise RunError(f"{model.path} does not keep the weights that the surface was computed from: make it again")
    return model
