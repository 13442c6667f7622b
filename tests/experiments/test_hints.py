"""Hints from the state of a run: twelve broken set-ups each get the right one, sound ones none, and the line runs."""

import itertools
import json
import math
import shlex
from pathlib import Path

import pytest
from kept_surface import mnf_here

from mnistfaces.experiments.hints import MOST_TYPED

SAMPLE = ("digits-sample", "--train-per-class", "20", "--test-per-class", "20")
ADAM = ("--model", "mlp", "--optimizer", "adam", "--reduction", "mean", "--batch-size", "32")

BROKEN: dict[str, tuple[tuple[str, ...], str, tuple[str, ...]]] = {
    "diverged": (("train", *SAMPLE, "--lr", "1e38", "--epochs", "50"), "the training diverged", ("--lr 0.01",)),
    "too large a step": (("train", *SAMPLE, "--lr", "10", "--epochs", "50"), "the steps are too large", ("--lr 0.01",)),
    "collapsed": (
        ("train", *SAMPLE, *ADAM, "--lr", "0.5", "--epochs", "100"),
        "the model collapsed",
        ("--lr 0.01", "--optimizer adam"),
    ),
    "a step that is far too small": (
        ("train", *SAMPLE, "--lr", "1e-7", "--epochs", "200"),
        "the loss was far from its end, the last fifth of the epochs brought 20% of its whole fall",
        ("--lr 1e-06",),
    ),
    "far too few epochs": (
        ("train", *SAMPLE, *ADAM, "--lr", "1e-5", "--epochs", "10"),
        "the loss was far from its end",
        ("--epochs 10",),
    ),
    "stopped while it fell": (
        ("train", *SAMPLE, "--lr", "5e-5", "--epochs", "300"),
        "the loss still fell at the end",
        ("--epochs 1200",),
    ),
    "too few images": (
        ("train", "digits-sample", *ADAM, "--lr", "1e-3", "--epochs", "250", "--train-per-class", "4"),
        "validation is far from training",
        ("--train-per-class 16",),
    ),
    "too low rates": (
        ("sweep", "digits-sample", "--lr", "1e-7,1e-6,1e-5", "--epochs", "100"),
        "the best lr, 1e-05, is the highest that was asked for",
        ("--lr 1e-07,1e-06,1e-05,0.0001,0.001",),
    ),
    "too high rates": (
        ("sweep", *SAMPLE, *ADAM, "--lr", "0.03,0.3", "--epochs", "20"),
        "the best lr, 0.03, is the lowest that was asked for",
        ("--lr 0.0003,0.003,0.03,0.3",),
    ),
    "too short a list of epochs": (
        ("sweep", "digits-sample", "--lr", "1e-5", "--epochs", "3,10,30"),
        "the best epochs, 30, is the highest that was asked for",
        ("--epochs 3,10,30,90", "--lr 1e-05"),
    ),
    "too few hidden units": (
        ("sweep", *SAMPLE, *ADAM, "--lr", "1e-3", "--epochs", "40", "--hidden", "2,4"),
        "the best hidden, 4, is the highest that was asked for",
        ("--hidden 2,4,8",),
    ),
    "only rates that are too large": (
        ("sweep", *SAMPLE, "--lr", "10,100", "--epochs", "20", "--seed", "3,5", "--fixed-split"),
        "in the best cell, too, the steps are too large",
        ("--lr 0.001,0.01", "--seed 3,5 --fixed-split"),
    ),
}

SOUND: dict[str, tuple[str, ...]] = {
    "the defaults": ("train", "digits-sample", "--epochs", "1000"),
    "momentum": ("train", "digits-sample", "--momentum", "0.9", "--epochs", "300"),
    "minibatches": (
        *("train", "digits-sample", "--reduction", "mean", "--lr", "0.1", "--batch-size", "32", "--epochs", "20"),
        *("--train-per-class", "200"),
    ),
    "a network": ("train", "digits-sample", *ADAM, "--lr", "1e-3", "--epochs", "20", "--train-per-class", "200"),
    "no images to validate": (
        *("train", "digits-sample", "--epochs", "300", "--train-per-class", "100", "--val-per-class", "0"),
    ),
    "the best rate inside the list": ("sweep", "digits-sample", *ADAM, "--lr", "1e-5,1e-3,1e-1", "--epochs", "30"),
    "rates that do not matter": ("sweep", "digits-sample", "--lr", "1e-4,1e-3", "--epochs", "1000"),
}


def told(folder: Path, *words: str) -> tuple[str, str, float]:
    """Returns the hint, its line, and the lowest validation loss, of a command that runs in a folder."""
    done = mnf_here(*words, cwd=folder)
    assert done.returncode in (0, 3), done.stderr
    said, _, line = done.stderr.partition("; try: ")
    losses = [json.loads(row)["val_loss"] for row in done.stdout.splitlines()]
    lowest = min((loss for loss in losses if loss is not None), default=math.inf)
    return said.splitlines()[-1] if line else "", line.partition("\n")[0], lowest


@pytest.mark.parametrize(("words", "said", "options"), BROKEN.values(), ids=BROKEN)
def test_a_broken_set_up_gets_its_hint_and_the_line_runs_and_is_better(
    tmp_path: Path, words: tuple[str, ...], said: str, options: tuple[str, ...]
) -> None:
    hint, line, before = told(tmp_path, *words)
    assert said in hint
    assert line.startswith(f"mnf {words[0]} digits-sample ")
    for option in options:
        assert f"{option} " in f"{line} "
    _, _, after = told(tmp_path, *shlex.split(line)[1:])
    assert after < before


@pytest.mark.parametrize("words", SOUND.values(), ids=SOUND)
def test_a_sound_set_up_gets_none(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert told(tmp_path, *words)[:2] == ("", "")


@pytest.mark.parametrize(
    ("words", "option", "count"),
    [
        (("digits-sample", "--lr", "log:1e-29:1e-5:25", "--epochs", "100"), "--lr", MOST_TYPED + 2),
        ((*SAMPLE, "--lr", "10,100", "--momentum", "lin:0:0.5:21", "--epochs", "20"), "--momentum", 1),
    ],
    ids=["the axis of the hint", "another axis"],
)
def test_a_line_to_copy_spells_out_no_long_list(
    tmp_path: Path, words: tuple[str, ...], option: str, count: int
) -> None:
    _, line, _ = told(tmp_path, "sweep", *words)
    options = dict(itertools.pairwise(shlex.split(line)))
    assert len(options[option].split(",")) == count
