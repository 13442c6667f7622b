import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from kept_runs import MLP, SOFTMAX, keep_run

from mnistfaces.config import TrainConfig
from mnistfaces.datasets.sample import load_sample
from mnistfaces.runs.models import network_of
from mnistfaces.runs.network import Network, softmax

DEEP = MLP.with_(hidden="30x11x12", activation="tanh")


@pytest.mark.parametrize(
    "training", [SOFTMAX, MLP, MLP.with_(activation="tanh"), DEEP], ids=["softmax", "relu", "tanh", "deep"]
)
def test_a_kept_model_answers_as_torch_does_with_its_weights(tmp_path: Path, training: TrainConfig) -> None:
    run = keep_run(tmp_path / "run", training)
    layers: list[torch.nn.Module] = []
    widths = (784, *(training.hidden_layers if training.model == "mlp" else ()))
    for before, units in itertools.pairwise(widths):
        between = torch.nn.ReLU() if training.activation == "relu" else torch.nn.Tanh()
        layers += [torch.nn.Linear(before, units), between]
    theirs = torch.nn.Sequential(*layers, torch.nn.Linear(widths[-1], 10)).double()
    theirs.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in run.weights().items()})
    sample = load_sample()
    chosen = np.arange(0, 5000, 7)
    with torch.no_grad():
        expected = torch.softmax(theirs(torch.from_numpy(sample.inputs[chosen] / 255)), 1).numpy()
    assert np.abs(network_of(run).probabilities_of(sample, chosen) - expected).max() < 1e-12


def test_many_images_are_answered_as_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    network = Network.of({"0.weight": rng.normal(size=(10, 784)), "0.bias": rng.normal(size=10)}, "relu")
    sample, chosen = load_sample(), np.array([7, 4000, 12, 13, 14])
    whole = network.probabilities(sample.inputs[chosen] / 255)
    monkeypatch.setattr("mnistfaces.runs.network.ROWS_AT_ONCE", 2)
    assert np.allclose(network.probabilities_of(sample, chosen), whole, rtol=1e-12)
    assert network.probabilities_of(sample, chosen[:0]).shape == (0, 10)


def test_probabilities_of_huge_logits_are_numbers() -> None:
    assert softmax(np.array([[1000.0, 1000.0, -1000.0]])).tolist() == [[0.5, 0.5, 0.0]]
