"""Claim: a grid search through `StackedSearchCV` takes a fifteenth of the time of `GridSearchCV` over others' networks.

5 learning rates x 3 weight decays on 5 folds: 75 trainings and one more of the best. The best mean accuracy over the
folds is compared. Peers, on the same folds, in the same run: scikit-learn's `MLPClassifier` (the same layer, Adam,
batches and epochs; its `alpha` is an L2 penalty too), skorch's `NeuralNetClassifier` (the same network in eager
PyTorch, if skorch is installed), and scikit-learn's `LogisticRegression` beside our softmax regression.

    python benchmarks/bench_sklearn.py [--quick] [--epochs N] [--images N] [--cpu]

`--cpu` counts seconds of the processor, for a machine that others use, too.
"""

import argparse
import importlib.util
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from measure import show
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neural_network import MLPClassifier

from mnistfaces import load_dataset
from mnistfaces.sklearn import Classifier, StackedSearchCV

HIDDEN, BATCH = 20, 128
RATES, DECAYS = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2], [0.0, 1e-4, 1e-2]
FOLDS = StratifiedKFold(5, shuffle=True, random_state=0)


@dataclass(frozen=True)
class Protocol:
    """How all searches are run.

    Attributes:
        epochs: of every network.
        images: the first so many of a shuffled dataset; None for all.
        clock: what counts seconds.
    """

    epochs: int
    images: int | None
    clock: Callable[[], float]

    def timed(self, search: Any, rows: Any, labels: Any) -> tuple[float, float]:  # noqa: ANN401  any search of any peer
        """Returns the seconds of a search, and the best mean accuracy over the folds."""
        started = self.clock()
        search.fit(rows, labels)
        return self.clock() - started, float(search.best_score_)


def skorch_search(inputs: int, classes: int, epochs: int) -> Any:  # noqa: ANN401  a peer's own
    """Returns the grid over skorch's classifier."""
    from skorch import NeuralNetClassifier

    class Net(torch.nn.Sequential):
        def __init__(self) -> None:
            super().__init__(torch.nn.Linear(inputs, HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, classes))

    net = NeuralNetClassifier(
        Net,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        batch_size=BATCH,
        max_epochs=epochs,
        train_split=None,
        verbose=0,
    )
    return GridSearchCV(net, {"lr": RATES, "optimizer__weight_decay": DECAYS}, cv=FOLDS)


def compare(name: str, protocol: Protocol) -> Iterator[tuple[str, float, str, float, str]]:
    """Yields rows of the table for a dataset."""
    data, epochs, timed = load_dataset(name), protocol.epochs, protocol.timed
    chosen = np.random.default_rng(0).permutation(len(data))[: protocol.images]
    rows, labels = data.values(chosen).astype(np.float32), data.labels[chosen].astype(np.int64)
    shape = f"{name}, {len(labels)} x {rows.shape[1]}, {epochs} epochs"
    ours = Classifier(hidden=HIDDEN, batch_size=BATCH, epochs=epochs)
    seconds, score = timed(StackedSearchCV(ours, {"lr": RATES, "weight_decay": DECAYS}, cv=FOLDS), rows, labels)
    peers: dict[str, Any] = {
        "GridSearchCV(MLPClassifier)": GridSearchCV(
            MLPClassifier(HIDDEN, batch_size=BATCH, max_iter=epochs, n_iter_no_change=epochs, tol=0),
            {"learning_rate_init": RATES, "alpha": DECAYS},
            cv=FOLDS,
        )
    }
    if importlib.util.find_spec("skorch") is not None:
        peers["GridSearchCV(skorch)"] = skorch_search(rows.shape[1], len(data.classes), epochs)
    for peer, search in peers.items():
        theirs, other = timed(search, rows, labels)
        yield f"{shape}, mlp", seconds, peer, theirs, f"{score:.2%}, peer {other:.2%}"
    linear = Classifier("softmax", batch_size=BATCH, epochs=epochs)
    seconds, score = timed(StackedSearchCV(linear, {"lr": RATES, "weight_decay": DECAYS}, cv=FOLDS), rows, labels)
    grid = {"C": np.logspace(-4, 3, len(RATES) * len(DECAYS)).tolist()}
    theirs, other = timed(GridSearchCV(LogisticRegression(max_iter=200), grid, cv=FOLDS), rows, labels)
    yield (
        f"{shape}, softmax",
        seconds,
        "GridSearchCV(LogisticRegression), 15 C",
        theirs,
        f"{score:.2%}, peer {other:.2%}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the epochs")
    parser.add_argument("--epochs", type=int, default=100, help="of every network (default 100)")
    parser.add_argument("--images", type=int, help="of every dataset (default all)")
    parser.add_argument("--cpu", action="store_true", help="seconds of the processor")
    asked = parser.parse_args()
    protocol = Protocol(
        epochs=asked.epochs // 10 if asked.quick else asked.epochs,
        images=asked.images,
        clock=time.process_time if asked.cpu else time.perf_counter,
    )
    show(
        "Grid search, 15 settings x 5 folds",
        [row for name in ("digits-sample", "faces-synthetic") for row in compare(name, protocol)],
    )


if __name__ == "__main__":
    main()
