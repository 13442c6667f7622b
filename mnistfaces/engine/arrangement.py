"""Where the models of a stack stand in tiles: which places keep a model's bits is tried, once for each shape.

Legend: G cells (configurations), S draws (a split and a seed), K = G * S models; T tiles of M places each.

The bits of a model are by definition those of the first place of the narrowest tile, which is where it stands when it
trains alone. Wider tiles are faster per model, up to twice, but no library promises their bits, nor those of the other
places: MKL's AVX2 kernels take rows by sixes, and sum the two rows that are left over of twenty in another order. So
`widest_tile` multiplies one random model in every place of tiles of several widths, and sees where it keeps its bits:
models stand there only, and the other places are filled up with repetitions. That takes about as long as one step of
training.

On a GPU nothing is tried and tiles are as wide as they can be: its libraries choose by the number of products as well,
and narrow tiles would waste it. There a model's last digits depend on its company, as the contract allows.
"""

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from mnistfaces.engine.draws import cell_and_draw, model_of
from mnistfaces.engine.tiles import FEWEST_TILES, TwoWays, correlation, projection

FEWEST_ROWS = 16  # fewer take other kernels
SPARE_ROWS = 48  # of repeated models below the last: a multiple of the rows that any kernel takes at once


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

    @property
    def count(self) -> int:
        """Returns K."""
        return self.cells * self.draws

    def place(self, k: int) -> int:
        """Returns the place of model k among all places of all tiles."""
        cell, draw = cell_and_draw(k, self.draws)
        return (cell // self.used * self.draws + draw) * self.width + cell % self.used

    def of_draw(self, draw: int) -> list[int]:
        """Returns the models of a draw, in the order of their cells."""
        return [model_of(cell, draw, self.draws) for cell in range(self.cells)]

    def cells_of(self, group: int) -> range:
        """Returns the cells whose models stand in the tiles of a group, from their first places on."""
        return range(group * self.used, min((group + 1) * self.used, self.cells))

    def models(self) -> list[int]:
        """Returns the model in every place; places that are left over repeat some."""
        return [
            model_of((group * self.used + column) % self.cells, draw, self.draws)
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
        logits, gradient = residual.new_empty(residual.shape), weight.new_empty(weight.shape)
        projection(weight, images, logits)()
        correlation(residual, images, gradient)()
        return logits, gradient


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
