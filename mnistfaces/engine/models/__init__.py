"""The models: each works on a stack of K of its kind at once, K = 1 being the ordinary case."""

from mnistfaces.config import TrainConfig
from mnistfaces.engine.models.mlp import Mlp
from mnistfaces.engine.models.softmax import Softmax

Model = Softmax | Mlp


def build_model(config: TrainConfig, inputs: int, classes: int) -> Model:
    """Returns the architecture that a configuration names, for so many inputs and classes."""
    if config.model == "mlp":
        return Mlp(inputs, classes, config.hidden, config.activation)
    return Softmax(inputs, classes)
