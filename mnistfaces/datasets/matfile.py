"""Arrays of numbers out of a MATLAB v5 file that nobody vouches for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from mnistfaces.arrays import read_npz
from mnistfaces.errors import DataError
from mnistfaces.isolation import run_apart, scratch_folder

PROGRAM = Path(__file__).with_name("mat_process.py")
SIZE_LIMIT = 256 << 20
SECONDS = 60.0
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
        FileError: there is no room to work in, or no process can be started.
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
    with scratch_folder() as folder:
        ending = run_apart(PROGRAM, [str(path.resolve()), str(folder), *names], folder, seconds=seconds)
        if ending.late:
            raise DataError(f"{path} could not be parsed within {seconds:g} s")
        if ending.problem:
            raise DataError(f"{path}: {ending.problem}")
        if ending.code != 0:
            raise DataError(f"{path} made the MATLAB parser crash (exit code {ending.code})")
        return {name: array.copy() for name, array in read_npz(folder / "arrays.npz").items()}
