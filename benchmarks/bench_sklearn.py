"""Claim: a grid search through `StackedSearchCV` takes a fifteenth of the time of `GridSearchCV` over others' networks.

5 learning rates x 3 weight decays on 5 folds: 75 trainings and one more of the best. Peers, in the same run on the same
folds: scikit-learn's `MLPClassifier`, skorch's `NeuralNetClassifier` (the same network in eager PyTorch, if skorch is
installed), and scikit-learn's `LogisticRegression` beside our softmax regression.

Like for like: all networks start from PyTorch's initial weights, go through float32 rows in an order that is shuffled
anew each epoch, and have the same L2 penalty on weights, which `MLPClassifier` divides by the rows of a batch. Softmax
regressions have 15 penalties, and end at the same largest part of the mean cost's gradient. Each repetition has a seed
and folds of its own, the same for all programs: by what the scores of a program differ from one to the next is its
noise, and the interval of a difference between two programs is Student's t over these pairs.

    python benchmarks/bench_sklearn.py [--quick] [--epochs N] [--images N] [--repeats N] [--batch-size N] [--jobs N]
        [--profile]
"""

import argparse
import importlib.util
import math
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from measure import show
from numpy.typing import NDArray
from scipy.special import stdtrit
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neural_network import MLPClassifier

from mnistfaces import load_dataset
from mnistfaces.sklearn import Classifier, StackedSearchCV

HIDDEN, FOLDS = 20, 5
RATES, DECAYS = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2], [0.0, 1e-4, 1e-2]
PENALTIES = [10 ** (-1 + 5 * number / 14) for number in range(15)]
"""Of softmax regressions, summed over the rows; scikit-learn's C is 1 over them."""
TOLERANCE, MOST_ITERATIONS = 1e-4, 1000

Setting = tuple[float, ...]


class AlikeMlp(MLPClassifier):  # type: ignore[misc]  # scikit-learn brings no types
    """scikit-learn's network from PyTorch's initial weights, uniform within 1 / sqrt(fan-in)."""

    def _init_coef(self, fan_in: int, fan_out: int, dtype: Any) -> tuple[NDArray[Any], NDArray[Any]]:  # noqa: ANN401
        bound = 1 / math.sqrt(fan_in)
        drawn = (self._random_state.uniform(-bound, bound, size) for size in ((fan_in, fan_out), fan_out))
        weight, bias = (part.astype(dtype, copy=False) for part in drawn)
        return weight, bias


@dataclass
class Contestant:
    """A search that is repeated with other seeds and folds.

    Attributes:
        name: of the program.
        names: of the parameters that make a setting in its grid, and how ours is told from its value.
        wall: seconds of each search.
        cpu: of the processor, likewise.
        best: the mean accuracy over the folds of the best setting of each.
        scores: of every setting, likewise.
    """

    name: str
    names: Mapping[str, Callable[[float], float]]
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    best: list[float] = field(default_factory=list)
    scores: dict[Setting, list[float]] = field(default_factory=lambda: defaultdict(list))

    def run(self, search: GridSearchCV, rows: NDArray[Any], labels: NDArray[Any]) -> None:
        """Times a search, and keeps its scores."""
        wall, cpu = time.perf_counter(), time.process_time()
        search.fit(rows, labels)
        self.wall.append(time.perf_counter() - wall)
        self.cpu.append(time.process_time() - cpu)
        self.best.append(float(search.best_score_))
        for params, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
            setting = tuple(float(f"{told(params[name]):.6g}") for name, told in self.names.items())
            self.scores[setting].append(float(score))


def interval(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float, float]:
    """Returns the mean difference of pairs in percentage points, with the ends of its 95 % interval."""
    pairs = [100 * (own - other) for own, other in zip(ours, theirs, strict=True)]
    mean = statistics.fmean(pairs)
    if len(pairs) == 1:
        return mean, -math.inf, math.inf
    half = float(stdtrit(len(pairs) - 1, 0.975)) * statistics.stdev(pairs) / math.sqrt(len(pairs))
    return mean, mean - half, mean + half


