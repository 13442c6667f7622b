"""Closed names are closed: each has one registry, which answers every name of its Literal and no other."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, get_args

import pytest

from mnistfaces import config
from mnistfaces.datasets import DATASETS, NAMES, kind_of
from mnistfaces.datasets.augmentation import CHANGES
from mnistfaces.datasets.normalisation import NORMALISATIONS
from mnistfaces.engine.closed.solving import CLOSED_MODELS
from mnistfaces.engine.layers import HIDDEN
from mnistfaces.engine.models import MODELS
from mnistfaces.engine.models.activations import ACTIVATIONS
from mnistfaces.engine.optim import OPTIMIZERS
from mnistfaces.errors import UsageError
from mnistfaces.export import NAMES as NAMES_OF_TARGETS
from mnistfaces.export import TARGETS, onnx
from mnistfaces.features.preprocessing import PREPROCESSINGS
from mnistfaces.features.published import BACKBONES
from mnistfaces.inspection.hidden_units import CRITERIA
from mnistfaces.inspection.weight_images import SCORES
from mnistfaces.landscape.rules import RULES
from mnistfaces.runs import network

REGISTRIES: list[tuple[Any, Mapping[Any, object]]] = [
    (config.StepName, OPTIMIZERS),
    (config.OptimizerName, config.OPTIMIZER_DEFAULTS),
    (config.StepName, RULES),
    (config.DatasetKind, config.DATASET_DEFAULTS),
    (config.IterativeName, MODELS),
    (config.ClosedName, CLOSED_MODELS),
    (config.ModelName, config.MODEL_TITLES),
    (config.ModelName, HIDDEN),
    (config.Activation, ACTIVATIONS),
    (config.Activation, network.ACTIVATIONS),
    (config.BackboneName, BACKBONES),
    (config.PreprocessName, PREPROCESSINGS),
    (config.ChangeName, CHANGES),
    (config.NormalisationName, NORMALISATIONS),
    (config.Criterion, CRITERIA),
    (config.Criterion, SCORES),
    (config.TargetName, TARGETS),
    (config.TargetName, NAMES_OF_TARGETS),
    (config.Activation, onnx.ACTIVATIONS),
]


@pytest.mark.parametrize(("names", "registry"), REGISTRIES)
def test_a_registry_knows_every_name_of_its_literal_in_its_order_and_no_other(
    names: Any,  # noqa: ANN401  a Literal is no type
    registry: Mapping[Any, object],
) -> None:
    assert tuple(registry) == get_args(names)
    with pytest.raises(KeyError):
        registry["unknown"]


@pytest.mark.parametrize("field", ["model", "optimizer", "activation", "reduction", "select", "dtype"])
def test_a_training_refuses_an_unknown_name_and_tells_the_known(field: str) -> None:
    with pytest.raises(UsageError, match=f"--{field} 'sgd' is not one of .*{getattr(config.TrainConfig(), field)}"):
        config.TrainConfig(**{field: "sgd"})  # type: ignore[arg-type]


@pytest.mark.parametrize("field", ["backbone", "preprocess", "dtype", "device"])
def test_an_extraction_refuses_an_unknown_name_and_tells_the_known(field: str) -> None:
    with pytest.raises(UsageError, match=f"--{field} 'resnet' is not one of .*, "):
        config.ExtractConfig(**{field: "resnet"})  # type: ignore[arg-type]


def test_every_name_of_a_dataset_has_a_loader_and_a_kind_with_defaults() -> None:
    for named in DATASETS:
        module, _, function = named.loader.partition(":")
        assert callable(getattr(import_module(f"mnistfaces.datasets.{module}"), function))
        assert named.kind in config.DATASET_DEFAULTS
    assert list(NAMES) == [name for named in DATASETS for name in named.names]
    with pytest.raises(UsageError, match=f"no dataset 'unknown': give {', '.join(NAMES)}"):
        kind_of("unknown")
