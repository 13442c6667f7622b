"""A backbone with weights at work: pixels in, features out, by a recipe that can be written down.

B images per batch, S pixels per side, F features.
"""

import contextlib
import math
import threading
from collections.abc import Callable, Generator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mnistfaces.config import DeviceName, ExtractConfig
from mnistfaces.devices import choose_device, shared_cores
from mnistfaces.errors import DataError
from mnistfaces.features.backbones import build_backbone
from mnistfaces.features.halves import multiplies_fast, round_operands
from mnistfaces.features.preprocessing import preprocess
from mnistfaces.features.pretrained import load_weights
from mnistfaces.features.recipe import Recipe, asked_of
from mnistfaces.progress import Advanced, Stage


class Network:
    """Layers with weights on a device.

    Attributes:
        recipe: what they follow.
        size: features per image.
        device: where they are.
    """

    def __init__(self, recipe: Recipe, layers: torch.nn.Sequential, size: int, device: torch.device) -> None:
        self.recipe, self.size, self.device = recipe, size, device
        self._one_at_a_time = threading.Lock() if device.type != "cpu" else contextlib.nullcontext()
        self._dtype = self._answers = torch.bfloat16 if recipe.dtype == "bfloat16" else torch.float32
        if recipe.dtype == "bfloat16" and not multiplies_fast(device):
            self._dtype = torch.float32
            round_operands(layers)
        self._layers = layers.to(device, self._dtype).to(memory_format=torch.channels_last)

    def shared_by(self, workers: int) -> contextlib.AbstractContextManager[Callable[[], None]]:
        """Returns the context in which some threads ask for features: each calls before what it yields."""
        return shared_cores(workers if self.device.type == "cpu" else 1)

    @torch.inference_mode()
    def features(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Returns the features of a batch, (B, F), in torchvision's order: by channel, row and column.

        Several threads may ask at once.

        Args:
            pixels: (B, S, S, 3).
        """
        batch = torch.from_numpy(pixels).to(self.device)
        # TF32 would keep 10 bits of the 23 that float32 promises
        exact = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
        with self._one_at_a_time, exact if self.device.type == "cuda" else contextlib.nullcontext():
            maps = self._layers(preprocess(batch, self.recipe.preprocess, self._dtype))  # (B, C, H, W)
        values: NDArray[np.float32] = maps.to(self._answers).flatten(1).to("cpu", torch.float32).numpy()  # (B, F)
        return values


def load_network(config: ExtractConfig, *, data_dir: Path | None = None) -> Generator[Stage | Advanced, None, Network]:
    """Returns the network that a configuration asks for; yields how far a download is, where one is needed.

    Raises:
        UsageError: there is no such layer, the images are too small for it, or the device is not there.
        MnistFacesError: the weights cannot be had, or do not fit.
    """
    device = choose_device(config.device)
    backbone = build_backbone(config.backbone, config.layer)
    size = math.prod(backbone.output_shape(config.side))
    weights = yield from load_weights(backbone, config.weights, seed=config.seed, data_dir=data_dir)
    recipe = Recipe(
        **asked_of(config),
        weights=weights.origin,
        seed=config.seed,
        weights_sha256=weights.file_sha256,
        parameters_sha256=weights.sha256,
    )
    return Network(recipe, backbone.fill(weights.parameters), size, device)


def rebuild_network(
    recipe: Recipe, *, weights: str | None = None, device: DeviceName = "auto", data_dir: Path | None = None
) -> Network:
    """Returns the network that a recipe was written from, with the same weights to the last bit.

    Args:
        recipe: of features that exist.
        weights: where its weights are now; None is where they were.
        device: where it is to run.
        data_dir: where downloads are kept.

    Raises:
        DataError: the weights are others.
        MnistFacesError: they cannot be had.
    """
    config = ExtractConfig(
        backbone=recipe.backbone,
        layer=recipe.layer,
        weights=weights or recipe.weights,
        preprocess=recipe.preprocess,
        res=recipe.res,
        dtype=recipe.dtype,
        device=device,
        seed=recipe.seed,
    )
    steps = load_network(config, data_dir=data_dir)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            network: Network = end.value
            break
    if network.recipe.parameters_sha256 != recipe.parameters_sha256:
        raise DataError(
            f"the weights {config.weights} are not those that the features were made with "
            f"(parameters {recipe.parameters_sha256[:8]}, these are {network.recipe.parameters_sha256[:8]})"
        )
    return network
