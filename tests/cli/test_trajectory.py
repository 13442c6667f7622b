"""`mnf trajectory` as a person or a script meets it."""

import json
import shutil
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from kept_surface import SMALL, complaint, files, mnf, mnf_here, rows

from mnistfaces.config import StepName

FIELDS = ["optimizer", "lr", "momentum", "mode", "step", "w1", "w2", "loss"]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("trajectory")
    done = mnf("contour", *SMALL, cwd=home)
    assert rows(done)
    (home / "rows.ndjson").write_text(done.stdout)
    return home


@pytest.fixture
def home(kept: Path, tmp_path: Path) -> Path:
    """A copy that a test may break."""
    shutil.copytree(kept, tmp_path / "home")
    return tmp_path / "home"


def test_there_is_a_row_for_every_step_of_every_combination(kept: Path) -> None:
    told = rows(mnf("trajectory", "--steps", "4", cwd=kept))
    assert list(told[0])[: len(FIELDS)] == FIELDS
    combinations = [(lr, momentum) for lr in (0.001, 0.003) for momentum in (0, 0.9, 0.99)]
    assert [(row["lr"], row["momentum"], row["step"]) for row in told] == [
        (lr, momentum, step) for lr, momentum in combinations for step in range(5)
    ]
    assert {(row["w1"], row["w2"]) for row in told if row["step"] == 0} == {(-5.5, 5.0)}


def test_a_restricted_paths_heights_are_the_surfaces(kept: Path) -> None:
    (surface,) = (kept / "runs").glob("contour-*/surface.npz")
    told = rows(mnf("trajectory", surface, "--start", "-4,6", "--steps", "1", cwd=kept))
    with np.load(surface) as arrays:
        height = arrays["loss"][np.abs(arrays["w2"] - 6).argmin(), np.abs(arrays["w1"] + 4).argmin()]
    assert told[0]["loss"] == pytest.approx(height, rel=1e-9)


def test_the_same_command_finds_its_paths_and_draws_them_again(kept: Path) -> None:
    ask = ("trajectory", "last", "--lr", "0.01", "--momentum", "0,0.9", "--plot")
    first = mnf(*ask, "paths.png", cwd=kept)
    before = files(kept / "runs")
    again = mnf(*ask, "paths.pdf", "--zoom", "whole", cwd=kept)
    assert again.stdout == first.stdout
    assert files(kept / "runs") == before
    assert (kept / "paths.png").stat().st_size > 10_000
    assert (kept / "paths.pdf").read_bytes().startswith(b"%PDF")


def test_projected_paths_say_how_far_they_have_left_the_plane(kept: Path) -> None:
    done = mnf("trajectory", "--mode", "projected", "--lr", "0.001", "--momentum", "0,0.9", "--steps", "5", cwd=kept)
    told = rows(done)
    slow, fast = (row["distance"] for row in told if row["step"] == 5)
    assert [row["distance"] for row in told if row["step"] == 0] == [0, 0]
    assert 0 < slow < fast
    assert f"{fast:.4g} away from the surface's plane" in done.stderr


def test_the_page_offers_the_asked_settings(kept: Path) -> None:
    rows(mnf("trajectory", "--lr", "0.002", "--momentum", "0,0.5", "--start", "1,2", "--plot", "page.html", cwd=kept))
    page = (kept / "page.html").read_text()
    initial = json.loads(page.partition('"initial":')[2].partition("}")[0] + "}")
    assert initial == {
        "start": [1.0, 2.0],
        "optimizer": "gd",
        "lr": 0.002,
        "own": 0.1,
        "momentum": 0.5,
        "steps": 30,
    }


def test_every_optimizer_has_its_paths_on_one_figure_kept_and_found_again(kept: Path) -> None:
    names = get_args(StepName)
    ask = ("trajectory", "--optimizer", ",".join(names), "--steps", "12", "--plot")
    told = rows(mnf(*ask, "all.svg", cwd=kept))
    paths = {(row["optimizer"], row["lr"], row["momentum"]): row for row in told}
    assert list(dict.fromkeys(row["optimizer"] for row in told)) == list(names)
    assert [key[1:] for key in paths if key[0] == "gd"] == [(lr, b) for lr in (0.001, 0.003) for b in (0, 0.9, 0.99)]
    assert [key[1:] for key in paths if key[0] == "nesterov"] == [(0.001, 0.9), (0.003, 0.9)]
    assert [key[1:] for key in paths if key[0] == "adam"] == [(0.1, 0), (0.3, 0)]
    assert len({(row["w1"], row["w2"]) for row in told if row["step"] == 12}) == len(paths)
    drawn = (kept / "all.svg").read_text()
    assert all(f"<!-- lr 0.1, {name}: ends" in drawn for name in ("rmsprop", "adagrad", "adam", "adamw"))
    assert "<!-- lr 0.003, nesterov 0.9: ends" in drawn
    before = files(kept / "runs")
    assert rows(mnf(*ask, "again.png", cwd=kept)) == told
    assert files(kept / "runs") == before
    alone = rows(mnf("trajectory", "--optimizer", "adam", "--steps", "12", "--lr", "0.3", cwd=kept))
    assert alone == [row for row in told if (row["optimizer"], row["lr"]) == ("adam", 0.3)]


