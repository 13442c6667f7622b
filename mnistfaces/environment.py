"""What a machine has: versions, devices, and the data that are present."""

import os
import platform
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from mnistfaces.datasets import NAMES, load_dataset
from mnistfaces.datasets.cache import cache_size
from mnistfaces.datasets.faces import forms_kept
from mnistfaces.datasets.store import data_dir as resolve
from mnistfaces.devices import may_have_gpu
from mnistfaces.errors import MnistFacesError
from mnistfaces.text import counted

PACKAGES = (
    "mnistfaces",
    "numpy",
    "torch",
    "torchvision",
    "scipy",
    "matplotlib",
    "pillow",
    "requests",
    "rich",
    "safetensors",
    "typer",
    "platformdirs",
)


def items(data_dir: Path | None = None) -> Iterator[tuple[str, str]]:
    """Yields what there is, as pairs of an item and what is known of it."""
    yield "python", platform.python_version()
    yield "platform", platform.platform()
    for package in PACKAGES:
        try:
            yield package, metadata.version(package)
        except metadata.PackageNotFoundError:
            yield package, "missing"
    threads = os.environ.get("OMP_NUM_THREADS")
    yield "cpu", f"{os.cpu_count()} cores{f', OMP_NUM_THREADS {threads}' if threads else ''}"
    yield from _gpus()
    folder = resolve(data_dir)
    nearest = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    writable = os.access(nearest, os.W_OK)
    yield "data folder", f"{folder}{'' if folder.exists() else ' (not there yet)'}{'' if writable else ' (read-only)'}"
    entries, size = cache_size(folder)
    held = counted(entries, "entry", "entries")
    yield "cache", f"{held}, {size / 1e6:.1f} MB (mnf fetch --clear-cache empties it)"
    for name, kind in NAMES.items():
        kept = forms_kept(folder, name) if kind == "faces" else []
        for form in [vars(variant) for variant in kept] or [{}]:
            try:
                dataset = load_dataset(name, data_dir=data_dir, **form)
                yield f"dataset {name}", f"{dataset.name}: {dataset.summary()}"
            except MnistFacesError as error:
                yield f"dataset {name}", f"absent: {error}"


def _gpus() -> Iterator[tuple[str, str]]:
    """Yields which GPUs torch can use; it is asked only where there may be one."""
    if not may_have_gpu():
        yield from (("cuda", "none"), ("mps", "none"))
        return
    import torch

    cuda = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    yield "cuda", ", ".join(cuda) or "none"
    yield "mps", "available" if torch.backends.mps.is_available() else "none"
