"""Claim: Table 1 takes a fifteenth of the course's time, a sweep of the face network a fifteenth of eager PyTorch's.

The latter a model-step, and ahead of `torch.func`'s vmap, eager and compiled.

Table 1: four learning rates on 1,000 images, read at four numbers of iterations; ours in one stack, the course's a run
for each row. Time is linear in iterations, so a slice of them is timed and multiplied; the final costs of the slice are
compared. Faces: 5 learning rates x 10 seeds, 20 hidden ReLU units, Adam, on 800 made-up images of 1,024 pixels, whose
arithmetic is that of any others; losses are compared with plain PyTorch from the same weights and minibatches.

    python benchmarks/bench_sweep.py [--quick] [--faces | --table1]
"""

import argparse
import time

import numpy as np
import torch
from measure import median_seconds, show
from torch import nn
from training_peers import build_vmap_step, course_cost, course_descent, torch_minibatches, vmap_minibatches

from mnistfaces import load_dataset
from mnistfaces.config import FACES_TRAINING, SplitConfig, TrainConfig
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.splits import Split, draw_split
from mnistfaces.engine.draws import Draw
from mnistfaces.engine.stack import Stack

Rows = list[tuple[str, float, str, float, str]]
TABLE1 = (100, 1_000, 10_000, 100_000)
TABLE1_RATES = (1e-2, 1e-3, 1e-4, 1e-5)
FACE_RATES = (1e-2, 3e-3, 1e-3, 3e-4, 1e-4)
FACE_IMAGES, FACE_PIXELS, ACTORS, SEEDS = 800, 1024, 6, 10


def table1_rows(*, quick: bool) -> Rows:
    """Returns all 16 rows of Table 1 against the course."""
    dataset = load_dataset("digits")
    split = draw_split(dataset, SplitConfig(train_per_class=100), 0)
    columns = dataset.values(split.train, "float64").T.copy()
    truth = np.eye(10)[dataset.labels[split.train]].T.copy()
    steps = 200 if quick else 2000
    stack = Stack(
        dataset, [TrainConfig(lr=lr) for lr in TABLE1_RATES], [Draw(split=split, seed=0)], torch.device("cpu")
    )

    def ours() -> None:
        for _ in range(steps):
            stack.train_epoch()

    mine = median_seconds(ours, 3) / steps * TABLE1[-1]
    few = 50 if quick else 300
    theirs = median_seconds(lambda: course_descent(columns, truth, 1e-3, few), 3) / few
    total = theirs * len(TABLE1_RATES) * sum(TABLE1)
    fresh = Stack(
        dataset, [TrainConfig(lr=lr) for lr in TABLE1_RATES], [Draw(split=split, seed=0)], torch.device("cpu")
    )
    for _ in range(few):
        fresh.train_epoch()
    weights = fresh.weights(1)
    gap = course_cost(weights["0.weight"].astype(float), weights["0.bias"].astype(float)[:, None], columns, truth)
    gap -= course_cost(*course_descent(columns, truth, 1e-3, few), columns, truth)
    return [(f"Table 1, 16 rows, {dataset.name}", mine, "course", total, f"cost within {abs(gap):.0e}")]


