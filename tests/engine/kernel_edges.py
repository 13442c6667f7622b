"""Trains models of awkward shapes in a stack and alone, and prints as JSON which of them differ in any bit.

A program of its own, because the kernels that a processor gets are chosen when torch starts.
"""

import itertools
import json
import sys

import numpy as np
import torch
from small_data import draw, make_dataset

from mnistfaces.config import TrainConfig
from mnistfaces.engine.training import fit

# Rows of a model on both sides of 4, 6, 8, 12, 16 and 24, which kernels take at once, and the report's 10 and 20.
HIDDEN = (1, 3, 5, 7, 9, 10, 17, 20, 25, 33)
# Inputs and images to train on: a part of a cache line, one more than two of them; fewer images than one, and two
# blocks of images with edges of their own.
SHAPES = ((5, 9, None), (33, 21, None), (33, 21, 5), (37, 300, None))
LEARNING_RATES = (0.01, 0.02, 0.05)


def configs() -> list[tuple[TrainConfig, tuple[int, int, int | None]]]:
    """Returns every configuration with its shape: both models and dtypes, both optimizers, all rows and edges."""
    made = []
    for shape, dtype in itertools.product(SHAPES, ("float32", "float64")):
        common = TrainConfig(dtype=dtype, batch_size=shape[2], epochs=3, reduction="mean")
        made.append((common, shape))
        made += [(common.with_(model="mlp", hidden=hidden), shape) for hidden in HIDDEN]
        made += [(common.with_(model="mlp", hidden=hidden, optimizer="adam"), shape) for hidden in (7, 20)]
    return made


def main() -> None:
    torch.set_num_threads(int(sys.argv[1]))
    differing = []
    for config, (inputs, images, _) in configs():
        dataset = make_dataset((images // 3 + 9,) * 3, inputs=inputs)
        made = draw(dataset, 0, train_per_class=images // 3, val_per_class=0, test_per_class=5)
        cells = [config.with_(lr=lr) for lr in LEARNING_RATES]
        (*_, together) = fit(dataset, cells, [made])
        for cell, measure in zip(cells, together.measures, strict=True):
            (*_, alone) = fit(dataset, [cell], [made])
            ours, its = measure.weights or {}, alone.measures[0].weights or {}
            losses = {one.train.loss if one.train else None for one in (measure, alone.measures[0])}
            if len(losses) > 1 or any(not np.array_equal(ours[name], its[name]) for name in its):
                differing.append([config.model, config.optimizer, config.hidden, config.dtype, inputs, images, cell.lr])
    json.dump(differing, sys.stdout)


if __name__ == "__main__":
    main()
