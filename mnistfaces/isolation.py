"""Programs that may crash, hang or take all memory, in processes of their own.

Such a program imports nothing of the package, so that it can be started as a file. It leaves what it found in a folder,
or one line in `problem.txt` there.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnistfaces.errors import FileError

PROBLEM_LENGTH = 300


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a program ended.

    Attributes:
        late: whether it was stopped because its time was up.
        problem: what it said that it could not do; "" where it said nothing.
        code: its exit code; below 0 a signal's number.
    """

    late: bool = False
    problem: str = ""
    code: int = 0


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yields a folder to work in, which is removed then.

    Raises:
        FileError: there is no room for one.
    """
    try:
        temporary = tempfile.TemporaryDirectory(prefix="mnf-", ignore_cleanup_errors=True)
    except OSError as error:
        raise FileError(f"no temporary folder to work in: {error.strerror or error}") from error
    with temporary as folder:
        yield Path(folder)


def run_apart(program: Path, arguments: Sequence[str], folder: Path, *, seconds: float) -> Ending:
    """Runs a program to its end, in silence and on one thread.

    Args:
        program: the file of its code.
        arguments: what it is given.
        folder: where it leaves what it found, one of the arguments.
        seconds: after which it is stopped.

    Raises:
        FileError: no process can be started.
    """
    command = [sys.executable, "-P", str(program), *arguments]
    quiet: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    one_thread = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # threads reserve memory
    try:
        done = subprocess.run(command, **quiet, env=one_thread, timeout=seconds, check=False)  # noqa: S603  our own program
    except subprocess.TimeoutExpired:
        return Ending(late=True)
    except OSError as error:
        raise FileError(f"cannot start a process for {program.name}: {error.strerror or error}") from error
    said = folder / "problem.txt"
    words = said.read_bytes()[:PROBLEM_LENGTH].decode(errors="replace").split() if said.exists() else []
    return Ending(problem=" ".join(words), code=done.returncode)
