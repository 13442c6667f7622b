"""bfloat16 where the machine multiplies it fast, and the same numbers by float32 where it does not."""

import functools
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

PROBE_SIDE = 384
PROBES = 5


def multiplies_fast(device: torch.device) -> bool:
    """Returns whether products of bfloat16 are faster there than products of float32, which not all CPUs are made for.

    Processors with AVX-512's dot products but without matrix units (AMX) take twice as long for bfloat16.
    """
    return device.type != "cpu" or _cpu_multiplies_fast()


@functools.cache
def _cpu_multiplies_fast() -> bool:
    exact = torch.ones(PROBE_SIDE, PROBE_SIDE)
    half = exact.to(torch.bfloat16)
    return _fastest(lambda: half @ half) < _fastest(lambda: exact @ exact)


def _fastest(work: Callable[[], object]) -> float:
    """Returns the seconds of the fastest of some calls, after one that warms up."""
    work()
    times: list[float] = []
    for _ in range(PROBES):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def round_operands(layers: nn.Module) -> None:
    """Makes float32 layers round to bfloat16 all that goes into a product or a mean, and add up in float32.

    That is what hardware for bfloat16 does. ReLU and the largest of some keep rounded numbers rounded, and the order
    of values, so that it is enough to round before the next layer that adds.
    """
    for module in layers.modules():
        if isinstance(module, nn.Conv2d):
            for parameter in module.parameters():
                parameter.data = _rounded(parameter.data)
        if isinstance(module, (nn.Conv2d, nn.AdaptiveAvgPool2d)):
            module.register_forward_pre_hook(_round_inputs)


def _round_inputs(_: nn.Module, inputs: tuple[Any, ...]) -> tuple[Tensor, ...]:
    return tuple(_rounded(values) for values in inputs)


def _rounded(values: Tensor) -> Tensor:
    return values.to(torch.bfloat16).to(torch.float32)
