"""A kept model, or what a run's dataset is, in the words of other programs: one file per target."""

from collections.abc import Callable, Mapping
from pathlib import Path

from mnistfaces.config import TargetName
from mnistfaces.export import croissant, npz, onnx
from mnistfaces.runs.runs import Run

TARGETS: Mapping[TargetName, Callable[[Run, Path, Path | None], list[Path]]] = {
    "onnx": onnx.export,
    "npz": npz.export,
    "croissant": croissant.export,
}
"""Each writes a run to a file, given the data folder, and returns the files that it wrote."""

NAMES: Mapping[TargetName, str] = {"onnx": "model.onnx", "npz": "model.npz", "croissant": "croissant.json"}
"""What the file is called where nothing else is asked for, in the run's folder."""
