"""Products of many models at once whose every result is the same whatever else is in the batch.

Legend: T tiles, M models a tile, S sets of images, B images a set, D inputs, R rows of a model (classes or hidden
units).

A tile is the product of one block of images with the weights of the models that share it. All tiles of a batch have
one shape, and a batch holds at least two (a batch of one would take another kernel, with other rounding). A tile has
at least as many rows as make the kernels of the larger ones, models fill it up, and every tile starts on a cache line
(kernels treat the edges of unaligned data differently). Tiles of more models are faster a model; `widest_tile` tries
once a shape that they give the bits of the narrowest, because no library promises it. So a model trained alone and
in a stack of fifty comes out equal.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

FEWEST_TILES = 2
FEWEST_ROWS = 16  # fewer take other kernels
ALIGNMENT = 16  # numbers; images a block, inputs and padded classes are multiples of it
BLOCK_IMAGES = 2048
SPLIT_IMAGES = 256


class Images(Protocol):
    """Blocks of images, (J, B, D), in another form than as dense rows; their products are of all blocks."""

    @property
    def shape(self) -> torch.Size:
        """J, B and D."""

    def project(self, weight: Tensor, out: Tensor) -> Tensor:
        """Writes weight @ block.T into `out`, (J, M, R, B), and returns it."""

    def correlate(self, residual: Tensor, out: Tensor) -> Tensor:
        """Writes residual @ block into `out`, (J, M, R, D), and returns it."""


class TwoWays:
    """Images as rows for the gradient and as columns for the logits: a fifth faster, for twice the memory.

    Attributes:
        shape: J, B and D.
    """

    def __init__(self, rows: Tensor) -> None:
        self.shape = rows.shape
        self._rows = rows
        self._columns = rows.transpose(1, 2).contiguous()  # (J, D, B)

    def project(self, weight: Tensor, out: Tensor) -> Tensor:
        """Writes weight @ block.T into `out`, (J, M, R, B), and returns it."""
        _multiply(weight, self._columns, out)
        return out

    def correlate(self, residual: Tensor, out: Tensor) -> Tensor:
        """Writes residual @ block into `out`, (J, M, R, D), and returns it."""
        _multiply(residual, self._rows, out)
        return out


def aligned(size: int) -> int:
    """Returns the next multiple of the alignment."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def count_blocks(images: int) -> int:
    """Returns into how many equal blocks a set of images is cut: a function of its size alone.

    Blocks of about 2,048 images stay in the processor's cache between the two products of a step; sets large
    enough to be worth it are cut at least in two, so that one model keeps two cores busy.
    """
    if images < SPLIT_IMAGES:
        return 1
    return max(FEWEST_TILES, -(-images // BLOCK_IMAGES))


@dataclass(frozen=True, kw_only=True)
class Arrangement:
    """Where each of G * S models stands: cells that share a draw, and so its images, stand in one tile.

    Attributes:
        cells: G.
        draws: S.
        width: M, the models a tile.
        groups: tiles a draw; tile t holds models of draw t mod S.
    """

    cells: int
    draws: int
    width: int
    groups: int

    def place(self, k: int) -> int:
        """Returns the place of model k, which has cell k div S and draw k mod S, among all places of all tiles."""
        cell, draw = divmod(k, self.draws)
        return (cell // self.width * self.draws + draw) * self.width + cell % self.width

    def models(self) -> list[int]:
        """Returns the model in every place; places that are left over repeat some."""
        return [
            (group * self.width + column) % self.cells * self.draws + draw
            for group in range(self.groups)
            for draw in range(self.draws)
            for column in range(self.width)
        ]


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One model's part of a tile, by what decides which kernel multiplies it.

    Attributes:
        rows: R.
        images: B.
        inputs: D.
        dtype: of the numbers.
        device: where they are.
        two_ways: whether the images are `TwoWays`.
    """

    rows: int
    images: int
    inputs: int
    dtype: torch.dtype
    device: torch.device
    two_ways: bool = False

    def random(self, *size: int) -> Tensor:
        """Returns random numbers, the same in each of the fewest tiles."""
        numbers = torch.rand(size, generator=torch.Generator().manual_seed(0), dtype=self.dtype).sub_(0.5)
        return numbers.to(self.device).expand(FEWEST_TILES, *size)


def arrange(cells: int, draws: int, blocks: int, tile: Tile) -> Arrangement:
    """Returns the arrangement with the widest tiles of G * S models, for so many blocks of images a step and draw."""
    groups = FEWEST_TILES if draws == blocks == 1 else 1
    width = widest_tile(-(-cells // groups), tile)
    return Arrangement(cells=cells, draws=draws, width=width, groups=max(groups, -(-cells // width)))


@functools.cache
def widest_tile(models: int, tile: Tile) -> int:
    """Returns how many of some models that share their images may stand in one tile: all, half of them, ..."""
    fewest = -(-FEWEST_ROWS // tile.rows)
    width = max(models, fewest)
    while width > fewest and not _agrees(width, fewest, tile):
        width = max(width // 2, fewest)
    return width


def _agrees(width: int, fewest: int, tile: Tile) -> bool:
    """Returns whether a tile of `width` models gives the bits of tiles of the `fewest`, on random numbers."""
    weight = tile.random(width, tile.rows, tile.inputs)
    residual = tile.random(width, tile.rows, tile.images)
    rows = tile.random(tile.images, tile.inputs)
    images = TwoWays(rows) if tile.two_ways else rows
    logits = project(weight, images, residual.new_empty(residual.shape))
    grads = correlate(residual, images, weight.new_empty(weight.shape))
    for first in range(0, width, fewest):
        part = slice(min(first, width - fewest), min(first, width - fewest) + fewest)
        narrow = project(weight[:, part], images, logits.new_empty(logits[:, part].shape))
        if not torch.equal(logits[:, part], narrow):
            return False
        narrow = correlate(residual[:, part], images, grads.new_empty(grads[:, part].shape))
        if not torch.equal(grads[:, part], narrow):
            return False
    return True


def tiled(parameters: Sequence[Tensor], width: int) -> list[Tensor]:
    """Returns parameters of all places, (T * M, ...), by tiles, (T, M, ...)."""
    return [parameter.view(-1, width, *parameter.shape[1:]) for parameter in parameters]


def project(weight: Tensor, inputs: Tensor | Images, out: Tensor) -> Tensor:
    """Writes weight @ inputs.T of every tile into `out` and returns it.

    Args:
        weight: (T, M, R, D); tile t goes with set t mod S.
        inputs: (S, B, D), S dividing T.
        out: (T, M, R, B).
    """
    if not isinstance(inputs, Tensor):
        return inputs.project(weight, out)
    _multiply(weight, inputs.transpose(1, 2), out)
    return out


def correlate(residual: Tensor, inputs: Tensor | Images, out: Tensor) -> Tensor:
    """Writes residual @ inputs of every tile into `out` and returns it: the gradient of the weights of `project`.

    Args:
        residual: (T, M, R, B); tile t goes with set t mod S.
        inputs: (S, B, D), S dividing T.
        out: (T, M, R, D).
    """
    if not isinstance(inputs, Tensor):
        return inputs.correlate(residual, out)
    _multiply(residual, inputs, out)
    return out


def _multiply(left: Tensor, right: Tensor, out: Tensor) -> None:
    """Writes the products of (T, M, R, .) with (S, ., .) into `out`, a batch of S tiles at a time."""
    if len(right) == 1:
        right = right.expand(len(left), -1, -1)
    left, out = left.flatten(1, 2), out.flatten(1, 2)
    if len(left) == len(right):
        torch.bmm(left, right, out=out)
        return
    for first in range(0, len(left), len(right)):
        part = slice(first, first + len(right))
        torch.bmm(left[part], right, out=out[part])
