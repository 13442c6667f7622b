"""`mnf sweep` as a person or a script meets it."""

import contextlib
import csv
import io
import json
import os
import random
import shlex
import shutil
import signal
import time
from typing import Any

import pytest
from conftest import Answer, Mnf
from kept_runs import save_shapes

from mnistfaces.devices import may_have_gpu, processor_name
from mnistfaces.files.seals import CHECK, seal_line

SMALL = ("digits-sample", "--train-per-class", 10, "--epochs", "10,30", "--lr", "1e-3,1e-4", "--seeds", 2)
FIELDS = [
    "n",
    "n_failed",
    "n_collapsed",
    "timing",
    "test_low",
    "test_high",
    "seconds",
    "status",
    "run",
    "lr",
    "epochs",
    "seed",
    "dataset",
]
TIMES = ("seconds", "run")


def numbers(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{field: value for field, value in row.items() if field not in TIMES} for row in rows]


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Mnf, Answer]:
    mnf = Mnf(tmp_path_factory.mktemp("swept"))
    return mnf, mnf("sweep", *SMALL, "--out", "out")


def test_two_rates_are_two_rows_of_ndjson_on_a_machine_that_fetched_nothing(mnf: Mnf) -> None:
    done = mnf("sweep", "--lr", "1e-3,1e-4", "--epochs", 50)
    rows = {row["lr"]: row for row in done.rows}
    assert list(rows) == [1e-3, 1e-4]
    assert {(row["epochs"], row["dataset"], row["status"], row["timing"]) for row in done.rows} == {
        (50, "digits-sample", "ok", "shared")
    }
    command = done.stderr.splitlines()[-1].partition("): ")[2].split()
    assert command[:3] == ["mnf", "train", "digits-sample"]
    repeated = mnf(*command[1:]).row
    best = rows[repeated["lr"]]
    assert best["val_accuracy"] == max(row["val_accuracy"] for row in done.rows)
    for field in ("train_loss", "val_accuracy", "test_loss", "test_accuracy", "test_low", "test_high"):
        assert repeated[field] == best[field]


def test_rows_come_in_the_order_asked_and_carry_the_fields_of_the_contract(swept: tuple[Mnf, Answer]) -> None:
    rows = swept[1].rows
    assert [(row["lr"], row["epochs"]) for row in rows] == [(1e-3, 10), (1e-3, 30), (1e-4, 10), (1e-4, 30)]
    for row in rows:
        assert [field for field in FIELDS if field not in row] == []
        assert (row["n"], row["n_failed"], row["train_n"], row["test_n"]) == (2, 0, 100, 1000)
        assert row["train_loss_std"] > 0


def test_a_larger_grid_trains_what_is_new_and_tells_the_best_where_rows_are_written_together(
    swept: tuple[Mnf, Answer],
) -> None:
    mnf, done = swept
    ledger = mnf.folder / "out" / "trials.ndjson"
    before = ledger.read_bytes()
    grown = mnf("sweep", *SMALL[:4], "10,20,30", *SMALL[5:], "--out", "out", "--format", "json")
    assert "4 to do" in grown.stderr
    assert ledger.read_bytes().startswith(before)
    cells = json.loads(grown.stdout)
    assert not {"best", "tied"} & set(done.rows[0])
    told = [{field: value for field, value in row.items() if field not in ("best", "tied")} for row in cells]
    assert [row for row in told if row["epochs"] != 20] == done.rows
    merit = [(-row["val_accuracy"], row["val_loss"]) for row in cells]
    assert [row["best"] for row in cells] == [pair == min(merit) for pair in merit]
    assert [row["tied"] for row in cells if row["best"]] == [True]
    assert json.loads((mnf.folder / "out" / "summary.json").read_text())["cells"] == cells


def test_the_same_sweep_again_trains_nothing_and_csv_has_the_same_fields(swept: tuple[Mnf, Answer]) -> None:
    mnf, done = swept
    again = mnf("sweep", *SMALL, "--out", "out", "--format", "csv")
    assert "0 to do" in again.stderr
    table = list(csv.DictReader(io.StringIO(again.stdout)))
    assert list(table[0]) == list(done.rows[0])
    assert [float(row["val_loss"]) for row in table] == [row["val_loss"] for row in done.rows]


