"""Where to compute."""

import contextlib
import functools
import gc
import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

from mnistfaces.config import DeviceName
from mnistfaces.errors import UsageError

if TYPE_CHECKING:
    import torch

GPU_DRIVERS = (Path("/dev/nvidiactl"), Path("/dev/kfd"), Path("/dev/dxg"))
"""What the drivers of NVIDIA, of AMD, and of Windows' Linux leave on a machine with a GPU."""


def choose_device(name: DeviceName) -> "torch.device":
    """Returns the device that a name stands for; `auto` is the first of cuda, mps and cpu that is there.

    Raises:
        UsageError: the device is not there.
    """
    import torch

    return torch.device(resolve_device(name))


def resolve_device(name: DeviceName) -> DeviceName:
    """Returns the name of the device that a name stands for; torch is asked only where there may be a GPU.

    Raises:
        UsageError: the device is not there.
    """
    if name == "cpu" or (name == "auto" and not may_have_gpu()):
        return "cpu"
    import torch

    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return cast("DeviceName", next(device for device, there in present.items() if there))
    if not present[name]:
        raise UsageError(f"--device {name}: this machine has none that torch can use")
    return name


def may_have_gpu() -> bool:
    """Returns False only where no GPU can be that torch could use: on Linux without a driver."""
    if sys.platform == "linux":
        return any(driver.exists() for driver in GPU_DRIVERS)
    return sys.platform == "win32" or platform.machine() == "arm64"


@contextlib.contextmanager
def shared_cores(threads: int) -> Iterator[Callable[[], None]]:
    """Yields what each of so many threads calls before it computes: they share the cores that torch uses evenly."""
    import torch

    before = torch.get_num_threads()
    try:
        yield lambda: torch.set_num_threads(max(1, before // threads))
    finally:
        torch.set_num_threads(before)  # which threads that start later take over


def free_memory(device: DeviceName) -> None:
    """Gives back what nobody uses: rings of objects wait for the collector, and torch keeps blocks at hand."""
    gc.collect()
    if device == "cuda":
        import torch

        torch.cuda.empty_cache()


@functools.cache
def processor_name(device: DeviceName) -> str:
    """Returns the make of the processor that computes: last bits may differ between one make and another."""
    if device == "cuda":
        import torch

        return torch.cuda.get_device_name()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
