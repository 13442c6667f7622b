"""Where to compute."""

import torch

from mnistfaces.config import DeviceName
from mnistfaces.errors import UsageError


def choose_device(name: DeviceName) -> torch.device:
    """Returns the device that a name stands for; `auto` is the first of cuda, mps and cpu that is there.

    Raises:
        UsageError: the device is not there.
    """
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(device for device, there in present.items() if there))
    if not present[name]:
        raise UsageError(f"--device {name}: this machine has none that torch can use")
    return torch.device(name)
