"""A surface as a kept run: computed once from a kept model, found again by the same command."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mnistfaces import landscape
from mnistfaces.datasets.base import Dataset
from mnistfaces.files import write_text
from mnistfaces.landscape import (
    Origin,
    Pair,
    Surface,
    SurfaceConfig,
    load_surface,
    parse_weight,
    save_surface,
)
from mnistfaces.landscape.build import build_surface
from mnistfaces.landscape.models import problem_of
from mnistfaces.progress import Event, Note, result_of
from mnistfaces.runs.configuration import configuration, describe
from mnistfaces.runs.folder import RunFolder
from mnistfaces.runs.models import dataset_of
from mnistfaces.runs.runs import RESULTS, WEIGHTS, Run, find_runs, load_run

SURFACE = "surface.npz"
PART_6_WEIGHTS = ("5,13,14", "5,15,14")


@dataclass(frozen=True, kw_only=True)
class ContourRequest:
    """Which surface is asked for: of which two weights, over which axes, by which method."""

    pair: Pair
    surface: SurfaceConfig = field(default_factory=SurfaceConfig)


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
) -> Iterator[Event | Contour]:
    """Computes the surface of two weights of a kept model and keeps it, or finds it where it was kept before.

    Yields how far it is, what a person should know of the surface, and at last the kept surface.

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
    asked = configuration(
        "contour",
        dataset=describe(dataset),
        model=model.config["sha256"][WEIGHTS],
        split=model.split,
        split_seed=model.config["split_seed"],
        weights=[request.pair.first.name, request.pair.second.name],
        surface=asdict(request.surface),
    )
    folder = RunFolder(asked, [SURFACE, RESULTS], out=out, force=force)
    path, train_seconds = folder.path / SURFACE, model.row.get("seconds")
    with folder:
        yield from folder.claim()
        if folder.finished:
            yield Note(message=f"the surface was kept before: {path}", detail=True)
            found = load_surface(load_run(folder.path).file(SURFACE))
            kept = Contour(surface=found, path=path, train_seconds=train_seconds)
        else:
            found = yield from result_of(build_surface(problem, request.pair, request.surface, _origin(model, dataset)))
            kept = Contour(surface=found, path=path, train_seconds=train_seconds)
            wrote = {SURFACE: save_surface(path, found)}
            wrote[RESULTS] = write_text(folder.path / RESULTS, json.dumps(kept.row(), allow_nan=False) + "\n")
            folder.finish(wrote)
    yield from (Note(message=note) for note in found.notes)
    yield kept


def surface(
    model: Run,
    weights: Sequence[str] = PART_6_WEIGHTS,
    config: SurfaceConfig | None = None,
    dataset: Dataset | None = None,
) -> Surface:
    """Returns the cost over two weights of a kept softmax regression, without keeping it.

    Args:
        model: a run of `mnf train`, as `load_run` gives it.
        weights: two names `CLASS,ROW,COLUMN`.
        config: axes and method; None is -10 to 10 in steps of 0.01, interpolated and checked.
        dataset: what the model was trained on; None loads what the run names.

    Raises:
        UsageError: these are no two weights.
        DataError: the model is no softmax regression, or has no such weights.
        RunError: the model's weights are gone, or it was made with other images.
    """
    dataset = dataset or dataset_of(model, None)
    problem = problem_of(model, dataset)
    return landscape.surface(problem, pair_of(dataset, weights), config, _origin(model, dataset))


def _origin(model: Run, dataset: Dataset) -> Origin:
    return Origin(
        run=str(model.path),
        checksum=str(model.config["sha256"][WEIGHTS]),
        dataset=dataset.name,
        fingerprint=dataset.fingerprint,
        split={**asdict(model.split), "seed": model.config["split_seed"]},
    )


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
    path = run.file(SURFACE)
    return Contour(surface=load_surface(path), path=path, train_seconds=run.row.get("train_seconds"))
