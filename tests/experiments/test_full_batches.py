"""Batch sizes above the number of training images are one full batch, and one cell."""

import json
from pathlib import Path

from kept_surface import mnf_here
from typed_lines import cells_of

from mnistfaces.experiments.commands import line_of
from mnistfaces.runs.runs import load_run

QUICK = ("digits-sample", "--train-per-class", "5", "--epochs", "4")


def swept(folder: Path, *words: str) -> tuple[list[dict[str, object]], str]:
    done = mnf_here("sweep", *QUICK, *words, cwd=folder)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_equal_batch_sizes_are_one_cell_and_that_is_said(tmp_path: Path) -> None:
    rows, said = swept(tmp_path, "--batch-size", "20,60,70,full", "--seeds", "2")
    assert [row["batch_size"] for row in rows] == [20, 60]
    assert "batch size 70 is 60 again: both are full batches of 50 training images" in said
    assert "batch size full is 60 again" in said
    assert "2 cells, 4 trials" in said


def test_what_is_called_equal_trains_to_the_same_losses(tmp_path: Path) -> None:
    one, other, full = (swept(tmp_path, "--batch-size", size)[0][0] for size in ("60", "70", "full"))
    for field in ("train_loss", "test_loss", "test_accuracy"):
        assert one[field] == other[field]
        assert abs(float(str(one[field])) - float(str(full[field]))) < 1e-5


def test_batch_sizes_up_to_the_number_of_images_and_other_options_stay_apart(tmp_path: Path) -> None:
    rows, said = swept(tmp_path, "--batch-size", "49,50,51", "--lr", "1e-3,1e-4")
    assert [(row["lr"], row["batch_size"]) for row in rows] == [
        (lr, size) for lr in (1e-3, 1e-4) for size in (49, 50, 51)
    ]
    assert "again" not in said
    rows, _ = swept(tmp_path, "--batch-size", "60,30", "--train-per-class", "2")
    assert [(row["train_per_class"], row["batch_size"]) for row in rows] == [(5, 60), (2, 60), (5, 30)]


def test_two_models_share_no_hidden_units(tmp_path: Path) -> None:
    rows, _ = swept(tmp_path, "--model", "softmax,mlp", "--hidden", "20,50")
    assert [(row["model"], row["hidden"]) for row in rows] == [("softmax", None), ("mlp", 20), ("mlp", 50)]


def test_the_line_that_repeats_a_sweep_of_two_models_asks_for_the_same_cells(tmp_path: Path) -> None:
    words = ("--model", "softmax,mlp", "--hidden", "2,3", "--batch-size", "full,10")
    rows, _ = swept(tmp_path, *words)
    line = line_of(load_run(tmp_path / str(rows[0]["run"])))
    cells, _ = cells_of(line, "digits")
    assert [cell.options()["hidden"] for cell in cells] == [row["hidden"] for row in rows]
    assert [cell.training.batch_size for cell in cells] == [row["batch_size"] for row in rows]


def test_a_sweep_says_which_of_its_batches_are_full(tmp_path: Path) -> None:
    rows, said = swept(tmp_path, "--batch-size", "20,60")
    assert [row["batch_size"] for row in rows] == [20, 60]
    assert "batch size 60 is the full batch: 50 images train" in said
    assert "batch size 20" not in said
    _, said = swept(tmp_path, "--batch-size", "60", "--lr", "1e-3,1e-4")
    assert said.count("batch size 60 is the full batch: 50 images train") == 1


def test_one_training_says_that_its_batch_is_the_full_one(tmp_path: Path) -> None:
    said = mnf_here("train", *QUICK, "--batch-size", "600", cwd=tmp_path).stderr
    assert "batch size 600 is the full batch: 50 images train" in said
    assert "full batch" not in mnf_here("train", *QUICK, "--batch-size", "50", cwd=tmp_path).stderr
