"""The gradient of the cost against finite differences, one coordinate at a time, in float64.

P parameters of a model, T points at which the cost is taken.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from mnistfaces.datasets.base import Dataset
from mnistfaces.engine.layers import Layers
from mnistfaces.engine.models.softmax import Softmax
from mnistfaces.engine.operations import run

Floats = NDArray[np.float64]
POINTS_AT_ONCE = 512
ROUNDING = 1e-6
SMALLEST_SHARE = 1e-4  # smaller entries are compared as if they were so large: differences round off there
IMAGES_PER_CLASS = 1


@dataclass(frozen=True, kw_only=True)
class GradientCheck:
    """How far the gradient is from central differences with step h.

    Attributes:
        h: the step.
        max_relative_error: largest difference of an entry, relative to the shares that the images have in it.
        ok: whether that is at most h^2 + 1e-6, the truncation of a central difference and its rounding.
    """

    h: float
    max_relative_error: float
    ok: bool


def check_gradient(
    cost: Callable[[Floats], Floats], gradient: Floats, point: Floats, steps: Sequence[float], scale: Floats
) -> Iterator[GradientCheck]:
    """Yields, for each step h, how well (C(w + h e) - C(w - h e)) / 2h agrees with a gradient.

    The error of a right gradient shrinks as h^2 until rounding takes over; that of a wrong one does not shrink.

    Args:
        cost: takes points (T, P) to costs (T,).
        gradient: (P,), the derivative of the cost at `point`.
        point: (P,).
        steps: the values of h.
        scale: (P,), the sum over images of the sizes of their shares in each entry, which bounds the truncation error
            of the entry: h^2 / 6 times it. An entry in which no image has a share must be 0 but for rounding.
    """
    least = SMALLEST_SHARE * scale.max()
    for h in steps:
        ahead, behind = (np.concatenate([cost(points) for points in _moved(point, by)]) for by in (h, -h))
        numeric = (ahead - behind) / (2 * h)
        error = float((np.abs(numeric - gradient) / np.maximum(scale, least)).max())
        yield GradientCheck(h=h, max_relative_error=error, ok=error <= h**2 + ROUNDING)


@dataclass(frozen=True, kw_only=True)
class ForwardCheck:
    """What forward differences with step h say, taken one coordinate at a time.

    Attributes:
        h: the step.
        signed: the largest of gradient less forward difference. For a convex cost about 0, whatever the error is: a
            secant never falls below the tangent.
        absolute: the largest absolute difference: about h / 2 times the largest curvature.
    """

    h: float
    signed: float
    absolute: float


def check_forward(
    cost: Callable[[Floats], Floats], gradient: Floats, point: Floats, steps: Sequence[float]
) -> Iterator[ForwardCheck]:
    """Yields, for each step h, how (C(w + h e) - C(w)) / h compares with a gradient.

    Args:
        cost: takes points (T, P) to costs (T,).
        gradient: (P,), the derivative of the cost at `point`.
        point: (P,).
        steps: the values of h.
    """
    here = cost(point[np.newaxis])[0]
    for h in steps:
        ahead = [cost(points) for points in _moved(point, h)]
        difference = gradient - (np.concatenate(ahead) - here) / h
        yield ForwardCheck(h=h, signed=float(difference.max()), absolute=float(np.abs(difference).max()))


def _moved(point: Floats, by: float) -> Iterator[Floats]:
    """Yields the points that differ from one in one coordinate, (P,) of them, some at a time, (T, P)."""
    for start in range(0, len(point), POINTS_AT_ONCE):
        coordinates = np.arange(start, min(start + POINTS_AT_ONCE, len(point)))
        moved = np.tile(point, (len(coordinates), 1))
        moved[np.arange(len(coordinates)), coordinates] += by
        yield moved


class SoftmaxCost:
    """The summed cost of softmax regression on a few images of a dataset, as the training engine computes it.

    Attributes:
        point: (P,) random weights and biases, drawn from the seed.
    """

    def __init__(self, dataset: Dataset, seed: int) -> None:
        generator = np.random.default_rng(seed)
        chosen = np.concatenate(
            [
                generator.permutation(np.flatnonzero(dataset.labels == number))[:IMAGES_PER_CLASS]
                for number in range(len(dataset.classes))
            ],
        )
        values = dataset.values(chosen, "float64")
        self.model = Softmax(Layers(widths=(values.shape[1], len(dataset.classes))))
        padding = self.model.padded[0][1] - values.shape[1]
        self.inputs = torch.from_numpy(np.pad(values, ((0, 0), (0, padding))))[None]  # (1, N, D)
        self.labels = torch.from_numpy(dataset.labels[chosen])
        self.sizes = [int(np.prod(shape)) for shape in self.model.shapes]
        self.point: Floats = generator.normal(0, 0.1, sum(self.sizes))

    def cost(self, points: Floats) -> Floats:
        """Returns the cost at some points, (T, P) to (T,)."""
        parameters = self._parameters(points)
        log_probs = torch.log_softmax(self._logits(parameters), 1)  # (T, C, N)
        picked = log_probs.gather(1, self.labels.expand(len(points), 1, -1))
        costs: Floats = -picked.sum((1, 2)).numpy()
        return costs

    def gradient(self) -> Floats:
        """Returns the gradient at `point`, (P,): sum of (p - y) x^T and of p - y."""
        parameters = self._parameters(self.point[None])
        logits = self._logits(parameters)
        residual = torch.softmax(logits, 1) - torch.nn.functional.one_hot(self.labels, logits.shape[1]).T
        out = [torch.zeros_like(parameter) for parameter in parameters]
        run(self.model.backward(parameters, self.inputs, ([logits], []), residual, out))
        exact = [
            part[0, 0][tuple(slice(size) for size in shape)].flatten()
            for part, shape in zip(out, self.model.shapes, strict=True)
        ]
        gradient: Floats = torch.cat(exact).numpy()
        return gradient

    def scale(self) -> Floats:
        """Returns the sum over images of the sizes of their shares in every entry of the gradient, (P,)."""
        weight, bias = self._parameters(self.point[None])
        logits = self._logits([weight, bias])
        truth = torch.nn.functional.one_hot(self.labels, logits.shape[1]).T
        residual = (torch.softmax(logits, 1) - truth).abs()[0]  # (C, N)
        shares = residual @ self.inputs[0, :, : self.model.shapes[0][1]].abs()
        whole: Floats = torch.cat([shares.flatten(), residual.sum(1)]).numpy()
        return whole

    def _parameters(self, points: Floats) -> list[torch.Tensor]:
        """Returns weights and biases as the engine keeps them, (1, T, ...) each, from points, (T, P)."""
        parts = torch.split(torch.from_numpy(points), self.sizes, dim=1)
        parameters = []
        for part, shape, padded in zip(parts, self.model.shapes, self.model.padded, strict=True):
            whole = part.new_zeros(len(points), *padded)
            whole[(slice(None), *(slice(size) for size in shape))] = part.view(-1, *shape)
            parameters.append(whole[None])
        return parameters

    def _logits(self, parameters: Sequence[torch.Tensor]) -> torch.Tensor:
        buffers = self.model.activations(1, parameters[0].shape[1], self.inputs.shape[1], self.inputs)
        run(self.model.forward(parameters, self.inputs, buffers))
        return buffers[0].flatten(0, 1)
