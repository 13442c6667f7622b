"""The forward pass of one kept model, in float64.

Legend: N images, D inputs, H hidden units of a layer, C classes; n training images, of a kernel.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistfaces.config import Activation
from mnistfaces.datasets.base import Dataset

ROWS_AT_ONCE = 4096

Floats = NDArray[np.float64]


ACTIVATIONS: Mapping[Activation, Callable[[Floats], Floats]] = {
    "relu": lambda sums: np.maximum(sums, 0),
    "tanh": np.tanh,
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Kernel:
    """What a kernel regression sees of an image x: exp(-gamma |x - x_i|^2) for every training image x_i.

    Attributes:
        centers: the training images, (n, D).
        gamma: of the kernel.
    """

    centers: Floats
    gamma: float

    def features(self, inputs: Floats) -> Floats:
        """Returns the kernel between inputs (N, D) and the training images, (N, n)."""
        squares = (inputs**2).sum(axis=1)[:, None] + (self.centers**2).sum(axis=1)
        features: Floats = np.exp(-self.gamma * np.maximum(squares - 2 * (inputs @ self.centers.T), 0))
        return features


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """A linear model, a network with hidden layers, or a kernel regression.

    Attributes:
        layers: weights and biases from the inputs on: (C, D) and (C,) alone, or (H, D) and (H,) first, (C, H) and
            (C,) last; of a kernel regression (C, n) and (C,).
        activation: of the hidden units.
        kernel: through which the first layer sees the inputs, in a kernel regression.
    """

    layers: tuple[tuple[Floats, Floats], ...]
    activation: Activation
    kernel: Kernel | None = None

    @classmethod
    def of(cls, weights: Mapping[str, NDArray[Any]], activation: Activation) -> "Network":
        """Returns the network of some parameters under their `torch.nn.Sequential` names: 0.weight, 2.weight, ...

        Those of a kernel regression are 0.centers, 0.gamma, 1.weight and 1.bias.
        """
        kernel = None
        if "0.centers" in weights:
            kernel = Kernel(centers=weights["0.centers"].astype(np.float64), gamma=float(weights["0.gamma"][0]))
        first = 0 if kernel is None else 1
        numbers = itertools.takewhile(lambda number: f"{number}.weight" in weights, itertools.count(first, 2))
        layers = tuple(
            (weights[f"{number}.weight"].astype(np.float64), weights[f"{number}.bias"].astype(np.float64))
            for number in numbers
        )
        return cls(layers=layers, activation=activation, kernel=kernel)

    def first_units(self, inputs: NDArray[Any]) -> Floats:
        """Returns the activations of the first hidden layer, (N, H), for inputs (N, D), pixels in [0, 1]."""
        return ACTIVATIONS[self.activation](self._sums(inputs.astype(np.float64, copy=False), 0))

    def logits_of(self, units: Floats) -> Floats:
        """Returns the logits, (N, C), that activations of the first hidden layer give, (N, H)."""
        return self._onward(self._sums(units, 1), 1)

    def logits_without_each(self, units: Floats) -> Iterator[Floats]:
        """Yields the logits, (N, C), of `logits_of` with one unit of the first hidden layer at 0, unit by unit."""
        sums, weight = self._sums(units, 1), self.layers[1][0]
        for unit in range(units.shape[1]):
            yield self._onward(sums - np.outer(units[:, unit], weight[:, unit]), 1)

    def probabilities(self, inputs: NDArray[Any]) -> Floats:
        """Returns the probability of every class, (N, C), for inputs (N, D)."""
        seen = inputs.astype(np.float64, copy=False)
        return softmax(self._onward(self._sums(seen if self.kernel is None else self.kernel.features(seen), 0), 0))

    def probabilities_of(self, dataset: Dataset, indices: NDArray[np.int64]) -> Floats:
        """Returns the probability of every class, (n, C), for some images of a dataset."""
        parts = [indices[start : start + ROWS_AT_ONCE] for start in range(0, len(indices), ROWS_AT_ONCE)]
        classes = len(self.layers[-1][1])
        found = [self.probabilities(dataset.values(part, "float64")) for part in parts]
        return np.concatenate([np.empty((0, classes)), *found])

    def _sums(self, seen: Floats, layer: int) -> Floats:
        """Returns a layer's weighted sums, (N, H) or (N, C), of what it sees."""
        weight, bias = self.layers[layer]
        return seen @ weight.T + bias

    def _onward(self, sums: Floats, layer: int) -> Floats:
        """Returns the logits, (N, C), that the weighted sums of a layer give."""
        for later in range(layer + 1, len(self.layers)):
            sums = self._sums(ACTIVATIONS[self.activation](sums), later)
        return sums


MEMBER = "{member}.{name}"
"""What a parameter of an ensemble's member is called, as in a `torch.nn.ModuleList` of `torch.nn.Sequential`s."""


def named_members(members: Sequence[Mapping[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """Returns the parameters of an ensemble's members by their common names: 0.0.weight, 0.0.bias, 1.0.weight, ..."""
    return {
        MEMBER.format(member=member, name=name): values
        for member, weights in enumerate(members)
        for name, values in weights.items()
    }


def members_of(weights: Mapping[str, NDArray[Any]]) -> list[dict[str, NDArray[Any]]]:
    """Returns the parameters of each member of an ensemble, from the names that `named_members` gives."""
    own: dict[int, dict[str, NDArray[Any]]] = {}
    for name, values in weights.items():
        member, _, rest = name.partition(".")
        own.setdefault(int(member), {})[rest] = values
    return [own[member] for member in sorted(own)]


@dataclass(frozen=True, kw_only=True, eq=False)
class Ensemble:
    """Networks that answer together.

    Attributes:
        members: of one shape.
    """

    members: tuple[Network, ...]

    @classmethod
    def of(cls, weights: Mapping[str, NDArray[Any]], activation: Activation) -> "Ensemble":
        """Returns the ensemble of some parameters, by the names that `named_members` gives."""
        return cls(members=tuple(Network.of(own, activation) for own in members_of(weights)))

    def probabilities(self, inputs: NDArray[Any]) -> Floats:
        """Returns the mean probability of every class, (N, C), for inputs (N, D)."""
        return self._mean([member.probabilities(inputs) for member in self.members])

    def probabilities_of(self, dataset: Dataset, indices: NDArray[np.int64]) -> Floats:
        """Returns the mean probability of every class, (n, C), for some images of a dataset."""
        return self._mean([member.probabilities_of(dataset, indices) for member in self.members])

    def _mean(self, found: Sequence[Floats]) -> Floats:
        mean: Floats = np.mean(found, axis=0)
        return mean


def softmax(logits: Floats) -> Floats:
    """Returns exp(z_c) / sum of exp(z) over the last axis, whatever the size of the logits."""
    odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: Floats = odds / odds.sum(axis=-1, keepdims=True)
    return probabilities
