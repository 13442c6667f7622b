"""`mnf evaluate` as a person or a script meets it."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from kept_runs import keep_run

FIELDS = ["class", "precision", "recall", "support", "accuracy", "low", "high", "n"]
COMMAND = [sys.executable, "-m", "mnistfaces", "evaluate"]


def mnf_evaluate(*arguments: object, cwd: Path | None = None, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        input=stdin,
        cwd=cwd,
        timeout=120,
        check=False,
        env=environment,
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    keep_run(folder / "runs" / "train-x")
    return folder


def test_help_opens_with_two_lines_to_copy_and_imports_nothing_heavy() -> None:
    done = mnf_evaluate("--help")
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    assert [line.startswith("$ mnf evaluate") for line in lines[1:3]] == [True, True]
    program = "import sys, mnistfaces.cli.evaluate, mnistfaces.cli.predict; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "numpy", "scipy", "requests", "PIL", "matplotlib"} & set(modules)


def test_a_row_per_class_then_all_with_the_runs_own_accuracy(place: Path) -> None:
    done = mnf_evaluate("last", cwd=place)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    kept = json.loads((place / "runs" / "train-x" / "results.ndjson").read_text())
    assert done.returncode == 0
    assert all(list(row) == FIELDS for row in rows)
    assert [row["class"] for row in rows] == [*map(str, range(10)), "all"]
    assert rows[-1]["accuracy"] == kept["test_accuracy"]
    assert (rows[-1]["low"], rows[-1]["high"]) == (kept["test_low"], kept["test_high"])
    assert sum(row["recall"] * row["support"] for row in rows[:-1]) / 1000 == pytest.approx(rows[-1]["accuracy"])
    assert "1,000 test images of digits-sample" in done.stderr


def test_figures_and_lists_are_written_and_the_run_comes_from_a_pipe(place: Path, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("confusion.png", "m.csv", "m.svg")]
    row = json.dumps({"run": str(place / "runs" / "train-x")}) + "\n"
    arguments = ["--plot", files[0], "--mistakes", files[1], "--mistakes", files[2], "--format", "csv", "--quiet"]
    done = mnf_evaluate("-", "digits-sample", *arguments, stdin=row)
    assert (done.returncode, done.stderr) == (0, "")
    table = list(csv.DictReader(io.StringIO(done.stdout)))
    with files[1].open(newline="") as file:
        mistakes = list(csv.DictReader(file))
    assert len(mistakes) == round((1 - float(table[-1]["accuracy"])) * 1000)
    assert files[0].read_bytes().startswith(b"\x89PNG")
    assert "<svg" in files[2].read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nowhere"], 1, "not a run directory"),
        (["last", "no-such-data"], 2, "no dataset 'no-such-data'"),
        (["last", "--mistakes", "m.txt"], 2, "--mistakes"),
        (["last", "--plot", "m.csv"], 2, "--plot"),
    ],
)
def test_what_cannot_be_done_is_one_line(place: Path, arguments: list[str], code: int, words: str) -> None:
    done = mnf_evaluate(*arguments, cwd=place)
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_sweep_names_the_line_that_trains_one_model(tmp_path: Path) -> None:
    sweep = [sys.executable, "-m", "mnistfaces", "sweep", "digits-sample", "--train-per-class", "10"]
    subprocess.run(
        [*sweep, "--epochs", "2", "--lr", "1e-4,1e-3", "--out", "s", "-q"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    done = mnf_evaluate("s", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "`mnf train digits-sample" in done.stderr
