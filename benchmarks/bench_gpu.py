"""Claim: on an H100, 1,000 networks of the faces train for 1,000 epochs in 30 s, 250 times as fast as eager PyTorch.

1. 1,000 models of Part 8: 20 learning rates x 50 seeds, 1,024 inputs, 20 hidden ReLU units, 6 classes, Adam, batch 32,
   on 800 made-up images, whose arithmetic is that of any others. Peers on the same GPU: `torch-loop`, one model at a
   time in eager PyTorch, timed for one model and some steps and multiplied; `torch.func`'s vmap with `torch.compile`
   over all models, timed for some steps and multiplied. Losses of some models are compared with `torch-loop`'s.
2. MNIST: softmax regression by full batches, and a network of 300 hidden units until it knows 98 % of the test images.
   Without `--data` the embedded sample of 5,000 images stands in, and the network trains for the epochs given.
3. Features of AlexNet with random weights, from JPEG files to `.npz`, images per second.

    python benchmarks/bench_gpu.py [--quick] [--data FOLDER] [--skip-features] [--device cpu]
"""

import argparse
import gzip
import itertools
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from bench_sweep import ACTORS, FACE_IMAGES, FACE_PIXELS, FACE_RATES, largest_gap, made_up_faces
from measure import show
from torch import nn
from training_peers import build_vmap_step, torch_descent, torch_minibatches, vmap_minibatches

from mnistfaces.config import FACES_TRAINING, SplitConfig, TrainConfig
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.sample import load_sample
from mnistfaces.datasets.splits import Split, draw_split
from mnistfaces.engine.draws import Draw
from mnistfaces.engine.training import fit
from mnistfaces.progress import Stage

Rows = list[tuple[str, float, str, float, str]]
BATCH, RATES, SEEDS = 32, 20, 50
GOAL = 0.98


def waited(device: str) -> float:
    """Returns the time once the device has done all that it was given."""
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def seconds_of(work: Callable[[], object], device: str) -> float:
    """Returns the seconds of one call, after one that warms up."""
    work()
    started = waited(device)
    work()
    return waited(device) - started


def many_faces(device: str, *, quick: bool) -> Rows:
    """Returns the thousand models against both peers."""
    seeds, rates, epochs = (5, 4, 20) if quick else (SEEDS, RATES, 1000)
    dataset, draws = made_up_faces(seeds)
    cells = [FACES_TRAINING.with_(lr=lr, batch_size=BATCH, epochs=epochs) for lr in np.geomspace(1e-4, 1e-2, rates)]
    count, steps = rates * seeds, epochs * FACE_IMAGES // BATCH
    started = waited(device)
    (*_, record) = fit(dataset, cells, draws, device=device)  # type: ignore[arg-type]
    mine = waited(device) - started
    trained = record.measures[0].seconds
    print(
        f"{count} models, {epochs} epochs: {mine:.2f} s, {trained:.2f} s of them training; {count / mine:.0f} a second"
    )

    rows = torch.from_numpy(dataset.values(draws[0].split.train)).to(device)
    labels = torch.from_numpy(dataset.labels).to(device)
    few = torch.from_numpy(np.random.default_rng(1).permutation(FACE_IMAGES)).to(device).view(-1, BATCH).repeat(8, 1)
    models = [
        nn.Sequential(nn.Linear(FACE_PIXELS, 20), nn.ReLU(), nn.Linear(20, ACTORS)).to(device) for _ in range(count)
    ]
    eager = seconds_of(lambda: torch_minibatches(models[0], rows, labels, 1e-4, few), device) / len(few)
    print(f"torch-loop: {eager * 1e6:.0f} us a step, of one model, over {len(few)} steps")
    small, small_draws = made_up_faces()
    few_cells = [FACES_TRAINING.with_(lr=lr, batch_size=BATCH) for lr in FACE_RATES]
    gap = largest_gap(small, few_cells, small_draws, rows, labels)
    work = f"{count} face models, {epochs} epochs"
    found = [(work, mine, "torch-loop, scaled", eager * steps * count, f"losses within {gap:.0e} after 200 steps")]
    try:
        step = build_vmap_step(models[0], compiled=True)
        rates_of = torch.full((count,), 1e-4, device=device)
        plans = few[:20].expand(count, 20, BATCH)
        stacked = seconds_of(lambda: vmap_minibatches(step, models, (rows, labels), rates_of, plans), device) / 20
        found.append((work, mine, "vmap, compiled, scaled", stacked * steps, "same formula"))
    except Exception as error:  # noqa: BLE001  a peer that cannot run here is left out, and it is said
        print(f"vmap, compiled: could not run: {type(error).__name__}: {str(error).splitlines()[0][:200]}")
    return found


def read_idx(path: Path) -> np.ndarray:
    """Returns the numbers of an IDX file, gzipped, of bytes."""
    raw = gzip.decompress(path.read_bytes())
    axes = raw[3]
    shape = np.frombuffer(raw, ">i4", axes, 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * axes).reshape(shape)


