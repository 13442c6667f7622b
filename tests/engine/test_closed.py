"""Models in closed form against scikit-learn's, and left-out scores against fitting again without each group."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from kept_runs import save_shapes
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from small_data import draw, make_dataset, sample_of

from mnistfaces.config import TrainConfig
from mnistfaces.datasets import load_dataset
from mnistfaces.datasets.base import Dataset
from mnistfaces.engine.closed import sizes
from mnistfaces.engine.closed.calibration import temperature_of
from mnistfaces.engine.closed.smoothing import decompose
from mnistfaces.engine.closed.solving import CLOSED_MODELS, Solved, solve
from mnistfaces.engine.draws import Draw
from mnistfaces.engine.records import Epoch
from mnistfaces.engine.training import fit, train_stack
from mnistfaces.errors import DataError, UsageError
from mnistfaces.progress import Advanced, drained

CPU = torch.device("cpu")
DECAYS = (1e-3, 0.1, 1.0, 30.0)
SIZES = pytest.mark.parametrize("per_class", [2, 20], ids=["fewer images than inputs", "more"])
MODELS = pytest.mark.parametrize("name", list(CLOSED_MODELS))
WEIGHTS = pytest.mark.parametrize(
    "weights", [None, np.random.default_rng(5).uniform(0.2, 4, 81)], ids=["one each", "weighted"]
)
GAMMA = 0.03

Floats = NDArray[np.float64]


@pytest.mark.parametrize("side", [1, 7, 512, 700])
def test_a_matrix_is_decomposed_where_it_stands_to_the_bits_of_torchs_own_decomposition(side: int) -> None:
    rows = torch.randn(side + 3, side, dtype=torch.float64, generator=torch.Generator().manual_seed(side))
    matrix = rows.T @ rows
    matrix[0, -1] = matrix[0, -1] * (1 + 1e-15)  # as rounding leaves it: one half is read, always the same
    values, vectors = torch.linalg.eigh(matrix)
    ours = matrix.clone()
    found = decompose(ours)
    assert (found[0] == values.clamp(min=0)).all()
    assert (found[1] == vectors).all()
    assert found[1].data_ptr() == ours.data_ptr()


def grouped(counts: tuple[int, ...] = (30, 24, 27)) -> Dataset:
    """Returns small pixels of 20 inputs whose images stand in groups of one, two and three."""
    groups = np.repeat(np.arange(sum(counts)), np.arange(sum(counts)) % 3 + 1)[: sum(counts)]
    return make_dataset(counts, groups=groups)


def config(name: str, decay: float, dtype: str = "float64") -> TrainConfig:
    gamma = GAMMA if name == "kernel" else None
    return TrainConfig(model=name, weight_decay=decay, gamma=gamma, dtype=dtype)  # type: ignore[arg-type]


def solved(dataset: Dataset, name: str, made: Draw, decays: Sequence[float] = DECAYS) -> list[Solved]:
    return drained(solve(dataset, [config(name, decay) for decay in decays], made, CPU))


def peer(name: str, decay: float) -> Ridge | KernelRidge:
    """Returns scikit-learn's model of the same name."""
    return Ridge(alpha=decay) if name == "ridge" else KernelRidge(alpha=decay, kernel="rbf", gamma=GAMMA)


def one_hot(dataset: Dataset, images: NDArray[np.int64]) -> Floats:
    return np.eye(len(dataset.classes))[dataset.labels[images]]


def logits_of(found: Solved, inputs: Floats) -> Floats:
    """Returns the logits that kept weights give."""
    weights, seen = found.weights, inputs
    if "0.centers" in weights:
        gaps = inputs[:, None] - weights["0.centers"]
        seen = np.exp(-weights["0.gamma"] * (gaps**2).sum(axis=2))
    last = "1" if "0.centers" in weights else "0"
    logits: Floats = seen @ weights[f"{last}.weight"].T + weights[f"{last}.bias"]
    return logits


