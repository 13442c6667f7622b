"""Cells that differ in nothing but batch sizes above the number of their training images: one full batch, one cell."""

from dataclasses import replace
from typing import TYPE_CHECKING

from mnistfaces.errors import DataError
from mnistfaces.experiments.plan import Draws, draw_key
from mnistfaces.experiments.trials import Cell, Grid

if TYPE_CHECKING:
    from mnistfaces.config import DataConfig, SplitConfig


def without_equals(grid: Grid, draws: Draws) -> tuple[Grid, list[str]]:
    """Returns the grid with each distinct training once, and what is to be said of those that were equal.

    A cell keeps the batch size that was asked for first, by which kept trials are found again.
    """
    if len({cell.training.batch_size for cell in grid.cells}) == 1:
        return grid, []
    kept: dict[Cell, Cell] = {}
    notes: dict[str, None] = {}
    images: dict[tuple[SplitConfig, DataConfig], int | None] = {}
    for cell in grid.cells:
        part = cell.split, cell.data
        if part not in images:
            images[part] = _most_images(replace(grid, cells=(cell,), shard=None), draws)
        largest, size = images[part], cell.training.batch_size
        full = largest is not None and (size is None or size > largest)
        same = replace(cell, training=replace(cell.training, batch_size=None)) if full else cell
        first = kept.setdefault(same, cell)
        if first is not cell:
            notes[_equal(first, cell, largest)] = None
    return replace(grid, cells=tuple(kept.values())), list(notes)


def _most_images(grid: Grid, draws: Draws) -> int | None:
    """Returns the most images that any trial trains on, or None where a split cannot be drawn: it is told later."""
    try:
        trials = grid.trials()
        return max(len(draws.of(draw_key(trial)).split.train) * trial.cell.training.copies for trial in trials)
    except DataError:
        return None


def _equal(first: Cell, cell: Cell, images: int | None) -> str:
    one, other = (_named(each.training.batch_size) for each in (first, cell))
    return f"batch size {other} is {one} again: both are full batches of {images} training images"


def _named(size: int | None) -> str:
    return "full" if size is None else str(size)