def digits(folder: Path | None) -> tuple[Dataset, Split]:
    """Returns MNIST from four IDX files, or the embedded sample, with its own split."""
    if folder is None:
        sample = load_sample()
        return sample, draw_split(sample, SplitConfig(train_per_class=400, val_per_class=0), 0)
    images, labels = (
        np.concatenate([read_idx(folder / f"{side}-{kind}-ubyte.gz") for side in ("train", "t10k")])
        for kind in ("images-idx3", "labels-idx1")
    )
    count = len(labels)
    dataset = Dataset(
        name="digits-full",
        kind="digits",
        inputs=images.reshape(count, -1),
        labels=labels.astype(np.int64),
        classes=tuple("0123456789"),
        ids=np.arange(count).astype(str),
        shape=(28, 28),
        groups=np.arange(count),
        given_test=np.arange(count) >= 60_000,  # noqa: PLR2004  MNIST's own
        fingerprint="",
    )
    return dataset, Split(train=np.arange(60_000), val=np.empty(0, np.int64), test=np.arange(60_000, count))


def mnist(device: str, folder: Path | None, *, quick: bool) -> Rows:
    """Returns softmax regression against eager PyTorch, and prints how soon the network knows 98 %."""
    dataset, split = digits(folder)
    made, steps = Draw(split=split, seed=0), 100 if quick else 500
    config = TrainConfig(lr=0.5, momentum=0.9, reduction="mean", epochs=steps)
    started = waited(device)
    (*_, record) = fit(dataset, [config], [made], device=device)  # type: ignore[arg-type]
    mine, test = waited(device) - started, record.measures[0].test
    accuracy = test.accuracy if test else float("nan")
    rows = torch.from_numpy(dataset.values(split.train)).to(device)
    labels = torch.from_numpy(dataset.labels[split.train]).to(device)
    peer = nn.Sequential(nn.Linear(rows.shape[1], 10)).to(device)
    theirs = seconds_of(lambda: list(itertools.islice(torch_descent(peer, rows, labels, 1e-9, 50), 50)), device) / 50
    table: Rows = [
        (
            f"softmax, {dataset.name}, {len(split.train)} images, {steps} steps, with loading",
            mine,
            "torch-loop, scaled, without loading",
            theirs * steps,
            f"test accuracy {accuracy:.2%}",
        )
    ]
    network = FACES_TRAINING.with_(hidden=300, batch_size=128, lr=1e-3, epochs=5 if quick else 30)
    reached = "not reached"
    for epoch in fit(dataset, [network], [made], every=1, device=device):  # type: ignore[arg-type]
        measure = epoch.measures[0]
        best = measure.test.accuracy if measure.test else 0.0
        if best >= GOAL:
            reached = f"reached in epoch {epoch.number}, after {measure.seconds:.2f} s"
            break
    print(f"300 hidden units, {dataset.name}: {GOAL:.0%} of the test images {reached}; at the end {best:.2%}")
    return table


def features(device: str, *, quick: bool) -> Iterator[str]:
    """Yields a line per dtype: images per second, from JPEG files to `.npz`."""
    from bench_features import make_photos
    from torchvision import models

    from mnistfaces import extract_features
    from mnistfaces.config import ExtractConfig

    count = 64 if quick else 4000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_photos(folder / "photos", count)
        torch.manual_seed(0)
        convolutions = {k: v for k, v in models.alexnet().state_dict().items() if k.startswith("features.")}
        torch.save(convolutions, folder / "alexnet.pth")
        for dtype in ("float32", "bfloat16"):
            config = ExtractConfig(weights=str(folder / "alexnet.pth"), device=device, dtype=dtype, batch_size=64)  # type: ignore[arg-type]
            marks = [("opening", waited(device))]
            events = extract_features(str(folder / "photos"), folder / f"{dtype}.npz", config)
            marks += [(event.name, waited(device)) for event in events if isinstance(event, Stage)]
            ends = [*[moment for _, moment in marks[1:]], waited(device)]
            stages = [f"{name} {end - begun:.1f} s" for (name, begun), end in zip(marks, ends, strict=True)]
            rate = count / (ends[-1] - marks[0][1])
            yield f"AlexNet features, {count} photos, {dtype}: {rate:.0f} images per second ({', '.join(stages)})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="20 models, 20 epochs, 64 photos")
    parser.add_argument("--data", type=Path, help="the folder of MNIST's four IDX files, gzipped")
    parser.add_argument("--skip-features", action="store_true")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"), help="cpu only shows that the script runs")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("no GPU here that torch can use: nothing was measured")
    print(torch.cuda.get_device_name() if options.device == "cuda" else "the processor: nothing is claimed of GPUs")
    table: Rows = []
    parts: list[Callable[[], Rows]] = [
        lambda: many_faces(options.device, quick=options.quick),
        lambda: mnist(options.device, options.data, quick=options.quick),
    ]
    failed = False
    for part in parts:
        try:
            table += part()
        except Exception:  # noqa: BLE001  the other parts are measured all the same, and the script fails in the end
            traceback.print_exc()
            failed = True
        sys.stdout.flush()
    try:
        for line in () if options.skip_features else features(options.device, quick=options.quick):
            print(line, flush=True)
    except Exception:  # noqa: BLE001  likewise
        traceback.print_exc()
        failed = True
    show("On a GPU", table)
    if failed:
        raise SystemExit("a part could not be measured")


if __name__ == "__main__":
    main()
