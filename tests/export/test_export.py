"""What other programs make of an exported run: onnxruntime, NumPy and mlcroissant."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlcroissant
import numpy as np
import onnx
import onnxruntime
import pytest
from kept_runs import MLP, SOFTMAX, keep_run, save_shapes

from mnistfaces.config import DataConfig, SplitConfig, TrainConfig
from mnistfaces.datasets import load_dataset
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.sample import load_sample
from mnistfaces.errors import RunError, UsageError
from mnistfaces.export import TARGETS
from mnistfaces.runs.models import answering_of, network_of, split_of
from mnistfaces.runs.runs import WEIGHTS, Run

SMALL = SplitConfig(test_per_class=4)
RIDGE, KERNEL = TrainConfig(model="ridge"), TrainConfig(model="kernel")
DEEP = MLP.with_(hidden="30x20", activation="tanh", dtype="float64")
THREE = MLP.with_(epochs=3, ensemble=3)


def answers_of(path: Path, inputs: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    probabilities, classes = session.run(None, {"images": inputs})
    return probabilities, classes


@pytest.mark.parametrize(
    "training",
    [SOFTMAX, MLP, DEEP, RIDGE, KERNEL, THREE, DEEP.with_(epochs=2, ensemble=2)],
    ids=["softmax", "mlp", "two layers", "ridge", "kernel", "ensemble", "ensemble of two layers"],
)
def test_the_graph_says_of_every_test_image_what_predict_says(tmp_path: Path, training: TrainConfig) -> None:
    run, sample = keep_run(tmp_path / "run", training), load_sample()
    assert TARGETS["onnx"](run, tmp_path / "model.onnx", None) == [tmp_path / "model.onnx"]
    test = split_of(run, sample).test
    expected = answering_of(run).probabilities_of(sample, test)
    probabilities, classes = answers_of(tmp_path / "model.onnx", sample.images(test))
    assert len(test) == 1000
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=1e-5)
    assert (classes == expected.argmax(axis=1)).all()
    told = {entry.key: entry.value for entry in onnx.load(tmp_path / "model.onnx").metadata_props}
    assert (json.loads(told["classes"]), told["normalisation"]) == (list(sample.classes), "mnist")


def test_images_in_colour_and_features_go_in_as_they_are(tmp_path: Path) -> None:
    save_shapes(tmp_path / "shapes")
    shapes = load_dataset(tmp_path / "shapes", data_dir=tmp_path, **vars(DataConfig(res=16, color=True)))
    run = keep_run(tmp_path / "colour", MLP, shapes, SMALL)
    TARGETS["onnx"](run, tmp_path / "colour.onnx", None)
    every = np.arange(len(shapes))
    probabilities, _ = answers_of(tmp_path / "colour.onnx", shapes.images(every))
    np.testing.assert_allclose(probabilities, network_of(run).probabilities_of(shapes, every), rtol=0, atol=1e-5)

    features = features_of(shapes)
    run = keep_run(tmp_path / "features", MLP, features, SMALL)
    TARGETS["onnx"](run, tmp_path / "features.onnx", None)
    expected = network_of(run).probabilities_of(features, every)
    probabilities, _ = answers_of(tmp_path / "features.onnx", features.inputs)
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=1e-5)
    TARGETS["npz"](run, tmp_path / "features.npz", None)
    kept = np.load(tmp_path / "features.npz")
    units = np.maximum(features.inputs / kept["scale"] @ kept["0.weight"].T + kept["0.bias"], 0)
    odds = np.exp(units @ kept["2.weight"].T + kept["2.bias"])
    np.testing.assert_allclose(odds / odds.sum(axis=1, keepdims=True), expected, rtol=0, atol=1e-5)


def test_the_arrays_are_enough_to_predict_with_numpy_alone(tmp_path: Path) -> None:
    run, sample = keep_run(tmp_path / "run", MLP), load_sample()
    TARGETS["npz"](run, tmp_path / "model.npz", None)
    kept = np.load(tmp_path / "model.npz")
    units = np.maximum(sample.inputs[:50] / kept["scale"] @ kept["0.weight"].T + kept["0.bias"], 0)
    logits = units @ kept["2.weight"].T + kept["2.bias"]
    expected = network_of(run).probabilities_of(sample, np.arange(50))
    assert (kept["classes"][logits.argmax(axis=1)] == np.array(sample.classes)[expected.argmax(axis=1)]).all()
    assert (tuple(kept["shape"]), str(kept["activation"]), int(kept["ensemble"])) == ((28, 28), "relu", 1)


def test_the_arrays_of_an_ensemble_are_enough_to_predict_with_numpy_alone(tmp_path: Path) -> None:
    run, sample = keep_run(tmp_path / "run", THREE), load_sample()
    TARGETS["npz"](run, tmp_path / "model.npz", None)
    kept = np.load(tmp_path / "model.npz")
    answers = []
    for member in range(int(kept["ensemble"])):
        weights = {
            name: kept[f"{member}.{name}"].astype(float) for name in ("0.weight", "0.bias", "2.weight", "2.bias")
        }
        units = np.maximum(sample.inputs[:50] / kept["scale"] @ weights["0.weight"].T + weights["0.bias"], 0)
        odds = np.exp(units @ weights["2.weight"].T + weights["2.bias"])
        answers.append(odds / odds.sum(axis=1, keepdims=True))
    assert len(answers) == 3
    assert np.abs(answers[0] - answers[1]).max() > 0.01  # else one of them would do
    expected = answering_of(run).probabilities_of(sample, np.arange(50))
    np.testing.assert_allclose(np.mean(answers, axis=0), expected, rtol=0, atol=1e-12)


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")  # within mlcroissant
def test_the_metadata_are_valid_and_their_records_are_the_split(tmp_path: Path) -> None:
    run, sample = keep_run(tmp_path / "run"), load_sample()
    files = TARGETS["croissant"](run, tmp_path / "croissant.json", None)
    assert [file.name for file in files] == ["croissant.json", "labels.csv"]
    described = mlcroissant.Dataset(str(tmp_path / "croissant.json"))
    assert described.metadata.issues.errors == set()
    assert described.metadata.personal_sensitive_information
    assert f"{len(sample)} images of 28 x 28 pixels in 10 classes" in str(described.metadata.description)
    records = list(described.records("images"))
    assert len(records) == len(sample)
    sides = [(record["images/side"] or b"").decode() for record in records]
    split = split_of(run, sample)
    assert {side: sides.count(side) for side in ("train", "val", "test")} == {
        side: len(getattr(split, side)) for side in ("train", "val", "test")
    }
    first = records[int(split.test[0])]
    assert first["images/image"].decode() == sample.ids[split.test[0]]
    assert first["images/class"].decode() == sample.classes[sample.labels[split.test[0]]]


def test_a_run_without_a_model_and_a_missing_package_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = keep_run(tmp_path / "run", SOFTMAX)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UsageError, match=r'pip install "mnistfaces\[onnx\]"'):
        TARGETS["onnx"](run, tmp_path / "model.onnx", None)
    kept = {name: sha256 for name, sha256 in run.config["sha256"].items() if name != WEIGHTS}
    bare = Run(path=run.path, config={**run.config, "sha256": kept})
    for target in ("onnx", "npz"):
        monkeypatch.delitem(sys.modules, "onnx", raising=False)
        with pytest.raises(RunError, match="keeps no"):
            TARGETS[target](bare, tmp_path / "none", None)  # type: ignore[index]
    assert not (tmp_path / "none").exists()


def test_the_command_names_what_it_wrote(tmp_path: Path) -> None:
    keep_run(tmp_path / "runs" / "train-x", SOFTMAX)
    done = subprocess.run(
        [sys.executable, "-m", "mnistfaces", "export", "--to", "onnx"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=120,
        check=True,
    )
    file = tmp_path / "runs" / "train-x" / "model.onnx"
    row = {"file": str(file.relative_to(tmp_path)), "bytes": file.stat().st_size, "runs": str(Path("runs/train-x"))}
    assert json.loads(done.stdout) == row
    assert done.stderr.splitlines()[-1].startswith("wrote ")


def features_of(images: Dataset) -> Dataset:
    """Returns images as features: floats, one axis."""
    values = images.values(np.arange(len(images))) * 3 - 1
    return replace(images, name="features", kind="features", inputs=values, shape=(values.shape[1],))
