"""Products of many models at once whose every result is the same whatever else is computed beside it.

Legend: T tiles, M places for models in a tile, S sets of images, J blocks of B images a set, D inputs, R rows of a
model (classes or hidden units).

A model must come out with the same bits whether it is trained alone or beside fifty others. Floating-point sums depend
on the order of their terms, and a library chooses the order by the shape of a product and by the position of a row in
it. So the shapes are chosen such that a model's own part of them is always the same.

A tile is one product: a block of images with the weights of all models that share these images, M * R rows of them. A
step of training is a batch of T such products of one shape.

*Why a batch holds at least two tiles.* A batch of one product goes to another kernel than a batch of two or more: of
224 shapes tried with two threads, 34 had other last bits in a batch of one, none in a batch of two against one of
seven. A model that trains alone is therefore repeated until two tiles are full, and a piece of a set of images that is
cut into blocks is two blocks or more.

*Why parts are padded.* Kernels take rows and columns several at a time, and sum what is left over at the edges in
another order, by where it lies in memory. Inputs, images and classes are padded with zeros to whole cache lines, so
that every part of every model starts on one; the narrowest tile has at least 16 rows, for which the kernels are those
of larger ones.

*What is tried at run time* is how wide tiles may be, and in which of their places a model keeps its bits: see
`arrangement`.
"""

import functools
import itertools
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from mnistfaces.engine.operations import Operation, run

FEWEST_TILES = 2
ALIGNMENT = 16  # numbers; images a block, inputs and padded classes are multiples of it
BLOCK_IMAGES = 2048
SPLIT_IMAGES = 256


class Images(Protocol):
    """Blocks of images, (J, B, D), in another form than as dense rows; their products are of all blocks."""

    @property
    def shape(self) -> torch.Size:
        """J, B and D."""

    def projection(self, weight: Tensor, out: Tensor) -> Operation:
        """Returns what writes weight @ block.T into `out`, (J, M, R, B)."""

    def correlation(self, residual: Tensor, out: Tensor) -> Operation:
        """Returns what writes residual @ block into `out`, (J, M, R, D)."""

    def __getitem__(self, blocks: slice) -> "Images":
        """Returns some of the blocks, which are not copied."""


class TwoWays:
    """Images as rows for the gradient and as columns for the logits: a fifth faster, for twice the memory.

    Attributes:
        shape: J, B and D.
    """

    def __init__(self, rows: Tensor, columns: Tensor | None = None) -> None:
        self.shape = rows.shape
        self._rows = rows
        self._columns = rows.transpose(1, 2).contiguous() if columns is None else columns  # (J, D, B)

    def __getitem__(self, blocks: slice) -> "TwoWays":
        """Returns some of the blocks, which are not copied."""
        return TwoWays(self._rows[blocks], self._columns[blocks])

    def projection(self, weight: Tensor, out: Tensor) -> Operation:
        """Returns what writes weight @ block.T into `out`, (J, M, R, B)."""
        return _multiplication(weight, self._columns, out)

    def correlation(self, residual: Tensor, out: Tensor) -> Operation:
        """Returns what writes residual @ block into `out`, (J, M, R, D)."""
        return _multiplication(residual, self._rows, out)


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


def pieces(blocks: int, at_once: int) -> list[slice]:
    """Cuts a set of blocks into pieces of about `at_once` blocks, so that what is computed of them fits into memory.

    Only a set of one block has a piece of one block: such a product would have other bits.
    """
    count = max(1, blocks // max(FEWEST_TILES, at_once))
    ends = [blocks * number // count for number in range(count + 1)]
    return [slice(*pair) for pair in itertools.pairwise(ends)]


def tiled(parameters: Sequence[Tensor], width: int) -> list[Tensor]:
    """Returns parameters of all places, (T * M, ...), by tiles, (T, M, ...)."""
    return [parameter.view(-1, width, *parameter.shape[1:]) for parameter in parameters]


def projection(weight: Tensor, inputs: Tensor | Images, out: Tensor) -> Operation:
    """Returns what writes weight @ inputs.T of every tile into `out`.

    Args:
        weight: (T, M, R, D); tile t goes with set t mod S.
        inputs: (S, B, D), S dividing T.
        out: (T, M, R, B).
    """
    if not isinstance(inputs, Tensor):
        return inputs.projection(weight, out)
    return _multiplication(weight, inputs.transpose(1, 2), out)


def correlation(residual: Tensor, inputs: Tensor | Images, out: Tensor) -> Operation:
    """Returns what writes residual @ inputs of every tile into `out`: the gradient of the weights of `projection`.

    Args:
        residual: (T, M, R, B); tile t goes with set t mod S.
        inputs: (S, B, D), S dividing T.
        out: (T, M, R, D).
    """
    if not isinstance(inputs, Tensor):
        return inputs.correlation(residual, out)
    return _multiplication(residual, inputs, out)


def _multiplication(left: Tensor, right: Tensor, out: Tensor) -> Operation:
    """Returns what writes the products of (T, M, R, .) with (S, ., .) into `out`, a batch of S tiles at a time."""
    if len(right) == 1:
        right = right.expand(len(left), -1, -1)
    left, out = left.flatten(1, 2), out.view(len(out), -1, out.shape[-1])
    parts = (slice(first, first + len(right)) for first in range(0, len(left), len(right)))
    products = [functools.partial(torch.bmm, left[part], right, out=out[part]) for part in parts]
    return products[0] if len(products) == 1 else functools.partial(run, products)
