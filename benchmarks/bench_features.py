"""Claim: from image files to `.npz`, 1.6 times as fast as a PyTorch loop at batch 1, 5 times with bfloat16.

AlexNet with random weights on made-up JPEG files of 227 x 227 pixels. Ours hashes every file, looks for
near-duplicates, and can be killed at any time; the peers do neither. The features of all must agree to 1e-5 of
each image's largest; the largest relative error of bfloat16 is printed. Peers: `torch-loop` (one image at a time)
and torchvision's `create_feature_extractor` with a DataLoader at our batch size, with as many worker processes as
there are cores or with none, whichever is faster.

    python benchmarks/bench_features.py [--quick] [--batch-size 32]
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch
from features_peers import feature_extractor, torch_loop
from measure import show
from PIL import Image
from torchvision import models

from mnistfaces import extract_features
from mnistfaces.config import ExtractConfig, FeatureDtypeName

SIDE = 227
CLASSES = 2
TOLERANCE = 1e-5
LOADER = "create_feature_extractor, DataLoader"


def make_photos(folder: Path, count: int) -> list[Path]:
    """Writes photographs of nothing, as large on the disk as crops of faces are; returns them in our order."""
    rng = np.random.default_rng(0)
    paths: list[Path] = []
    for index in range(count):
        smooth = Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).resize((SIDE, SIDE))
        grain = rng.normal(0, 6, (SIDE, SIDE, 3))
        pixels = np.clip(np.asarray(smooth) + grain, 0, 255).astype(np.uint8)
        path = folder / f"class{index * CLASSES // count}" / f"{index:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path, quality=90)
        paths.append(path)
    return paths


def relative_error(path: Path, reference: np.ndarray) -> float:
    """Returns the largest difference, in units of each image's largest absolute feature."""
    features = np.load(path)["features"]
    return float((np.abs(features - reference).max(axis=1) / np.abs(reference).max(axis=1)).max())


def medians(works: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Returns the median seconds of each work; all take turns, since machines have better and worse minutes."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(rounds + 1):
        for name, work in works.items():
            started = time.perf_counter()
            work()
            if turn:  # the first warms up
                times[name].append(time.perf_counter() - started)
    return {name: statistics.median(taken) for name, taken in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="96 images instead of 512, one round instead of five")
    parser.add_argument("--batch-size", type=int, default=ExtractConfig.batch_size)
    options = parser.parse_args()
    count, rounds = (96, 1) if options.quick else (512, 5)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = make_photos(folder / "photos", count)
        torch.manual_seed(0)
        model = models.alexnet().eval()
        convolutions = {name: values for name, values in model.state_dict().items() if name.startswith("features.")}
        torch.save(convolutions, folder / "alexnet.pth")

        def ours(dtype: FeatureDtypeName) -> None:
            out = folder / f"{dtype}.npz"
            out.unlink(missing_ok=True)
            config = ExtractConfig(
                weights=str(folder / "alexnet.pth"), device="cpu", batch_size=options.batch_size, dtype=dtype
            )
            for _ in extract_features(str(folder / "photos"), out, config):
                pass

        def loader(workers: int) -> None:
            feature_extractor(model, paths, folder / "loader.npz", options.batch_size, workers)

        works: dict[str, Callable[[], object]] = {
            "float32": lambda: ours("float32"),
            "torch-loop": lambda: torch_loop(model, paths, folder / "loop.npz"),
            "bfloat16": lambda: ours("bfloat16"),
        } | {f"{LOADER}({workers} workers)": partial(loader, workers) for workers in {0, os.cpu_count() or 1}}
        seconds = medians(works, rounds)
        reference = np.load(folder / "loop.npz")["features"]
        errors = {kind: relative_error(folder / f"{kind}.npz", reference) for kind in ("float32", "bfloat16", "loader")}
    peers = ["torch-loop", min((name for name in seconds if name.startswith(LOADER)), key=seconds.__getitem__)]
    rows = [
        (f"{kind}, {count} images", seconds[kind], peer, seconds[peer], f"to {errors[kind]:.1e} of an image's largest")
        for kind in ("float32", "bfloat16")
        for peer in peers
    ]
    show(f"AlexNet features, from files to .npz, batch {options.batch_size}", rows)
    print("images per second:", ", ".join(f"{name} {count / taken:.0f}" for name, taken in seconds.items()))
    if max(errors["float32"], errors["loader"]) > TOLERANCE:
        raise SystemExit("the features differ")


if __name__ == "__main__":
    main()
