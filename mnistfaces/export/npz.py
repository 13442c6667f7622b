"""A model as plain arrays, for any program that reads NumPy's files."""

from pathlib import Path

import numpy as np

from mnistfaces.arrays import write_npz
from mnistfaces.runs.models import answering_of, classes_of, shape_of, takes_pixels
from mnistfaces.runs.runs import Run


def export(run: Run, path: Path, data_dir: Path | None = None) -> list[Path]:  # noqa: ARG001  as every target
    """Writes a model's parameters, and what its inputs and outputs mean.

    The arrays: the parameters by their `torch.nn.Sequential` names (`0.weight` (C or H, D), `0.bias`, ...),
    of a kernel regression its training images `0.centers` (n, D), `0.gamma`, `1.weight` (C, n) and `1.bias`;
    `ensemble`, how many models answer together by the mean of their probabilities: where there are several, the
    parameters stand behind a model's number each, from `0.0.weight` on; `classes` (C,); `shape` of one input; `scale`,
    what inputs are divided by: 255 for pixels of 0 to 255, else 1; `activation`, of the hidden units. No array holds
    objects, so `numpy.load` needs no `allow_pickle`.

    Raises:
        RunError: the run keeps no model.
        FileError: the disk refuses.
    """
    answering_of(run)  # refuses what is no model
    told = {
        "ensemble": run.training.ensemble,
        "classes": classes_of(run),
        "shape": shape_of(run),
        "scale": 255 if takes_pixels(run) else 1,
        "activation": run.training.activation,
    }
    write_npz(path, {**run.all_weights(), **{name: np.array(value) for name, value in told.items()}})
    return [path]
