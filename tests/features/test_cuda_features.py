"""Features computed on a GPU. `pytest -m cuda`; skipped, and said, where there is none."""

from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import make_folder

import mnistfaces
from mnistfaces.config import ExtractConfig

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here that torch can use"),
]


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-4), ("bfloat16", 0.05)])
def test_features_are_those_of_the_processor(dtype: str, tolerance: float, tmp_path: Path) -> None:
    """Up to rounding, in units of an image's largest feature; TF32, of ten bits, would be off by more than 1e-4."""
    folder = make_folder(tmp_path / "pets")
    features = {}
    for device, form in (("cuda", dtype), ("cpu", "float32")):
        out = tmp_path / f"{device}.npz"
        config = ExtractConfig(weights="random", batch_size=4, device=device, dtype=form)  # type: ignore[arg-type]
        list(mnistfaces.extract_features(str(folder), out, config))
        features[device] = np.load(out)["features"]
    largest = np.abs(features["cpu"]).max(axis=1, keepdims=True)
    assert (np.abs(features["cuda"] - features["cpu"]) / largest).max() < tolerance
