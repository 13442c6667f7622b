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
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from features_peers import feature_extractor, torch_loop
from measure import median_seconds, show
from PIL import Image
from torchvision import models

from mnistfaces import extract_features
from mnistfaces.config import ExtractConfig

SIDE = 227
CLASSES = 2
TOLERANCE = 1e-5


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="96 images instead of 512, one run instead of three")
    parser.add_argument("--batch-size", type=int, default=ExtractConfig.batch_size)
    options = parser.parse_args()
    count, runs = (96, 1) if options.quick else (512, 3)
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = make_photos(folder / "photos", count)
        torch.manual_seed(0)
        model = models.alexnet().eval()
        convolutions = {name: values for name, values in model.state_dict().items() if name.startswith("features.")}
        torch.save(convolutions, folder / "alexnet.pth")
        plain = ExtractConfig(weights=str(folder / "alexnet.pth"), device="cpu", batch_size=options.batch_size)

        def ours(config: ExtractConfig) -> None:
            (folder / "ours.npz").unlink(missing_ok=True)
            for _ in extract_features(str(folder / "photos"), folder / "ours.npz", config):
                pass

        loop = median_seconds(lambda: torch_loop(model, paths, folder / "loop.npz"), runs)
        reference = np.load(folder / "loop.npz")["features"]
        loaders = {
            workers: median_seconds(
                lambda: feature_extractor(model, paths, folder / "loader.npz", options.batch_size, workers),  # noqa: B023  called at once
                runs,
            )
            for workers in {0, cores}
        }
        workers = min(loaders, key=lambda tried: loaders[tried])
        exact = median_seconds(lambda: ours(plain), runs)
        errors = {"float32": relative_error(folder / "ours.npz", reference)}
        errors["loader"] = relative_error(folder / "loader.npz", reference)
        rough = median_seconds(lambda: ours(replace(plain, dtype="bfloat16")), runs)
        errors["bfloat16"] = relative_error(folder / "ours.npz", reference)
    loader = f"create_feature_extractor, DataLoader({workers} workers)"
    same = {kind: f"to {error:.1e} of an image's largest" for kind, error in errors.items()}
    rows = [
        (f"float32, {count} images", exact, "torch-loop", loop, same["float32"]),
        (f"float32, {count} images", exact, loader, loaders[workers], same["float32"]),
        (f"bfloat16, {count} images", rough, "torch-loop", loop, same["bfloat16"]),
        (f"bfloat16, {count} images", rough, loader, loaders[workers], same["bfloat16"]),
    ]
    show(f"AlexNet features, from files to .npz, batch {options.batch_size}", rows)
    print(f"images a second: float32 {count / exact:.0f}, bfloat16 {count / rough:.0f}, torch-loop {count / loop:.0f}")
    if max(errors["float32"], errors["loader"]) > TOLERANCE:
        raise SystemExit("the features differ")


if __name__ == "__main__":
    main()
