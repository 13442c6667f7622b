"""`mnf contour` as a person or a script meets it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kept_surface import SMALL, complaint, files, mnf, mnf_here, rows
from safetensors.numpy import load_file

import mnistfaces
from mnistfaces.config import SplitConfig
from mnistfaces.datasets import load_dataset
from mnistfaces.datasets.splits import draw_split
from mnistfaces.landscape import Axis, SurfaceConfig

FIELDS = ["minimum", "w1", "w2", "maximum", "method", "error", "seconds", "train_seconds", "file"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("contour")


@pytest.fixture(scope="module")
def row(home: Path) -> dict[str, Any]:
    (made,) = rows(mnf("contour", *SMALL, "--plot", "contour.png", cwd=home))
    return made


def cost_by_torch(home: Path, model: Path, points: list[tuple[float, float]]) -> list[float]:
    """The summed cost of the kept model over its own training images, at some values of the two weights."""
    dataset = load_dataset("digits-sample", data_dir=home / "data")
    images = draw_split(dataset, SplitConfig(train_per_class=20, validation=False), 0).train
    weights = load_file(model / "weights.safetensors")
    inputs = torch.tensor(dataset.values(images, "float64"))
    weight, bias = torch.tensor(weights["0.weight"]).double(), torch.tensor(weights["0.bias"]).double()
    costs = []
    for w1, w2 in points:
        weight[5, 28 * 13 + 14], weight[5, 28 * 15 + 14] = w1, w2
        logits = inputs @ weight.T + bias
        labels = torch.tensor(dataset.labels[images])
        costs.append(torch.nn.functional.cross_entropy(logits, labels, reduction="sum").item())
    return costs


def test_the_row_has_the_promised_fields_and_the_surface_the_promised_arrays(home: Path, row: dict[str, Any]) -> None:
    assert list(row)[: len(FIELDS)] == FIELDS
    with np.load(home / row["file"]) as arrays:
        assert arrays["w1"].shape == arrays["w2"].shape == (100,)
        assert arrays["loss"].shape == (100, 100)
        assert arrays["loss"].dtype == np.float64
        assert (arrays["loss"].min(), arrays["loss"].max()) == (row["minimum"], row["maximum"])
        place = np.unravel_index(arrays["loss"].argmin(), (100, 100))
        assert (arrays["w1"][place[1]], arrays["w2"][place[0]]) == (row["w1"], row["w2"])
    assert row["error"] < 1e-9


def test_the_surface_is_the_kept_models_cost(home: Path, row: dict[str, Any]) -> None:
    (model,) = (home / "runs").glob("train-*")
    with np.load(home / row["file"]) as arrays:
        chosen = [(3, 97), (50, 50), (99, 0)]
        points = [(arrays["w1"][column], arrays["w2"][line]) for line, column in chosen]
        expected = cost_by_torch(home, model, [*points, (row["trained_w1"], row["trained_w2"])])
        assert [arrays["loss"][place] for place in chosen] == pytest.approx(expected[:3], rel=1e-9)
    assert row["trained_loss"] == pytest.approx(expected[3], rel=1e-12)


def test_python_gives_the_same_surface(home: Path, row: dict[str, Any]) -> None:
    (model,) = (home / "runs").glob("train-*")
    axis = Axis(-10, 10, 0.2)
    computed = mnistfaces.surface(mnistfaces.load_run(model), config=SurfaceConfig(first=axis, second=axis))
    with np.load(home / row["file"]) as arrays:
        assert computed.loss == pytest.approx(arrays["loss"], rel=1e-12)


def test_a_damaged_surface_is_refused_and_made_again_by_the_same_command(home: Path, row: dict[str, Any]) -> None:
    whole = (home / row["file"]).read_bytes()
    (home / row["file"]).write_bytes(whole[: len(whole) // 2])
    assert "surface.npz is not the file that was written" in complaint(mnf_here("trajectory", "last", cwd=home), 1)
    again = mnf_here("contour", *SMALL, cwd=home)
    assert json.loads(again.stdout)["minimum"] == row["minimum"]


def test_the_same_command_finds_its_surface_and_changes_nothing(home: Path, row: dict[str, Any]) -> None:
    before = files(home / "runs")
    (again,) = rows(mnf("contour", *SMALL, "--plot", "page.html", cwd=home))
    assert {**again, "seconds": None} == {**row, "seconds": None}
    assert files(home / "runs") == before
    assert (home / "page.html").read_text().startswith("<!doctype html>")


def test_another_pair_takes_the_same_model(home: Path, row: dict[str, Any]) -> None:
    corners = ("--weight", "1,0,0", "--weight", "1,1,0")
    done = mnf("contour", *SMALL, *corners, "--plot", "flat.png", cwd=home)
    (flat,) = rows(done)
    assert flat["minimum"] == flat["maximum"] == pytest.approx(row["trained_loss"])
    assert "no image uses either pixel" in done.stderr
    assert "training" not in done.stderr
    assert len(list((home / "runs").glob("train-*"))) == 1


def test_a_kept_run_brings_model_images_and_data(home: Path, row: dict[str, Any]) -> None:
    (model,) = (home / "runs").glob("train-*")
    ask = ("contour", "--step", "0.2", "--method", "exact", "--out", "elsewhere", "--run")
    reference = json.dumps({"run": f"runs/{model.name}"})
    (by_pipe,) = rows(mnf(*ask, "-", cwd=home, stdin=reference))
    assert (by_pipe["method"], by_pipe["dataset"]) == ("exact", "digits-sample")
    assert by_pipe["minimum"] == pytest.approx(row["minimum"], rel=1e-9)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--range", "1,-1"],
        ["--range", "0,0"],
        ["--range", "1"],
        ["--range", "a,b"],
        ["--range", "0,1", "--range", "0,1", "--range", "0,1"],
        ["--step", "0"],
        ["--step", "nan"],
        ["--step", "1e-4"],
        ["--tol", "0"],
        ["--weight", "5,13,14"],
        ["--plot", "contour.gif"],
        ["--levels", "1"],
        ["--method", "guess"],
        ["--run", "last", "--lr", "1"],
        ["--train-per-class", "some"],
    ],
)
def test_wrong_usage_is_one_line_exit_2_and_nothing_written(tmp_path: Path, arguments: list[str]) -> None:
    assert complaint(mnf_here("contour", "digits-sample", *arguments, cwd=tmp_path), 2)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--weight", "5,1,1", "--weight", "10,1,1"], "no class is called '10'"),
        (["--weight", "5,1,1", "--weight", "5,28,1"], "28 x 28"),
        (["--run", "nowhere"], "nowhere is not a run directory"),
        (["--run", "last"], "no finished run"),
        (["--train-per-class", "100000"], "100000 were asked for"),
    ],
)
def test_what_the_data_do_not_have_is_one_line_exit_1(tmp_path: Path, arguments: list[str], said: str) -> None:
    assert said in complaint(mnf_here("contour", "digits-sample", *arguments, cwd=tmp_path), 1)
    assert not list(tmp_path.rglob("*.npz"))


def test_help_opens_with_two_lines_to_copy_and_imports_nothing_heavy() -> None:
    for command in ("contour", "trajectory", "visualize-weights"):
        done = mnf_here(command, "--help", cwd=Path.cwd())
        lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
        assert [line.startswith("$ mnf ") for line in lines[1:3]] == [True, True]
        program = f"import sys, mnistfaces.cli.{command.replace('-', '_')}; print(*sys.modules)"
        loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        assert not {"torch", "numpy", "scipy", "requests", "PIL", "matplotlib"} & set(loaded.split())
