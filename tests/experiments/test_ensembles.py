"""`--ensemble` against torch's own modules, which take the kept weights as they are."""

from itertools import combinations, count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from small_data import make_dataset, sample_of

from mnistfaces.config import SplitConfig, TrainConfig
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.splits import draw_split
from mnistfaces.engine.draws import Draw
from mnistfaces.engine.records import Epoch
from mnistfaces.engine.training import fit
from mnistfaces.errors import RunError, UsageError
from mnistfaces.experiments.ensembles import MEMBER_SEEDS, train_cells
from mnistfaces.experiments.sweep import Sweep
from mnistfaces.experiments.sweep_config import SweepConfig
from mnistfaces.experiments.train import load_history, open_training, train_and_keep
from mnistfaces.experiments.trials import Cell, Grid, Trial
from mnistfaces.runs.models import answering_of, network_of
from mnistfaces.runs.runs import Run

SPLIT = SplitConfig(train_per_class=7, val_per_class=3, test_per_class=5)
DATASET = make_dataset((30, 30, 30))
MLP = TrainConfig(model="mlp", hidden=5, optimizer="adam", reduction="mean", batch_size=6, epochs=30, lr=3e-3)


def train(out: Path, training: TrainConfig, seed: int = 0, dataset: Dataset = DATASET, every: int = 10) -> Run:
    trial = Trial(cell=Cell(training=training, split=SPLIT), seed=seed, split_seed=seed)
    folder = open_training(dataset, trial, device="cpu", every=every, out=out)
    (run,) = [event for event in train_and_keep(folder, dataset, trial) if isinstance(event, Run)]
    return run


def by_torch(run: Run, members: int, inputs: NDArray[np.float64], sizes: tuple[int, ...]) -> NDArray[np.float64]:
    """Returns the mean probabilities of the kept models, which torch takes as a list of networks."""
    networks = torch.nn.ModuleList(
        torch.nn.Sequential(torch.nn.Linear(*sizes[:2]), torch.nn.ReLU(), torch.nn.Linear(*sizes[1:]))
        for _ in range(members)
    )
    networks.load_state_dict({name: torch.from_numpy(values) for name, values in run.all_weights().items()})
    with torch.no_grad():
        told = [network.double()(torch.from_numpy(inputs)).softmax(1) for network in networks]
    mean: NDArray[np.float64] = torch.stack(told).mean(0).numpy()
    return mean


@pytest.mark.parametrize("size", [6, None])
def test_an_ensemble_answers_as_the_mean_of_the_networks_that_its_seeds_give(tmp_path: Path, size: int | None) -> None:
    training = MLP.with_(batch_size=size)
    run = train(tmp_path / "run", training.with_(ensemble=3), seed=2)
    split = draw_split(DATASET, SPLIT, 2)
    for member in range(3):
        draw = Draw(split=split, seed=2 + member * MEMBER_SEEDS)
        own = list(fit(DATASET, [training], [draw]))[-1].measures[0].weights
        assert own is not None
        assert all((run.all_weights()[f"{member}.{name}"] == own[name]).all() for name in own)
    for side in ("train", "val", "test"):
        images = getattr(split, side)
        mean = by_torch(run, 3, DATASET.values(images, "float64"), (20, 5, 3))
        np.testing.assert_allclose(answering_of(run).probabilities_of(DATASET, images), mean, atol=1e-12)
        labels = DATASET.labels[images]
        assert run.row[f"{side}_accuracy"] == (mean.argmax(1) == labels).mean()
        assert run.row[f"{side}_loss"] == pytest.approx(-np.log(mean[np.arange(len(labels)), labels]).mean())
    assert run.row["test_low"] < run.row["test_accuracy"] <= run.row["test_high"]
    assert (run.row["ensemble"], run.row["status"]) == (3, "ok")
    scores = run.predictions().scores(run.predictions().trials[0])
    assert scores is not None
    assert scores.correct.tolist() == (mean.argmax(1) == DATASET.labels[split.test]).tolist()
    assert len(load_history(run.path / "history.csv")["epoch"]) == 4  # 0, 10, 20, 30


def test_an_ensemble_of_a_sweep_is_that_of_a_training_with_the_same_seed(tmp_path: Path) -> None:
    cells = tuple(Cell(training=MLP.with_(ensemble=3, lr=lr), split=SPLIT) for lr in (1e-3, 3e-3))
    job = Sweep(SweepConfig(grid=Grid(cells=cells, seeds=(0, 1)), swept=("lr",), out=tmp_path / "s"), lambda _: DATASET)
    for _ in job.run():
        pass
    job.finish()
    fields = ("ensemble", "train_loss", "val_loss", "test_loss", "test_accuracy", "val_accuracy")
    for seed in (0, 1):
        alone = train(tmp_path / f"run{seed}", MLP.with_(ensemble=3), seed).row
        swept = job.outcomes.trial_rows(cells[1])[seed]
        assert {name: alone[name] for name in fields} == {name: swept[name] for name in fields}


