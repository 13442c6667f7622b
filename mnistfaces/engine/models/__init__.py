"""The models: each works on a stack of K of its kind at once, K = 1 being the ordinary case."""

from collections.abc import Mapping

from mnistfaces.config import ModelName, TrainConfig
from mnistfaces.engine.layers import Layers
from mnistfaces.engine.models.mlp import Mlp
from mnistfaces.engine.models.softmax import Softmax

Model = Softmax | Mlp

MODELS: Mapping[ModelName, type[Model]] = {"softmax": Softmax, "mlp": Mlp}
"""The class of every model."""


def build_model(config: TrainConfig, inputs: int, classes: int) -> Model:
    """Returns the architecture that a configuration names, for so many inputs and classes."""
    return MODELS[config.model](Layers.of(config, inputs, classes), config.activation)
