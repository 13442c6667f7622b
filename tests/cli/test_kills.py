"""Killed at any moment and typed again, a command ends as if nobody had touched it: the same files, and no others."""

import os
import subprocess
from pathlib import Path

import pytest
from conftest import Mnf
from damage import tries

SMALL = ("digits-sample", "--train-per-class", 20)
COMMANDS: dict[str, tuple[object, ...]] = {
    "train": ("train", *SMALL, "--model", "mlp", "--batch-size", 20, "--epochs", 300, "--out", "out"),
    "contour": ("contour", *SMALL, "--epochs", 300, "--step", 0.05, "--out", "out"),
    "sweep": ("sweep", *SMALL, "--epochs", "100,300", "--lr", "1e-3,1e-4", "--batch-size", 20, "--out", "out"),
}
OF_THE_DAY = ("config.json", "results.ndjson", "summary.json", "trials.ndjson", "surface.npz")
"""Files that hold times."""


def kept(folder: Path) -> dict[str, bytes]:
    """Returns every file of a folder, its content too where it holds no time."""
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: b"" if path.name in OF_THE_DAY else path.read_bytes() for name, path in files.items()}


@pytest.mark.long
@pytest.mark.parametrize("name", COMMANDS)
def test_fifty_kills_at_random_moments_change_no_file(
    mnf: Mnf, tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    alone = Mnf(tmp_path_factory.mktemp("alone"))
    before = os.times()
    alone(*COMMANDS[name])
    wall_s, whole = os.times().elapsed - before.elapsed, kept(alone.folder)
    for rng in tries(50):
        kill(mnf, name, rng.uniform(0, wall_s))
    mnf(*COMMANDS[name])
    assert kept(mnf.folder) == whole


def kill(mnf: Mnf, name: str, after_s: float) -> None:
    """Starts the command and kills it after a while, unless it has ended well by then."""
    with mnf.start(*COMMANDS[name]) as process:
        try:
            _, err = process.communicate(timeout=after_s)
        except subprocess.TimeoutExpired:
            process.kill()
            _, err = process.communicate()
            assert "Traceback" not in err, err
        else:
            assert process.returncode == 0, err