def test_an_ensemble_is_trained_again_with_validation_images(tmp_path: Path) -> None:
    training = MLP.with_(ensemble=2, refit=True)
    run = train(tmp_path / "run", training)
    split = draw_split(DATASET, SPLIT, 0)
    images = np.union1d(split.train, split.val)
    mean = by_torch(run, 2, DATASET.values(images, "float64"), (20, 5, 3))
    assert run.row["train_accuracy"] == (mean.argmax(1) == DATASET.labels[images]).mean()
    assert (run.row["train_n"], run.row["val_n"]) == (30, 0)


def test_every_model_of_an_ensemble_begins_elsewhere(tmp_path: Path) -> None:
    run = train(tmp_path / "run", MLP.with_(batch_size=None, epochs=1, lr=1e-9, ensemble=4))
    begun = [run.all_weights()[f"{member}.0.weight"] for member in range(4)]
    for one, other in combinations(begun, 2):
        assert abs(one - other).max() > 0.1  # of uniform numbers up to 0.22 either way


def test_models_that_train_one_after_the_other_take_the_time_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = count()
    monkeypatch.setattr("time.perf_counter", lambda: next(ticks))
    training, drawn = MLP.with_(batch_size=None, epochs=5), Draw(split=draw_split(DATASET, SPLIT, 0), seed=0)
    alone, three = (
        [event for event in train_cells(DATASET, [each], [drawn]) if isinstance(event, Epoch)][-1].measures[0].seconds
        for each in (training, training.with_(ensemble=3))
    )
    assert three == 3 * alone > 0


@pytest.mark.parametrize("size", [6, None])
def test_the_curve_of_an_ensemble_is_the_mean_of_its_models_curves_and_one_that_ended_stays_at_its_best(
    tmp_path: Path, size: int | None
) -> None:
    training = MLP.with_(batch_size=size, patience=2, lr=0.3, epochs=40)
    run = train(tmp_path / "run", training.with_(ensemble=3), every=1)
    split = draw_split(DATASET, SPLIT, 0)
    curves = []
    for member in range(3):
        draw = Draw(split=split, seed=member * MEMBER_SEEDS)
        measures = [epoch.measures[0] for epoch in fit(DATASET, [training], [draw], every=1)]
        curves.append([measure.val.loss for measure in measures[: measures[-1].epoch + 1] if measure.val])
    ends = {len(curve) for curve in curves}
    assert len(ends) > 1
    told = load_history(run.path / "history.csv")
    assert told["epoch"] == list(range(max(ends)))
    means = [np.mean([(curve[n:] or [min(curve)])[0] for curve in curves]) for n in range(max(ends))]
    np.testing.assert_allclose(np.array(told["val_loss"], float), means, rtol=1e-12)


def test_an_ensemble_of_which_a_member_diverges_has_no_answer(tmp_path: Path) -> None:
    run = train(tmp_path / "run", MLP.with_(optimizer="gd", lr=1e30, ensemble=2))
    assert (run.row["status"], run.row["test_accuracy"]) == ("diverged", None)
    with pytest.raises(RunError, match="keeps no model: its status is diverged"):
        answering_of(run)


def test_what_takes_one_model_says_that_there_are_several(tmp_path: Path) -> None:
    run = train(tmp_path / "run", MLP.with_(ensemble=2))
    with pytest.raises(RunError, match="keeps 2 models that answer together: one is wanted here"):
        network_of(run)


@pytest.mark.parametrize("more", [{}, {"augment": "mirror"}])
def test_models_that_every_seed_makes_the_same_are_no_ensemble(tmp_path: Path, more: dict[str, Any]) -> None:
    digits = sample_of(20)
    training = TrainConfig(epochs=2, ensemble=3, **more)
    with pytest.raises(UsageError, match=r"the same for every seed: give a --batch-size"):
        train(tmp_path / "run", training, dataset=digits)
    assert not (tmp_path / "run").exists()
    assert train(tmp_path / "run", training.with_(augment="rotate:9"), dataset=digits).row["status"] == "ok"


def test_an_ensemble_has_at_least_one_model_and_no_more_than_could_be_meant() -> None:
    for members in (0, -1, 1001):
        with pytest.raises(UsageError, match="--ensemble must be from 1 to 1000"):
            TrainConfig(ensemble=members)
    assert "ensemble" not in TrainConfig().to_dict()
