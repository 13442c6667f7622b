"""Arrays of numbers out of a MATLAB v5 file that nobody vouches for."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from mnistfaces.arrays import read_npz
from mnistfaces.errors import DataError, FileError

PROGRAM = Path(__file__).with_name("mat_process.py")
SIZE_LIMIT = 256 << 20
SECONDS = 60.0
PROBLEM_LENGTH = 300
HDF5 = b"\x89HDF\r\n\x1a\n"
"""Opens a v7.3 file, at its start or after a block of 512 bytes."""


def read_mat(path: Path, names: Sequence[str], seconds: float = SECONDS) -> dict[str, NDArray[Any]]:
    """Returns arrays of a MATLAB file by name; one that the file does not hold is left out.

    Args:
        path: the file.
        names: the arrays to read.
        seconds: after which the parser is stopped.

    Raises:
        DataError: one line that says what is wrong, and with which array.
        FileError: there is no room to work in.
    """
    try:
        with path.open("rb") as file:
            head = file.read(512 + len(HDF5))
        size = path.stat().st_size
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    if head.startswith((b"MATLAB 7.3", HDF5)) or head[512:] == HDF5:
        raise DataError(f"{path} is a MATLAB v7.3 file, which is not read: save it with -v7 or -v6")
    if size > SIZE_LIMIT:
        raise DataError(f"{path} has {size} bytes, more than {SIZE_LIMIT}")
    try:
        temporary = tempfile.TemporaryDirectory(prefix="mnf-", ignore_cleanup_errors=True)
    except OSError as error:
        raise FileError(f"no temporary folder to parse {path} in: {error.strerror or error}") from error
    with temporary as folder:
        return _parse(path, Path(folder), names, seconds)


def _parse(path: Path, folder: Path, names: Sequence[str], seconds: float) -> dict[str, NDArray[Any]]:
    """Runs the parser, which leaves what it found in `folder`, and returns that."""
    command = [sys.executable, "-P", str(PROGRAM), str(path.resolve()), str(folder), *names]
    quiet: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    one_thread = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # threads reserve memory
    try:
        done = subprocess.run(command, **quiet, env=one_thread, timeout=seconds, check=False)  # noqa: S603  our own program
    except subprocess.TimeoutExpired:
        raise DataError(f"{path} could not be parsed within {seconds:g} s") from None
    except OSError as error:
        raise DataError(f"cannot start a process to parse {path}: {error.strerror or error}") from error
    problem = folder / "problem.txt"
    if problem.exists():
        words = problem.read_bytes()[:PROBLEM_LENGTH].decode(errors="replace").split()
        raise DataError(f"{path}: {' '.join(words)}")
    if done.returncode != 0:
        raise DataError(f"{path} made the MATLAB parser crash (exit code {done.returncode})")
    return {name: array.copy() for name, array in read_npz(folder / "arrays.npz").items()}
