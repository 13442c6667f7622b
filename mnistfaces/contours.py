"""A surface as a kept run: computed once from a kept model, found again by the same command."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from mnistfaces.config import DatasetKind, DeviceName, SplitConfig, default_split, default_training
from mnistfaces.datasets import load_dataset
from mnistfaces.datasets.base import Dataset, draw_split
from mnistfaces.errors import RunError
from mnistfaces.files import sha256_of_file, write_text
from mnistfaces.landscape import (
    Origin,
    Pair,
    SoftmaxProblem,
    Surface,
    SurfaceConfig,
    load_surface,
    parse_weight,
    save_surface,
    softmax_problem,
    surface,
)
from mnistfaces.runs import RESULTS, WEIGHTS, Run, RunFolder, configuration, describe, find_runs, load_run
from mnistfaces.trials import Cell, Trial

SURFACE = "surface.npz"
ALL = -1

MEASURED = 100
"""How many points the learning curve of a surface's own model has."""

PART_6 = SplitConfig(train_per_class=400, validation=False)
"""The images of the report's surface: 400 to train a digit, none to validate."""


@dataclass(frozen=True, kw_only=True)
class ContourRequest:
    """Which surface is asked for: of which two weights, over which axes, by which method."""

    pair: Pair
    surface: SurfaceConfig = field(default_factory=SurfaceConfig)


@dataclass(frozen=True, kw_only=True)
class ModelRequest:
    """How a surface's own model is trained; None stands for Part 6's, or for what the kind of dataset is trained with.

    Attributes:
        train_per_class: images a class; ALL takes all there are.
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


@dataclass(frozen=True, kw_only=True, eq=False)
class Contour:
    """A kept surface.

    Attributes:
        surface: the surface.
        path: its file.
        train_seconds: how long its model was trained; None where the model's run does not say.
    """

    surface: Surface
    path: Path
    train_seconds: float | None

    def row(self) -> dict[str, Any]:
        """Returns the result row."""
        minimum, w1, w2 = self.surface.minimum()
        return {
            "minimum": minimum,
            "w1": w1,
            "w2": w2,
            "maximum": self.surface.maximum(),
            "method": self.surface.method,
            "error": self.surface.error,
            "seconds": self.surface.seconds,
            "train_seconds": self.train_seconds,
            "file": str(self.path),
            "dataset": self.surface.origin.dataset,
            "weights": [self.surface.pair.first.name, self.surface.pair.second.name],
            "images": self.surface.plane.images,
            "trained_w1": self.surface.trained[0],
            "trained_w2": self.surface.trained[1],
            "trained_loss": self.surface.trained_loss,
            "run": str(self.path.parent),
        }


def open_model(dataset: Dataset, trial: Trial, device: DeviceName) -> RunFolder:
    """Returns the run directory of a surface's own model; `single.train_and_keep` fills it where it is not finished."""
    from mnistfaces.single import open_training  # noqa: PLC0415  who finds a kept surface does without torch

    every = max(1, trial.cell.training.epochs // MEASURED)
    return open_training(dataset, trial, device=device, every=every, out=None)


def pair_of(dataset: Dataset, names: Sequence[str]) -> Pair:
    """Returns the two weights of a dataset's softmax regression that are called so.

    Raises:
        UsageError: these are no two weights.
        DataError: the dataset has no such class or pixel.
    """
    first, second = (parse_weight(name, dataset.classes, dataset.shape) for name in names)
    return Pair(first, second)


def contour(
    dataset: Dataset, model: Run, request: ContourRequest, *, out: Path | None = None, force: bool = False
) -> Contour:
    """Computes the surface of two weights of a kept model and keeps it, or finds it where it was kept before.

    Args:
        dataset: the images that the model was trained on.
        model: a run that keeps the weights of a softmax regression.
        request: which surface.
        out: the folder; None names it after the configuration.
        force: replaces what another configuration left there.

    Raises:
        DataError: the model is no softmax regression, or has no such weights.
        RunError: the model is gone or was made with other images, or the folder holds another run.
    """
    problem = problem_of(model, dataset)
    checksum = str(model.config["sha256"][WEIGHTS])
    asked = configuration(
        "contour",
        dataset=describe(dataset),
        model=checksum,
        split=model.split,
        split_seed=model.config["split_seed"],
        weights=[request.pair.first.name, request.pair.second.name],
        surface=asdict(request.surface),
    )
    folder = RunFolder(asked, [SURFACE, RESULTS], out=out, force=force)
    path, train_seconds = folder.path / SURFACE, model.row.get("seconds")
    if folder.finished:
        return Contour(surface=load_surface(path), path=path, train_seconds=train_seconds)
    folder.claim()
    origin = Origin(
        run=str(model.path),
        checksum=checksum,
        dataset=dataset.name,
        fingerprint=dataset.fingerprint,
        split={**asdict(model.split), "seed": model.config["split_seed"]},
    )
    computed = Contour(
        surface=surface(problem, request.pair, request.surface, origin), path=path, train_seconds=train_seconds
    )
    save_surface(path, computed.surface)
    write_text(folder.path / RESULTS, json.dumps(computed.row(), allow_nan=False) + "\n")
    folder.finish()
    return computed


def dataset_of(model: Run, data_dir: Path | None) -> Dataset:
    """Returns the dataset that a run was made with.

    Raises:
        DataError: it is not on this machine.
        RunError: the run does not say which.
    """
    known = model.config.get("dataset") or {}
    try:
        name, kind, shape = str(known["name"]), known["kind"], known["shape"]
    except KeyError as error:
        raise RunError(f"{model.path} does not say which dataset it was made with") from error
    if kind in ("digits", "features"):
        return load_dataset(name, data_dir=data_dir)
    return load_dataset(name, data_dir=data_dir, res=int(shape[0]), color=len(shape) > len(("rows", "columns")))


def problem_of(model: Run, dataset: Dataset) -> SoftmaxProblem:
    """Returns a kept model and the images that it was trained on, as a surface needs them.

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
    images = draw_split(dataset, model.split, model.config["split_seed"]).train
    return softmax_problem(dataset, images, model.weights())


def find_surface(reference: str, lines: Iterable[str] = ()) -> Contour:
    """Returns the kept surface that a reference means.

    Args:
        reference: a `surface.npz`, its run directory, `last`, or `-` for the `run` field of rows.
        lines: those rows.

    Raises:
        RunError: there is none, or it is not the one that was written.
        DataError: the file is damaged.
    """
    if reference.endswith(".npz"):
        return Contour(surface=load_surface(Path(reference)), path=Path(reference), train_seconds=None)
    run = find_runs(reference, ("contour",), lines)[0]
    path, expected = run.path / SURFACE, run.config["sha256"].get(SURFACE)
    if expected is None:
        raise RunError(f"{run.path} has no finished surface: make one with `mnf contour`")
    if not path.exists() or sha256_of_file(path) != expected:
        raise RunError(f"{path} is gone or not the file that was written: make it again with `mnf contour --force`")
    return Contour(surface=load_surface(path), path=path, train_seconds=run.row.get("train_seconds"))


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