def test_a_dry_run_lists_the_stacks_and_leaves_nothing(mnf: Mnf) -> None:
    done = mnf("sweep", *SMALL, "--dry-run")
    assert sum(row["models"] for row in done.rows) == 4  # two rates, two seeds; epochs are read on the way
    assert all(row["estimate_seconds"] >= 0 for row in done.rows)
    assert "4 cells, 8 trials, 0 done" in done.stderr
    assert list(mnf.folder.iterdir()) == []


def test_a_cell_that_cannot_be_is_labelled_and_the_exit_code_says_so(mnf: Mnf) -> None:
    done = mnf("sweep", "digits-sample", "--train-per-class", "5,401", "--epochs", 2, code=3)
    fine, failed = done.rows
    assert (fine["status"], fine["n_failed"]) == ("ok", 0)
    assert (failed["status"], failed["n"], failed["n_failed"], failed["train_loss"]) == ("failed", 0, 1, None)
    assert "class 0 has 400 images left to train, 401 were asked for" in done.stderr


def test_where_every_trial_diverges_that_is_why_no_cell_is_best(mnf: Mnf) -> None:
    net = ("--model", "mlp", "--optimizer", "adam", "--reduction", "mean", "--epochs", 5)
    done = mnf("sweep", "digits-sample", *net, "--lr", "1e30,1e31", code=None)
    assert "no cell is called best: no trial ended with a finite loss" in done.stderr
    assert [row["status"] for row in done.rows] == ["diverged"] * 2


def test_folds_say_what_choosing_inside_each_gives(mnf: Mnf) -> None:
    done = mnf("sweep", "digits-sample", "--folds", 2, "--lr", "1e-4,1e-5", "--epochs", 3, "--out", "out")
    assert [(row["n"], row["test_n"]) for row in done.rows] == [(2, 2000)] * 2
    summary = json.loads((mnf.folder / "out" / "summary.json").read_text())
    assert summary["nested"]["n"] == 4000
    assert summary["nested"]["low"] < summary["nested"]["accuracy"] < summary["nested"]["high"]
    assert "through the other draws the test images took part in choosing: quote nested" in done.stderr
    assert f"test accuracy {summary['nested']['accuracy']:.1%}" in done.stderr


def test_a_test_set_of_its_own_took_no_part_in_choosing(mnf: Mnf) -> None:
    done = mnf("sweep", "digits-sample", "--seeds", 2, "--lr", "1e-4,1e-5", "--epochs", 3, "--out", "out")
    assert "the test images took no part in choosing" in done.stderr
    assert "1000 test images, one is worth 0.1 points; " in done.stderr
    told = sum(row["tied"] for row in json.loads((mnf.folder / "out" / "summary.json").read_text())["cells"])
    assert f"{told} of 2 cells cannot be told from the most accurate (~)" in done.stderr


def test_a_reader_that_leaves_after_one_line_ends_the_sweep_quietly(mnf: Mnf) -> None:
    rates = ("--lr", "1e-3,1e-4,1e-5", "--batch-size", "full,50", "--epochs", 5)
    with mnf.start("sweep", "digits-sample", *rates, "--quiet") as process:
        assert json.loads(process.stdout.readline())["lr"] == 1e-3
        process.stdout.close()
        process.wait(60)
        assert process.returncode == 141
        assert process.stderr.read() == ""


LONG = (
    *("sweep", "digits-sample", "--train-per-class", 10, "--batch-size", "10,20,50", "--epochs", 40),
    *("--lr", "1e-3,1e-4", "--model", "mlp", "--isolated", "--out", "out", "--quiet"),
)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return numbers(Mnf(tmp_path_factory.mktemp("undisturbed"))(*LONG).rows)


def records(mnf: Mnf) -> list[str]:
    with contextlib.suppress(FileNotFoundError):
        return (mnf.folder / "out" / "trials.ndjson").read_text().splitlines()
    return []


