"""Arrays on their way between the host and the device: every wait for the device is here."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def to_device(array: NDArray[Any], device: torch.device) -> Tensor:
    """Returns an array on its way to a device; a GPU takes it when it comes to it, and nothing here waits."""
    values = torch.from_numpy(np.ascontiguousarray(array))
    return values.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else values.to(device)


def to_host(tensors: Sequence[Tensor]) -> list[NDArray[Any]]:
    """Returns tensors of one device as arrays, all brought over at once; on the host they share the memory."""
    if all(tensor.device.type == "cpu" for tensor in tensors):
        return [tensor.numpy() for tensor in tensors]
    return unpack(pack(tensors).cpu(), tensors)


def pack(tensors: Sequence[Tensor]) -> Tensor:
    """Returns the bytes of tensors of one device, one after the other."""
    return torch.cat([tensor.contiguous().flatten().view(torch.uint8) for tensor in tensors])


def unpack(packed: Tensor, like: Sequence[Tensor]) -> list[NDArray[Any]]:
    """Returns the arrays whose bytes `pack` put one after the other, with the shapes and types of `like`."""
    sizes = [tensor.numel() * tensor.element_size() for tensor in like]
    parts = packed.numpy()[: sum(sizes)]
    arrays = []
    for tensor, part in zip(like, np.split(parts, np.cumsum(sizes)[:-1]), strict=True):
        arrays.append(part.copy().view(torch.empty(0, dtype=tensor.dtype).numpy().dtype).reshape(tuple(tensor.shape)))
    return arrays
