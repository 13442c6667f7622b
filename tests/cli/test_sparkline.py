"""Curves in a line of text: what they show, and that a terminal sees them while a training runs."""

import fcntl
import os
import pty
import re
import struct
import termios

import pytest
from conftest import Mnf

from mnistfaces.cli._sparkline import LEVELS, drawn, sparkline


def test_each_bar_is_a_value_by_its_logarithm() -> None:
    assert sparkline([1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1], 8) == LEVELS
    assert sparkline([2.0, 2.0], 8) == "▁▁"
    assert sparkline([], 8) == ""
    assert sparkline([1.0, 0.0, float("inf"), float("nan"), 0.1], 8) == "█▁██▁"


def test_many_values_become_as_many_bars_as_there_is_room_the_last_one_the_newest() -> None:
    falling = [10.0 ** (-place / 100) for place in range(800)]
    assert sparkline(falling, 8) == LEVELS[::-1]
    assert sparkline([*falling[:-1], 100.0], 8)[-1] == "█"
    assert all(len(sparkline(falling[:count], 24)) == min(count, 24) for count in range(1, 100))


def test_as_many_curves_as_fit_are_drawn_and_never_more_than_the_room() -> None:
    curves = {"loss": [1.0, 0.1] * 30, "val": [1.0, 0.5] * 30, "none": []}
    for room in range(-5, 100):
        assert len(drawn(curves, room)) <= max(0, room)
    assert re.fullmatch(r"loss [▁-█]{24} 0.1  val [▁-█]{24} 0.5", drawn(curves, 100))
    assert re.fullmatch(r"loss [▁-█]+ 0.1", drawn(curves, 24))
    assert drawn(curves, 14) == ""


def seen_on_a_terminal(mnf: Mnf, columns: int) -> str:
    """Returns what a terminal so wide shows of a training of some seconds."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    asked = ("train", "digits-sample", "--epochs", 6_000, "--train-per-class", 30)
    environment = {**mnf.environment(), "TERM": "xterm"}
    process = mnf.start(*asked, stderr=theirs, env=environment)
    os.close(theirs)
    seen = b""
    try:
        while piece := os.read(ours, 4096):
            seen += piece
    except OSError:  # the other end is closed
        pass
    process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == 0
    return seen.decode()


@pytest.mark.parametrize(("columns", "curves"), [(120, ("loss", "val")), (80, ("loss",)), (60, ("loss",))])
def test_a_terminal_sees_the_losses_beside_the_bar(mnf: Mnf, columns: int, curves: tuple[str, ...]) -> None:
    seen = seen_on_a_terminal(mnf, columns)
    found = set(re.findall(r"(loss|val) [▁-█]{2,} [\d.e-]+", seen))
    assert found == set(curves)
    assert ("loss 0." in seen) or found


def test_a_pipe_sees_numbers(mnf: Mnf) -> None:
    quiet = mnf("train", "digits-sample", "--epochs", 30, "--train-per-class", 5)
    assert not re.search("[▁-█]", quiet.stderr)
