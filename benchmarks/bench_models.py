"""Claims: a path of weight decays in closed form takes the time of one; lbfgs takes a third of scikit-learn's time.

Paths: ridge and kernel regression of 2,000 digits under 20 weight decays, beside one of them, scikit-learn's `RidgeCV`
and `KernelRidge` per value. Optimum: softmax regression of all training images of the full MNIST, from the start of the
command, beside a script with scikit-learn's `LogisticRegression`, until no part of the mean cost's gradient is above
1e-4; and once until none is above 1e-7, in float64, where both costs must agree to 1e-5 nats an image, or it fails.
Seconds are the processor's, on one thread.

    python benchmarks/bench_models.py [--quick]

Needs the full MNIST (`mnf fetch digits`); quick it takes the sample's digits.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from measure import show
from safetensors.numpy import load_file
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import RidgeCV

from mnistfaces import fit, load_dataset
from mnistfaces.config import SplitConfig, TrainConfig
from mnistfaces.datasets.splits import draw_split
from mnistfaces.engine.draws import Draw

DECAYS = np.logspace(-3, 3, 20).tolist()
GAMMA = 0.02
Row = tuple[str, float, str, float, str]

SPEED, TIGHT = ("float32", 1e-4), ("float64", 1e-7)
"""Arithmetic and tolerance: of most uses, and where the optimum itself is compared."""

AGREED = 1e-5
"""Nats an image between the costs of two optima."""

PEER = """
import json, sys
import numpy as np
from sklearn.linear_model import LogisticRegression
from mnistfaces import load_dataset
from mnistfaces.config import SplitConfig
from mnistfaces.datasets.splits import draw_split

name, decay, dtype, eps = sys.argv[1], float(sys.argv[2]), sys.argv[3], float(sys.argv[4])
data = load_dataset(name)
train = draw_split(data, SplitConfig(val_fraction=0), 0).train
inputs, labels = data.values(train, dtype), data.labels[train]
model = LogisticRegression(C=1 / decay, max_iter=5000, tol=eps).fit(inputs, labels)
told = model.predict_log_proba(inputs).astype(float)[np.arange(len(labels)), labels]
cost = -told.sum() + decay / 2 * (model.coef_.astype(float) ** 2).sum()
print(json.dumps([cost, int(model.n_iter_[0]), len(labels)]))
"""


def least(work: Callable[[], object]) -> float:
    """Returns the least seconds of the processor of three calls."""
    times = []
    for _ in range(3):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


def paths(count: int) -> Iterator[Row]:
    """Yields a whole path beside one fit of ours, and beside scikit-learn's."""
    data = load_dataset("digits-sample")
    draw = Draw(split=draw_split(data, SplitConfig(train_per_class=count // 10, val_per_class=20), 0), seed=0)
    rows, labels = data.values(draw.split.train, "float64"), data.labels[draw.split.train]
    targets = np.eye(10)[labels]

    def ours(model: str, decays: list[float]) -> float:
        gamma = GAMMA if model == "kernel" else None
        cells = [TrainConfig(model=model, weight_decay=decay, gamma=gamma) for decay in decays]  # type: ignore[arg-type]  # a ModelName
        return least(lambda: list(fit(data, cells, [draw])))

    def kernel_ridge() -> None:
        for decay in DECAYS:
            KernelRidge(kernel="rbf", gamma=GAMMA, alpha=decay).fit(rows, targets)

    peers: dict[str, tuple[str, Callable[[], object]]] = {
        "ridge": ("RidgeCV, 20 values", lambda: RidgeCV(DECAYS).fit(rows, targets)),
        "kernel": ("KernelRidge, 20 fits", kernel_ridge),
    }
    for model, (peer, work) in peers.items():
        path, one = ours(model, DECAYS), ours(model, DECAYS[:1])
        what = f"{model}, {len(rows)} x {rows.shape[1]}, 20 weight decays with left-out and test scores"
        yield what, path, "one of them, ours", one, "the same decomposition"
        yield what, path, peer, least(work), "scores compared by a test, to 1e-8"


def optimum(dataset: str, decay: float, dtype: str, eps: float) -> Row:
    """Returns the command beside the script, each in a process of its own."""
    asked = ["--train-per-class", "all", "--val-fraction", "0", "--optimizer", "lbfgs", "--weight-decay", str(decay)]
    more = ["--eps", str(eps), "--dtype", dtype, "--epochs", "5000", "--every", "5000"]
    seconds, said = [], []
    with tempfile.TemporaryDirectory() as folder:
        for command in (
            [sys.executable, "-m", "mnistfaces", "train", dataset, *asked, *more, "-q", "--out", "one"],
            [sys.executable, "-c", PEER, dataset, str(decay), dtype, str(eps)],
        ):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            done = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603  ours
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
            said.append(json.loads(done.stdout))
        weight = load_file(f"{folder}/one/weights.safetensors")["0.weight"].astype(np.float64)
    row, (cost, iterations, count) = said
    if row["train_n"] != count:
        raise SystemExit(f"they trained on {row['train_n']} and {count} images")
    gap = (row["train_loss"] * count + decay / 2 * float((weight**2).sum()) - cost) / count
    if eps == TIGHT[1] and abs(gap) > AGREED:
        raise SystemExit(f"weight decay {decay:g}: the optima's costs are {gap:+.1e} nats an image apart")
    reached = f"cost {gap:+.0e} nats an image; {row['epoch']} and {iterations} iterations"
    what = f"{count:,} digits to the optimum, weight decay {decay:g}, gradient {eps:g}, {dtype}"
    return what, seconds[0], "LogisticRegression", seconds[1], reached


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the sample's digits, one penalty")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"
    name, decays = ("digits-sample", [100.0]) if quick else ("digits-full", [1000.0, 100.0, 10.0, 1.0])
    optima = [*(optimum(name, decay, *SPEED) for decay in decays), optimum(name, 100.0, *TIGHT)]
    show("Closed forms, and the optimum", [*paths(500 if quick else 2000), *optima])


if __name__ == "__main__":
    main()
