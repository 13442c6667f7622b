"""Ridge regression on one-hot targets: a linear map that needs no descent.

It minimises sum_i |W x_i + b - y_i|^2 + decay |W|^2, y_i being 1 at the class of image i and 0 elsewhere. Source: Hoerl
and Kennard, "Ridge regression" (1970).

Legend: n training images, D inputs, C classes.
"""

import torch
from torch import Tensor

from mnistfaces.config import TrainConfig
from mnistfaces.engine.closed.images import Images
from mnistfaces.engine.closed.smoothing import Smoother, decompose


class Ridge:
    """The ridge regressions of some images under every penalty.

    Attributes:
        smoother: their eigendecomposition: of X'X where there are more images than inputs, else of X X'.
        gamma: none: it has no kernel.
    """

    gamma: float | None = None

    def __init__(self, images: Images, _config: TrainConfig) -> None:
        self._images, weights, targets = images, images.weights(), images.targets()
        self._roots, self._mean = weights.sqrt(), images.mean()
        self._target = weights @ targets / weights.sum()  # (C,), the mean target
        scaled = (targets - self._target) * self._roots[:, None]
        self.smoother = self._primal(scaled) if images.inputs < len(images) else self._dual(scaled)

    def weights(self, decay: float) -> dict[str, Tensor]:
        """Returns the regression under a penalty: `0.weight` (C, D) and `0.bias` (C,)."""
        shrunk = self.smoother.shrunk(decay)  # (r, C)
        if self.smoother.primal:
            weight = (self._vectors @ shrunk).T
        else:
            dual = self._vectors @ shrunk  # (n, C)
            weight = torch.zeros(dual.shape[1], self._images.inputs, dtype=dual.dtype, device=dual.device)
            for piece in self._images.pieces():
                weight += dual[piece].T @ self._rows(piece)
        return {"0.weight": weight, "0.bias": self._target - weight @ self._mean}

    def features(self, inputs: Tensor) -> Tensor:
        """Returns what the weights multiply: the inputs themselves."""
        return inputs

    def _rows(self, at: slice | Tensor) -> Tensor:
        """Returns some images, less the mean and scaled by the roots of their weights, (m, D)."""
        return (self._images.rows(at) - self._mean) * self._roots[at, None]

    def _primal(self, targets: Tensor) -> Smoother:
        inputs = self._images.inputs
        products = torch.zeros(inputs, inputs, dtype=targets.dtype, device=targets.device)
        with_targets = torch.zeros(inputs, targets.shape[1], dtype=targets.dtype, device=targets.device)
        for piece in self._images.pieces():
            rows = self._rows(piece)
            products += rows.T @ rows
            with_targets += rows.T @ targets[piece]
        values, self._vectors = decompose(products)
        return Smoother(
            values=values,
            rows=lambda at: self._rows(at) @ self._vectors,
            targets=targets,
            projected=self._vectors.T @ with_targets,
            roots=self._roots,
            primal=True,
            intercept=True,
        )

    def _dual(self, targets: Tensor) -> Smoother:
        count = len(self._images)
        products = torch.empty(count, count, dtype=targets.dtype, device=targets.device)
        pieces = list(self._images.pieces())
        for number, piece in enumerate(pieces):
            rows = self._rows(piece)
            for other in pieces[: number + 1]:
                part = rows @ self._rows(other).T
                products[piece, other], products[other, piece] = part, part.T
        constant, unit = float(products.diagonal().mean()) or 1.0, self._roots / self._roots.norm()
        values, self._vectors = decompose(products.addr_(unit, unit, alpha=constant))
        return Smoother.dual(values, self._vectors, targets, self._roots, constant=constant)