@MODELS
@SIZES
@WEIGHTS
def test_scores_are_those_of_scikit_learn(name: str, per_class: int, weights: Floats | None) -> None:
    dataset = replace(grouped(), weights=weights)
    made = draw(dataset, train_per_class=per_class, val_per_class=1, test_per_class=3)
    counts = dataset.weights_of(made.split.train)
    train, test = (dataset.values(images, "float64") for images in (made.split.train, made.split.test))
    for decay, found in zip(DECAYS, solved(dataset, name, made), strict=True):
        its = peer(name, decay).fit(train, one_hot(dataset, made.split.train), sample_weight=counts).predict(test)
        assert np.abs(logits_of(found, test) * found.solution.temperature - its).max() < 1e-8


@MODELS
@SIZES
@WEIGHTS
def test_left_out_scores_are_those_of_fitting_again_without_each_group(
    name: str, per_class: int, weights: Floats | None
) -> None:
    dataset = replace(grouped(), weights=weights)
    made = draw(dataset, train_per_class=per_class, val_per_class=1, test_per_class=3)
    images = made.split.train
    counts = dataset.weights_of(images)
    inputs, targets, groups = dataset.values(images, "float64"), one_hot(dataset, images), dataset.groups[images]
    assert len(set(groups)) < len(groups)
    for decay, found in zip(DECAYS, solved(dataset, name, made), strict=True):
        scores = np.empty_like(targets)
        for group in set(groups):
            out = groups == group
            its = peer(name, decay).fit(inputs[~out], targets[~out], sample_weight=counts[~out])
            scores[out] = its.predict(inputs[out])
        labels = dataset.labels[images]
        right = np.average(scores.argmax(axis=1) == labels, weights=counts)
        assert found.solution.loo_accuracy == pytest.approx(right, rel=1e-12)
        own = temperature_of(*map(torch.from_numpy, (scores, labels, counts)))
        assert found.solution.temperature == pytest.approx(own, rel=1e-5)


def test_the_temperature_is_that_of_the_least_loss() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 200)
    weights = rng.uniform(0, 3, 200)
    for spread in (0.3, 1.0, 4.0):
        scores = np.eye(4)[labels] + rng.normal(0, spread, (200, 4))

        def loss(log_scale: float, scores: Floats = scores) -> float:
            return float(-weights @ log_softmax(np.exp(log_scale) * scores, axis=1)[np.arange(200), labels])

        best = minimize_scalar(loss, bounds=(np.log(1e-2), np.log(1e3)), method="bounded", options={"xatol": 1e-10})
        found = temperature_of(*map(torch.from_numpy, (scores, labels, weights)))
        assert found == pytest.approx(1 / np.exp(best.x), rel=1e-4)


def test_scores_without_mistakes_get_the_coldest_temperature_and_false_ones_the_hottest() -> None:
    labels, ones = torch.arange(3), torch.ones(3).double()
    assert temperature_of(torch.eye(3).double(), labels, ones) == pytest.approx(1e-3, rel=1e-6)
    assert temperature_of(-torch.eye(3).double(), labels, ones) == pytest.approx(1e2, rel=1e-6)


@MODELS
def test_probabilities_are_calibrated_on_images_that_did_not_train(name: str) -> None:
    dataset = sample_of(80)
    made = draw(dataset, train_per_class=40, val_per_class=40)
    (found,) = solved(dataset, name, made, [1.0])
    images = made.split.val
    logits, labels = logits_of(found, dataset.values(images, "float64")), dataset.labels[images]

    def loss(scale: float) -> float:
        return float(-log_softmax(scale * logits, axis=1)[np.arange(len(labels)), labels].mean())

    best = minimize_scalar(loss, bounds=(0.01, 100), method="bounded").x
    assert found.scores["val"].loss == pytest.approx(loss(1.0), rel=1e-9)
    assert 2 / 3 < best < 3 / 2
    assert loss(1.0) < loss(best) + 0.02


@MODELS
def test_a_model_has_the_same_bits_alone_and_beside_others(name: str) -> None:
    dataset = grouped()
    made = draw(dataset)
    together = solved(dataset, name, made)
    for decay, one in zip(DECAYS, together, strict=True):
        (alone,) = solved(dataset, name, made, [decay])
        assert one.solution == alone.solution
        assert all(np.array_equal(one.weights[key], alone.weights[key]) for key in one.weights)
        assert one.scores["test"].loss == alone.scores["test"].loss