def agreement(ours: Contestant, theirs: Contestant) -> str:
    """Returns the best mean accuracies, their difference with its interval, and at how many settings it holds 0."""
    mean, low, high = interval(ours.best, theirs.best)
    found = [interval(own, theirs.scores[setting]) for setting, own in ours.scores.items()]
    alike = sum(low <= 0 <= high for _, low, high in found)
    return (
        f"best {statistics.fmean(ours.best):.2%}, peer {statistics.fmean(theirs.best):.2%}: {mean:+.2f} points "
        f"[{low:+.2f}, {high:+.2f}]; agree at {alike} of {len(found)} settings"
    )


@dataclass(frozen=True)
class Protocol:
    """How all searches are run.

    Attributes:
        epochs: of every network.
        batch: rows a step.
        images: the first so many of a shuffled dataset; None for all.
        repeats: of each search, with other seeds and folds.
        jobs: of each search.
    """

    epochs: int
    batch: int
    images: int | None
    repeats: int
    jobs: int

    def stacked(self, seed: int) -> StackedSearchCV:
        """Returns our search over networks."""
        ours = Classifier(hidden=HIDDEN, batch_size=self.batch, epochs=self.epochs, random_state=seed)
        return StackedSearchCV(ours, {"lr": RATES, "weight_decay": DECAYS}, **self.shared(seed))

    def scikit_learn(self, seed: int) -> GridSearchCV:
        """Returns scikit-learn's search over networks."""
        fixed = {"batch_size": self.batch, "max_iter": self.epochs, "n_iter_no_change": self.epochs, "tol": 0}
        grid = {"learning_rate_init": RATES, "alpha": [decay * self.batch for decay in DECAYS]}
        return GridSearchCV(AlikeMlp(HIDDEN, random_state=seed, **fixed), grid, **self.shared(seed))

    def skorch(self, seed: int, inputs: int, classes: int) -> GridSearchCV:
        """Returns the search over skorch's networks."""
        from skorch import NeuralNetClassifier  # type: ignore[import-untyped]

        class Net(torch.nn.Sequential):
            def __init__(self) -> None:
                super().__init__(torch.nn.Linear(inputs, HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, classes))

        torch.manual_seed(seed)
        net = NeuralNetClassifier(
            Net,
            criterion=torch.nn.CrossEntropyLoss,
            optimizer=torch.optim.Adam,
            optimizer__param_groups=[("*bias", {"weight_decay": 0.0})],
            batch_size=self.batch,
            iterator_train__shuffle=True,
            max_epochs=self.epochs,
            train_split=None,
            verbose=0,
        )
        return GridSearchCV(net, {"lr": RATES, "optimizer__weight_decay": DECAYS}, **self.shared(seed))

    def stacked_optima(self, seed: int, trained: int) -> StackedSearchCV:
        """Returns our search over softmax regressions of so many rows."""
        ours = Classifier("softmax", optimizer="lbfgs", epochs=MOST_ITERATIONS, eps=TOLERANCE, random_state=seed)
        grid = {"weight_decay": [penalty / trained for penalty in PENALTIES]}
        return StackedSearchCV(ours, grid, **self.shared(seed))

    def scikit_learn_optima(self, seed: int) -> GridSearchCV:
        """Returns scikit-learn's search over softmax regressions."""
        theirs = LogisticRegression(tol=TOLERANCE, max_iter=MOST_ITERATIONS)
        return GridSearchCV(theirs, {"C": [1 / penalty for penalty in PENALTIES]}, **self.shared(seed))

    def shared(self, seed: int) -> dict[str, Any]:
        """Returns what all searches have in common."""
        return {"cv": StratifiedKFold(FOLDS, shuffle=True, random_state=seed), "n_jobs": self.jobs}


