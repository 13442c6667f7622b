"""The forward pass of one kept model, in float64.

Legend: N images, D inputs, H hidden units, C classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistfaces.config import Activation
from mnistfaces.datasets.base import Dataset

ROWS_AT_ONCE = 4096

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """A softmax regression, or a network with one hidden layer.

    Attributes:
        layers: weights and biases from the inputs on: one pair, (C, D) and (C,), or two, (H, D), (H,) and (C, H), (C,).
        activation: of the hidden units.
    """

    layers: tuple[tuple[Floats, Floats], ...]
    activation: Activation

    @classmethod
    def of(cls, weights: Mapping[str, NDArray[Any]], activation: Activation) -> "Network":
        """Returns the network of some parameters under their `torch.nn.Sequential` names."""
        numbers = [number for number in ("0", "2") if f"{number}.weight" in weights]
        layers = tuple(
            (weights[f"{number}.weight"].astype(np.float64), weights[f"{number}.bias"].astype(np.float64))
            for number in numbers
        )
        return cls(layers=layers, activation=activation)

    def hidden(self, inputs: NDArray[Any]) -> Floats:
        """Returns what the last layer sees, (N, H): the hidden units' activations, or the inputs where there are none.

        Args:
            inputs: (N, D), pixels in [0, 1].
        """
        seen: Floats = inputs.astype(np.float64, copy=False)
        for weight, bias in self.layers[:-1]:
            before = seen @ weight.T + bias  # (N, H)
            seen = np.maximum(before, 0) if self.activation == "relu" else np.tanh(before)
        return seen

    def probabilities(self, inputs: NDArray[Any]) -> Floats:
        """Returns the probability of every class, (N, C), for inputs (N, D)."""
        weight, bias = self.layers[-1]
        return softmax(self.hidden(inputs) @ weight.T + bias)

    def probabilities_of(self, dataset: Dataset, indices: NDArray[np.int64]) -> Floats:
        """Returns the probability of every class, (n, C), for some images of a dataset."""
        parts = [indices[start : start + ROWS_AT_ONCE] for start in range(0, len(indices), ROWS_AT_ONCE)]
        classes = len(self.layers[-1][1])
        found = [self.probabilities(dataset.values(part, "float64")) for part in parts]
        return np.concatenate([np.empty((0, classes)), *found])


def softmax(logits: Floats) -> Floats:
    """Returns exp(z_c) / sum of exp(z) over the last axis, whatever the size of the logits."""
    odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: Floats = odds / odds.sum(axis=-1, keepdims=True)
    return probabilities
