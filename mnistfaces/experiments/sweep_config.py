"""How a grid is worked through, and what its directory stands for."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mnistfaces.config import DataConfig, DeviceName
from mnistfaces.datasets.splits import settled
from mnistfaces.execution.dispatch import Workers
from mnistfaces.experiments.trials import Grid, Row, folds_arithmetic, fullest
from mnistfaces.runs.configuration import configuration, describe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mnistfaces.datasets.base import Dataset


@dataclass(frozen=True, kw_only=True)
class SweepConfig:
    """How a grid is worked through.

    Attributes:
        grid: what to train.
        reference: the path that the user gave for the dataset; None is the dataset's own name.
        swept: names of the options given as lists: their values are not part of the folder's hash.
        device: where to compute; `cpu`, `cuda` or `mps`.
        isolated: one model at a time, for times that are a model's own.
        keep_weights: of the `best` cell or of `all`; None keeps none.
        merges: cells whose batch sizes are above the number of their training images are one.
        workers: where stacks are trained; None is in this process.
        fail_fast: the first trial that fails ends the sweep.
        out: the directory; None names it after the configuration.
        force: replaces what another configuration left there.
    """

    grid: Grid
    reference: str | None = None
    swept: tuple[str, ...] = ()
    device: DeviceName = "cpu"
    isolated: bool = False
    keep_weights: str | None = None
    workers: Workers | None = None
    merges: bool = False
    fail_fast: bool = False
    out: Path | None = None
    force: bool = False


def asked_of(config: SweepConfig, grid: Grid, datasets: "Mapping[DataConfig, Dataset]") -> Row:
    """Returns the configuration of a sweep's directory: all that its cells have in common, and no seeds."""
    cell, swept, dataset = fullest(grid.cells), set(config.swept), next(iter(datasets.values()))
    division = settled(cell.split, dataset)
    fixed: dict[str, object] = {**cell.training.to_dict(), **asdict(division)}
    fixed |= {name: value for name, value in cell.data.asked().items() if name != "res"}
    return configuration(
        "sweep",
        datasets=[describe(dataset) for dataset in datasets.values()] if "res" not in swept else None,
        dataset=dataset.name,
        classes=list(dataset.classes),
        swept=sorted(swept),
        fixed={name: value for name, value in fixed.items() if name not in swept},
        fixed_split=grid.fixed_split,
        device=config.device,
        isolated=config.isolated,
        **folds_arithmetic(division),
    )
