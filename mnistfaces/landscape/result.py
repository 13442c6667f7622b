"""What a surface is, once computed.

X and Y points along the first and second weight.
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from mnistfaces.config import Reduction
from mnistfaces.display import Displayed
from mnistfaces.landscape.pair import Pair
from mnistfaces.landscape.plane import Floats, Plane

Box = tuple[float, float, float, float]
"""Lowest and highest first weight, lowest and highest second weight."""

Method = Literal["spectral", "exact", "forward"]


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a surface's model and images came from, as far as it is known.

    Attributes:
        run: the run directory of the model.
        checksum: SHA-256 of the model's weights.
        dataset: resolved name.
        fingerprint: SHA-256 of the dataset's content.
        split: how the images were drawn: a JSON-like value.
    """

    run: str | None = None
    checksum: str | None = None
    dataset: str | None = None
    fingerprint: str | None = None
    split: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Window:
    """A rectangle of a surface: `w1` (X,), `w2` (Y,), `loss` (Y, X) by the surface's reduction."""

    w1: Floats
    w2: Floats
    loss: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Surface(Displayed):
    """A cost surface over two weights and all that drawing it or descending on it needs.

    Attributes:
        pair: the two weights.
        w1: (X,) values of the first.
        w2: (Y,) values of the second.
        loss: (Y, X) cost in nats, by `reduction`; rows follow the second weight.
        trained: the model's own values of the two weights.
        trained_loss: cost there.
        plane: the cost anywhere on the plane, summed.
        reduction: `sum` or `mean` over the images.
        method: the method that was used, which may not be the one asked for.
        error: largest error at the checked points, relative to max(C, 1 nat), C summed.
        checked: how many points were checked.
        nodes: interpolation nodes along either axis; zeros when nothing was interpolated.
        notes: what the user should know, one sentence each.
        seconds: wall time of all of this.
        origin: of the model and the images.
    """

    pair: Pair
    w1: Floats
    w2: Floats
    loss: Floats
    trained: tuple[float, float]
    trained_loss: float
    plane: Plane
    reduction: Reduction
    method: Method
    error: float
    checked: int
    nodes: tuple[int, int]
    notes: tuple[str, ...]
    seconds: float
    origin: Origin

    @property
    def scale(self) -> float:
        """What the summed cost is multiplied by to give `loss`."""
        return 1.0 if self.reduction == "sum" else 1.0 / self.plane.images

    def minimum(self) -> tuple[float, float, float]:
        """Returns the lowest cost on the grid and the two weights there."""
        row, column = np.unravel_index(int(self.loss.argmin()), self.loss.shape)
        return float(self.loss[row, column]), float(self.w1[column]), float(self.w2[row])

    def box(self) -> Box:
        """Returns the rectangle that the grid covers."""
        return float(self.w1[0]), float(self.w1[-1]), float(self.w2[0]), float(self.w2[-1])

    def maximum(self) -> float:
        """Returns the highest cost on the grid."""
        return float(self.loss.max())
