"""Train, sweep, map and explain small classifiers of digits and faces.

The names below are promised; each is imported when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from mnistfaces.display import draw_with

if TYPE_CHECKING:
    from mnistfaces.config import DataConfig, ExtractConfig, SplitConfig, TrainConfig
    from mnistfaces.datasets import load_dataset
    from mnistfaces.engine.training import fit
    from mnistfaces.experiments.sweep import sweep
    from mnistfaces.experiments.trials import Cell, Grid
    from mnistfaces.features.extraction import extract_features
    from mnistfaces.landscape.contours import surface
    from mnistfaces.runs.runs import load_run

__all__ = [
    "Cell",
    "DataConfig",
    "ExtractConfig",
    "Grid",
    "SplitConfig",
    "TrainConfig",
    "extract_features",
    "fit",
    "load_dataset",
    "load_run",
    "surface",
    "sweep",
]

_HOMES = {
    "Cell": "mnistfaces.experiments.trials",
    "DataConfig": "mnistfaces.config",
    "ExtractConfig": "mnistfaces.config",
    "Grid": "mnistfaces.experiments.trials",
    "SplitConfig": "mnistfaces.config",
    "TrainConfig": "mnistfaces.config",
    "extract_features": "mnistfaces.features.extraction",
    "fit": "mnistfaces.engine.training",
    "load_dataset": "mnistfaces.datasets",
    "load_run": "mnistfaces.runs.runs",
    "surface": "mnistfaces.landscape.contours",
    "sweep": "mnistfaces.experiments.sweep",
}


def _html_of(thing: object) -> str:
    """Returns what stands for a thing in a notebook: what draws it is imported when it is shown."""
    return str(import_module("mnistfaces.notebook.show").html_of(thing))


draw_with(_html_of)


def __getattr__(name: str) -> object:
    """Returns a promised name from its module."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """Returns the promised names."""
    return __all__
