"""A surface kept by the real program in a folder of its own, small enough to be made in seconds."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from mnistfaces.cli.app import main

SMALL = ("digits-sample", "--train-per-class", "20", "--epochs", "60", "--step", "0.2")


def mnf(*arguments: object, cwd: Path, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "MNF_DATA_DIR": str(cwd / "data"), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", "mnistfaces", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
        input=stdin,
        timeout=120,
        check=False,
    )


def rows(done: "subprocess.CompletedProcess[str]") -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def mnf_here(*arguments: object, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """Runs the program's entry point in this process: for the many small mistakes that need no process each."""
    words = ["mnf", *map(str, arguments)]
    out, err = io.StringIO(), io.StringIO()
    handler, argv = signal.getsignal(signal.SIGTERM), sys.argv
    try:
        sys.argv = words
        with contextlib.chdir(cwd), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as end:
        return subprocess.CompletedProcess(words, int(end.code or 0), out.getvalue(), err.getvalue())
    finally:
        sys.argv = argv
        signal.signal(signal.SIGTERM, handler)


def complaint(done: "subprocess.CompletedProcess[str]", code: int) -> str:
    """Returns the one line of an error that is not a bug, of a command that printed no result."""
    assert (done.returncode, done.stdout) == (code, "")
    assert "Traceback" not in done.stderr
    line = done.stderr.splitlines()[-1]
    assert line.startswith("mnf: ")
    return line


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
