"""The seeds of a sweep, as they are typed."""

import dataclasses
from typing import Annotated

import typer

from mnistfaces.cli._lists import read_integers
from mnistfaces.cli._options import Tokens
from mnistfaces.config import MAX_SEED, MOST_TRIALS


@dataclasses.dataclass(frozen=True, kw_only=True)
class SeedsOptions:
    """Which seeds every cell is trained with, and whether each has a split of its own."""

    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Trials per cell, with seeds S, S + 1, ...")] = 1
    seed: Annotated[Tokens, typer.Option("--seed", metavar="LIST", help="First seed S, or all seeds [default: 0].")] = (
        None
    )
    fixed_split: Annotated[bool, typer.Option("--fixed-split", help="Every seed keeps the split of the first.")] = False

    def read(self) -> tuple[int, ...]:
        """Returns the seeds of the trials.

        Raises:
            typer.BadParameter: one is out of bounds, or both a list and a number of seeds were given.
        """
        first = read_integers(self.seed, "--seed") if self.seed else (0,)
        if min(first) < 0 or max(first) > MAX_SEED:
            raise typer.BadParameter(f"must lie between 0 and {MAX_SEED}", param_hint="--seed")
        if self.seeds == 1:
            return first
        if len(first) > 1:
            raise typer.BadParameter("give a list of --seed or --seeds N, not both", param_hint="--seeds")
        if self.seeds > MOST_TRIALS:
            raise typer.BadParameter(f"{self.seeds:,} are too many: {MOST_TRIALS:,} at most", param_hint="--seeds")
        return tuple(range(first[0], first[0] + self.seeds))
