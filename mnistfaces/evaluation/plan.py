"""Plans: how many images, seeds and folds it takes to tell models apart, from a run's answers or from usual ones."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mnistfaces.errors import RunError
from mnistfaces.evaluation.contenders import COMMANDS, load_contender
from mnistfaces.experiments.trials import Row
from mnistfaces.runs.runs import find_runs
from mnistfaces.statistics.planning import (
    USUAL,
    Assumptions,
    Design,
    Spread,
    assumptions_of,
    power_of,
    width_of,
)
from mnistfaces.statistics.scores import Board


def assumptions_from(reference: str, lines: Iterable[str] = ()) -> Assumptions:
    """Returns what a plan can take from a run: of a sweep, the best cell and those tied with it.

    Raises:
        RunError: there is no such run, or all its answers are right, or all wrong.
    """
    run = find_runs(reference, COMMANDS, lines)[0]
    kept = run.summary().get("assumed") if run.command == "sweep" else None
    if kept is not None:
        return read_assumptions(kept)
    found = assumptions_of(Board.of([list(load_contender(run).trials.values())]), 0, [])
    if found is None:
        raise RunError(f"{run.path} is right on all its test images or on none: nothing can be planned from it")
    return found


def read_assumptions(kept: dict[str, Any]) -> Assumptions:
    """Returns assumptions as a sweep's summary keeps them."""
    return Assumptions(accuracy=kept["accuracy"], single=Spread(**kept["single"]), pair=Spread(**kept["pair"]))


def plan(
    assumed: Assumptions | None, accuracy: float | None, difference: float, designs: Iterable[Design]
) -> Iterator[Row]:
    """Yields a row per design: the width of one model's 95 % interval, and the power to tell two models apart.

    Args:
        assumed: how answers vary; None is as usual.
        accuracy: of the models; None is that of `assumed`.
        difference: of the accuracies of two models.
        designs: in the order of the rows.
    """
    base = assumed or USUAL
    base = base if accuracy is None else base.at(accuracy)
    for design in designs:
        yield {
            "images": design.images,
            "seeds": design.seeds,
            "folds": design.folds,
            "width": width_of(base, design),
            "power": power_of(base, difference, design),
        }


def designs_of(images: Sequence[int], seeds: Sequence[int], folds: Sequence[int]) -> list[Design]:
    """Returns the designs of a table: for each number of images all numbers of seeds, then of folds."""
    return [
        design
        for count in images
        for design in (
            *(Design(images=count, seeds=number) for number in seeds),
            *(Design(images=count, seeds=1, folds=number) for number in folds if number <= count),
        )
    ]
