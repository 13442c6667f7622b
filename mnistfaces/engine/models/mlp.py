"""Networks with hidden layers, a stack of models at a time.

The hidden units of layer i are f(W_i x + b_i) of those before, or of the inputs; the logits are W x + b of the last.

Legend: T tiles, M models a tile, S sets of images, B images a set, D inputs, H hidden units of a layer, I units of the
layer before, C classes.
"""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from mnistfaces.config import Activation
from mnistfaces.engine import tiles
from mnistfaces.engine.layers import Layers
from mnistfaces.engine.models.activations import ACTIVATIONS


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

    def forward(self, parameters: Sequence[Tensor], inputs: Tensor | tiles.Images, out: Sequence[Tensor]) -> Tensor:
        """Writes hidden activations and logits of the images into `out`; returns the logits, (T * M, C, B).

        Args:
            parameters: (T, M, H, D) and (T, M, H), then (T, M, H, I) and (T, M, H) per further layer, and
                (T, M, C, H) and (T, M, C).
            inputs: (S, B, D), S dividing T.
            out: buffers from `activations`.
        """
        weight, bias = parameters[:2]
        units = tiles.project(weight, inputs, out[0]).add_(bias[..., : weight.shape[2], None])  # (T, M, H, B)
        for weight, bias, sums in zip(parameters[2::2], parameters[3::2], out[1:], strict=True):
            self.activation.apply(units)
            torch.bmm(weight.flatten(0, 1), units.flatten(0, 1), out=sums.flatten(0, 1))
            units = sums.add_(bias.unsqueeze(-1))  # (T, M, H or C, B)
        return units.flatten(0, 1)[:, : self.classes]  # (T * M, C, B)

    def backward(
        self,
        parameters: Sequence[Tensor],
        inputs: Tensor | tiles.Images,
        activations: Sequence[Tensor],
        residual: Tensor,
        out: Sequence[Tensor],
    ) -> None:
        """Writes the gradient of the cost in every parameter into `out`; overwrites the hidden activations.

        Args:
            parameters: as for `forward`.
            inputs: as for `forward`.
            activations: what `forward` wrote.
            residual: dC/dlogits, (T * M, C, B).
            out: shaped like the parameters.
        """
        back = pad(residual, (0, 0, 0, self.rows[-1] - self.classes))  # dC/dsums of a layer, (T * M, rows, B)
        for layer in range(len(self.rows) - 1, 0, -1):
            units = activations[layer - 1].flatten(0, 1)  # (T * M, I, B), what the layer sees
            torch.bmm(back, units.transpose(1, 2), out=out[2 * layer].flatten(0, 1))
            torch.sum(back, dim=2, out=out[2 * layer + 1].flatten(0, 1))
            back = torch.bmm(parameters[2 * layer].flatten(0, 1).transpose(1, 2), back)  # (T * M, I, B)
            back.mul_(self.activation.slope(units))
        torch.sum(back, dim=2, out=out[1].flatten(0, 1)[:, : back.shape[1]])
        tiles.correlate(back.view_as(activations[0]), inputs, out[0])