def signal_after(mnf: Mnf, count: int, sent: int, rng: random.Random) -> tuple[int, str]:
    """Starts the sweep and sends a signal some moments after so many trials were recorded."""
    with mnf.start(*LONG) as process:
        deadline = time.monotonic() + 60
        while len(records(mnf)) < count and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(rng.random() * 0.05)
        process.send_signal(sent)
        start = time.monotonic()
        _, err = process.communicate(timeout=60)
        assert time.monotonic() - start < 2
    return process.returncode, err


@pytest.mark.timed
def test_a_sweep_that_is_killed_terminated_and_finished_in_shards_ends_with_the_same_rows(
    mnf: Mnf, undisturbed: list[dict[str, Any]]
) -> None:
    rng = random.Random(5)  # noqa: S311  moments, not secrets
    said = "mnf: stopped; finished work is kept: the same command goes on from there\n"
    assert signal_after(mnf, 1, signal.SIGKILL, rng) == (-signal.SIGKILL, "")
    kept = records(mnf)
    assert signal_after(mnf, 3, signal.SIGTERM, rng) == (143, said)
    assert records(mnf)[: len(kept)] == kept
    shard = mnf(*LONG, "--shard", "1/2").rows
    gathered = numbers(mnf(*LONG).rows)
    assert gathered == undisturbed
    assert [row for row in numbers(shard) if row not in gathered] == []
    done = [
        json.loads(line)["trial"]
        for path in (mnf.folder / "out").glob("trials*.ndjson")
        for line in path.read_text().splitlines()
    ]
    assert len(set(done)) == len(undisturbed)
    assert len(done) <= len(undisturbed) + 1  # only the kill can cost what was done but not yet recorded


def test_trials_of_unlike_processors_are_named(mnf: Mnf) -> None:
    mnf("sweep", *SMALL, "--out", "out", "--shard", "1/2")
    (ledger,) = (mnf.folder / "out").glob("trials*.ndjson")
    moved = [{**json.loads(line), "processor": "Another CPU"} for line in ledger.read_text().splitlines()]
    ledger.write_bytes(b"".join(seal_line({k: v for k, v in record.items() if k != CHECK}) for record in moved))
    said = mnf("sweep", *SMALL, "--out", "out").stderr
    assert f"trained on unlike processors (Another CPU, {processor_name('cpu')}): last bits may differ" in said


def test_two_processes_on_one_folder_both_end_with_the_right_rows(mnf: Mnf, undisturbed: list[dict[str, Any]]) -> None:
    both = [mnf.start(*LONG) for _ in range(2)]
    for process in both:
        out, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (0, "")
        assert numbers([json.loads(line) for line in out.splitlines()]) == undisturbed


def test_a_finished_sweep_is_shown_again_without_torch(swept: tuple[Mnf, Answer]) -> None:
    mnf, first = swept
    again, packages = mnf.imports("sweep", *SMALL, "--out", "out")
    assert again.rows == first.rows
    assert ("torch" in packages) == may_have_gpu()
    _, packages = mnf.imports("sweep", *SMALL, "--out", "elsewhere", "--dry-run")
    assert ("torch" in packages) == may_have_gpu()


def last_command(done: Answer) -> list[str]:
    """The words of the `mnf train` line with which a sweep ends."""
    return shlex.split(done.stderr.splitlines()[-1].partition(": ")[2])[1:]


def test_a_swept_activation_stands_in_the_row_and_in_the_line_that_repeats_the_best(mnf: Mnf) -> None:
    small = ("--model", "mlp", "--hidden", 7, "--epochs", 40, "--lr", "1e-3", "--train-per-class", 10)
    done = mnf("sweep", "digits-sample", *small, "--activation", "relu,tanh")
    rows = {row["activation"]: row for row in done.rows}
    assert rows.keys() == {"relu", "tanh"}
    repeated = mnf(*last_command(done)).row
    assert repeated["val_loss"] == rows[repeated["activation"]]["val_loss"]


def test_channels_are_part_of_a_sweep_its_rows_and_its_line(mnf: Mnf) -> None:
    for channels in ("--color", "--gray"):
        mnf("fetch", "faces", "--synthetic", "--res", 32, channels)
    asked = ("sweep", "faces-synthetic", "--res", 32, "--epochs", "3,6")
    color, gray = mnf(*asked, "--color"), mnf(*asked, "--gray")
    assert {row["color"] for row in color.rows} == {True}
    assert {row["color"] for row in gray.rows} == {False}
    assert color.rows[0]["run"] != gray.rows[0]["run"]
    assert numbers(mnf(*asked, "--color").rows) == numbers(color.rows)
    best = max(color.rows, key=lambda row: row["val_accuracy"])["val_accuracy"]
    assert mnf(*last_command(color)).row["val_accuracy"] == best


