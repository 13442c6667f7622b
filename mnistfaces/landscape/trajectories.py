"""Descent paths across a kept surface, as a kept run."""

import json
import math
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import numpy as np

from mnistfaces.errors import RunError
from mnistfaces.files import sha256_of_file, write_text
from mnistfaces.landscape import Descent, Mode, Path, projected_path, restricted_path
from mnistfaces.landscape.contours import Contour
from mnistfaces.landscape.models import model_of, problem_of
from mnistfaces.progress import Advanced, Event, Note, Stage
from mnistfaces.runs.configuration import configuration
from mnistfaces.runs.folder import RunFolder
from mnistfaces.runs.models import dataset_of
from mnistfaces.runs.runs import RESULTS, load_run


@dataclass(frozen=True, kw_only=True)
class TrajectoryRequest:
    """Which paths are asked for: every learning rate with every momentum, from one start.

    Attributes:
        start: the two weights at step 0.
        lrs: learning rates.
        momenta: betas; 0 is vanilla descent.
        steps: of each path.
        mode: `restricted` moves the two weights alone, `projected` all of the model's.
    """

    start: tuple[float, float] = (-5.5, 5.0)
    lrs: tuple[float, ...] = (0.001, 0.003)
    momenta: tuple[float, ...] = (0.0, 0.9, 0.99)
    steps: int = 30
    mode: Mode = "restricted"

    def __post_init__(self) -> None:
        """Raises UsageError for a start, rate, momentum or number of steps that no descent can have."""
        self.descents()

    def descents(self) -> list[Descent]:
        """Returns the combinations, learning rate by learning rate."""
        return [
            Descent(start=self.start, lr=lr, momentum=momentum, steps=self.steps)
            for lr in self.lrs
            for momentum in self.momenta
        ]


def trajectories(
    contour: Contour,
    request: TrajectoryRequest,
    *,
    data_dir: FilePath | None = None,
    out: FilePath | None = None,
    force: bool = False,
) -> Iterator[Event | list[Path]]:
    """Descends on a kept surface and keeps the paths, or finds them where they were kept before.

    Yields how far it is, and at last the paths.

    Args:
        contour: the surface.
        request: which paths.
        data_dir: where data live, for `projected` paths: they need the model and its images.
        out: the folder; None names it after the configuration.
        force: replaces what another configuration left there.

    Raises:
        RunError: the folder holds another run, or, for `projected`, the model is gone or the images are others.
        DataError: for `projected`, the images are not on this machine.
    """
    descents = request.descents()
    asked = configuration(
        "trajectory",
        surface=sha256_of_file(contour.path),
        start=list(request.start),
        lr=list(request.lrs),
        momentum=list(request.momenta),
        steps=request.steps,
        mode=request.mode,
    )
    folder = RunFolder(asked, [RESULTS], out=out, force=force)
    with folder:
        yield from folder.claim()
        if folder.finished:
            yield Note(message=f"the paths were kept before: {folder.path}", detail=True)
            paths = paths_of(load_run(folder.path).rows(), descents, request.mode)
        else:
            paths = yield from _descend(contour, descents, request.mode, data_dir)
            lines = "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows_of(paths))
            folder.finish({RESULTS: write_text(folder.path / RESULTS, lines)})
    if request.mode == "projected":
        furthest = max(path.distance[-1] for path in paths)
        yield Note(message=f"the paths end up to {furthest:.4g} away from the surface's plane")
    yield paths


def _descend(
    contour: Contour, descents: Sequence[Descent], mode: Mode, data_dir: FilePath | None
) -> Generator[Event, None, list[Path]]:
    problem = None
    if mode == "projected":
        yield Stage(name="reading the model and its images")
        model = model_of(contour.surface)
        problem = problem_of(model, dataset_of(model, data_dir))
    yield Stage(name="descending", total=len(descents))
    paths = []
    for descent in descents:
        if problem is None:
            paths.append(restricted_path(contour.surface, descent))
        else:
            paths.append(projected_path(contour.surface, problem, descent))
        yield Advanced(amount=1)
    return paths


def rows_of(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Returns a row per step, in the order of the paths; a number that is not finite is None."""
    return [
        {
            "lr": path.descent.lr,
            "momentum": path.descent.momentum,
            "mode": path.mode,
            "step": step,
            "w1": _finite(path.points[step, 0]),
            "w2": _finite(path.points[step, 1]),
            "loss": _finite(path.loss[step]),
            "distance": _finite(path.distance[step]),
        }
        for path in paths
        for step in range(path.descent.steps + 1)
    ]


def paths_of(rows: Sequence[dict[str, Any]], descents: Sequence[Descent], mode: Mode) -> list[Path]:
    """Returns the paths that some rows tell of.

    Raises:
        RunError: they do not tell of these descents.
    """
    length = descents[0].steps + 1
    try:
        table = np.array([[row[name] for name in ("w1", "w2", "loss", "distance")] for row in rows], np.float64)
        table = table.reshape(len(descents), length, 4)
    except (ValueError, TypeError, KeyError) as error:
        raise RunError(
            f"the kept paths are not those that were asked for: run it again with --force ({error})"
        ) from error
    return [
        Path(descent=descent, mode=mode, points=part[:, :2], loss=part[:, 2], distance=part[:, 3])
        for descent, part in zip(descents, table, strict=True)
    ]


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
