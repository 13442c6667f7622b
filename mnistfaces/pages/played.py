"""The page of a surface, or of descents on it: its playground, and the lines that repeat them."""

import contextlib
import shlex
from collections.abc import Sequence
from pathlib import Path

from mnistfaces.errors import FileError, RunError, UsageError
from mnistfaces.landscape import Descent, Surface
from mnistfaces.landscape.contours import SURFACE, find_surface
from mnistfaces.pages.asked import asked_section
from mnistfaces.pages.page import Section
from mnistfaces.pages.parts import cannot, number, tiles
from mnistfaces.pages.playground import playground_part, playground_section
from mnistfaces.runs.folder import RUNS
from mnistfaces.runs.runs import Run, load_run


def surface_of(run: Run) -> Surface:
    """Returns the surface that a run of `mnf contour` keeps, or that a run of `mnf trajectory` descended on.

    Raises:
        RunError: it is gone, or another one is there now.
    """
    return find_surface(str(_contour_of(run).path)).surface


def _contour_of(run: Run) -> Run:
    if run.command == "contour":
        return run
    for config in sorted([*RUNS.glob("*/config.json"), *Path().glob("*/config.json")]):  # --out may have named it
        with contextlib.suppress(FileError, RunError):  # a stranger's folder, or a damaged one, is no obstacle
            contour = load_run(config.parent)
            if contour.config["sha256"].get(SURFACE) == run.config["surface"]:
                return contour
    raise RunError(f"the surface of {run.path} is neither here nor under ./{RUNS}: type this where it is")


def lead_of(surface: Surface) -> str:
    """Returns the numbers that come first."""
    lowest, w1, w2 = surface.minimum()
    return tiles(
        {
            "images": number(surface.plane.images),
            f"lowest cost of the grid, at ({number(w1)}, {number(w2)})": number(lowest, 6),
            "cost where it was trained": number(surface.trained_loss, 6),
            f"largest relative error at {number(surface.checked)} points": number(surface.error, 2),
        }
    )


def played_sections(run: Run, surface: Surface) -> list[Section]:
    """Returns the sections of a page of a surface."""
    try:
        played = playground_section(playground_part(surface, _descents(run), source=_contour_of(run).path.as_posix()))
    except UsageError as error:
        played = Section(title="Descend on it", inside=cannot("The playground", error), name="playground")
    return [played, asked_section(run, _line_of(run, surface))]


def _descents(run: Run) -> list[Descent]:
    """Returns the descents of a run that a playground can repeat: those of `gd` along the two weights."""
    if run.command != "trajectory" or run.config["mode"] == "projected" or "optimizer" in run.config:
        return []
    start, steps = run.config["start"], run.config["steps"]
    return [
        Descent(start=(start[0], start[1]), lr=lr, momentum=momentum, steps=steps)
        for lr in run.config["lr"]
        for momentum in run.config["momentum"]
    ]


def _line_of(run: Run, surface: Surface) -> str | None:
    """Returns the line that repeats a run of `mnf contour` or `mnf trajectory`; None where it does not say all."""
    config = run.config
    if run.command == "trajectory":
        words = ["mnf", "trajectory", str(_contour_of(run).path)]
        words += [
            f"--{name}={_list(config[name])}" for name in ("optimizer", "lr", "momentum", "start") if name in config
        ]
        return shlex.join([*words, f"--steps={config['steps']}", f"--mode={config['mode']}"])
    if surface.origin.run is None:
        return None
    asked, words = config["surface"], ["mnf", "contour", "--run", surface.origin.run]
    words += [f"--weight={weight}" for weight in config["weights"]]
    for axis in (asked["first"], asked["second"]):
        words += [f"--range={_list([axis['low'], axis['high']])}", f"--step={axis['step']:.12g}"]
    words += [f"--method={asked['method']}", f"--tol={asked['tol']:.12g}", f"--reduction={asked['reduction']}"]
    return shlex.join(words)


def _list(values: Sequence[object]) -> str:
    return ",".join(f"{value:.12g}" if isinstance(value, float) else str(value) for value in dict.fromkeys(values))