def test_the_line_after_folds_trains_one_model_on_images_of_which_there_are_few(mnf: Mnf) -> None:
    save_shapes(mnf.folder / "shapes")
    done = mnf("sweep", "shapes", "--folds", 3, "--epochs", 5, "--lr", "1e-3,1e-2")
    assert mnf(*last_command(done)).row["test_n"] == 8


def test_a_number_of_test_images_is_never_guessed(mnf: Mnf) -> None:
    save_shapes(mnf.folder / "shapes", per_class=30)
    assert "at least 1" in mnf("train", "shapes", "--test-per-class", 0, code=2).complaint
    assert "brings no test set" in mnf("train", "shapes", "--test-per-class", "all", code=1).complaint
    assert mnf("train", "shapes", "--epochs", 2).row["test_n"] == 40
    mnf("extract-features", "digits-sample", "--backbone", "pixels", "--out", "f.npz")
    assert mnf("train", "f.npz", "--epochs", 1).row["test_n"] == 1000
    assert mnf("train", "f.npz", "--epochs", 1, "--test-per-class", "all").row["test_n"] == 1000
    assert mnf("train", "f.npz", "--epochs", 1, "--test-per-class", 7).row["test_n"] == 70


def test_an_option_that_no_cell_uses_is_refused_with_the_choice_that_makes_it_count(mnf: Mnf) -> None:
    assert "--model mlp" in mnf("train", "digits-sample", "--hidden", 50, code=2).complaint
    done = mnf("sweep", "digits-sample", "--model", "softmax,mlp", "--hidden", "5,7", "--epochs", 2, "--per-seed")
    assert [(row["model"], row["hidden"]) for row in done.rows] == [("softmax", None), ("mlp", 5), ("mlp", 7)]


def test_one_cell_is_not_called_the_best_of_any(mnf: Mnf) -> None:
    done = mnf("sweep", "digits-sample", "--epochs", 3)
    assert "best" not in done.stderr
    assert last_command(done) == ["train", "digits-sample", "--epochs", "3"]


def test_verbose_says_what_trains_together_and_seconds_stay_shared_after_growth(mnf: Mnf) -> None:
    small = ("sweep", "digits-sample", "--epochs", 3, "--train-per-class", 10, "--out", "grown", "--verbose")
    done = mnf(*small, "--lr", "1e-3,1e-4")
    assert "stack 1 of 1: 2 softmax models (2 settings, 1 draw), 3 epochs on 100 images" in done.stderr
    assert {row["timing"] for row in mnf(*small, "--lr", "1e-3,1e-4,1e-5").rows} == {"shared"}


def test_a_slurm_array_is_a_partition_of_the_cells(mnf: Mnf) -> None:
    asked = ("sweep", "digits-sample", "--train-per-class", 5, "--epochs", 2, "--lr", "log:1e-5:1e-2:8", "--out", "out")
    shown = []
    for task in (4, 6, 8):  # sbatch --array=4-8:2
        array = {"ID": task, "COUNT": 3, "MIN": 4, "MAX": 8, "STEP": 2}
        slurm = {f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in array.items()}
        shown += mnf(*asked, "--shard", "auto", env=slurm).rows
    assert sorted(row["lr"] for row in shown) == sorted({row["lr"] for row in shown})
    gathered = mnf(*asked)
    assert "8 trials on digits-sample, 0 to do" in gathered.stderr
    assert len(gathered.rows) == len(shown) == 8


def test_processes_beside_this_one_give_the_same_rows(swept: tuple[Mnf, Answer]) -> None:
    mnf, alone = swept
    jobs = os.cpu_count() or 1  # one thread each, as in the other
    spread = mnf("sweep", *SMALL, "--out", "spread", "--jobs", jobs)
    assert numbers(spread.rows) == numbers(alone.rows)
    planned = mnf("sweep", *SMALL, "--lr", "1e-5", "--out", "spread", "--jobs", jobs, "--dry-run")
    assert f"in {jobs} processes of 1 threads on this machine" in planned.stderr
    assert "8 trials, 8 done" not in planned.stderr
    assert "MB on the disk" in planned.stderr


