"""bfloat16 where the machine multiplies it fast, and the same numbers by float32 where it does not."""

from typing import Any

import torch
from torch import Tensor, nn


def multiplies_fast(device: torch.device) -> bool:
    """Returns whether products of bfloat16 are faster there than products of float32.

    Of x86 processors those with matrix units (AMX) are; with AVX-512's dot products alone, bfloat16 takes twice as
    long. Decided by what the processor has, not by a timing, so that the same machine always gives the same numbers.
    """
    has_matrix_units = getattr(torch.cpu, "_is_amx_tile_supported", None)  # torch 2.6 and newer know
    return device.type != "cpu" or bool(has_matrix_units and has_matrix_units())


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
