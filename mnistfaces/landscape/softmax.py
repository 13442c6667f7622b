"""Softmax regression as a surface's problem: its plane of two weights, its forward pass, its full gradient.

N images, B images of a block, D inputs, C classes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnistfaces.datasets.base import FULL_INTENSITY, Dataset
from mnistfaces.errors import DataError
from mnistfaces.landscape.pair import Pair
from mnistfaces.landscape.plane import Floats, Plane

BLOCK = 4096
"""Images whose logits are computed at once: 26 MB of float64 pixels."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SoftmaxProblem:
    """A softmax regression and the images whose cost it is judged by.

    Attributes:
        inputs: (N, D) uint8 pixels of 0 to 255, or values taken as they are; read in blocks.
        labels: (N,) class numbers.
        weight: (C, D).
        bias: (C,).

    Raises:
        DataError: fewer than two classes, shapes that do not match, or weights that are not finite.
    """

    inputs: NDArray[np.generic]
    labels: NDArray[np.int64]
    weight: Floats
    bias: Floats

    def __post_init__(self) -> None:
        """Raises DataError for a model that has no surface."""
        classes, inputs = self.weight.shape
        if classes < 2:  # noqa: PLR2004  one class is always right
            raise DataError("a cost surface needs a model of at least two classes")
        if len(self.labels) == 0:
            raise DataError("a cost surface needs at least one image")
        if self.inputs.shape != (len(self.labels), inputs) or len(self.bias) != classes:
            raise DataError(f"the model takes {inputs} inputs an image, the images have {self.inputs.shape[-1]}")
        if not (np.isfinite(self.weight).all() and np.isfinite(self.bias).all()):
            raise DataError("the model's weights are not finite: train it with a lower --lr")

    def check(self, pair: Pair) -> None:
        """Raises DataError when the model has no such weights."""
        classes, inputs = self.weight.shape
        for weight in (pair.first, pair.second):
            if not (0 <= weight.class_number < classes and 0 <= weight.index < inputs):
                raise DataError(f"weight {weight.name} is not one of the model's {classes} x {inputs}")

    def trained(self, pair: Pair) -> tuple[float, float]:
        """Returns the model's own values of the two weights."""
        first, second = self.weight[pair.classes, pair.inputs]
        return float(first), float(second)

    def plane(self, pair: Pair) -> Plane:
        """Returns the numbers that the cost over the two weights needs: one pass over the images."""
        self.check(pair)
        moving = list(dict.fromkeys(pair.classes))
        staying = [number for number in range(len(self.bias)) if number not in moving]
        pixels = scaled(self.inputs[:, pair.inputs])  # (N, 2)
        used = pixels[:, 0].astype(bool) | pixels[:, 1].astype(bool)
        offsets = np.empty((len(self.labels), len(moving)))
        constant = 0.0
        for block, _, logits in self._logits(*self.moved(pair, 0.0, 0.0)):  # (B, C)
            own = logits[np.arange(len(logits)), self.labels[block]]
            rest = log_sum_exp(logits[:, staying]) if staying else logits[:, moving[1]]
            offsets[block] = logits[:, moving] - rest[:, None]
            stays = used[block] & np.isin(self.labels[block], staying)
            constant += float((log_sum_exp(logits) - own)[~used[block]].sum() + (rest - own)[stays].sum())
        rank = np.zeros(len(self.bias), np.int8)
        rank[moving] = np.arange(1, len(moving) + 1)
        target = rank[self.labels]
        if not staying:  # of two logits only the difference counts: the second takes the part of those that stay
            pixels, offsets, target = pixels * (1.0, -1.0), offsets[:, :1], target % 2
        return Plane(
            pixels=pixels[used],
            offsets=offsets[used],
            target=target[used],
            constant=constant,
            images=len(self.labels),
        )

    def forward(self, pair: Pair, w1: float, w2: float) -> float:
        """Returns the summed cost in nats at one point, by a plain forward pass over all inputs."""
        return self.cost(*self.moved(pair, w1, w2))

    def cost(self, weight: Floats, bias: Floats) -> float:
        """Returns the summed cost in nats of a model of this shape."""
        total = 0.0
        for block, _, logits in self._logits(weight, bias):
            own = logits[np.arange(len(logits)), self.labels[block]]
            total += float((log_sum_exp(logits) - own).sum())
        return total

    def cost_and_gradient(self, weight: Floats, bias: Floats) -> tuple[float, Floats, Floats]:
        """Returns the summed cost and its gradient by all weights, (C, D), and biases, (C,)."""
        total, by_weight, by_bias = 0.0, np.zeros_like(weight), np.zeros_like(bias)
        for block, values, logits in self._logits(weight, bias):
            rows = np.arange(len(logits))
            whole = log_sum_exp(logits)
            total += float((whole - logits[rows, self.labels[block]]).sum())
            error = np.exp(logits - whole[:, None])  # (B, C)
            error[rows, self.labels[block]] -= 1
            by_weight += error.T @ values
            by_bias += error.sum(axis=0)
        return total, by_weight, by_bias

    def moved(self, pair: Pair, w1: float, w2: float) -> tuple[Floats, Floats]:
        """Returns float64 copies of weights and biases with the two weights set."""
        self.check(pair)
        weight = self.weight.astype(np.float64)
        weight[pair.classes, pair.inputs] = w1, w2
        return weight, self.bias.astype(np.float64)

    def _logits(self, weight: Floats, bias: Floats) -> Iterator[tuple[slice, Floats, Floats]]:
        """Yields blocks of images: where they are, their inputs (B, D), their logits (B, C)."""
        for start in range(0, len(self.labels), BLOCK):
            block = slice(start, start + BLOCK)
            values = scaled(self.inputs[block])
            yield block, values, values @ weight.T + bias


def softmax_problem(
    dataset: Dataset, images: NDArray[np.int64], weights: Mapping[str, NDArray[np.floating]]
) -> SoftmaxProblem:
    """Returns the problem of a kept softmax regression and some images of a dataset.

    Args:
        dataset: what the model was trained on.
        images: positions in the dataset.
        weights: parameters by their `torch.nn.Sequential` names.

    Raises:
        DataError: the model has hidden units, or does not fit the dataset.
    """
    if set(weights) != {"0.weight", "0.bias"}:
        raise DataError("a cost surface is drawn of a softmax regression: train one with --model softmax")
    weight, bias = weights["0.weight"], weights["0.bias"]
    if weight.ndim != 2 or len(weight) != len(dataset.classes):  # noqa: PLR2004  (C, D)
        raise DataError(f"the model tells {len(weight)} classes apart, {dataset.name} has {len(dataset.classes)}")
    return SoftmaxProblem(
        inputs=dataset.inputs[images],
        labels=dataset.labels[images],
        weight=weight.astype(np.float64),
        bias=bias.astype(np.float64),
    )


def scaled(inputs: NDArray[np.generic]) -> Floats:
    """Returns inputs as float64, pixels in [0, 1]."""
    if inputs.dtype == np.uint8:
        values: Floats = np.divide(inputs, FULL_INTENSITY, dtype=np.float64)
        return values
    return inputs.astype(np.float64)


def log_sum_exp(logits: Floats) -> Floats:
    """Returns log(sum(exp(logits))) over the last axis, without overflow."""
    peak = logits.max(axis=-1, keepdims=True)
    total: Floats = np.squeeze(peak, -1) + np.log(np.exp(logits - peak).sum(axis=-1))
    return total
