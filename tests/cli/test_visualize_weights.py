"""`mnf visualize-weights` as a person or a script meets it."""

import io
from pathlib import Path

import numpy as np
import pytest
from kept_surface import complaint, mnf, mnf_here, rows
from PIL import Image
from safetensors.numpy import load_file

TRAIN = ("train", "digits-sample", "--train-per-class", "10", "--epochs", "20")
FIELDS = ["class", "unit", "score", "sign", "criterion", "file"]


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


def test_a_network_with_hidden_units_is_refused(tmp_path: Path) -> None:
    rows(mnf(*TRAIN, "--model", "mlp", cwd=tmp_path))
    assert "not a softmax regression" in complaint(mnf_here("visualize-weights", "last", cwd=tmp_path), 1)


def test_no_run_and_no_figure_are_one_line(tmp_path: Path) -> None:
    assert complaint(mnf_here("visualize-weights", "last", cwd=tmp_path), 1)
    assert complaint(mnf_here("visualize-weights", "last", "--plot", "x.bmp", cwd=tmp_path), 2)
