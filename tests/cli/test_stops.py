"""Every command that works longer than a second ends at Ctrl-C and SIGTERM: soon, in one line, with its exit code."""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Mnf
from own_data import write_png

AT_WORK_S = 2.0
"""Processor time after which every command is past its imports."""

PATIENCE_S = 60.0
"""What that may take; one whose workers compute may never use it up itself."""

SMALL = ("digits-sample", "--train-per-class", 20)


def train(_: Mnf) -> tuple[object, ...]:
    return "train", *SMALL, "--epochs", 10**8


def sweep(_: Mnf) -> tuple[object, ...]:
    return "sweep", *SMALL, "--epochs", 10**8, "--lr", "1e-3,1e-4"


def sweep_by_two(mnf: Mnf) -> tuple[object, ...]:
    return *sweep(mnf), "--hidden", "10,20", "--model", "mlp", "--jobs", 2


def contour(_: Mnf) -> tuple[object, ...]:
    return "contour", *SMALL, "--epochs", 5, "--method", "forward"


def trajectory(mnf: Mnf) -> tuple[object, ...]:
    mnf("contour", *SMALL, "--epochs", 5, "--step", 1, "--out", "surface")
    return "trajectory", "surface", "--steps", 10**6


def extract_features(mnf: Mnf) -> tuple[object, ...]:
    for number in range(2):
        write_png(mnf.folder / "pets" / f"kind{number}" / "0.png", np.full((8, 8), number, np.uint8))
        for copy in range(1, 3000):
            os.link(mnf.folder / "pets" / f"kind{number}" / "0.png", mnf.folder / f"pets/kind{number}/{copy}.png")
    return "extract-features", "pets", "--weights", "random", "--out", "f.npz"


def reproduce(_: Mnf) -> tuple[object, ...]:
    return "reproduce", "--scale", "full", "--out", "report"


Command = Callable[[Mnf], tuple[object, ...]]
SOON: tuple[Command, ...] = (contour, trajectory, extract_features)
"""Those that no other test of the fast tier stops."""

EVERY: tuple[Command, ...] = (*SOON, train, sweep, sweep_by_two, reproduce)


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def seconds_with_workers(pid: int) -> float:
    """Returns the processor time of a process and of all that it started, those that have ended included."""
    told = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            told[int(stat.parent.name)] = stat.read_text().rpartition(")")[2].split()
    family = [pid]
    for one in family:
        family += [child for child, fields in told.items() if int(fields[1]) == one]
    ticks = sum(int(tick) for one in family if one in told for tick in told[one][11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def stop(mnf: Mnf, command: Command, sent: signal.Signals) -> None:
    if not Path("/proc/self/stat").exists():
        pytest.skip("processor time of another process is read from /proc")
    words = command(mnf)
    with (mnf.folder / "err").open("w+") as err, mnf.start(*words, stderr=err, stdout=err) as process:
        end = time.monotonic() + PATIENCE_S
        while processor_seconds(process.pid) < AT_WORK_S and time.monotonic() < end:
            assert process.poll() is None, (mnf.folder / "err").read_text()
            time.sleep(0.02)
        before = seconds_with_workers(process.pid)
        process.send_signal(sent)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    said = (mnf.folder / "err").read_text().splitlines()
    assert process.returncode == 128 + sent, said
    assert said[-1].startswith("mnf: "), said
    assert not any(line.startswith("Traceback") for line in said), said
    assert used.ru_utime + used.ru_stime - before < 2


@pytest.mark.parametrize("command", SOON, ids=lambda command: command.__name__)
def test_a_command_that_works_long_ends_soon_at_a_signal(mnf: Mnf, command: Command) -> None:
    stop(mnf, command, signal.SIGINT if command is contour else signal.SIGTERM)


@pytest.mark.long
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", EVERY, ids=lambda command: command.__name__)
def test_every_command_that_works_long_ends_soon_at_either_signal(
    mnf: Mnf, command: Command, sent: signal.Signals
) -> None:
    stop(mnf, command, sent)
