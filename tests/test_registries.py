"""Closed names are closed: each has one registry, which answers every name of its Literal and no other."""

from collections.abc import Mapping
from typing import Any, get_args

import pytest

from mnistfaces import config
from mnistfaces.engine.optim import OPTIMIZERS

REGISTRIES: list[tuple[Any, Mapping[Any, object]]] = [
    (config.OptimizerName, OPTIMIZERS),
    (config.OptimizerName, config.OPTIMIZER_DEFAULTS),
]


@pytest.mark.parametrize(("names", "registry"), REGISTRIES)
def test_a_registry_knows_every_name_of_its_literal_in_its_order_and_no_other(
    names: Any,  # noqa: ANN401  a Literal is no type
    registry: Mapping[Any, object],
) -> None:
    assert tuple(registry) == get_args(names)
    with pytest.raises(KeyError):
        registry["unknown"]
