"""Summaries of sweeps made up from a formula, as `mnf sweep` keeps them: any grid, any way to end, in no time."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mnistfaces.experiments.commands import default_cell

Row = dict[str, Any]

ENDED: Row = dict.fromkeys(
    ("train_accuracy", "val_accuracy", "test_accuracy", "test_low", "test_high", "train_n", "tied")
)


def formula(number: int) -> float:
    """Returns an accuracy between 0.6 and 0.9 that no two neighbours share."""
    return 0.75 + 0.15 * math.sin(1.7 * number)


def summary_of(
    lists: Mapping[str, Sequence[Any]],
    *,
    seeds: int = 3,
    images: int = 1000,
    validated: bool = True,
    changes: Mapping[int, Row] | None = None,
    accuracy: Callable[[int], float] = formula,
    dataset: str = "digits-sample",
) -> Row:
    """Returns the summary of a product of lists.

    Args:
        lists: values by option.
        seeds: trials per cell.
        images: tested.
        validated: whether there are validation accuracies, and so a best cell.
        changes: fields of some cells, by number: `{"status": "diverged"}` takes their numbers, too.
        accuracy: of a cell on the test images, by number.
        dataset: its name.
    """
    cells, trials = [], []
    for number, values in enumerate(itertools.product(*lists.values())):
        options = default_cell("digits").asked() | {"train_n": 1000} | dict(zip(lists, values, strict=True))
        mean = accuracy(number)
        cell = {
            **options,
            "dataset": dataset,
            "train_accuracy": min(1.0, mean + 0.06),
            "val_accuracy": mean - 0.01 if validated else None,
            "test_accuracy": mean,
            "test_low": mean - 0.03,
            "test_high": min(1.0, mean + 0.03),
            "test_n": images,
            "status": "ok",
            "n": seeds,
            "n_failed": 0,
            "tied": mean > 0.88,
            "best": False,
        }
        change = (changes or {}).get(number, {})
        if change.get("status") in ("diverged", "failed"):
            cell |= {**ENDED, "n": 0, "n_failed": seeds}
        cells.append(cell | change)
        spread = [0.01 * (seed - (seeds - 1) / 2) for seed in range(seeds)]
        trials.append([{"seed": seed, "fold": 0, "test_accuracy": mean + one} for seed, one in enumerate(spread)])
    best = max(cells, key=lambda cell: cell["val_accuracy"] or 0) if validated else None
    if best is not None and best["val_accuracy"] is not None:
        best["best"] = True
    return {"cells": cells, "trials": trials, "best": best, "tested": images}
