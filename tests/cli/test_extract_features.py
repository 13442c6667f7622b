"""`mnf extract-features` as a person or a script meets it."""

import io
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import make_folder
from PIL import Image

from mnistfaces.features.backbones import build_backbone

COMMAND = [sys.executable, "-m", "mnistfaces", "extract-features"]
FIELDS = ["images", "features", "skipped", "images_per_second", "file"]
SMALL = ["--backbone", "squeezenet1_1", "--layer", "fire3", "--weights", "random", "--res", "32", "--batch-size", "2"]


def mnf_extract_features(*arguments: object, cwd: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "MNF_DATA_DIR": str(cwd / "data"), "TORCH_HOME": str(cwd / "torch"), **environment},
        timeout=120,
        check=False,
    )


def complaint(done: "subprocess.CompletedProcess[str]") -> str:
    """Returns the one line of an error that is not a bug, of a command that printed no result."""
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    line = done.stderr.splitlines()[-1]
    assert line.startswith("mnf: ")
    return line


class Bomb:
    """Writes a file when a careless reader unpickles it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_help_opens_with_two_lines_to_copy_and_imports_nothing_heavy(tmp_path: Path) -> None:
    done = mnf_extract_features("--help", cwd=tmp_path)
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    assert lines[1] == "$ mnf extract-features faces"
    assert lines[2].startswith("$ mnf extract-features faces --weights")
    program = "import sys, mnistfaces.cli.extract_features; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "torchvision", "numpy", "scipy", "requests", "PIL", "matplotlib"} & set(modules)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["pets", "--backbone", "resnet"], "'resnet'"),
        (["pets", "--batch-size", "0"], "--batch-size must be at least 1"),
        (["pets", "--res", "0"], "--res must be from 1"),
        (["pets", "--gray"], "--backbone pixels"),
        (["nowhere", "--backbone", "pixels"], "no dataset 'nowhere'"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(tmp_path: Path, arguments: list[str], words: str) -> None:
    done = mnf_extract_features(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert words in complaint(done)
    assert not list(tmp_path.iterdir())


def test_without_a_network_one_line_says_what_to_get_and_how_to_pass_it(tmp_path: Path) -> None:
    make_folder(tmp_path / "pets")
    closed = "http://127.0.0.1:9"
    done = mnf_extract_features("pets", cwd=tmp_path, HTTPS_PROXY=closed, https_proxy=closed, NO_PROXY="", no_proxy="")
    assert done.returncode == 1
    line = complaint(done)
    assert "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth" in line
    assert "--weights alexnet-owt-7be5be79.pth" in line
    assert [path.name for path in tmp_path.iterdir()] == ["pets"]


def test_a_pickle_with_code_in_it_is_one_line_and_does_not_run(tmp_path: Path) -> None:
    make_folder(tmp_path / "pets")
    (tmp_path / "w.pth").write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))
    done = mnf_extract_features("pets", "--weights", "w.pth", "--out", "new/f.npz", cwd=tmp_path)
    assert done.returncode == 1
    assert "w.pth" in complaint(done)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pets", "w.pth"]


def test_weights_from_caffe_see_blue_first_and_no_mean(tmp_path: Path) -> None:
    (tmp_path / "pets" / "cats").mkdir(parents=True)
    (tmp_path / "pets" / "dogs").mkdir()
    for name, color in (("cats/red", (200, 0, 0)), ("dogs/blue", (0, 0, 250))):
        Image.new("RGB", (32, 32), color).save(tmp_path / "pets" / f"{name}.png")
    shapes = build_backbone("squeezenet1_1", "features").shapes
    state = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    state["features.0.weight"][[0, 1, 2], [0, 1, 2], 1, 1] = 1  # a filter for each channel hands on its middle pixel
    np.savez(tmp_path / "w.npz", **state)  # type: ignore[arg-type]
    options = ["--backbone", "squeezenet1_1", "--layer", "conv1", "--weights", "w.npz", "--res", "32"]
    done = mnf_extract_features("pets", *options, "--preprocess", "caffe", "--out", "f.npz", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "f.npz") as kept:
        features = kept["features"].reshape(2, 64, -1)[:, :3]  # (2, 3, positions)
        assert json.loads(str(kept["meta"]))["recipe"]["preprocess"] == "caffe"
    means = np.array([104.00698793, 116.66876762, 122.67891434])
    by_hand = np.array([[0, 0, 200], [250, 0, 0]]) - means  # blue, green, red
    np.testing.assert_allclose(features, np.repeat(by_hand[:, :, None], features.shape[2], 2), atol=1e-4)


def kill_somewhere(folder: Path, arguments: list[str], after_s: float) -> None:
    """Starts the command, and kills it so long after its first batch was kept."""
    with subprocess.Popen(
        [*COMMAND, *arguments], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as running:
        ledger = folder / ".f.npz.partial" / "batches.ndjson"
        while running.poll() is None and not (ledger.exists() and ledger.stat().st_size):
            time.sleep(0.002)
        time.sleep(after_s)
        running.send_signal(signal.SIGKILL)


def check_kill(folder: Path, after_s: float, whole: bytes) -> None:
    arguments = ["pets", *SMALL, "--out", "f.npz"]
    kill_somewhere(folder, arguments, after_s)
    done = mnf_extract_features(*arguments, cwd=folder)
    assert done.returncode == 3, done.stderr
    assert (folder / "f.npz").read_bytes() == whole
    assert sorted(path.name for path in folder.iterdir()) == ["f.npz", "pets"]
    (folder / "f.npz").unlink()


@pytest.fixture(scope="module")
def pets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, "subprocess.CompletedProcess[str]", bytes]:
    """A folder with forty pictures and a broken one, and an undisturbed run: what it said, and its file."""
    folder = tmp_path_factory.mktemp("killed")
    make_folder(folder / "pets", 20)
    done = mnf_extract_features("pets", *SMALL, "--out", "f.npz", cwd=folder)
    whole = (folder / "f.npz").read_bytes()
    (folder / "f.npz").unlink()
    return folder, done, whole


def test_a_folder_becomes_one_row_and_a_broken_image_makes_it_less_than_was_asked_for(
    pets: tuple[Path, "subprocess.CompletedProcess[str]", bytes],
) -> None:
    _, done, whole = pets
    assert done.returncode == 3, done.stderr
    (row,) = map(json.loads, done.stdout.splitlines())
    assert list(row) == FIELDS
    assert (row["images"], row["features"], row["skipped"], row["file"]) == (40, 128 * 7 * 7, 1, "f.npz")
    assert row["images_per_second"] > 0
    arrays = np.load(io.BytesIO(whole))
    assert arrays["features"].shape == (40, 128 * 7 * 7)
    assert {"labels", "classes", "names", "sha256", "split", "groups", "meta"} < set(arrays.files)


def test_killed_and_started_again_it_ends_in_the_same_bytes(
    pets: tuple[Path, "subprocess.CompletedProcess[str]", bytes],
) -> None:
    check_kill(pets[0], 0.01, pets[2])
