"""The networks that features come from, torchvision's, cut off behind a layer.

B images per batch, S pixels per side, F features.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision import models

from mnistfaces.config import BackboneName
from mnistfaces.errors import UsageError
from mnistfaces.features.published import layer_names, published

PREFIX = "features."
"""What torchvision's names of the parameters of the convolutional part begin with."""

AVERAGED_SIDE = 6
"""Cells a side to which the layer `avgpool` averages a map: AlexNet's own number."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Backbone:
    """A network without weights.

    Attributes:
        name: of the backbone.
        shapes: by torchvision's name, of all parameters of the convolutional part.
        known: names of all of torchvision's parameters, those of the classifier included.
        convolutions: the whole convolutional part, on the meta device: `fill` gives it weights.
        depth: modules of it that are run.
        averaged: whether their output is averaged to 6 x 6 cells.
    """

    name: BackboneName
    shapes: Mapping[str, tuple[int, ...]]
    known: frozenset[str]
    convolutions: nn.Sequential
    depth: int
    averaged: bool

    def fill(self, parameters: Mapping[str, Tensor]) -> nn.Sequential:
        """Returns the layers to run, with these parameters by torchvision's names, each of the right shape."""
        own = {name.removeprefix(PREFIX): values for name, values in parameters.items()}
        self.convolutions.load_state_dict(own, assign=True)
        modules = _pooled_before_rectified(list(self.convolutions[: self.depth]))
        if self.averaged:
            modules.append(nn.AdaptiveAvgPool2d(AVERAGED_SIDE))
        return nn.Sequential(*modules).eval().requires_grad_(requires_grad=False)

    def output_shape(self, side: int) -> tuple[int, ...]:
        """Returns the shape of the layer's output for one image of `side` x `side` pixels, (channels, rows, columns).

        Raises:
            UsageError: the image is too small for the network.
        """
        try:
            maps = self.convolutions[: self.depth](torch.empty(1, 3, side, side, device="meta"))
        except RuntimeError as error:
            raise UsageError(f"--res {side}: images that small leave nothing of {self.name}'s layer") from error
        shape = tuple(maps.shape[1:])
        return (shape[0], AVERAGED_SIDE, AVERAGED_SIDE) if self.averaged else shape

    def random(self, seed: int) -> dict[str, Tensor]:
        """Returns PyTorch's default initial weights of each convolution, by torchvision's names."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            fresh = self.convolutions.to_empty(device="cpu")
            for module in fresh.modules():
                if isinstance(module, nn.Conv2d):
                    module.reset_parameters()
        return {PREFIX + name: values.detach() for name, values in fresh.state_dict().items()}


def build_backbone(name: BackboneName, layer: str) -> Backbone:
    """Returns a backbone that ends with a layer.

    Raises:
        UsageError: it has no such layer.
    """
    with torch.device("meta"):
        model = models.get_model(name, weights=None)
    convolutions: nn.Sequential = model.features
    names = {parameter: tuple(values.shape) for parameter, values in model.state_dict().items()}
    return Backbone(
        name=name,
        shapes={parameter: shape for parameter, shape in names.items() if parameter.startswith(PREFIX)},
        known=frozenset(names),
        convolutions=convolutions,
        depth=_depth(name, layer, len(convolutions)),
        averaged=layer == "avgpool",
    )


def _depth(name: BackboneName, layer: str, whole: int) -> int:
    """Returns how many modules of the convolutional part are run for a layer."""
    if layer in ("features", "avgpool"):
        return whole
    named = published(name).layers
    if layer in named:
        return named.index(layer) + 1
    number = layer.removeprefix(PREFIX)
    if number != layer and number.isdecimal() and int(number) < whole:
        return int(number) + 1
    raise UsageError(
        f"--layer {layer!r}: {name} has {', '.join(layer_names(name))}, or by torchvision's names "
        f"{PREFIX}0 to {PREFIX}{whole - 1}"
    )


def _pooled_before_rectified(modules: list[nn.Module]) -> list[nn.Module]:
    """Returns the same function with less work: the ReLU of the largest is the largest ReLU, of a quarter as many."""
    ordered = list(modules)
    for here in range(len(ordered) - 1):
        if isinstance(ordered[here], nn.ReLU) and isinstance(ordered[here + 1], nn.MaxPool2d):
            ordered[here], ordered[here + 1] = ordered[here + 1], ordered[here]
    return ordered