@MODELS
def test_weights_are_kept_as_the_type_says_and_measured_as_they_are_kept(name: str) -> None:
    dataset = grouped()
    made = draw(dataset)
    (epoch,) = fit(dataset, [config(name, 1.0, "float32")], [made])
    (measure,) = epoch.measures
    assert {values.dtype.name for values in measure.weights.values()} == {"float32"}
    kept = Solved(weights=measure.weights, scores={}, solution=measure.solution)
    logits = logits_of(kept, dataset.values(made.split.test, "float64"))
    labels = dataset.labels[made.split.test]
    loss = -log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean()
    assert measure.test.loss == pytest.approx(loss, rel=1e-5)
    assert np.array_equal(measure.test.predicted, logits.argmax(axis=1))


@pytest.mark.parametrize("name", CLOSED_MODELS)
def test_it_is_told_how_far_models_of_several_draws_are(name: str) -> None:
    dataset = grouped()
    events = list(train_stack(dataset, [config(name, 1.0)], [draw(dataset), draw(dataset)]))
    told = [event.amount for event in events if isinstance(event, Advanced)]
    assert (len(told), sum(told)) == (6, 1)
    assert isinstance(events[-1], Epoch)  # the record comes when all is done


def test_the_kernels_own_gamma_is_that_of_scikit_learns_scale() -> None:
    dataset = grouped()
    made = draw(dataset)
    inputs = dataset.values(made.split.train, "float64")
    (found,) = drained(solve(dataset, [TrainConfig(model="kernel")], made, CPU))
    assert found.solution.gamma == pytest.approx(1 / (inputs.shape[1] * inputs.var()), rel=1e-12)
    assert found.weights["0.gamma"] == np.float32(found.solution.gamma)


def test_every_side_is_measured_and_one_without_images_is_not() -> None:
    dataset = grouped()
    (found,) = solved(dataset, "ridge", draw(dataset, train_per_class=7, val_per_class=0, test_per_class=5), [1.0])
    assert found.scores["val"] is None
    assert found.scores["test"].accuracy > 0.5


def test_a_matrix_that_is_too_large_is_refused_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes, "MOST_SIDE", 25)
    dataset = grouped()
    made = draw(dataset, train_per_class=10, val_per_class=1, test_per_class=3)
    assert len(solved(dataset, "ridge", made, [1.0])) == 1  # 20 inputs, whatever the number of images
    with pytest.raises(DataError, match=r"a matrix of 30 x 30 \(less than 1 MB\): it takes at most 25 training images"):
        solved(dataset, "kernel", made)


@MODELS
def test_a_model_in_closed_form_needs_a_penalty(name: str) -> None:
    with pytest.raises(UsageError, match=f"--weight-decay must be above 0 for --model {name}"):
        config(name, 0.0)


def test_copies_of_an_image_are_left_out_with_it(tmp_path: Path) -> None:
    save_shapes(tmp_path, 10)
    dataset = load_dataset(tmp_path, data_dir=tmp_path / "data", res=8)
    made = draw(dataset, train_per_class=6, val_per_class=0, test_per_class=2)
    cell = config("kernel", 0.1).with_(augment="mirror")
    (epoch,) = fit(dataset, [cell], [made])
    images = made.split.train
    original, labels = dataset.images(images) / 255, dataset.labels[images]
    inputs = np.concatenate([original, original[:, :, ::-1]]).reshape(2 * len(images), -1)
    targets, whose = np.eye(2)[np.tile(labels, 2)], np.tile(dataset.groups[images], 2)
    scores = np.empty_like(targets)
    for group in set(whose):
        out = whose == group
        scores[out] = peer("kernel", 0.1).fit(inputs[~out], targets[~out]).predict(inputs[out])
    assert epoch.measures[0].weights["0.centers"].shape == inputs.shape
    assert epoch.measures[0].solution.loo_accuracy == np.mean(scores.argmax(axis=1) == np.tile(labels, 2))
