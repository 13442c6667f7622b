"""The cost as a function of two weights alone, in the few numbers an image that it needs.

Along two weights, only the logits of their classes move. With R the log-sum-exp of the logits that stay, image n
costs log(1 + sum_k exp(t_nk)) - t_n,target + const, where t_nk = offset_nk + its pixels times the two weights.
Images in which both pixels are 0 cost the same everywhere.

N images, n images with a pixel that is not 0, K moved logits (1 or 2), P points.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

EVALUATIONS = 1 << 18
"""Image costs that are computed at once: 2 MB an array."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Plane:
    """The cost over a plane of two weights: exact anywhere on it, without model or data.

    Attributes:
        pixels: (n, 2) what each of the two weights is multiplied by. With K = 1 both belong to the one logit;
            with K = 2 the first belongs to the first logit and the second to the second.
        offsets: (n, K) the moved logits where both weights are 0, less R, in nats.
        target: (n,) int8, which moved logit is the true class's, counted from 1; 0 when its logit stays.
        constant: the part of the summed cost that does not move, in nats.
        images: N, those with both pixels 0 included.
    """

    pixels: Floats
    offsets: Floats
    target: NDArray[np.int8]
    constant: float
    images: int

    @property
    def is_flat(self) -> bool:
        """Whether no image uses either pixel."""
        return len(self.target) == 0

    def largest_pixels(self) -> tuple[float, float]:
        """Returns the largest magnitude of either pixel over the images; 0 where no image uses it."""
        first, second = np.abs(self.pixels).max(axis=0, initial=0.0)
        return float(first), float(second)

    def cost_at(self, points: Floats) -> Floats:
        """Returns the summed cost in nats at some points, (P, 2) -> (P,), evaluated image by image."""
        cost = np.full(len(points), self.constant)
        step = max(1, EVALUATIONS // max(1, len(points)))
        for start in range(0, len(self.target), step):
            block = slice(start, start + step)
            moved = self._moved(points, block)  # (K, n, P)
            peak = np.maximum(moved.max(axis=0), 0)  # (n, P)
            total = np.exp(-peak) + np.exp(moved - peak).sum(axis=0)
            cost += ((peak - self._of_target(moved, block)) + np.log(total)).sum(axis=0)
        return cost

    def cost_and_gradient(self, point: Floats) -> tuple[float, Floats]:
        """Returns the summed cost at one point, (2,), and its gradient, (2,), in nats a unit of weight."""
        every = slice(None)
        moved = self._moved(point[None], every)  # (K, n, 1)
        peak = np.maximum(moved.max(axis=0), 0)  # (n, 1)
        odds = np.exp(moved - peak)
        total = np.exp(-peak) + odds.sum(axis=0)
        cost = self.constant + float(((peak - self._of_target(moved, every)) + np.log(total)).sum())
        error = (odds / total)[:, :, 0]  # (K, n)
        error -= self.target == np.arange(1, len(moved) + 1)[:, None]
        return cost, np.array([error[0] @ self.pixels[:, 0], error[-1] @ self.pixels[:, 1]])

    def _moved(self, points: Floats, block: slice) -> Floats:
        """Returns the moved logits less R of some images at some points, (K, n, P)."""
        first = np.multiply.outer(self.pixels[block, 0], points[:, 0])  # (n, P)
        second = np.multiply.outer(self.pixels[block, 1], points[:, 1])
        shifts = (first + second)[None] if self.offsets.shape[1] == 1 else np.stack([first, second])
        shifts += self.offsets[block].T[:, :, None]
        return shifts

    def _of_target(self, moved: Floats, block: slice) -> Floats:
        """Returns the true class's logit less R, which is part of the constant where it stays, (n, P)."""
        target = self.target[block, None]
        return np.where(target == 0, 0.0, np.where(target == 1, moved[0], moved[-1]))
