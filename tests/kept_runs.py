"""Small runs of `mnf train`, kept in a folder of the test."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnistfaces.config import SplitConfig, TrainConfig
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.sample import load_sample
from mnistfaces.experiments.train import open_training, train_and_keep
from mnistfaces.experiments.trials import Cell, Trial
from mnistfaces.runs.runs import Run, load_run

SOFTMAX = TrainConfig(epochs=20)
MLP = TrainConfig(model="mlp", hidden=12, optimizer="adam", lr=1e-3, batch_size=32, epochs=8, reduction="mean")


def keep_run(
    out: Path, training: TrainConfig = MLP, dataset: Dataset | None = None, split: SplitConfig | None = None
) -> Run:
    """Trains one model, on the embedded sample unless told, and keeps it in `out`."""
    trial = Trial(cell=Cell(training=training, split=split or SplitConfig(train_per_class=30)), seed=0, split_seed=0)
    images = load_sample() if dataset is None else dataset
    folder = open_training(images, trial, device="cpu", every=None, out=out)
    for _ in train_and_keep(folder, images, trial):
        pass
    return load_run(out)


def save_image(path: Path, pixels: NDArray[np.uint8]) -> Path:
    """Writes pixels without loss; returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def save_shapes(folder: Path, per_class: int = 12, side: int = 16) -> Path:
    """Writes a folder of images in colour, one subfolder a class: `red` and `green` discs on noise."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side]
    for channel, name in enumerate(("red", "green")):
        for number in range(per_class):
            pixels = rng.integers(0, 90, (side, side, 3), dtype=np.uint8)
            centre = rng.integers(4, side - 4, 2)
            pixels[np.hypot(y - centre[0], x - centre[1]) < 4, channel] = 220
            save_image(folder / name / f"{number:02}.png", pixels)
    return folder
