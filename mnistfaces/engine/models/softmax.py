"""Softmax regression: logits = W x + b, a stack of models at a time.

Legend: T tiles, M models a tile, S sets of images, B images a set, D inputs, C classes.
"""

import functools
from collections.abc import Sequence

import torch
from torch import Tensor

from mnistfaces.config import Activation
from mnistfaces.engine import tiles
from mnistfaces.engine.layers import Layers
from mnistfaces.engine.operations import Operation


class Softmax:
    """Multinomial logistic regression that starts from zero weights.

    Attributes:
        names: of its parameters, as `torch.nn.Sequential(Linear(D, C))` calls them.
        shapes: of its parameters for one model: (C, D) and (C,).
        padded: the shapes in memory: zeros fill every model's part up to a multiple of the alignment.
        rows: of activations per image: the logits alone.
        classes: C.
        starts_at_zero: inputs that are zero in every training image never move their weights.
    """

    starts_at_zero = True

    def __init__(self, layers: Layers, _activation: Activation | None = None) -> None:
        inputs, classes = layers.widths
        self.names, self.shapes = layers.names, layers.shapes
        self.rows, self.classes = (classes,), classes
        self.padded = ((classes, tiles.aligned(inputs)), (tiles.aligned(classes),))

    def initial(self, _seed: int) -> list[Tensor]:
        """Returns zeros: the cost is convex, so the start is a convention."""
        return [torch.zeros(shape) for shape in self.shapes]

    def activations(self, tile_count: int, width: int, images: int, like: Tensor) -> list[Tensor]:
        """Returns buffers for one forward pass; the last holds the logits, (T, M, C, B)."""
        return [like.new_empty(tile_count, width, self.shapes[0][0], images)]

    def slopes(self, _tile_count: int, _width: int, _images: int, _like: Tensor) -> list[Tensor]:
        """Returns buffers for one backward pass, which needs none."""
        return []

    def forward(
        self, parameters: Sequence[Tensor], inputs: Tensor | tiles.Images, out: Sequence[Tensor]
    ) -> list[Operation]:
        """Returns what writes the logits of the images into the last of `out`.

        Args:
            parameters: weights (T, M, C, D) and biases (T, M, C).
            inputs: (S, B, D), S dividing T.
            out: buffers from `activations`.
        """
        weight, bias = parameters
        by_row = bias[..., : weight.shape[2], None]  # (T, M, C, 1)
        return [tiles.projection(weight, inputs, out[0]), functools.partial(out[0].add_, by_row)]

    def backward(
        self,
        parameters: Sequence[Tensor],  # noqa: ARG002  a linear model's gradient does not depend on them
        inputs: Tensor | tiles.Images,
        buffers: tuple[Sequence[Tensor], Sequence[Tensor]],  # noqa: ARG002  likewise
        residual: Tensor,
        out: Sequence[Tensor],
    ) -> list[Operation]:
        """Returns what writes dC/dW = residual xT and dC/db = sum of residual into `out`.

        Args:
            parameters: as for `forward`.
            inputs: as for `forward`.
            buffers: what `forward` wrote, and `slopes`.
            residual: dC/dlogits, (T * M, C, B).
            out: (T, M, C, D) and (T, M, C).
        """
        residual = residual.view(*out[0].shape[:3], -1)
        sums = out[1][..., : residual.shape[2]]
        return [tiles.correlation(residual, inputs, out[0]), functools.partial(torch.sum, residual, dim=3, out=sums)]
