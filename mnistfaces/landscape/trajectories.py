"""Descent paths across a kept surface, as a kept run."""

import json
import math
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import numpy as np

from mnistfaces.config import OPTIMIZER_DEFAULTS, OptimizerName
from mnistfaces.errors import RunError
from mnistfaces.files import sha256_of_file, write_text
from mnistfaces.landscape import Descent, DescentPath, Mode, SoftmaxProblem, projected_path, restricted_path
from mnistfaces.landscape.contours import Contour
from mnistfaces.landscape.models import model_of, problem_of
from mnistfaces.progress import Advanced, Event, Note, Stage
from mnistfaces.runs.configuration import configuration
from mnistfaces.runs.folder import RunFolder
from mnistfaces.runs.models import dataset_of
from mnistfaces.runs.runs import RESULTS, load_run
from mnistfaces.text import counted

REPORT_RATES, REPORT_MOMENTA = (0.001, 0.003), (0.0, 0.9, 0.99)
"""Of the summed cost, as the report drew them."""

OWN_LENGTHS = (0.1, 0.3)
"""Learning rates of the optimizers that divide by the size of the gradient: their first steps are just so long."""


@dataclass(frozen=True, kw_only=True)
class TrajectoryRequest:
    """Which paths are asked for: of every optimizer, every learning rate with every momentum, from one start.

    Attributes:
        optimizers: whose paths.
        start: the two weights at step 0.
        lrs: learning rates; None are the report's for `gd` and `nesterov`, and `OWN_LENGTHS` for the others.
        momenta: betas, for the optimizers that take one; None are the report's for `gd`, of others their own.
        steps: of each path.
        mode: `restricted` moves the two weights alone, `projected` all of the model's.
    """

    optimizers: tuple[OptimizerName, ...] = ("gd",)
    start: tuple[float, float] = (-5.5, 5.0)
    lrs: tuple[float, ...] | None = None
    momenta: tuple[float, ...] | None = None
    steps: int = 30
    mode: Mode = "restricted"

    def __post_init__(self) -> None:
        """Raises UsageError for an optimizer, start, rate, momentum or number of steps that no descent can have."""
        self.descents()

    def descents(self) -> list[Descent]:
        """Returns the combinations, optimizer by optimizer, then learning rate by learning rate."""
        taken = [name for name in self.optimizers if OPTIMIZER_DEFAULTS[name].momentum is not None]
        return [
            Descent(optimizer=name, start=self.start, lr=lr, momentum=momentum, steps=self.steps)
            for name in self.optimizers
            for lr in self.lrs or (REPORT_RATES if OPTIMIZER_DEFAULTS[name].momentum is not None else OWN_LENGTHS)
            for momentum in self._momenta(name, given=name in taken or not taken)
        ]

    def _momenta(self, name: OptimizerName, *, given: bool) -> Sequence[float]:
        """Returns the momenta of an optimizer's paths: those `given` where it takes one, or none does."""
        if given and self.momenta is not None:
            return self.momenta
        return REPORT_MOMENTA if name == "gd" else (OPTIMIZER_DEFAULTS[name].momentum or 0.0,)

    def asked(self) -> dict[str, Any]:
        """Returns what names the folder of the paths; of `gd` alone, as it always was."""
        descents = self.descents()
        own = {"lr": [descent.lr for descent in descents], "momentum": [descent.momentum for descent in descents]}
        asked: dict[str, Any] = {name: list(dict.fromkeys(values)) for name, values in own.items()}
        if self.optimizers != ("gd",):
            asked["optimizer"] = [descent.optimizer for descent in descents]
            asked |= own
        return asked | {"start": list(self.start), "steps": self.steps, "mode": self.mode}


def trajectories(
    contour: Contour,
    request: TrajectoryRequest,
    *,
    data_dir: FilePath | None = None,
    out: FilePath | None = None,
    force: bool = False,
) -> Iterator[Event | list[DescentPath]]:
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
        **request.asked(),
    )
    folder = RunFolder(asked, [RESULTS], out=out, force=force)
    yield Note(message=f"{counted(len(descents), 'path')} from {contour.path}, into {folder.path}")
    problem = None if folder.finished else (yield from _problem_of(contour, request.mode, data_dir))
    with folder:
        yield from folder.claim()
        if folder.finished:
            yield Note(message=f"the paths were kept before: {folder.path}", detail=True)
            paths = paths_of(load_run(folder.path).rows(), descents, request.mode)
        else:
            problem = problem or (yield from _problem_of(contour, request.mode, data_dir))
            paths = yield from _descend(contour, descents, problem)
            lines = "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows_of(paths))
            folder.finish({RESULTS: write_text(folder.path / RESULTS, lines)})
    if request.mode == "projected":
        furthest = max(path.distance[-1] for path in paths)
        yield Note(message=f"the paths end up to {furthest:.4g} away from the surface's plane")
    yield paths


def _problem_of(
    contour: Contour, mode: Mode, data_dir: FilePath | None
) -> Generator[Event, None, SoftmaxProblem | None]:
    """Returns the model and the images that projected paths need; None for restricted ones."""
    if mode == "restricted":
        return None
    yield Stage(name="reading the model and its images")
    model = model_of(contour.surface)
    return problem_of(model, dataset_of(model, data_dir))


def _descend(
    contour: Contour, descents: Sequence[Descent], problem: SoftmaxProblem | None
) -> Generator[Event, None, list[DescentPath]]:
    yield Stage(name="descending", total=len(descents))
    paths = []
    for descent in descents:
        if problem is None:
            paths.append(restricted_path(contour.surface, descent))
        else:
            paths.append(projected_path(contour.surface, problem, descent))
        yield Advanced(amount=1)
    return paths


def rows_of(paths: Iterable[DescentPath]) -> list[dict[str, Any]]:
    """Returns a row per step, in the order of the paths; a number that is not finite is None."""
    return [
        {
            "optimizer": path.descent.optimizer,
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


def ends_of(paths: Iterable[DescentPath]) -> list[dict[str, Any]]:
    """Returns a row per path: its last point, how many steps it took, and where the cost was lowest on the way."""
    ends = []
    for path in paths:
        *_, end = rows_of([path])
        costs = np.where(np.isfinite(path.loss), path.loss, np.inf)
        ends.append(
            {**end, "steps": end.pop("step"), "lowest": _finite(costs.min()), "lowest_step": int(costs.argmin())}
        )
    return ends


def paths_of(rows: Sequence[dict[str, Any]], descents: Sequence[Descent], mode: Mode) -> list[DescentPath]:
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
        DescentPath(descent=descent, mode=mode, points=part[:, :2], loss=part[:, 2], distance=part[:, 3])
        for descent, part in zip(descents, table, strict=True)
    ]


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
