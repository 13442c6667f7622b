"""Kernel ridge regression on one-hot targets, with the Gaussian kernel exp(-gamma |x - y|^2).

The scores of an image x are sum_i a_i k(x, x_i) over the training images x_i, with (K + decay I) A = Y, and no
intercept. Source: Saunders, Gammerman and Vovk, "Ridge regression learning algorithm in dual variables" (1998).

Legend: n training images, D inputs, C classes.
"""

import torch
from torch import Tensor

from mnistfaces.config import TrainConfig
from mnistfaces.engine.closed.images import Images
from mnistfaces.engine.closed.smoothing import Smoother, decompose


class Kernel:
    """The kernel ridge regressions of some images under every penalty, for one width of the kernel.

    Attributes:
        smoother: the eigendecomposition of their kernel matrix.
        gamma: of the kernel: what was asked, or 1 / (D * variance of the training inputs).
    """

    def __init__(self, images: Images, config: TrainConfig) -> None:
        self._images, self._roots = images, images.weights().sqrt()
        self.gamma = config.gamma or 1 / (images.inputs * images.variance() or 1.0)
        self._kept = torch.cat([images.rows(piece) for piece in images.pieces()]).to(getattr(torch, config.dtype))
        self._centers = self._kept.double()
        targets = images.targets() * self._roots[:, None]
        values, self._vectors = decompose(self._products())
        self.smoother = Smoother.dual(values, self._vectors, targets, self._roots)

    def weights(self, decay: float) -> dict[str, Tensor]:
        """Returns the regression under a penalty, the training images among it.

        Returns:
            `0.centers` (n, D), `0.gamma` (1,), `1.weight` (C, n) and `1.bias` (C,), which is 0.
        """
        dual = (self._vectors @ self.smoother.shrunk(decay)) * self._roots[:, None]  # (n, C)
        gamma, bias = dual.new_tensor([self.gamma]), dual.new_zeros(dual.shape[1])
        return {"0.centers": self._kept, "0.gamma": gamma, "1.weight": dual.T.contiguous(), "1.bias": bias}

    def features(self, inputs: Tensor) -> Tensor:
        """Returns what the weights multiply: the kernel between images (m, D) and the training images, (m, n)."""
        return kernel_of(inputs, self._centers, self.gamma)

    def _products(self) -> Tensor:
        """Returns the kernel matrix, scaled by the roots of the weights of rows and columns, (n, n)."""
        count = len(self._centers)
        products = self._centers.new_empty(count, count)
        for piece in self._images.pieces(count):
            products[piece] = kernel_of(self._centers[piece], self._centers, self.gamma)
        products.fill_diagonal_(1)
        return products.mul_(self._roots[:, None]).mul_(self._roots)


def kernel_of(rows: Tensor, columns: Tensor, gamma: float) -> Tensor:
    """Returns exp(-gamma |x - y|^2) for rows x (m, D) and columns y (n, D), (m, n)."""
    distances = torch.addmm(columns.square().sum(1), rows, columns.T, alpha=-2).add_(rows.square().sum(1, keepdim=True))
    return distances.clamp_(min=0).mul_(-gamma).exp_()
