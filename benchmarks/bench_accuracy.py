"""What small data give: nested accuracy of our models and of scikit-learn's, on the same folds.

    python benchmarks/bench_accuracy.py faces --data-dir DATA     # after `mnf fetch faces --res 32`, and with --color
    python benchmarks/bench_accuracy.py features --features alexnet_features.npz

Every setting is chosen inside its draw by its validation images and then trained on all but the test images
(`--refit`), ours as scikit-learn's, over the same lists of penalties and kernel widths. Near-identical photographs stay
in one fold. The network of the report (32 x 32 gray, 20 hidden units, its own rates) has nothing to choose.
"""

import argparse
import itertools
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression

from mnistfaces import load_dataset
from mnistfaces.config import SplitConfig, TrainConfig, default_training
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.splits import Split, draw_split
from mnistfaces.experiments.sweep import Sweep
from mnistfaces.experiments.sweep_config import SweepConfig
from mnistfaces.experiments.trials import Cell, Grid
from mnistfaces.statistics.differences import paired_difference
from mnistfaces.statistics.intervals import accuracy_interval
from mnistfaces.statistics.scores import TrialScores

FOLDS = SplitConfig(folds=5)
DECAYS = (0.01, 0.1, 1.0)
WIDTHS = (0.5, 1.0, 2.0, 4.0)
"""Kernel widths, times 1 / (inputs x variance of the inputs)."""

PENALTIES = (1e-3, 1e-2, 0.1, 1.0, 10.0)

Floats = NDArray[np.float64]
Trials = Mapping[tuple[int, int], TrialScores]
Predict = Callable[[Floats, NDArray[np.int64], Floats], NDArray[np.int64]]
"""Predicted classes of inputs (m, D), from inputs (n, D) and their classes (n,)."""


def ours(dataset: Dataset, cells: list[TrainConfig], seeds: int) -> Trials:
    """Returns the answers of choosing one of some trainings inside each draw."""
    grid = Grid(cells=tuple(Cell(training=cell, split=FOLDS) for cell in cells), seeds=tuple(range(seeds)))
    with tempfile.TemporaryDirectory() as folder:
        job = Sweep(SweepConfig(grid=grid, swept=("weight_decay", "gamma"), out=Path(folder)), lambda _: dataset)
        for _ in job.run():
            pass
        final = job.final()
        if final is None:
            return dict(job.outcomes.result(job.worklist.cells[0]).scores)
        return {pair: scores for pair, scores in final.nested_scores().items() if scores is not None}


def theirs(dataset: Dataset, settings: list[Predict], seeds: int, *, mirror: bool = False) -> Trials:
    """Returns the answers of choosing one of some settings inside each draw, in the same way."""

    def rows(images: NDArray[np.int64]) -> tuple[Floats, NDArray[np.int64]]:
        inputs, labels = dataset.values(images, "float64"), dataset.labels[images]
        if not mirror:
            return inputs, labels
        flipped = np.flip(dataset.images(images), 2).reshape(len(images), -1) / 255
        return np.concatenate([inputs, flipped]), np.concatenate([labels, labels])

    found = {}
    for seed, fold in itertools.product(range(seeds), range(5)):
        split = draw_split(dataset, FOLDS, seed, fold)
        known, held = rows(split.train), dataset.values(split.val, "float64")
        right = [(predict(*known, held) == dataset.labels[split.val]).mean() for predict in settings]
        everything = rows(np.union1d(split.train, split.val))
        predicted = settings[int(np.argmax(right))](*everything, dataset.values(split.test, "float64"))
        found[seed, fold] = scores_of(dataset, split, predicted)
    return found


def scores_of(dataset: Dataset, split: Split, predicted: NDArray[np.int64]) -> TrialScores:
    return TrialScores(
        correct=predicted == dataset.labels[split.test],
        ids=dataset.ids[split.test],
        groups=dataset.groups[split.test],
        train_n=len(split.train) + len(split.val),
        pool_n=len(dataset),
    )