def test_a_diverged_training_is_less_than_was_asked_for(mnf: Mnf) -> None:
    wild = ("digits-sample", "--model", "mlp", "--optimizer", "gd", "--epochs", 20, "--train-per-class", 10)
    done = mnf("sweep", *wild, "--lr", "1e-4,1e30", code=3)
    assert {row["lr"]: row["status"] for row in done.rows} == {1e-4: "ok", 1e30: "diverged"}
    done = mnf("train", *wild, "--lr", "1e30", code=3)
    assert done.row["train_loss"] is None
    assert (
        "the training diverged: loss or weights are no longer finite; try: mnf train digits-sample --lr 0.01 "
        in done.stderr
    )


def test_a_finished_sweep_is_drawn_again_without_training_and_byte_for_byte(swept: tuple[Mnf, Answer]) -> None:
    mnf, _ = swept
    assert mnf("sweep", *SMALL, "--out", "drawn", "--plot", "one.svg").stderr.count("8 to do") == 1
    again, packages = mnf.imports("sweep", *SMALL, "--out", "drawn", "--plot", "two.svg")
    assert "0 to do" in again.stderr
    assert (mnf.folder / "one.svg").read_bytes() == (mnf.folder / "two.svg").read_bytes()
    assert "matplotlib" in packages
    assert "torch" not in packages or may_have_gpu()
    _, packages = mnf.imports("sweep", *SMALL, "--out", "drawn")
    assert "matplotlib" not in packages
    for name in ("figure.png", "figure.PDF"):
        mnf("sweep", *SMALL, "--out", "drawn", "--plot", name)
        assert (mnf.folder / name).stat().st_size > 5000


def test_a_figure_of_an_unknown_kind_is_refused_before_anything_is_trained(mnf: Mnf) -> None:
    assert "must end in .png, .svg, .pdf" in mnf("sweep", *SMALL, "--out", "out", "--plot", "a.gif", code=2).complaint
    assert not (mnf.folder / "out").exists()


def test_the_trials_that_a_sweep_lists_are_those_of_per_seed_with_near_duplicates_counted_once(mnf: Mnf) -> None:
    folder = save_shapes(mnf.folder / "shapes", per_class=12)
    for number in range(9):  # one image ten times: ten images, one voice
        shutil.copy(folder / "red" / "00.png", folder / "red" / f"copy{number}.png")
    asked = (
        "sweep",
        "shapes",
        "--epochs",
        2,
        "--test-per-class",
        10,
        "--lr",
        "1e-4,1e-3",
        "--seeds",
        3,
        "--out",
        "out",
    )
    trials = mnf(*asked, "--per-seed").rows
    summary = json.loads((mnf.folder / "out" / "summary.json").read_text())
    listed = [trial for of_cell in summary["trials"] for trial in of_cell]
    for field in ("seed", "status", "train_accuracy", "val_accuracy", "test_accuracy"):
        assert [trial[field] for trial in listed] == [row[field] for row in trials]
    for cell, of_cell in zip(summary["cells"], summary["trials"], strict=True):
        mean = sum(trial["test_accuracy"] for trial in of_cell) / 3
        assert mean == pytest.approx(cell["test_accuracy"], abs=1e-12)
    ledger = [json.loads(line) for line in (mnf.folder / "out" / "trials.ndjson").read_text().splitlines()]
    assert {record["test_accuracy"] for record in ledger} != {trial["test_accuracy"] for trial in listed}


def test_a_sweep_of_lbfgs_says_whether_its_best_cell_reached_the_optimum(mnf: Mnf) -> None:
    line = ("sweep", "digits-sample", "--train-per-class", 8, "--optimizer", "lbfgs", "--seeds", 2)
    done = mnf(*line, "--reduction", "mean", "--epochs", 3, "--weight-decay", "0,0.1")
    assert "lbfgs stopped, before its end: raise --epochs" in done.stderr
    assert "best by validation" in done.stderr.splitlines()[-1]
