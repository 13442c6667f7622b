"""Where long work is done: options for workers and shards, and what they come to."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from mnistfaces.config import MOST_TRIALS, DeviceName
from mnistfaces.errors import UsageError

if TYPE_CHECKING:
    from mnistfaces.execution.dispatch import Workers

MOST_JOBS = 1024

ShardOption = Annotated[
    str | None,
    typer.Option(
        "--shard", metavar="I/N", help="Do part I of N of the cells, told apart by hash; auto: as a Slurm array says."
    ),
]


@dataclass(frozen=True, kw_only=True)
class WorkersOptions:
    """Which processes compute."""

    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, max=MOST_JOBS, help="Compute in this many processes at a time.")
    ] = None
    engine: Annotated[
        str | None,
        typer.Option(
            "--engine", metavar="dask[=ADDRESS]", help="Compute on a Dask cluster: one here, or tcp://HOST:8786."
        ),
    ] = None

    @property
    def address(self) -> str | None:
        """Returns the address of a scheduler that is to be there already.

        Raises:
            UsageError: the engine is another, or its address is none.
        """
        if self.engine is None:
            return None
        name, given, address = self.engine.partition("=")
        if name != "dask" or (given and "://" not in address):
            raise UsageError(f"--engine {self.engine!r} must read dask, or dask=tcp://HOST:PORT")
        if address and self.jobs is not None:
            raise UsageError("--jobs is for processes on this machine: a cluster has the workers that it has")
        return address or None

    def choose(self, device: DeviceName) -> "tuple[DeviceName, Workers | None]":
        """Returns where to compute, and the workers; None is this process. On a cluster elsewhere auto is the CPU.

        Raises:
            UsageError: the device is not here, or the engine cannot be meant.
            WorkerError: Dask is not installed.
        """
        from mnistfaces.devices import resolve_device

        address = self.address
        chosen = resolve_device(device) if address is None else "cpu" if device == "auto" else device
        if self.engine is not None:
            from mnistfaces.execution.cluster import Cluster

            return chosen, Cluster(address, self.jobs, chosen)
        if self.jobs is None:
            return chosen, None
        from mnistfaces.execution.processes import Processes

        return chosen, Processes(self.jobs)


def read_shard(typed: str | None) -> tuple[int, int] | None:
    """Returns which part of how many is to be done.

    Raises:
        UsageError: it is not I/N, or there is no Slurm array to read it from.
    """
    if typed is None:
        return None
    if typed == "auto":
        return _slurm_shard()
    part, _, parts = typed.partition("/")
    short = len(typed) <= 2 * len(str(MOST_TRIALS)) + 1
    if not (short and part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts) <= MOST_TRIALS):
        raise UsageError(f"--shard {typed[:40]!r} must read I/N with I from 1 to N, N at most {MOST_TRIALS:,}; or auto")
    return int(part), int(parts)


def _slurm_shard() -> tuple[int, int]:
    """Returns the part that this task of a Slurm array is to do: `sbatch --array=0-9`, `1-10`, or `0-18:2`."""
    names = {name: f"SLURM_ARRAY_TASK_{name}" for name in ("ID", "COUNT", "MIN", "STEP")}
    try:
        number, count = (int(os.environ[names[name]]) for name in ("ID", "COUNT"))
        first, step = (int(os.environ.get(names[name], default)) for name, default in (("MIN", "0"), ("STEP", "1")))
        part = (number - first) // step + 1
    except (KeyError, ValueError, ZeroDivisionError) as error:
        raise UsageError(
            f"--shard auto reads {names['ID']} and {names['COUNT']} of a Slurm array: sbatch --array=1-N ({error})"
        ) from error
    if not 1 <= part <= count:
        raise UsageError(f"--shard auto: {names['ID']} {number} is not in a range of {count}: give sbatch --array=1-N")
    return part, count