def kernel_ridge(gamma: float, alpha: float) -> Predict:
    def predict(inputs: Floats, labels: NDArray[np.int64], asked: Floats) -> NDArray[np.int64]:
        targets = np.eye(labels.max() + 1)[labels]
        centre = targets.mean(axis=0)
        model = KernelRidge(kernel="rbf", gamma=gamma, alpha=alpha).fit(inputs, targets - centre)
        return np.argmax(model.predict(asked) + centre, axis=1)

    return predict


def logistic(penalty: float) -> Predict:
    def predict(inputs: Floats, labels: NDArray[np.int64], asked: Floats) -> NDArray[np.int64]:
        model = LogisticRegression(C=1 / penalty, max_iter=2000, tol=1e-4).fit(inputs, labels)
        return np.asarray(model.predict(asked))

    return predict


def faces(data_dir: Path | None, *, color: bool) -> Dataset:
    return load_dataset("faces", res=32, color=color, data_dir=data_dir)


def widths_of(dataset: Dataset) -> list[float]:
    """Returns kernel widths for the size and spread of a dataset's inputs, which tell nothing of its classes."""
    values = dataset.values(np.arange(len(dataset)), "float64")
    return [float(f"{width / (values.shape[1] * values.var()):.3g}") for width in WIDTHS]


def closed_form(model: Any, widths: list[float], augment: str | None) -> list[TrainConfig]:  # noqa: ANN401  a ModelName
    gammas = widths if model == "kernel" else [None]
    decays = DECAYS if model == "kernel" else PENALTIES
    return [
        TrainConfig(model=model, weight_decay=decay, augment=augment, refit=True, **({"gamma": gamma} if gamma else {}))
        for gamma, decay in itertools.product(gammas, decays)
    ]


def tell(name: str, began: float, trials: Trials, peer: Trials | None) -> None:
    """Prints one line of results, with the difference to a peer on the same images."""
    accuracy = accuracy_interval(list(trials.values()))
    row: dict[str, Any] = {"what": name, "accuracy": accuracy.mean, "low": accuracy.low, "high": accuracy.high}
    row |= {"n": accuracy.n, "trials": len(trials), "seconds": round(time.perf_counter() - began, 1)}
    if peer is not None:
        difference = paired_difference(list(trials.values()), [peer[pair] for pair in trials])
        row |= {"difference": difference.difference, "from": difference.low, "to": difference.high, "p": difference.p}
    print(json.dumps(row), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=("faces", "features"))
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--features", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    asked = parser.parse_args()
    whole = asked.data == "faces"
    dataset = faces(asked.data_dir, color=True) if whole else load_dataset(asked.features)
    augment = "mirror" if whole else None
    widths = widths_of(dataset)
    peers = {"scikit-learn kernel ridge": [kernel_ridge(*setting) for setting in itertools.product(widths, DECAYS)]}
    if not whole:
        peers["scikit-learn logistic regression"] = [logistic(penalty) for penalty in PENALTIES]
    best: Trials | None = None
    for name, settings in peers.items():
        began = time.perf_counter()
        found = theirs(dataset, settings, asked.seeds, mirror=whole)
        tell(name, began, found, None)
        if best is None or accuracy_interval(list(found.values())).mean > accuracy_interval(list(best.values())).mean:
            best = found
    found = {}
    for model in ("kernel", "ridge"):
        began = time.perf_counter()
        found[model] = ours(dataset, closed_form(model, widths, augment), asked.seeds)
        tell(f"mnf --model {model}", began, found[model], best)
    if whole:
        began = time.perf_counter()
        gray = faces(asked.data_dir, color=False)
        network = ours(gray, [default_training("faces")], asked.seeds)
        tell("the report's network", began, network, best)
        tell("mnf --model kernel, from the report's network", began, found["kernel"], network)


if __name__ == "__main__":
    main()
