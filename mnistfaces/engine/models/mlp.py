"""Networks with hidden layers, a stack of models at a time.

The hidden units of layer i are f(W_i x + b_i) of those before, or of the inputs; the logits are W x + b of the last.

Legend: T tiles, M models a tile, S sets of images, B images a set, D inputs, H hidden units of a layer, I units of the
layer before, C classes.
"""

import itertools
import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from mnistfaces.config import Activation
from mnistfaces.engine import tiles
from mnistfaces.engine.layers import Layers
from mnistfaces.engine.models.activations import ACTIVATIONS
from mnistfaces.engine.operations import Operation


class Mlp:
    """One or more hidden layers of ReLU or tanh units, with PyTorch's default initial weights.

    Attributes:
        names: of its parameters, as `torch.nn.Sequential(Linear(D, H), ReLU(), ..., Linear(H, C))` calls them.
        shapes: of its parameters for one model: (H, D), (H,), then (H, I) and (H,) per further layer, (C, H) and (C,).
        padded: the shapes in memory: zeros fill every model's part up to a multiple of the alignment. The first layer
            has no row of zeros, for `tiles.project` takes the rows of all models at once; the others have.
        rows: of activations per image: the hidden units of every layer, and the padded logits.
        classes: C.
        starts_at_zero: no: every weight matters from the start.
    """

    starts_at_zero = False

    def __init__(self, layers: Layers, activation: Activation) -> None:
        inputs, first, *others = layers.widths
        self.names, self.shapes, self.classes = layers.names, layers.shapes, layers.widths[-1]
        self.rows = (first, *map(tiles.aligned, others))
        pairs = itertools.pairwise((tiles.aligned(inputs), *self.rows))
        self.padded = tuple(shape for before, rows in pairs for shape in ((rows, before), (tiles.aligned(rows),)))
        self.activation = ACTIVATIONS[activation]

    def initial(self, seed: int) -> list[Tensor]:
        """Returns what `torch.manual_seed(seed)` and then building the `Linear` layers in turn would give.

        Weights and biases are uniform within 1 / sqrt(fan-in): He et al., "Delving deep into rectifiers" (2015),
        with the slope that PyTorch chose for its layers.
        """
        generator = torch.Generator().manual_seed(seed)
        fans = [shape[1] for shape in self.shapes if len(shape) > 1 for _ in range(2)]
        return [
            torch.empty(shape).uniform_(-1 / math.sqrt(fan), 1 / math.sqrt(fan), generator=generator)
            for shape, fan in zip(self.shapes, fans, strict=True)
        ]

    def activations(self, tile_count: int, width: int, images: int, like: Tensor) -> list[Tensor]:
        """Returns buffers for one forward pass: the hidden units (T, M, H, B) of every layer, and padded logits."""
        return [like.new_empty(tile_count, width, rows, images) for rows in self.rows]

    def slopes(self, tile_count: int, width: int, images: int, like: Tensor) -> list[Tensor]:
        """Returns buffers for one backward pass: dC/dsums of every layer, (T * M, H, B), the padding of them zero."""
        return [like.new_zeros(tile_count * width, rows, images) for rows in self.rows]

    def forward(
        self, parameters: Sequence[Tensor], inputs: Tensor | tiles.Images, out: Sequence[Tensor]
    ) -> list[Operation]:
        """Returns what writes hidden activations and logits of the images into `out`, the logits into the last.

        Args:
            parameters: (T, M, H, D) and (T, M, H), then (T, M, H, I) and (T, M, H) per further layer, and
                (T, M, C, H) and (T, M, C).
            inputs: (S, B, D), S dividing T.
            out: buffers from `activations`.
        """
        weight, bias = parameters[:2]
        units = out[0]  # (T, M, H, B)
        work: list[Operation] = [
            tiles.projection(weight, inputs, units),
            partial(units.add_, bias[..., : weight.shape[2], None]),
        ]
        for weight, bias, sums in zip(parameters[2::2], parameters[3::2], out[1:], strict=True):
            matrices = _matrices(weight, work)
            work.append(partial(self.activation.apply, units))
            work.append(partial(torch.bmm, matrices, units.flatten(0, 1), out=sums.flatten(0, 1)))
            work.append(partial(sums.add_, bias.unsqueeze(-1)))
            units = sums  # (T, M, H or C, B)
        return work

    def backward(
        self,
        parameters: Sequence[Tensor],
        inputs: Tensor | tiles.Images,
        buffers: tuple[Sequence[Tensor], Sequence[Tensor]],
        residual: Tensor,
        out: Sequence[Tensor],
    ) -> list[Operation]:
        """Returns what writes the gradient of the cost in every parameter into `out`, over the hidden activations.

        Args:
            parameters: as for `forward`.
            inputs: as for `forward`.
            buffers: what `forward` wrote, and `slopes`.
            residual: dC/dlogits, (T * M, C, B).
            out: shaped like the parameters.
        """
        activations, slopes = buffers
        work: list[Operation] = [partial(slopes[-1][:, : self.classes].copy_, residual)]
        for layer in range(len(self.rows) - 1, 0, -1):
            units, sums, before = activations[layer - 1].flatten(0, 1), slopes[layer], slopes[layer - 1]
            work.append(partial(torch.bmm, sums, units.transpose(1, 2), out=out[2 * layer].flatten(0, 1)))
            work.append(partial(torch.sum, sums, dim=2, out=out[2 * layer + 1].flatten(0, 1)))
            matrices = _matrices(parameters[2 * layer], work)
            work.append(partial(torch.bmm, matrices.transpose(1, 2), sums, out=before))
            work.append(partial(self.activation.slope, units))
            work.append(partial(before.mul_, units))
        first = slopes[0]
        work.append(partial(torch.sum, first, dim=2, out=out[1].flatten(0, 1)[:, : first.shape[1]]))
        work.append(tiles.correlation(first.view_as(activations[0]), inputs, out[0]))
        return work


def _matrices(weight: Tensor, work: list[Operation]) -> Tensor:
    """Returns weights (T, M, H, I) as (T * M, H, I): where tiles share them, a copy that `work` then makes anew."""
    matrices = weight.flatten(0, 1)
    if matrices.data_ptr() != weight.data_ptr():
        work.append(partial(matrices.view_as(weight).copy_, weight))
    return matrices
