"""Products of many models at once whose every result is the same whatever else is in the batch.

Legend: T tiles, S sets of images, B images a set, D inputs, R rows of a model (classes or hidden units).

A tile is the product of one model's weights with one block of images. All tiles of a batch have one shape, and
a batch holds at least two (a batch of one would take another kernel, with other rounding) and every tile starts
on a cache line (kernels treat the edges of unaligned data differently), so that a tile's bits depend on its own
shape and content alone: a model trained alone and in a stack of fifty comes out equal.
"""

import functools

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


@functools.cache
def agrees_with_one_product(shape: tuple[int, int, int, int], dtype: torch.dtype, device: str) -> bool:
    """Returns whether tiles that share their images may be one wide product: whether it gives the same bits.

    It does in float32 on the processors that we saw, and is up to half as fast again; it is tried once a shape,
    because no library promises it.

    Args:
        shape: T tiles, R rows, B images, D inputs.
        dtype: of the numbers.
        device: where they are.
    """
    tiles, rows, images, inputs = shape
    generator = torch.Generator().manual_seed(0)
    weight, batch, residual = (
        torch.rand(size, generator=generator, dtype=dtype).sub_(0.5).to(device)
        for size in ((tiles, rows, inputs), (1, images, inputs), (tiles, rows, images))
    )
    shared = batch.expand(tiles, -1, -1)
    logits = torch.mm(weight.flatten(0, 1), batch[0].T).view(tiles, rows, images)
    grads = torch.mm(residual.flatten(0, 1), batch[0]).view(tiles, rows, inputs)
    return torch.equal(logits, torch.bmm(weight, shared.transpose(1, 2))) and torch.equal(
        grads, torch.bmm(residual, shared)
    )


def _is_wide(rows: Tensor, inputs: Tensor) -> bool:
    """Returns whether the tiles, (T, R, .), share one set of images and may be multiplied as one matrix."""
    if inputs.shape[0] != 1 or len(rows) < FEWEST_TILES or not rows.is_contiguous():
        return False
    return agrees_with_one_product((*rows.shape[:2], *inputs.shape[1:]), rows.dtype, str(rows.device))


def project(weight: Tensor, inputs: Tensor, out: Tensor) -> Tensor:
    """Writes weight @ inputs.T of every tile into `out`.

    Args:
        weight: (T, R, D); tile t goes with set t mod S.
        inputs: (S, B, D), S dividing T.
        out: (T, R, B).
    """
    sets = inputs.shape[0]
    if _is_wide(weight, inputs):
        torch.mm(weight.flatten(0, 1), inputs[0].T, out=out.flatten(0, 1))
    elif sets == 1:
        torch.bmm(weight, inputs.expand(len(weight), -1, -1).transpose(1, 2), out=out)
    else:
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
    if _is_wide(residual, inputs):
        torch.mm(residual.flatten(0, 1), inputs[0], out=out.flatten(0, 1))
    elif sets == 1:
        torch.bmm(residual, inputs.expand(len(residual), -1, -1), out=out)
    else:
        for first in range(0, len(residual), sets):
            torch.bmm(residual[first : first + sets], inputs, out=out[first : first + sets])
    return out
