"""The layers of a model, by its configuration alone: known before anything is computed, and without torch."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mnistfaces.config import ModelName, TrainConfig

HIDDEN: Mapping[ModelName, Callable[[TrainConfig], tuple[int, ...]]] = {
    "softmax": lambda _: (),
    "mlp": lambda training: training.hidden_layers,
    "ridge": lambda _: (),
    "kernel": lambda _: (),
}
"""Hidden units per layer of every model; a kernel's are its training images, which no configuration counts."""


@dataclass(frozen=True, kw_only=True)
class Layers:
    """Linear layers one after the other, with an activation between any two.

    `Layers(widths=(784, 10))` is a softmax regression of 784 inputs and 10 classes, `Layers(widths=(784, 20, 10))` a
    network with 20 hidden units, `Layers(widths=(784, 300, 100, 10))` one with two hidden layers.

    Attributes:
        widths: from the inputs, D, over the hidden units of every layer, to the classes, C.
    """

    widths: tuple[int, ...]

    @classmethod
    def of(cls, config: TrainConfig, inputs: int, classes: int) -> "Layers":
        """Returns the layers that a configuration names, for so many inputs and classes."""
        return cls(widths=(inputs, *HIDDEN[config.model](config), classes))

    @property
    def names(self) -> tuple[str, ...]:
        """Returns the names of weights and biases, as `torch.nn.Sequential(Linear, ReLU, Linear, ...)` calls them."""
        return tuple(f"{2 * layer}.{part}" for layer in range(len(self.widths) - 1) for part in ("weight", "bias"))

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Returns the shapes of weights and biases, (out, in) and (out,) per layer."""
        pairs = itertools.pairwise(self.widths)
        return tuple(shape for before, after in pairs for shape in ((after, before), (after,)))

    @property
    def weights(self) -> int:
        """Returns how many weights there are, without the biases."""
        return sum(before * after for before, after in itertools.pairwise(self.widths))
