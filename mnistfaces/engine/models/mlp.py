"""A network with one hidden layer: logits = W2 f(W1 x + b1) + b2, a stack of models at a time.

Legend: T tiles, M models a tile, S sets of images, B images a set, D inputs, H hidden units, C classes.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from mnistfaces.config import Activation
from mnistfaces.engine import tiles


class Mlp:
    """One hidden layer of ReLU or tanh units, with PyTorch's default initial weights.

    Attributes:
        names: of its parameters, as `torch.nn.Sequential(Linear(D, H), ReLU(), Linear(H, C))` calls them.
        shapes: of its parameters for one model: (H, D), (H,), (C, H) and (C,).
        padded: the shapes in memory: zeros fill every model's part up to a multiple of the alignment.
        starts_at_zero: no: every weight matters from the start.
    """

    names = ("0.weight", "0.bias", "2.weight", "2.bias")
    starts_at_zero = False

    def __init__(self, inputs: int, classes: int, hidden: int, activation: Activation) -> None:
        self.shapes = ((hidden, inputs), (hidden,), (classes, hidden), (classes,))
        rows = tiles.aligned(classes)
        self.padded = ((hidden, tiles.aligned(inputs)), (tiles.aligned(hidden),), (rows, hidden), (rows,))
        self.activation = activation

    def initial(self, seed: int) -> list[Tensor]:
        """Returns what `torch.manual_seed(seed)` and then building the two `Linear` layers would give.

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
        """Returns buffers for one forward pass: hidden units (T, M, H, B) and padded logits."""
        return [like.new_empty(tile_count, width, shape[0], images) for shape in (self.padded[0], self.padded[2])]

    def forward(self, parameters: Sequence[Tensor], inputs: Tensor | tiles.Images, out: Sequence[Tensor]) -> Tensor:
        """Writes hidden activations and logits of the images into `out`; returns the logits, (T * M, C, B).

        Args:
            parameters: (T, M, H, D), (T, M, H), (T, M, C, H) and (T, M, C).
            inputs: (S, B, D), S dividing T.
            out: buffers from `activations`.
        """
        weight1, bias1, weight2, bias2 = parameters
        hidden = tiles.project(weight1, inputs, out[0]).add_(bias1[..., : weight1.shape[2], None])  # (T, M, H, B)
        hidden = hidden.relu_() if self.activation == "relu" else hidden.tanh_()
        torch.bmm(weight2.flatten(0, 1), hidden.flatten(0, 1), out=out[1].flatten(0, 1))
        logits = out[1].add_(bias2.unsqueeze(-1)).flatten(0, 1)
        return logits[:, : self.shapes[2][0]]  # (T * M, C, B)

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
        hidden = activations[0].flatten(0, 1)  # (T * M, H, B)
        residual = pad(residual, (0, 0, 0, self.padded[2][0] - residual.shape[1]))
        torch.bmm(residual, hidden.transpose(1, 2), out=out[2].flatten(0, 1))
        torch.sum(residual, dim=2, out=out[3].flatten(0, 1))
        back = torch.bmm(parameters[2].flatten(0, 1).transpose(1, 2), residual)  # (T * M, H, B)
        slope = hidden.sign_() if self.activation == "relu" else hidden.square_().neg_().add_(1)
        back.mul_(slope)
        torch.sum(back, dim=2, out=out[1].flatten(0, 1)[:, : back.shape[1]])
        tiles.correlate(back.view_as(activations[0]), inputs, out[0])
