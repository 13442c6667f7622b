"""What L-BFGS takes for the inverse Hessian at first: torch's own Hessian at zero weights, and what it saves."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from small_data import draw, make_dataset, sample_of
from torch.nn.functional import cross_entropy

from mnistfaces.config import TrainConfig
from mnistfaces.engine import curvature
from mnistfaces.engine.curvature import Curvature
from mnistfaces.engine.source import Source
from mnistfaces.engine.training import fit

CONFIG = TrainConfig(optimizer="lbfgs", weight_decay=0.5, dtype="float64", epochs=2000, eps=1e-6)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("per_class", [4, 20], ids=["fewer images than inputs", "more"])
def test_it_is_the_inverse_of_the_hessian_at_zero_weights(per_class: int, reduction: str) -> None:
    dataset = replace(make_dataset(), weights=np.random.default_rng(0).uniform(0.5, 2, 81))
    train = draw(dataset, train_per_class=per_class, val_per_class=1, test_per_class=3).split.train
    made = Curvature(Source.of(dataset, CONFIG.with_(reduction=reduction), train, torch.device("cpu")), train)
    columns = made.source.columns
    rows = torch.from_numpy(dataset.values(train, "float64")[:, columns])
    inputs = torch.cat([rows, torch.ones(len(rows), 1, dtype=torch.float64)], dim=1)  # (n, D + 1)
    counts, labels = torch.from_numpy(dataset.weights_of(train)), torch.from_numpy(dataset.labels[train])
    share = 1.0 if reduction == "sum" else 1 / made.total

    def cost(weight: torch.Tensor) -> torch.Tensor:
        losses = cross_entropy(inputs @ weight.view(3, -1).T, labels, reduction="none")
        return share * (counts @ losses)

    size = 3 * inputs.shape[1]
    hessian = torch.autograd.functional.hessian(cost, torch.zeros(size, dtype=torch.float64))
    random = torch.randn(3, inputs.shape[1], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    gradient = random - random.mean(0)  # classes share no part of a gradient
    wide = torch.zeros(1, 3, 33, dtype=torch.float64)  # inputs are padded to 32
    wide[0, :, : len(columns)], wide[0, :, -1] = gradient[:, :-1], gradient[:, -1]
    solved = made.solve(wide, 0.5, share)[0]
    ours = torch.cat([solved[:, : len(columns)], solved[:, -1:]], dim=1).flatten()
    exact = torch.linalg.solve(hessian + 0.5 * torch.eye(size, dtype=torch.float64), gradient.flatten())
    assert float((ours - exact).abs().max()) < 1e-4 * float(exact.abs().max())


def test_the_optimum_is_the_same_in_a_fraction_of_the_iterations(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = sample_of(60)
    made = draw(dataset, train_per_class=40, val_per_class=10)
    guessed = list(fit(dataset, [CONFIG], [made]))[-1].measures[0]
    monkeypatch.setattr(curvature, "MOST_SIDE", 1)
    plain = list(fit(dataset, [CONFIG], [made]))[-1].measures[0]
    assert guessed.status == plain.status == "stopped"
    assert np.abs(guessed.weights["0.weight"] - plain.weights["0.weight"]).max() < 1e-3
    assert guessed.test.loss == pytest.approx(plain.test.loss, abs=1e-5)
    assert 2 * guessed.epoch < plain.epoch
