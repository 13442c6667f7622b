"""`mnf predict` as a person or a script meets it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from kept_runs import keep_run, save_image

from mnistfaces.datasets.sample import load_sample

COMMAND = [sys.executable, "-m", "mnistfaces", "predict"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    keep_run(folder / "runs" / "train-x")
    sample = load_sample()
    for row in (4100, 5):
        save_image(folder / "images" / f"{row}.png", sample.inputs[row].reshape(28, 28))
    (folder / "bad.png").write_text("no image")
    return folder


def mnf_predict(place: Path, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        input=stdin,
        cwd=place,
        timeout=120,
        check=False,
        env=environment,
    )


def rows_of(done: "subprocess.CompletedProcess[str]") -> list[dict[str, object]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_row_per_image_of_a_folder_and_of_names_on_stdin(place: Path) -> None:
    done = mnf_predict(place, "last", "images")
    rows = rows_of(done)
    assert done.returncode == 0
    assert done.stderr == (
        "each image: ink fitted into 20 x 20 pixels, centred by mass in 28 x 28, as MNIST's is (--as-is only resizes)\n"
    )
    assert all(list(row) == ["image", "class", "probability", "status"] for row in rows)
    assert [row["image"] for row in rows] == [str(Path("images") / name) for name in ("4100.png", "5.png")]
    named = mnf_predict(place, "runs/train-x", "-", stdin="images/4100.png\nimages/5.png\n")
    assert rows_of(named) == rows


def test_what_was_done_to_the_images_is_one_line(place: Path) -> None:
    digit = load_sample().inputs[4100].reshape(28, 28)
    save_image(place / "dark.png", 255 - digit)
    told = mnf_predict(place, "last", "dark.png", "images").stderr
    assert "; 1 of 3 had dark strokes and were inverted (--as-is" in told
    assert told.count("\n") == 1
    left = mnf_predict(place, "last", "images", "--as-is")
    assert left.stderr == "each image: resized to 28 x 28\n"
    assert mnf_predict(place, "last", "images", "--quiet").stderr == ""


def test_an_unreadable_image_among_others_is_a_row_and_exit_3(place: Path) -> None:
    done = mnf_predict(place, "last", "images/5.png", "bad.png", "gone.png")
    assert done.returncode == 3
    assert [row["status"] for row in rows_of(done)] == ["ok", "undecodable", "missing"]
    assert "bad.png: " in done.stderr


def test_no_readable_image_at_all_is_exit_1(place: Path) -> None:
    done = mnf_predict(place, "last", "bad.png")
    assert done.returncode == 1
    assert [row["status"] for row in rows_of(done)] == ["undecodable"]
    assert "mnf: none of 1 image could be read" in done.stderr
    empty = mnf_predict(place, "last", "-")
    assert (empty.returncode, empty.stdout, empty.stderr) == (1, "", "mnf: there is no image\n")


@pytest.mark.parametrize("arguments", [["last"], ["-", "-"], *(["last", "x", "--box", b] for b in ("1,2", "3,0,2,5"))])
def test_wrong_usage_is_found_before_any_work(place: Path, arguments: list[str]) -> None:
    done = mnf_predict(place, *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
