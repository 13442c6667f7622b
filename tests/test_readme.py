"""The README names commands and options that exist, and its lines can be copied."""

import json
import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from conftest import Mnf

import mnistfaces

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```[a-z]*\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
LINES = sorted({line for block in BLOCKS for line in block.splitlines() if line.startswith("mnf ")})


PYTHON = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@cache
def help_of(*words: str) -> str:
    command = [sys.executable, "-m", "mnistfaces", *words, "--help"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def commands(line: str) -> list[list[str]]:
    """Returns the words of every `mnf` of a line, up to the next pipe, `&&` or comment."""
    parts = re.split(r"\s(?:\||&&)\s", line.split(" # ", maxsplit=1)[0].split("  #", maxsplit=1)[0])
    return [shlex.split(part)[1:] for part in parts if part.startswith("mnf ")]


def unknown_options(words: list[str]) -> list[str]:
    """Returns the options of a command that its help does not name."""
    names = 2 if words[0] == "fetch" else 1
    known = re.findall(r"--[a-z-]+", help_of(*words[:names]))
    return [word for word in words[names:] if word.startswith("--") and word not in known]


def test_the_readme_has_lines_to_copy() -> None:
    assert len(LINES) > 20


@pytest.mark.parametrize("line", LINES)
def test_every_line_of_the_readme_names_a_command_and_options_that_exist(line: str) -> None:
    assert [unknown_options(words) for words in commands(line)] == [[] for _ in commands(line)]


@pytest.fixture(scope="module")
def few_features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the file that the lines on Part 10 name: 170 rows of each of 6 classes."""
    folder = tmp_path_factory.mktemp("part10")
    np.savez(folder / "features.npz", features=np.eye(1020, 5, dtype=np.float32), labels=np.arange(1020) % 6)
    return folder


@pytest.mark.parametrize(
    ("table", "cells", "trials", "asked"),
    [
        (10, 5, 5, {"batch_size": 600, "epochs": 10000}),
        (11, 2, 20, {"batch_size": 600, "epochs": 10000}),
        (12, 6, 6, {"epochs": 10000}),
        (13, 2, 20, {"epochs": 10000}),
        (14, 4, 4, {"batch_size": 128}),
        (15, 1, 10, {"batch_size": 128, "epochs": 1000}),
    ],
)
def test_each_table_of_part_10_is_one_line(
    few_features: Path, table: int, cells: int, trials: int, asked: dict[str, int]
) -> None:
    (line,) = [line for line in LINES if line.endswith(f"# Table {table}") and "features.npz" in line]
    ((_, *words),) = commands(line)
    run = [sys.executable, "-m", "mnistfaces", "sweep", *words, "--dry-run"]
    done = subprocess.run(run, check=True, capture_output=True, text=True, cwd=few_features)
    assert f"{cells} cells, {trials} trials" in done.stderr
    rows = [json.loads(row) for row in done.stdout.splitlines()]
    assert all(row[option] == value for row in rows for option, value in asked.items())
    assert words[words.index("--val-per-class") + 1] == "20"


def test_an_option_that_does_not_exist_is_found() -> None:
    assert unknown_options(["sweep", "--lr", "1", "--learning-rate", "1"]) == ["--learning-rate"]


def test_the_table_of_commands_names_every_command_of_the_index() -> None:
    index = help_of().split("Commands:")[1]
    listed = set(re.findall(r"^  ([a-z-]+) ", index, re.MULTILINE))
    assert listed == {
        match.split()[0] for match in re.findall(r"^\| `mnf ([a-z -]+?)(?: --[^`]*)?` \|", README, re.MULTILINE)
    }


WORD_FOR_WORD = (
    "mnf samples digits-sample --plot samples.png",
    "mnf gradcheck digits-sample --function mine.py:gradient",
    "mnf train digits --plot curve.png",
    "mnf visualize-weights last --gray --plot weights.png",
    "mnf train | mnf visualize-weights - --plot weights.png",
    "mnf sweep --lr log:1e-5:1e-2:4 --seeds 5 --format csv | cut -d, -f1-4",
    "mnf fetch faces --synthetic",
)
"""Lines that cost seconds and need no network, in the order in which a newcomer meets them."""


def run_shell(mnf: Mnf, line: str) -> "subprocess.CompletedProcess[str]":
    environment = mnf.environment()
    environment["PATH"] = f"{mnf.program.parent}{os.pathsep}{environment['PATH']}"
    options = {"capture_output": True, "text": True, "cwd": mnf.folder, "env": environment, "timeout": 300}
    return subprocess.run(["sh", "-c", line], check=False, **options)  # type: ignore[call-overload, no-any-return]  # noqa: S607


def test_lines_run_word_for_word(mnf: Mnf) -> None:
    (mnf.folder / "mine.py").write_text(PYTHON[0])
    for line in WORD_FOR_WORD:
        assert line in README
        done = run_shell(mnf, line)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), (line, done.stderr)
        assert done.stdout, line
    assert {path.name for path in mnf.folder.glob("*.png")} == {"samples.png", "curve.png", "weights.png"}
    for line in LINES:  # those on faces can be tried on synthetic ones, as it says
        if line.startswith("mnf sweep faces ") and "--res" not in line:
            (words,) = commands(line.replace(" faces ", " faces-synthetic ", 1))
            assert mnf(*words, "--dry-run").rows, line


def test_the_python_of_the_readme_runs_and_its_answers_are_judged_like_for_like(mnf: Mnf) -> None:
    mnf("extract-features", "digits-sample", "--backbone", "pixels", "--out", "digits.npz")
    ours, search, sklearns = (
        subprocess.run(
            [sys.executable, "-c", block], check=True, capture_output=True, cwd=mnf.folder, env=mnf.environment()
        )
        for block in PYTHON[1:]
    )
    *curve, best = ours.stdout.splitlines()
    assert [line.split()[0] for line in curve] == [b"0", b"100", b"200", b"300"]
    assert best.startswith(b"mnf train digits-sample --lr 0.001 --epochs 100")
    assert search.stdout.startswith(b"{'classifier__lr': 0.001")
    assert (search.stderr, sklearns.stderr) == (b"", b"")
    line = "mnf train digits-sample --train-per-class all --val-fraction 0 --lr 1e-5"
    assert line in LINES
    trained = mnf(*commands(line)[0], "--epochs", 20).row
    with np.load(mnf.folder / "digits.npz") as digits:
        assert trained["train_n"] == int((digits["split"] != "test").sum()) == 4000
    row = mnf("compare", "last", "answers.csv").row
    assert (row["n"], row["b"]) == (1000, "answers.csv")
    assert row["low"] <= row["difference"] <= row["high"]
    (mnf.folder / "answers").mkdir()
    (mnf.folder / "answers.csv").rename(mnf.folder / "answers" / "one.csv")
    board = run_shell(mnf, "mnf compare last answers/*.csv --board --ladder term.json")
    assert "mnf compare last answers/*.csv --board --ladder term.json" in LINES
    assert len(board.stdout.splitlines()) == 2, board.stderr


def test_what_an_example_imports_is_promised() -> None:
    imported = {
        name
        for block in PYTHON
        for line in re.findall(r"^from mnistfaces import (.*)$", block, re.MULTILINE)
        for name in line.split(", ")
    }
    assert imported <= set(mnistfaces.__all__)
    assert all(f"`{name}`" in README for name in mnistfaces.__all__)
    assert all(getattr(mnistfaces, name).__doc__ for name in mnistfaces.__all__)
    assert not re.search(r"^from mnistfaces\.(?!sklearn)", "\n".join(PYTHON), re.MULTILINE)
