"""`mnf visualize-weights` as a person or a script meets it."""

import io
from pathlib import Path

import numpy as np
import pytest
from kept_surface import complaint, mnf, mnf_here, rows
from PIL import Image
from safetensors.numpy import load_file

TRAIN = ("train", "digits-sample", "--train-per-class", "10", "--epochs", "20")
FIELDS = ["class", "unit", "score", "sign", "criterion", "file", "shared"]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    home = tmp_path_factory.mktemp("weights")
    done = mnf(*TRAIN, cwd=home)
    assert rows(done)
    return home, done.stdout


def test_there_is_a_row_and_a_file_for_every_class(kept: tuple[Path, str]) -> None:
    home, piped = kept
    told = rows(mnf("visualize-weights", "-", "--plot", "all.png", "--each", "each", cwd=home, stdin=piped))
    assert [list(row) for row in told] == [FIELDS] * 10
    assert [row["class"] for row in told] == list("0123456789")
    (file,) = (home / "runs").glob("train-*/weights.safetensors")
    assert [row["score"] for row in told] == pytest.approx(np.linalg.norm(load_file(file)["0.weight"], axis=1).tolist())
    for name in ("all.png", *(row["file"] for row in told)):
        Image.open(io.BytesIO((home / name).read_bytes())).verify()


def test_gray_is_gray(kept: tuple[Path, str]) -> None:
    home, _ = kept
    for options, colored in (([], True), (["--gray"], False)):
        rows(mnf("visualize-weights", "last", "--plot", "sheet.png", *options, cwd=home))
        pixels = np.asarray(Image.open(home / "sheet.png").convert("RGB")).astype(int)
        assert bool((np.ptp(pixels, axis=2) > 20).any()) == colored


def test_chosen_classes_of_a_softmax_regression_are_drawn_alone_and_hidden_units_refused(
    kept: tuple[Path, str],
) -> None:
    home, _ = kept
    told = rows(mnf("visualize-weights", "last", "--class", "7,3", "--plot", "two.png", cwd=home))
    assert [row["class"] for row in told] == ["7", "3"]
    for option in (["--top", "4"], ["--criterion", "ablation"]):
        assert "hidden units" in complaint(mnf_here("visualize-weights", "last", *option, cwd=home), 2)
    assert "no class is called" in complaint(mnf_here("visualize-weights", "last", "--class", "x", cwd=home), 1)


def test_the_hidden_units_of_a_network_are_ranked_drawn_and_told_of(tmp_path: Path) -> None:
    rows(mnf(*TRAIN, "--model", "mlp", "--hidden", "5", "--out", "run", cwd=tmp_path))
    output = load_file(tmp_path / "run" / "weights.safetensors")["2.weight"]
    chosen = ["--class", "8", "--class", "1", "--top", "3", "--plot", "units.png"]
    for criterion in ("weight", "activation", "ablation"):
        done = mnf("visualize-weights", "run", *chosen, "--criterion", criterion, cwd=tmp_path)
        told = rows(done)
        assert [list(row) for row in told] == [FIELDS] * 6
        assert [row["class"] for row in told] == list("888111")
        assert {row["criterion"] for row in told} == {criterion}
        if criterion == "weight":
            order = np.argsort(-np.abs(output[8]), kind="stable")[:3]
            assert [row["unit"] for row in told[:3]] == order.tolist()
            assert [row["score"] for row in told[:3]] == pytest.approx(np.abs(output[8][order]).tolist())
            assert [row["sign"] for row in told[:3]] == ["+" if weight > 0 else "-" for weight in output[8][order]]
        both = {row["unit"] for row in told[:3]} & {row["unit"] for row in told[3:]}  # 3 and 3 of 5: one at least
        assert both == {row["unit"] for row in told if row["shared"]}
        assert all(f"unit {unit} is among the top 3 of 8 (" in done.stderr for unit in both)
        Image.open(io.BytesIO((tmp_path / "units.png").read_bytes())).verify()


def test_no_run_and_no_figure_are_one_line(tmp_path: Path) -> None:
    assert complaint(mnf_here("visualize-weights", "last", cwd=tmp_path), 1)
    assert complaint(mnf_here("visualize-weights", "last", "--plot", "x.bmp", cwd=tmp_path), 2)
