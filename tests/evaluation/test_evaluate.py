import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from kept_runs import MLP, SOFTMAX, keep_run, save_image, save_shapes
from PIL import Image
from shares import shares
from sklearn import metrics

from mnistfaces.config import SplitConfig
from mnistfaces.datasets import load_dataset
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.sample import load_sample
from mnistfaces.datasets.store import fingerprint_of, save_dataset
from mnistfaces.errors import DataError, MnistFacesError, RunError
from mnistfaces.evaluation import evaluate as evaluating
from mnistfaces.evaluation.confusion import class_scores, confusion_matrix
from mnistfaces.evaluation.mistakes import find_mistakes, save_mistakes
from mnistfaces.runs.models import dataset_of, find_run, split_of
from mnistfaces.runs.runs import Run
from mnistfaces.statistics.proportions import wilson
from mnistfaces.text import counted


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return keep_run(tmp_path_factory.mktemp("kept") / "run")


def part_of_sample(path: Path, chosen: np.ndarray, **changes: object) -> Path:
    sample = load_sample()
    own = {
        "inputs": np.array(sample.inputs[chosen]),
        "labels": sample.labels[chosen],
        "ids": sample.ids[chosen],
        "groups": np.arange(len(chosen)),
        "given_test": np.zeros(len(chosen), bool),
        "name": "part",
        "fingerprint": "",
    }
    part = replace(sample, **{**own, **changes})
    save_dataset(path, replace(part, fingerprint=fingerprint_of(part)))
    return path


def test_confusion_precision_recall_and_support_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    labels, predicted = rng.integers(0, 5, 300), rng.integers(0, 5, 300)
    confusion = confusion_matrix(labels, predicted, 5)
    assert np.array_equal(confusion, metrics.confusion_matrix(labels, predicted))
    precision, recall, _, support = metrics.precision_recall_fscore_support(labels, predicted)
    scores = class_scores(confusion)
    assert [score.precision for score in scores] == pytest.approx(precision)
    assert [score.recall for score in scores] == pytest.approx(recall)
    assert [score.support for score in scores] == support.tolist()


def test_a_class_without_answers_or_images_has_no_precision_or_recall() -> None:
    scores = class_scores(confusion_matrix(np.array([0, 0, 1]), np.array([0, 2, 2]), 4))
    assert [(score.precision, score.recall, score.support) for score in scores] == [
        (1.0, 0.5, 2),
        (None, 0.0, 1),
        (0.0, None, 0),
        (None, None, 0),
    ]


def test_the_runs_own_test_images_give_its_own_test_accuracy_and_interval(run: Run) -> None:
    found = evaluating.evaluate(run).rows()[-1]
    row = run.row
    assert found["class"] == "all"
    assert (found["accuracy"], found["n"]) == (row["test_accuracy"], row["test_n"])
    assert (found["low"], found["high"]) == pytest.approx(wilson(round(row["test_accuracy"] * 1000), 1000))


def test_naming_the_runs_own_dataset_is_the_same_as_naming_none(run: Run) -> None:
    own, named = evaluating.evaluate(run), evaluating.evaluate(run, "digits-sample")
    assert own.rows() == named.rows()
    assert own.ids.tolist() == named.ids.tolist()


def test_only_the_test_images_of_a_dataset_that_has_some_are_counted(run: Run, tmp_path: Path) -> None:
    sample = load_sample()
    chosen = np.flatnonzero(sample.given_test)[::3]
    test = np.zeros(len(chosen) + 5, bool)
    test[: len(chosen)] = True
    train = split_of(run, sample).val[:5]
    path = part_of_sample(tmp_path / "part.npz", np.concatenate([chosen, train]), given_test=test)
    found = evaluating.evaluate(run, str(path))
    assert found.ids.tolist() == sample.ids[chosen].tolist()
    assert found.what == f"{len(chosen)} test images of part"
    kept = evaluating.evaluate(run)
    answers = dict(zip(kept.ids.tolist(), kept.predicted.tolist(), strict=True))
    assert found.predicted.tolist() == [answers[name] for name in found.ids.tolist()]


def left_out(count: int) -> str:
    return f"{counted(count, 'image')} trained or validated the model, or are near-duplicates of such: left out"


def test_images_that_validated_the_model_and_what_is_grouped_with_them_are_left_out(run: Run, tmp_path: Path) -> None:
    sample = load_sample()
    split = split_of(run, sample)
    chosen = np.concatenate([split.val[:5], split.test[:60]])
    groups = np.arange(len(chosen))
    groups[[5, 6]] = 0  # two unknown images are near-duplicates of one that validated
    found = evaluating.evaluate(run, str(part_of_sample(tmp_path / "part.npz", chosen, groups=groups)))
    assert sorted(found.ids.tolist()) == sorted(sample.ids[split.test[2:60]].tolist())
    assert found.notes == (left_out(7),)


