"""Images on their way into the engine."""

import tracemalloc
from dataclasses import replace

import numpy as np
import torch
from small_data import make_dataset

from mnistfaces.engine.batches import READ_BYTES, load_rows


def test_features_are_read_in_pieces_that_take_hardly_more_memory_than_they_do() -> None:
    small = make_dataset((700, 700, 700))
    features = np.random.default_rng(0).standard_normal((2100, 4000), np.float32)  # 33.6 MB
    dataset = replace(small, inputs=features, shape=(4000,))
    images = np.arange(0, 2100, dtype=np.int64)
    tracemalloc.start()
    rows = load_rows(dataset, images, "float32", 2100)  # torch's own memory is not traced
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most <= READ_BYTES < features.nbytes / 2
    assert torch.equal(rows[:, :4000], torch.from_numpy(features))
