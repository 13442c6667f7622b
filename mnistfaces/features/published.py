"""The networks that features come from as others publish them: known before anything heavy is imported."""

from collections.abc import Mapping
from dataclasses import dataclass

from mnistfaces.config import BackboneName
from mnistfaces.errors import UsageError
from mnistfaces.fetching.weights import PublishedWeights


@dataclass(frozen=True, kw_only=True)
class Published:
    """A network of torchvision's as others publish it.

    Attributes:
        layers: names of the modules of torchvision's `features`, in order: conv2 of AlexNet is its `features.3`,
            before the ReLU.
        weights: where its IMAGENET1K_V1 weights are, and what they hash to.
    """

    layers: tuple[str, ...]
    weights: PublishedWeights


BACKBONES: Mapping[BackboneName, Published | None] = {
    "alexnet": Published(
        layers=(
            *("conv1", "relu1", "pool1", "conv2", "relu2", "pool2", "conv3", "relu3"),
            *("conv4", "relu4", "conv5", "relu5", "pool5"),
        ),
        weights=PublishedWeights(
            url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
            sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
            size=244_408_911,
        ),
    ),
    "squeezenet1_1": Published(
        layers=(
            *("conv1", "relu1", "pool1", "fire2", "fire3", "pool3", "fire4", "fire5", "pool5"),
            *("fire6", "fire7", "fire8", "fire9"),
        ),
        weights=PublishedWeights(
            url="https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth",
            sha256="b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
            size=4_958_839,
        ),
    ),
    "pixels": None,
}
"""All that is known of every backbone beforehand; `pixels` is no network."""


def published(backbone: BackboneName) -> Published:
    """Returns what is known of a network beforehand.

    Raises:
        UsageError: `pixels`, which is none.
    """
    known = BACKBONES[backbone]
    if known is None:
        raise UsageError(f"--backbone {backbone} is no network: it has neither layers nor weights")
    return known


def layer_names(backbone: BackboneName) -> tuple[str, ...]:
    """Returns the names that `--layer` takes for a backbone, from the first to the last."""
    return (*published(backbone).layers, "features", "avgpool")