def made_up_faces(seeds: int = SEEDS) -> tuple[Dataset, list[Draw]]:
    """Returns 800 images of 1,024 pixels in six classes, and draws that train on all of them."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(ACTORS), -(-FACE_IMAGES // ACTORS))[:FACE_IMAGES]
    means = rng.random((ACTORS, FACE_PIXELS)) * 120
    pixels = np.clip(means[labels] + rng.normal(60, 50, (FACE_IMAGES, FACE_PIXELS)), 0, 255).astype(np.uint8)
    dataset = Dataset(
        name="made-up",
        kind="faces",
        inputs=pixels,
        labels=labels,
        classes=tuple("abcdef"),
        ids=np.arange(FACE_IMAGES).astype(str),
        shape=(32, 32),
        groups=np.arange(FACE_IMAGES),
        given_test=np.zeros(FACE_IMAGES, bool),
        fingerprint="",
    )
    none = np.empty(0, np.int64)
    split = Split(train=np.arange(FACE_IMAGES), val=none, test=none)
    return dataset, [Draw(split=split, seed=seed) for seed in range(seeds)]


def network(stack: Stack, k: int) -> nn.Sequential:
    """Returns model k of a stack as a module of PyTorch."""
    model = nn.Sequential(nn.Linear(FACE_PIXELS, 20), nn.ReLU(), nn.Linear(20, ACTORS))
    model.load_state_dict({name: torch.from_numpy(value) for name, value in stack.weights(k).items()})
    return model


def face_rows(batch: int, *, quick: bool) -> Rows:
    """Returns seconds per model-step against eager PyTorch and against vmap, eager and compiled."""
    dataset, draws = made_up_faces()
    cells = [FACES_TRAINING.with_(lr=lr, batch_size=batch) for lr in FACE_RATES]
    stack = Stack(dataset, cells, draws, torch.device("cpu"))
    rows, labels = torch.from_numpy(dataset.values(draws[0].split.train)), torch.from_numpy(dataset.labels)
    steps = -(-FACE_IMAGES // batch)
    epochs = 5 if quick else 40

    def ours() -> None:
        for _ in range(epochs):
            stack.train_epoch()

    mine = median_seconds(ours, 5) / (epochs * steps * stack.count)
    generator = np.random.default_rng(1)
    plan = torch.from_numpy(np.stack([generator.permutation(FACE_IMAGES)[:batch] for _ in range(epochs * steps)]))
    single = network(stack, 0)
    eager = median_seconds(lambda: torch_minibatches(single, rows, labels, 1e-4, plan), 3) / len(plan)
    few = plan[: max(5, len(plan) // 20)]
    models = [network(stack, k) for k in range(stack.count)]
    rates = torch.tensor([cell.lr for cell in cells for _ in draws])
    plans = few.expand(stack.count, *few.shape)
    stacked = {
        name: median_seconds(lambda step=step: vmap_minibatches(step, models, (rows, labels), rates, plans), 3)
        for name, step in (
            ("vmap, eager", build_vmap_step(models[0], compiled=False)),
            ("vmap, compiled", build_vmap_step(models[0], compiled=True)),
        )
    }
    same = f"losses within {largest_gap(dataset, cells, draws, rows, labels):.0e} after 200 steps"
    work = f"faces, batch {batch}, 50 models, a model-step"
    peers = [
        (work, mine, name, seconds / (len(few) * stack.count), "same formula") for name, seconds in stacked.items()
    ]
    return [(work, mine, "torch-loop", eager, same), *peers]


def largest_gap(
    dataset: Dataset, cells: list[TrainConfig], draws: list[Draw], rows: torch.Tensor, labels: torch.Tensor
) -> float:
    """Returns the largest difference in loss from plain PyTorch over a few models, after 200 steps or so."""
    stack = Stack(dataset, cells, draws, rows.device)
    batch = cells[0].batch_size or FACE_IMAGES
    epochs = -(-200 * batch // FACE_IMAGES)
    chosen = (10, 25, 49)
    models = [network(stack, k).to(rows.device) for k in chosen]
    optimizers = [
        torch.optim.Adam(m.parameters(), lr=cells[k // SEEDS].lr) for m, k in zip(models, chosen, strict=True)
    ]
    generators = [np.random.default_rng((draws[k % SEEDS].seed, 1)) for k in chosen]
    for _ in range(epochs):
        stack.train_epoch()
        for model, optimizer, generator in zip(models, optimizers, generators, strict=True):
            for part in torch.from_numpy(generator.permutation(FACE_IMAGES)).split(batch):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(rows[part]), labels[part]).backward()
                optimizer.step()
    gaps = []
    for model, k in zip(models, chosen, strict=True):
        with torch.no_grad():
            mine = nn.functional.cross_entropy(network(stack, k).to(rows.device)(rows), labels)
            gaps.append(abs(float(mine - nn.functional.cross_entropy(model(rows), labels))))
    return max(gaps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--faces", action="store_true")
    parser.add_argument("--table1", action="store_true")
    options = parser.parse_args()
    torch.set_flush_denormal(True)
    started, rows = time.perf_counter(), []
    if not options.faces:
        rows += table1_rows(quick=options.quick)
    if not options.table1:
        rows += [row for batch in (32, 600) for row in face_rows(batch, quick=options.quick)]
    show(f"Many models ({time.perf_counter() - started:.0f} s)", rows)


if __name__ == "__main__":
    main()
