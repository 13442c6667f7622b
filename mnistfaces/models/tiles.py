"""Products of many models at once whose every result is the same whatever else is in the batch.

Legend: T tiles, S sets of images, B images a set, D inputs, R rows of a model (classes or hidden units).

A tile is the product of one model's weights with one block of images. All tiles of a batch have one shape, and
a batch holds at least two (a batch of one would take another kernel, with other rounding) and every tile starts
on a cache line (kernels treat the edges of unaligned data differently), so that a tile's bits depend on its own
shape and content alone: a model trained alone and in a stack of fifty comes out equal.
"""

import torch
from torch import Tensor

FEWEST_TILES = 2
ALIGNMENT = 16  # numbers; images a block, inputs and padded classes are multiples of it
BLOCK_IMAGES = 2048
SPLIT_IMAGES = 256


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


def project(weight: Tensor, inputs: Tensor, out: Tensor) -> Tensor:
    """Writes weight @ inputs.T of every tile into `out`.

    Args:
        weight: (T, R, D); tile t goes with set t mod S.
        inputs: (S, B, D), S dividing T.
        out: (T, R, B).
    """
    sets = inputs.shape[0]
    if sets == 1:
        return torch.bmm(weight, inputs.expand(len(weight), -1, -1).transpose(1, 2), out=out)
    for first in range(0, len(weight), sets):
        torch.bmm(weight[first : first + sets], inputs.transpose(1, 2), out=out[first : first + sets])
    return out


def correlate(residual: Tensor, inputs: Tensor, out: Tensor) -> Tensor:
    """Writes residual @ inputs of every tile into `out`: the gradient of the weights that `project` used.

    Args:
        residual: (T, R, B); tile t goes with set t mod S.
        inputs: (S, B, D), S dividing T.
        out: (T, R, D).
    """
    sets = inputs.shape[0]
    if sets == 1:
        return torch.bmm(residual, inputs.expand(len(residual), -1, -1), out=out)
    for first in range(0, len(residual), sets):
        torch.bmm(residual[first : first + sets], inputs, out=out[first : first + sets])
    return out