def compare(name: str, protocol: Protocol) -> Iterator[tuple[str, Contestant, Contestant]]:
    """Yields what was done on a dataset, by us and by a peer."""
    data = load_dataset(name)
    chosen = np.random.default_rng(0).permutation(len(data))[: protocol.images]
    rows, labels = data.values(chosen).astype(np.float32), data.labels[chosen].astype(np.int64)
    shape = f"{name}, {len(labels)} x {rows.shape[1]}"

    network = f"{shape}, mlp, {protocol.epochs} epochs"
    ours = Contestant("StackedSearchCV", {"lr": float, "weight_decay": float})
    names = {"learning_rate_init": float, "alpha": lambda alpha: alpha / protocol.batch}
    sklearn = Contestant("GridSearchCV(MLPClassifier)", names)
    skorch = Contestant("GridSearchCV(skorch)", {"lr": float, "optimizer__weight_decay": float})
    has_skorch = importlib.util.find_spec("skorch") is not None
    for seed in range(protocol.repeats):
        ours.run(protocol.stacked(seed), rows, labels)
        sklearn.run(protocol.scikit_learn(seed), rows, labels)
        if has_skorch:
            skorch.run(protocol.skorch(seed, rows.shape[1], len(data.classes)), rows, labels)
    yield network, ours, sklearn
    if has_skorch:
        yield network, ours, skorch

    trained = len(labels) - len(labels) // FOLDS
    ours = Contestant("StackedSearchCV", {"weight_decay": lambda decay: decay * trained})
    linear = Contestant("GridSearchCV(LogisticRegression)", {"C": lambda c: 1 / c})
    for seed in range(protocol.repeats):
        ours.run(protocol.stacked_optima(seed, trained), rows, labels)
        linear.run(protocol.scikit_learn_optima(seed), rows, labels)
    yield f"{shape}, softmax to its optimum", ours, linear


def profile(name: str, protocol: Protocol) -> None:
    """Prints what the processor does in our search over networks, by what torch calls it."""
    data = load_dataset(name)
    chosen = np.random.default_rng(0).permutation(len(data))[: protocol.images]
    rows, labels = data.values(chosen).astype(np.float32), data.labels[chosen]
    search = protocol.stacked(0).set_params(refit=False)
    started = time.process_time()
    search.fit(rows, labels)
    whole = time.process_time() - started  # without what it costs to look
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as seen:
        search.fit(rows, labels)
    parts = {
        "products": ("aten::bmm",),
        "Adam, penalties, steps": ("aten::_fused_adamw_", "aten::addcmul_"),
        "rows of batches": ("aten::index_select",),
        "softmax, ReLU, sums, copies": None,
    }
    named = {operation for names in parts.values() for operation in names or ()}
    print(f"\n{name}, {protocol.epochs} epochs, batches of {protocol.batch}: {whole:.3g} s of the processor\n")
    print("| part | s | share |\n|---|---:|---:|")
    left = whole
    for part, names in parts.items():
        of_part = [event for event in seen.key_averages() if (event.key in names if names else event.key not in named)]
        seconds = sum(event.self_cpu_time_total for event in of_part) / 1e6
        left -= seconds
        print(f"| {part} | {seconds:.2f} | {seconds / whole:.0%} |")
    print(f"| scikit-learn, scores, Python | {left:.2f} | {left / whole:.0%} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the epochs, once")
    parser.add_argument("--epochs", type=int, default=100, help="of every network (default 100)")
    parser.add_argument("--batch-size", type=int, default=128, help="rows a step (default 128)")
    parser.add_argument("--images", type=int, help="of every dataset (default all)")
    parser.add_argument("--repeats", type=int, default=4, help="of each search, with other seeds and folds (default 4)")
    parser.add_argument("--jobs", type=int, default=1, help="n_jobs of every search (default 1)")
    parser.add_argument("--profile", action="store_true", help="where the time of our networks goes, and no peer")
    asked = parser.parse_args()
    protocol = Protocol(
        epochs=asked.epochs // 10 if asked.quick else asked.epochs,
        batch=asked.batch_size,
        images=asked.images,
        repeats=1 if asked.quick else asked.repeats,
        jobs=asked.jobs,
    )
    names = "digits-sample", "faces-synthetic"
    if asked.profile:
        for name in names:
            profile(name, protocol)
        return
    found = [row for name in names for row in compare(name, protocol)]
    settings = len(RATES) * len(DECAYS)
    for title, clock in (("wall", "wall"), ("processor", "cpu"))[: 2 if asked.jobs == 1 else 1]:  # of this process
        rows = []
        for work, ours, theirs in found:
            own, other = (statistics.median(getattr(one, clock)) for one in (ours, theirs))
            rows.append((work, own, theirs.name, other, agreement(ours, theirs)))
        show(f"Grid search, {settings} settings x {FOLDS} folds, seconds of the {title} a search", rows)


if __name__ == "__main__":
    main()
