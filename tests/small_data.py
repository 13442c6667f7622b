"""Small datasets that train in milliseconds, and draws of them."""

import numpy as np

from mnistfaces.config import DatasetKind, SplitConfig
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.sample import load_sample
from mnistfaces.datasets.splits import draw_split
from mnistfaces.engine.draws import Draw


def make_dataset(
    counts: tuple[int, ...] = (30, 24, 27),
    *,
    inputs: int = 20,
    groups: np.ndarray | None = None,
    given_test: np.ndarray | None = None,
    seed: int = 0,
    kind: DatasetKind = "digits",
) -> Dataset:
    """Returns noisy pixels around one random picture a class; input 0 is zero in every image."""
    rng = np.random.default_rng(seed)
    total = sum(counts)
    labels = np.repeat(np.arange(len(counts)), counts)
    pictures = rng.integers(0, 256, (len(counts), inputs))
    pixels = np.clip(pictures[labels] + rng.normal(0, 60, (total, inputs)), 0, 255).astype(np.uint8)
    pixels[:, 0] = 0
    return Dataset(
        name="small",
        kind=kind,
        inputs=pixels,
        labels=labels,
        classes=tuple(f"class{number}" for number in range(len(counts))),
        ids=np.array([f"image-{number:04}" for number in range(total)]),
        shape=(inputs,),
        groups=np.arange(total) if groups is None else groups,
        given_test=np.zeros(total, bool) if given_test is None else given_test,
        fingerprint="0" * 64,
    )


def sample_of(per_class: int) -> Dataset:
    """Returns so many training images and a quarter as many test images per digit of the embedded sample."""
    whole = load_sample()
    chosen = []
    for digit in range(10):
        for side, count in ((~whole.given_test, per_class), (whole.given_test, per_class // 4)):
            chosen.append(np.flatnonzero((whole.labels == digit) & side)[:count])
    rows = np.concatenate(chosen)
    return Dataset(
        name="few-digits",
        kind="digits",
        inputs=whole.inputs[rows],
        labels=whole.labels[rows],
        classes=whole.classes,
        ids=whole.ids[rows],
        shape=whole.shape,
        groups=whole.groups[rows],
        given_test=whole.given_test[rows],
        fingerprint="1" * 64,
    )


def draw(dataset: Dataset, seed: int = 0, **split: int | None) -> Draw:
    """Returns a seed's draw; without arguments 7 images per class train, 3 validate and 5 test."""
    sizes = split or {"train_per_class": 7, "val_per_class": 3, "test_per_class": 5}
    return Draw(split=draw_split(dataset, SplitConfig(**sizes), seed), seed=seed)  # type: ignore[arg-type]
