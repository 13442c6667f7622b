"""Which descent paths `mnf trajectory` is asked for, as they are typed."""

import dataclasses
from typing import TYPE_CHECKING, Annotated, Literal, get_args

import typer

from mnistfaces.cli._lists import read_floats, read_numbers, read_option
from mnistfaces.cli._options import Tokens
from mnistfaces.config import OptimizerName
from mnistfaces.experiments.trials import OPTIONS

if TYPE_CHECKING:
    from mnistfaces.landscape.trajectories import TrajectoryRequest

NAMES = ", ".join(get_args(OptimizerName))


@dataclasses.dataclass(frozen=True, kw_only=True)
class PathsOptions:
    """From where, by which optimizers, how far."""

    optimizer: Annotated[
        Tokens, typer.Option("--optimizer", metavar="LIST", help=f"Whose steps: {NAMES} [default: gd].")
    ] = None
    lr: Annotated[
        Tokens,
        typer.Option(
            "--lr",
            metavar="LIST",
            help="Learning rates [default: 0.001,0.003; of those that divide by the gradient's size 0.1,0.3].",
        ),
    ] = None
    momentum: Annotated[
        Tokens,
        typer.Option(
            "--momentum",
            metavar="LIST",
            help="Betas of gd, where 0 is vanilla, and nesterov [default: gd 0,0.9,0.99, nesterov 0.9].",
        ),
    ] = None
    steps: Annotated[int, typer.Option("--steps", min=1, max=1_000_000, help="Of every path.")] = 30
    start: Annotated[str, typer.Option("--start", metavar="W1,W2", help="Where every path starts.")] = "-5.5,5"
    mode: Annotated[
        Literal["restricted", "projected"],
        typer.Option("--mode", help="Move the two weights alone, or all of the model's and look at the two."),
    ] = "restricted"

    def request(self) -> "TrajectoryRequest":
        """Returns what is asked for.

        Raises:
            typer.BadParameter: names the first bad token of a list.
            UsageError: no descent can have such a rate, momentum or number of steps.
        """
        where = read_numbers(self.start, 2, "--start")
        names = read_option(OPTIONS["optimizer"], self.optimizer) if self.optimizer else ("gd",)
        rates = read_floats(self.lr, "--lr") if self.lr else None
        betas = read_floats(self.momentum, "--momentum") if self.momentum else None
        from mnistfaces.landscape.trajectories import TrajectoryRequest

        return TrajectoryRequest(
            optimizers=names, start=(where[0], where[1]), lrs=rates, momenta=betas, steps=self.steps, mode=self.mode
        )
