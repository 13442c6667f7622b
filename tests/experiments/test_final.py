"""`--refit` against models trained by hand on training and validation images together."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from small_data import draw, make_dataset, sample_of

from mnistfaces.config import SplitConfig, TrainConfig
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.splits import Split, draw_split
from mnistfaces.engine.draws import Draw
from mnistfaces.engine.records import Measure
from mnistfaces.engine.training import fit
from mnistfaces.experiments.sweep import Sweep
from mnistfaces.experiments.sweep_config import SweepConfig
from mnistfaces.experiments.train import load_history, open_training, train_and_keep
from mnistfaces.experiments.trials import Cell, Grid, Row, Trial
from mnistfaces.runs.models import split_of
from mnistfaces.runs.predictions import TESTED, load_predictions
from mnistfaces.runs.runs import Run, load_run

MLP = TrainConfig(model="mlp", hidden=5, optimizer="adam", reduction="mean", batch_size=6, epochs=30, lr=1e-3)
FOLDS = SplitConfig(folds=3)
ONE = SplitConfig(train_per_class=7, val_per_class=3, test_per_class=5)
DATASET = make_dataset((30, 30, 30))
RATES = (1e-4, 1e-3, 1e-2)


def united(split: Split) -> Split:
    return Split(train=np.union1d(split.train, split.val), val=np.empty(0, np.int64), test=split.test)


def by_hand(training: TrainConfig, split: Split, seed: int, dataset: Dataset = DATASET) -> Measure:
    """Returns a model that is trained on all but the test images."""
    return list(fit(dataset, [training], [Draw(split=united(split), seed=seed)]))[-1].measures[0]


def train(out: Path, training: TrainConfig, dataset: Dataset = DATASET, **more: Any) -> Run:  # noqa: ANN401
    trial = Trial(cell=Cell(training=training, split=ONE), seed=0, split_seed=0)
    folder = open_training(dataset, trial, device="cpu", every=1, out=out, **more)
    (run,) = [event for event in train_and_keep(folder, dataset, trial) if isinstance(event, Run)]
    return run


def swept(out: Path, *, refit: bool, split: SplitConfig = FOLDS, **more: Any) -> Sweep:  # noqa: ANN401
    common = MLP.with_(refit=refit, **more.pop("training", {}))
    cells = tuple(Cell(training=common.with_(lr=lr), split=split) for lr in RATES)
    how = {"swept": ("lr",), "out": out, **more}
    job = Sweep(SweepConfig(grid=Grid(cells=cells, seeds=(0, 1)), **how), lambda _: DATASET)
    for _ in job.run():
        pass
    job.finish()
    return job


def numbers(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in ("seconds", "run", "timing")}


def test_a_softmax_regression_is_scikit_learns_on_training_and_validation_images(tmp_path: Path) -> None:
    digits, penalty = sample_of(20), 100.0
    training = TrainConfig(epochs=1500, lr=4e-4, momentum=0.9, weight_decay=penalty, dtype="float64", refit=True)
    run = train(tmp_path / "run", training, digits)
    split = draw_split(digits, ONE, 0)
    rows = np.union1d(split.train, split.val)
    theirs = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=10_000)
    theirs.fit(digits.values(rows, "float64"), digits.labels[rows])
    ours = run.weights()["0.weight"]
    np.testing.assert_allclose(ours - ours.mean(axis=0), theirs.coef_ - theirs.coef_.mean(axis=0), atol=1e-6)
    predicted = theirs.predict(digits.values(split.test, "float64"))
    assert run.row["test_accuracy"] == (predicted == digits.labels[split.test]).mean()
    told = {name: run.row[name] for name in ("refit", "train_n", "val_n", "test_n", "val_loss", "val_accuracy")}
    assert told == {"refit": True, "train_n": 100, "val_n": 0, "test_n": 50, "val_loss": None, "val_accuracy": None}
    assert len(split_of(run, digits).val) == 0
    assert (split_of(run, digits).train == rows).all()


@pytest.mark.parametrize("more", [{"select": "best"}, {"patience": 4}])
def test_where_the_best_epoch_is_kept_validation_chooses_how_long_all_of_them_train(
    tmp_path: Path, more: dict[str, Any]
) -> None:
    rng = np.random.default_rng(0)
    wrong = np.where(rng.random(90) < 1 / 3, rng.integers(0, 3, 90), DATASET.labels)  # soon learnt by heart
    hard = replace(DATASET, labels=wrong)
    training = MLP.with_(lr=0.05, epochs=40, **more)
    plain = train(tmp_path / "plain", training, hard)
    losses = load_history(plain.path / "history.csv")["val_loss"]  # from epoch 0 on
    best = int(np.argmin(np.array(losses[1:], float))) + 1
    assert 1 < best < 40
    again = train(tmp_path / "again", training.with_(refit=True), hard)
    assert again.row["epoch"] == best
    last = training.with_(select="last", patience=None, epochs=best)
    made = by_hand(last, draw_split(hard, ONE, 0), 0, hard)
    assert made.weights is not None
    assert all((again.weights()[name] == made.weights[name]).all() for name in made.weights)


@pytest.mark.parametrize("training", [{}, {"select": "best"}])
def test_the_chosen_cell_and_those_chosen_inside_each_draw_are_trained_again_in_it(
    tmp_path: Path, training: dict[str, Any]
) -> None:
    plain, again = (
        swept(tmp_path / "plain", refit=False, training=training),
        swept(tmp_path / "again", refit=True, training=training),
    )
    assert plain.summary["final"] is None
    assert [numbers(row) for row in again.summary["cells"]] == [numbers(row) for row in plain.summary["cells"]]
    records = {(record["seed"], record["fold"], key): record for key, record in plain.kept.records.items()}
    of_cell = [
        {plain.worklist.trials[place].pair(): plain.worklist.keys[place] for place in plain.worklist.places(cell)}
        for cell in plain.worklist.cells
    ]
    right: list[list[float]] = []
    for seed in (0, 1):
        for fold in range(3):
            split = draw_split(DATASET, FOLDS, seed, fold)
            told = [records[seed, fold, keys[seed, fold]] for keys in of_cell]
            best = min(range(3), key=lambda number: (-told[number]["val_accuracy"], told[number]["val_loss"]))
            made = []
            for number in (best, int(np.argmax([row["best"] for row in plain.summary["cells"]]))):
                epochs = told[number]["best_epoch"] if training else MLP.epochs
                measure = by_hand(MLP.with_(lr=RATES[number], epochs=epochs), split, seed)
                assert measure.test is not None
                made.append(measure.test.accuracy)
            right.append(made)
    nested, final = np.mean(right, axis=0)
    assert again.summary["nested"]["accuracy"] == pytest.approx(nested, abs=1e-12)
    assert again.summary["final"]["test_accuracy"] == pytest.approx(final, abs=1e-12)
    assert again.summary["final"]["train_n"] == plain.summary["best"]["train_n"] + plain.summary["best"]["val_n"]
    assert (again.summary["final"]["refit"], again.summary["final"]["val_n"], again.summary["final"]["n"]) == (
        True,
        0,
        6,
    )
    assert "--refit" in again.summary["best_command"]


def test_a_sweep_that_is_there_trains_what_follows_alone_and_reads_it_again(tmp_path: Path) -> None:
    swept(tmp_path / "run", refit=False)
    first = swept(tmp_path / "run", refit=True)
    lines = (tmp_path / "run" / "trials.ndjson").read_text().splitlines()
    assert 18 + 6 <= len(lines) <= 18 + 12
    second = swept(tmp_path / "run", refit=True)
    assert (tmp_path / "run" / "trials.ndjson").read_text().splitlines() == lines
    assert second.summary["final"] == first.summary["final"]
    assert [numbers(row) for row in second.final_rows(per_seed=True)] == [
        numbers(row) for row in first.final_rows(per_seed=True)
    ]
    mean = np.mean([row["test_accuracy"] for row in second.final_rows(per_seed=True)])
    assert second.summary["final"]["test_accuracy"] == pytest.approx(mean)


def test_what_is_kept_of_a_sweep_is_the_model_that_was_trained_again(tmp_path: Path) -> None:
    job = swept(tmp_path / "run", refit=True, split=ONE, keep_weights="best")
    run = load_run(tmp_path / "run")
    best = run.config["best_model"]
    assert (best["training"]["refit"], best["row"]["val_n"]) == (True, 0)
    kept = job.summary["best_trials"]
    assert sorted(file.stem for file in (run.path / "weights").iterdir()) == sorted(trial["trial"] for trial in kept)
    answers = load_predictions(run.path / "predictions.npz").only([best["trial"]])
    tested = answers.side[0] == TESTED
    right = (answers.predicted[0] == answers.labels)[tested].mean()
    assert right == best["row"]["test_accuracy"]
    assert int(answers.train_n[0]) == 30


def test_a_draw_at_a_refit_is_found_apart_from_the_same_without() -> None:
    cell = Cell(training=MLP, split=ONE)
    trial = Trial(cell=cell, seed=0, split_seed=0)
    again = replace(trial, cell=cell.with_(refit=True))
    assert trial.key(DATASET, "cpu") != again.key(DATASET, "cpu")
    assert "refit" not in trial.identity(DATASET, "cpu")["training"]
    assert len(draw(DATASET).split.refitted().val) == 0