def test_a_photograph_of_the_training_set_encoded_again_is_left_out(tmp_path: Path) -> None:
    run, known = run_on_photographs(tmp_path)
    rng = np.random.default_rng(5)
    for name in ("x", "y"):
        (tmp_path / "new" / name).mkdir(parents=True)
        for number in range(6):
            Image.fromarray(photograph(rng)).save(tmp_path / "new" / name / f"{number}.png")
    darker = (known[0].astype(float) * 0.97).astype(np.uint8)
    Image.fromarray(darker).save(tmp_path / "new" / "x" / "again.png")
    (*events, found) = evaluating.watch_evaluation(run, str(tmp_path / "new"))
    assert isinstance(found, evaluating.Evaluation)
    said = shares(events)
    assert said["decoding 13 images"] == (13, 13)
    assert said["looking for near-duplicates among 13 images"] == (13, 13)
    assert not any("again" in name for name in found.ids.tolist())
    assert (len(found.ids), left_out(1) in found.notes) == (12, True)


def photograph(rng: np.random.Generator) -> np.ndarray:
    """Returns smooth random RGB pixels, (32, 32, 3): unlike any other."""
    small = rng.integers(0, 256, (6, 6, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(small).resize((32, 32), Image.Resampling.BICUBIC))


def run_on_photographs(folder: Path) -> tuple[Run, list[np.ndarray]]:
    """Returns a run trained on a folder of photographs of two classes, and those that trained it."""
    rng = np.random.default_rng(0)
    for name in ("x", "y"):
        (folder / "own" / name).mkdir(parents=True)
        for number in range(12):
            Image.fromarray(photograph(rng)).save(folder / "own" / name / f"{number}.png")
    dataset = load_dataset(str(folder / "own"), data_dir=folder / "data")
    split = SplitConfig(test_per_class=3, val_per_class=2)
    run = keep_run(folder / "run", dataset=dataset, training=MLP, split=split)
    return run, list(dataset.images(split_of(run, dataset).train))


def test_every_recall_has_the_interval_of_its_own_images(run: Run) -> None:
    *classes, whole = evaluating.evaluate(run).rows()
    for row in classes:
        right = round(row["recall"] * row["support"])
        assert (row["low"], row["high"]) == pytest.approx(wilson(right, row["support"]))
        assert (row["n"], row["accuracy"]) == (row["support"], None)
    assert whole["high"] - whole["low"] < np.mean([row["high"] - row["low"] for row in classes])


def test_images_that_trained_the_model_are_left_out(run: Run, tmp_path: Path) -> None:
    split = split_of(run, load_sample())
    path = part_of_sample(tmp_path / "part.npz", np.sort(np.concatenate([split.train[:40], split.test[:60]])))
    found = evaluating.evaluate(run, str(path))
    assert sorted(found.ids.tolist()) == sorted(load_sample().ids[split.test[:60]].tolist())
    assert found.notes == (left_out(40),)
    assert "no test set of its own" in found.what
    alone = part_of_sample(tmp_path / "alone.npz", split.train[:40])
    with pytest.raises(DataError, match="none is left"):
        evaluating.evaluate(run, str(alone))


def test_when_nobody_can_tell_which_images_trained_the_model_that_is_said(run: Run, tmp_path: Path) -> None:
    config = json.loads((run.path / "config.json").read_text())
    config["dataset"]["fingerprint"] = "another"
    path = part_of_sample(tmp_path / "part.npz", np.arange(30))
    found = evaluating.evaluate(Run(path=run.path, config=config), str(path))
    assert len(found.ids) == 30
    assert "may be among these" in found.notes[0]


def test_classes_are_matched_by_name_whatever_their_order(run: Run, tmp_path: Path) -> None:
    sample = load_sample()
    chosen = np.flatnonzero(sample.given_test)
    names = tuple(str(digit) for digit in (9, 8, 7, 6, 5, 4, 3, 2, 1, 0))
    path = part_of_sample(tmp_path / "part.npz", chosen, classes=names, labels=9 - sample.labels[chosen])
    assert evaluating.evaluate(run, str(path)).rows() == evaluating.evaluate(run).rows()
    other = part_of_sample(tmp_path / "other.npz", chosen, classes=(*names[:-1], "zero"))
    with pytest.raises(DataError, match="zero"):
        evaluating.evaluate(run, str(other))


def test_a_class_taken_by_its_surname_is_said_aloud(tmp_path: Path) -> None:
    actors = load_dataset(save_shapes(tmp_path / "a"), res=16)
    actors = replace(actors, classes=("Ada Green", "Bob Red"), fingerprint="other")
    run = keep_run(tmp_path / "run", MLP, actors, SplitConfig(test_per_class=3))
    found = evaluating.evaluate(run, str(tmp_path / "a"))
    assert found.classes == ("Ada Green", "Bob Red")
    assert "classes taken: green as Ada Green, red as Bob Red" in found.notes


def test_images_of_another_size_are_refused_and_the_sizes_named(run: Run, tmp_path: Path) -> None:
    path = part_of_sample(tmp_path / "part.npz", np.arange(9), shape=(784,))
    with pytest.raises(DataError, match=r"takes inputs of 28 x 28, part has 784"):
        evaluating.evaluate(run, str(path))


def test_a_folder_is_read_at_the_size_and_in_the_colours_of_the_run(tmp_path: Path) -> None:
    save_shapes(tmp_path / "a")
    for color in (True, False):
        dataset = load_dataset(tmp_path / "a", res=10, color=color)
        run = keep_run(tmp_path / f"run-{color}", MLP, dataset, SplitConfig(test_per_class=3))
        assert dataset_of(run).fingerprint == dataset.fingerprint
        save_shapes(tmp_path / "b", per_class=15)
        found = evaluating.evaluate(run, str(tmp_path / "b"))
        assert found.dataset is not None
        assert found.dataset.shape == dataset.shape


def test_a_run_whose_images_changed_has_no_dataset_any_more(tmp_path: Path) -> None:
    folder = save_shapes(tmp_path / "a")
    run = keep_run(tmp_path / "run", MLP, load_dataset(folder, res=8), SplitConfig(test_per_class=3))
    save_image(folder / "red" / "00.png", np.zeros((16, 16, 3), np.uint8))
    with pytest.raises(RunError, match="other content"):
        dataset_of(run)
    evaluating.evaluate(run)  # its kept answers do without
    folder.rename(tmp_path / "b")
    with pytest.raises(DataError, match="not there"):
        dataset_of(run)


def test_a_diverged_run_says_so(tmp_path: Path) -> None:
    features = np.full((40, 4), 1e30, np.float32)
    features[:, 0] = np.arange(40)
    labels = np.arange(40) % 2
    dataset = Dataset(
        name="wild",
        kind="features",
        inputs=features,
        labels=labels,
        classes=("a", "b"),
        ids=np.arange(40).astype(str),
        shape=(4,),
        groups=np.arange(40),
        given_test=np.zeros(40, bool),
        fingerprint="wild",
    )
    run = keep_run(tmp_path / "run", SOFTMAX.with_(lr=1e30), dataset, SplitConfig(test_per_class=4))
    with pytest.raises(RunError, match="diverged"):
        evaluating.evaluate(run)


def test_mistakes_are_the_wrong_answers_surest_first_with_the_networks_probabilities(run: Run, tmp_path: Path) -> None:
    found = evaluating.evaluate(run)
    mistakes = find_mistakes(found)
    wrong = found.labels != found.predicted
    assert sorted(mistake.image for mistake in mistakes) == sorted(found.ids[wrong].tolist())
    probabilities = [mistake.probability for mistake in mistakes]
    assert probabilities == sorted(probabilities, reverse=True)
    assert all(0.1 < probability <= 1 for probability in probabilities)
    sample = load_sample()
    first = sample.ids.tolist().index(mistakes[0].image)
    assert np.array_equal(mistakes[0].pixels, sample.inputs[first].reshape(28, 28))
    assert mistakes[0].label == sample.classes[sample.labels[first]]
    save_mistakes(tmp_path / "m.csv", mistakes)
    with (tmp_path / "m.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["image", "class", "predicted", "probability"]
    assert [float(row["probability"]) for row in rows] == probabilities


def test_a_model_without_mistakes_has_an_empty_list(tmp_path: Path) -> None:
    dataset = load_dataset(save_shapes(tmp_path / "a", per_class=30), res=8, color=True)
    run = keep_run(tmp_path / "run", MLP.with_(epochs=60, lr=1e-2), dataset, SplitConfig(test_per_class=5))
    found = evaluating.evaluate(run)
    assert found.rows()[-1]["accuracy"] == 1
    assert find_mistakes(found) == []


@pytest.mark.parametrize("command", ["sweep", "contour"])
def test_a_run_that_keeps_no_model_is_refused(run: Run, command: str) -> None:
    config = {**run.config, "command": command, "sha256": {}, "best_command": "mnf train digits --lr 1"}
    with pytest.raises(RunError, match="mnf train digits --lr 1" if command == "sweep" else "mnf contour"):
        evaluating.evaluate(Run(path=run.path, config=config))


def test_several_runs_on_stdin_are_refused(run: Run, tmp_path: Path) -> None:
    other = keep_run(tmp_path / "other", SOFTMAX.with_(epochs=1))
    rows = [json.dumps({"run": str(one.path)}) for one in (run, other)]
    assert find_run("-", ("train",), rows[:1]).path == run.path
    with pytest.raises(RunError, match="2 runs"):
        find_run("-", ("train",), rows)


def test_a_configuration_without_a_dataset_is_no_bug(run: Run) -> None:
    config = {name: value for name, value in run.config.items() if name != "dataset"}
    with pytest.raises(MnistFacesError, match="does not say"):
        evaluating.evaluate(Run(path=run.path, config=config))


def test_a_model_of_features_asks_for_features(run: Run) -> None:
    config = {**run.config, "dataset": {**run.config["dataset"], "kind": "features", "shape": [784]}}
    with pytest.raises(DataError, match="784 features: extract those of digits-sample first"):
        evaluating.evaluate(Run(path=run.path, config=config), "digits-sample")
