"""The curvature of a softmax regression's cost where all weights are 0: what L-BFGS takes for the Hessian at first.

There every class has the probability 1 / C, so that the Hessian of the summed cost is G / C per class, with G the
weighted sum of x x' over the images, each with a 1 behind its inputs for the bias; but for what is common to all
classes, along which the cost does not change and no gradient lies. With a penalty on the weights it is G / C + decay,
and one eigendecomposition of G gives its inverse for every decay. Optima of few images under a small penalty, for which
L-BFGS takes hundreds of iterations from a multiple of the identity, take tens from here.

Source: Boehning, "Multinomial logistic regression algorithm" (1992), whose bound is G / 2.

Legend: n training images, D inputs with their padding, C classes, r eigenvectors.
"""

import functools
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mnistfaces.engine.batches import load_rows, pieces_of
from mnistfaces.engine.source import Source

MOST_SIDE = 1024
"""Rows of the largest matrix that is decomposed, of inputs or of images: a quarter of a second."""

FLOOR = 1e-7
"""Eigenvalues below this part of the largest are not known: the products that they come from are float32."""

Parts = tuple[Tensor, Tensor]
"""Eigenvalues of G, (r,), and its eigenvectors, (D + 1, r), in float64 on the host."""


@dataclass(frozen=True, eq=False)
class Curvature:
    """The curvature of the cost of some training images.

    Attributes:
        source: where they are, and which of their inputs are computed with.
        train: their positions.
    """

    source: Source
    train: NDArray[np.int64]

    @functools.cached_property
    def total(self) -> float:
        """Returns what the images count together."""
        return float(self.source.dataset.weights_of(self.train).sum())

    @functools.cached_property
    def parts(self) -> Parts | None:
        """Returns the eigendecomposition of G, None where that takes too large a matrix."""
        inputs = self.source.inputs
        if min(inputs + 1, len(self.train)) > MOST_SIDE:
            return None
        if inputs < len(self.train):
            values, vectors = torch.linalg.eigh(self._products())
        else:  # of n x n products come the eigenvectors that images span: X'U / sqrt(s) of X X' = U s U'
            rows = self._rows(self.train).double()
            values, images = torch.linalg.eigh(rows @ rows.T)
            kept = values > FLOOR * values[-1]
            values = values[kept]
            vectors = rows.T @ images[:, kept] / values.sqrt()
        return values.clamp(min=FLOOR * float(values[-1])), vectors

    def is_bounded(self, decay: float, share: float) -> bool:
        """Returns whether a penalty holds the directions along which the images hardly vary.

        Without one, images that can be told apart without a mistake have no optimum, and the inverse Hessian leads to
        weights along those directions: they tell the training images apart, and new ones not at all (27 % of the test
        images after 50 of each digit; from the identity 83 %, as with scikit-learn's lbfgs).

        Args:
            decay: the penalty.
            share: as for `solve`, over the number of classes.
        """
        return decay > 0 and self.parts is not None and decay >= FLOOR * share * float(self.parts[0][-1])

    def solve(self, gradients: Tensor, decay: float, share: float) -> Tensor:
        """Returns the inverse of the Hessian times v gradients, (v, C, D + 1).

        Args:
            gradients: (v, C, D + 1), of the weights and the bias of each class.
            decay: the penalty.
            share: of the summed cost that the cost is: 1, or 1 / total where it is the mean.
        """
        if self.parts is None:
            return gradients
        values, vectors = self.parts
        share /= gradients.shape[1]
        along = gradients @ vectors  # (v, C, r)
        least = share * FLOOR * float(values[-1]) + decay  # of directions that no eigenvector has
        return gradients / least + (along / (values * share + decay) - along / least) @ vectors.T

    def _products(self) -> Tensor:
        width = self._rows(self.train[:1]).shape[1]
        products = torch.zeros(width, width, dtype=torch.float64)
        for piece in pieces_of(self.source.dataset, self.train):
            rows = self._rows(piece)
            products += rows.T @ rows
        return products

    def _rows(self, images: NDArray[np.int64]) -> Tensor:
        """Returns images with a 1 behind their inputs, times the roots of what they count, (n, D + 1) float32."""
        rows = load_rows(self.source.dataset, images, "float32", len(images), self.source.columns)
        roots = torch.from_numpy(np.sqrt(self.source.dataset.weights_of(images))).float()
        return torch.cat([rows, torch.ones(len(rows), 1)], dim=1) * roots[:, None]
