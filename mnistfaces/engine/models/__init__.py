"""The models: each works on a stack of K of its kind at once, K = 1 being the ordinary case."""

from collections.abc import Mapping

from mnistfaces.config import IterativeName, TrainConfig
from mnistfaces.engine.layers import Layers
from mnistfaces.engine.models.mlp import Mlp
from mnistfaces.engine.models.softmax import Softmax

Model = Softmax | Mlp

MODELS: Mapping[IterativeName, type[Model]] = {"softmax": Softmax, "mlp": Mlp}
"""The class of every model that descends."""


def model_class(config: TrainConfig) -> type[Model]:
    """Returns the class of the model that a configuration names, which is none in closed form."""
    return MODELS[config.model]  # type: ignore[index]  # which those in closed form would not pass


def build_model(config: TrainConfig, inputs: int, classes: int) -> Model:
    """Returns the architecture that a configuration names, for so many inputs and classes."""
    return model_class(config)(Layers.of(config, inputs, classes), config.activation)