def test_a_momentum_is_for_the_optimizers_that_take_one(kept: Path) -> None:
    ask = ("trajectory", "--steps", "1", "--lr", "0.01", "--optimizer")
    told = rows(mnf(*ask, "gd,nesterov,adam", "--momentum", "0.5,0.8", cwd=kept))
    assert [(row["optimizer"], row["momentum"]) for row in told if row["step"]] == [
        *(("gd", 0.5), ("gd", 0.8), ("nesterov", 0.5), ("nesterov", 0.8), ("adam", 0))
    ]
    for names, said in (
        ("adam,rmsprop", "--momentum goes with --optimizer gd or nesterov, not with adam"),
        ("sgd", "'sgd' is not one of gd, nesterov"),
    ):
        refused = mnf_here(*ask, names, "--momentum", "0.5", cwd=kept)
        assert refused.returncode == 2
        assert said in " ".join(refused.stderr.replace("│", " ").split())
    rows(mnf(*ask, "gd,adam", "--plot", "both.html", cwd=kept))
    presets = json.loads((kept / "both.html").read_text().partition('"presets":')[2].partition("]")[0] + "]")
    assert [preset["own"] for preset in presets if preset["optimizer"] == "adam"] == [0.01]


def test_a_surface_comes_from_the_rows_of_contour(kept: Path) -> None:
    piped = (kept / "rows.ndjson").read_text()
    assert rows(mnf("trajectory", "-", "--steps", "1", cwd=kept, stdin=piped))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--lr", "0"],
        ["--lr", "a"],
        ["--momentum", "1"],
        ["--steps", "0"],
        ["--start", "1"],
        ["--start", "1,nan"],
        ["--zoom", "1,0,0,1"],
        ["--zoom", "1,2"],
        ["--plot", "paths.txt"],
        ["--mode", "projected", "--plot", "page.html"],
    ],
)
def test_wrong_usage_is_one_line_exit_2_and_nothing_written(tmp_path: Path, arguments: list[str]) -> None:
    assert complaint(mnf_here("trajectory", *arguments, cwd=tmp_path), 2)
    assert not list(tmp_path.iterdir())


def test_no_surface_is_one_line_exit_1(tmp_path: Path) -> None:
    for reference in ("last", "nowhere", "none.npz"):
        assert complaint(mnf_here("trajectory", reference, cwd=tmp_path), 1)
    assert not list(tmp_path.iterdir())


def test_a_surface_whose_model_is_gone_still_carries_restricted_paths(home: Path) -> None:
    (model,) = (home / "runs").glob("train-*")
    shutil.rmtree(model)
    assert rows(mnf("trajectory", "--steps", "1", cwd=home))
    before = files(home)
    assert f"{model.name} is not a run directory" in complaint(
        mnf_here("trajectory", "--mode", "projected", cwd=home), 1
    )
    assert files(home) == before


def test_a_model_that_was_exchanged_is_refused(home: Path) -> None:
    (model,) = (home / "runs").glob("train-*")
    weights = model / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"abcd")
    assert "SHA-256" in complaint(mnf_here("trajectory", "--mode", "projected", cwd=home), 1)


def test_a_damaged_surface_is_refused(home: Path) -> None:
    (surface,) = (home / "runs").glob("contour-*/surface.npz")
    content = bytearray(surface.read_bytes())
    content[len(content) // 2] ^= 1
    surface.write_bytes(bytes(content))
    for reference in ("last", surface):
        assert surface.name in complaint(mnf_here("trajectory", reference, cwd=home), 1)


@pytest.mark.parametrize("place", ["surface", "runs/mine"])
def test_a_page_of_descents_finds_their_surface_wherever_it_was_put_here(tmp_path: Path, place: str) -> None:
    tiny = ("digits-sample", "--train-per-class", "5", "--epochs", "3", "--step", "2")
    assert mnf_here("contour", *tiny, "--out", place, cwd=tmp_path).returncode == 0
    assert rows(mnf_here("trajectory", place, "--steps", "2", cwd=tmp_path))
    (paths,) = (tmp_path / "runs").glob("trajectory-*")
    assert mnf_here("report", f"runs/{paths.name}", cwd=tmp_path).returncode == 0
    shutil.rmtree(tmp_path / place)
    assert "is neither here nor under ./runs" in complaint(mnf_here("report", f"runs/{paths.name}", cwd=tmp_path), 1)
