"""Claims: a path of weight decays in closed form takes the time of one; lbfgs takes a third of scikit-learn's time.

Paths: ridge and kernel regression of 2,000 digits under 20 weight decays, beside one of them, scikit-learn's `RidgeCV`
and `KernelRidge` per value. Optimum: softmax regression of all training images of the full MNIST, from the start of the
command, beside a script with scikit-learn's `LogisticRegression`, until no part of the mean cost's gradient is above
1e-4. Seconds are the processor's, on one thread.

    python benchmarks/bench_models.py [--quick]

Needs the full MNIST (`mnf fetch digits`).
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

PEER = (
    "import json, sys, numpy as np; from mnistfaces import load_dataset;"
    "from sklearn.linear_model import LogisticRegression as L;"
    "d = load_dataset('digits-full'); t = d.given_test; y = d.labels[~t]; x = d.inputs.astype('float32') / 255;"
    "m = L(C=1 / float(sys.argv[1]), max_iter=5000).fit(x[~t], y);"
    "p = m.predict_proba(x[~t]).astype(float)[np.arange(len(y)), y];"
    "cost = -np.log(p).sum() + float(sys.argv[1]) / 2 * (m.coef_.astype(float) ** 2).sum();"
    "print(json.dumps([cost, int(m.n_iter_[0])]))"
)


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


def optimum(decay: float) -> Row:
    """Returns the command beside the script, each in a process of its own."""
    asked = ["--train-per-class", "all", "--val-fraction", "0", "--optimizer", "lbfgs", "--weight-decay", str(decay)]
    more = ["--eps", "1e-4", "--epochs", "2000", "--every", "2000"]
    seconds, said = [], []
    with tempfile.TemporaryDirectory() as folder:
        for command in (
            [sys.executable, "-m", "mnistfaces", "train", "digits-full", *asked, *more, "-q", "--out", "one"],
            [sys.executable, "-c", PEER, str(decay)],
        ):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)  # noqa: S603  ours
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
            said.append(json.loads(done.stdout))
        weight = load_file(f"{folder}/one/weights.safetensors")["0.weight"].astype(np.float64)
    row, (cost, iterations) = said
    count = row["train_n"]
    mine = row["train_loss"] * count + decay / 2 * float((weight**2).sum())
    gap = (mine - cost) / count
    reached = f"cost {gap:+.0e} nats an image; {row['epoch']} and {iterations} iterations"
    return f"full MNIST to the optimum, weight decay {decay:g}", seconds[0], "LogisticRegression", seconds[1], reached


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="500 digits, one penalty")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"
    decays = [100.0] if quick else [1000.0, 100.0, 10.0, 1.0]
    show("Closed forms, and the optimum", [*paths(500 if quick else 2000), *map(optimum, decays)])


if __name__ == "__main__":
    main()
