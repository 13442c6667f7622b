"""The training images of a model in closed form, as float64 on the device, in pieces.

Legend: n training images, D inputs, C classes.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mnistfaces.datasets.base import Dataset
from mnistfaces.engine.closed.smoothing import rows_at_once


@dataclass(frozen=True, kw_only=True, eq=False)
class Images:
    """Some images of a dataset.

    Attributes:
        dataset: where they are.
        places: of the n images there.
        device: where to compute.
    """

    dataset: Dataset
    places: NDArray[np.int64]
    device: torch.device

    def __len__(self) -> int:
        """Returns n."""
        return len(self.places)

    @property
    def inputs(self) -> int:
        """Returns D."""
        return int(self.dataset.inputs.shape[1])

    def rows(self, at: slice | Tensor) -> Tensor:
        """Returns some of the images, (m, D)."""
        some = self.places[at if isinstance(at, slice) else at.cpu().numpy()]
        return torch.from_numpy(self.dataset.values(some, "float64")).to(self.device)

    def pieces(self, width: int = 0) -> Iterator[slice]:
        """Yields the images in pieces, of which rows of D or of a larger width go through together."""
        step = rows_at_once(max(width, self.inputs))
        yield from (slice(first, min(first + step, len(self))) for first in range(0, len(self), step))

    def targets(self) -> Tensor:
        """Returns a 1 at the class of every image, (n, C)."""
        labels = torch.from_numpy(self.dataset.labels[self.places]).to(self.device)
        return torch.nn.functional.one_hot(labels, len(self.dataset.classes)).double()

    def weights(self) -> Tensor:
        """Returns what every image counts, (n,)."""
        return torch.from_numpy(self.dataset.weights_of(self.places)).to(self.device)

    def mean(self) -> Tensor:
        """Returns the weighted mean image, (D,)."""
        weights, total = self.weights(), torch.zeros(self.inputs, dtype=torch.float64, device=self.device)
        for piece in self.pieces():
            total += weights[piece] @ self.rows(piece)
        return total / weights.sum()

    def variance(self) -> float:
        """Returns the weighted variance of all inputs about their common mean."""
        weights, mean = self.weights(), self.mean().mean()
        squares = [weights[piece] @ (self.rows(piece) - mean).square().mean(1) for piece in self.pieces()]
        return float(torch.stack(squares).sum() / weights.sum())
