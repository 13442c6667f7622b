"""Products of many models at once whose every result is the same whatever else is in the batch.

Legend: T tiles, M places for models in a tile, S sets of images, B images a set, D inputs, R rows of a model (classes
or hidden units).

A tile is the product of one block of images with the weights of the models that share it: M * R rows of weights, of
which each model has R. A model must come out with the same bits whether it is trained alone or beside fifty others.
Floating-point sums depend on the order of their terms, and a library chooses the order by the shape of a product and
by the position of a row in it. Three rules follow:

- All tiles of a batch have one shape, and a batch holds at least two: a batch of one product takes another kernel. A
  model trained alone is repeated until two tiles are full.
- Inputs, images and classes are padded with zeros to whole cache lines, so that every part of every model starts on
  one: kernels sum the edges of unaligned data in another order. The narrowest tile has at least 16 rows, for which
  the kernels of larger ones are used.
- The bits of a model are by definition those of the first place of the narrowest tile, which is where it stands when
  it trains alone. Wider tiles are faster per model, but no library promises their bits, nor those of the other
  places: MKL's AVX2 kernels take rows by sixes, and sum the two rows that are left over of twenty in another order.
  So `widest_tile` tries, once for each shape, in which places a model keeps its bits, and models stand there only;
  the other places are filled up with repetitions. Trying takes about as long as one step of training.

On a GPU nothing is tried and tiles are as wide as they can be: its libraries choose by the number of products as well,
and narrow tiles would waste it. There a model's last digits depend on its company, as the contract allows.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

FEWEST_TILES = 2
FEWEST_ROWS = 16  # fewer take other kernels
SPARE_ROWS = 48  # of repeated models below the last: a multiple of the rows that any kernel takes at once
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
        width: M, the places a tile.
        used: how many of them, from the first, hold a model of their own.
        groups: tiles a draw; tile t holds models of draw t mod S.
    """

    cells: int
    draws: int
    width: int
    used: int
    groups: int

    def place(self, k: int) -> int:
        """Returns the place of model k, which has cell k div S and draw k mod S, among all places of all tiles."""
        cell, draw = divmod(k, self.draws)
        return (cell // self.used * self.draws + draw) * self.width + cell % self.used

    def models(self) -> list[int]:
        """Returns the model in every place; places that are left over repeat some."""
        return [
            (group * self.used + column) % self.cells * self.draws + draw
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

    @property
    def narrowest(self) -> int:
        """The models of the narrowest tile."""
        return -(-FEWEST_ROWS // self.rows)

    def products(self, width: int) -> tuple[Tensor, Tensor]:
        """Returns the logits and the gradient of one random model in every place of the fewest tiles of a width.

        Returns:
            (T, M, R, B) and (T, M, R, D), of the same model, residuals and images for every width.
        """
        random = torch.Generator().manual_seed(0)
        sizes = (self.rows, self.inputs), (self.rows, self.images), (self.images, self.inputs)
        weight, residual, rows = (
            torch.rand(size, generator=random, dtype=self.dtype).sub_(0.5).to(self.device) for size in sizes
        )
        weight, residual = (
            part.repeat(width, 1, 1).expand(FEWEST_TILES, -1, -1, -1) for part in (weight, residual)
        )  # (T, M, R, D) and (T, M, R, B)
        rows = rows.expand(FEWEST_TILES, -1, -1)
        images = TwoWays(rows) if self.two_ways else rows
        logits = project(weight, images, residual.new_empty(residual.shape))
        return logits, correlate(residual, images, weight.new_empty(weight.shape))


def arrange(cells: int, draws: int, blocks: int, tile: Tile) -> Arrangement:
    """Returns the arrangement with the widest tiles of G * S models, for so many blocks of images a step and draw."""
    groups = FEWEST_TILES if draws == blocks == 1 else 1
    most = -(-cells // groups)
    width, used = widest_tile(most, tile) if tile.device.type == "cpu" else (max(most, tile.narrowest),) * 2
    return Arrangement(cells=cells, draws=draws, width=width, used=used, groups=max(groups, -(-cells // used)))


@functools.cache
def widest_tile(models: int, tile: Tile) -> tuple[int, int]:
    """Returns the places of a tile for some models that share their images, and how many from the first to use.

    Tried are tiles of all the models, the same with places to spare, then of half as many, a quarter, ...; the first
    in which every place can be used is taken, else the one that needs the fewest places for all models.
    """
    fewest = tile.narrowest
    widths = [max(models, fewest)]
    widths.append(widths[0] + -(-SPARE_ROWS // tile.rows))
    while min(widths) > fewest:
        widths.append(max(min(widths) // 2, fewest))
    found = []
    for width in widths:
        used = min(_steady_places(width, tile), width if width <= widths[0] else models)
        if used == width:
            return width, used
        if used:
            found.append((-(-models // used) * width, width, used))
    return min(found)[1:]


def _steady_places(width: int, tile: Tile) -> int:
    """Returns in how many places, from the first, of a tile a random model has the bits that define it."""
    steady = width
    for narrow, wide in zip(tile.products(tile.narrowest), tile.products(width), strict=True):
        same = (wide == narrow[:1, :1]).all(dim=3).all(dim=2).all(dim=0)  # (M,)
        steady = min(steady, int(same.to(torch.int8).cumprod(0).sum()))
    return steady


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
