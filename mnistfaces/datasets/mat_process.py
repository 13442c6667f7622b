"""Program: reads arrays of a MATLAB file in a process of its own, `python mat_process.py SOURCE FOLDER NAME...`.

A parser that crashes, hangs or takes all memory ends here and takes nothing with it. It leaves `arrays.npz` in the
folder, or one line in `problem.txt`. It imports nothing of the package, so that it can be started as a file.
"""

import contextlib
import sys
from pathlib import Path
from typing import Any

MEMORY = 2 << 30
CPU_SECONDS = 60


def limit_resources() -> None:
    """Bounds memory and time where the platform can."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def read_arrays(source: str, names: list[str]) -> dict[str, Any]:
    """Returns the arrays of these names; an absent one is left out.

    Raises:
        ValueError: names the first array that cannot be read or is not made of numbers.
    """
    import numpy as np
    from scipy.io import loadmat

    arrays: dict[str, Any] = {}
    for name in names:
        try:
            found = loadmat(source, variable_names=[name])
        except Exception as error:
            raise ValueError(f"array {name} cannot be read: {type(error).__name__}: {error}") from error
        if name not in found:
            continue
        array = found[name]
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf":
            held = f"an array of {array.dtype}" if isinstance(array, np.ndarray) else "no plain array"
            raise ValueError(f"{name} is {held}, not of numbers")
        arrays[name] = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return arrays


def main(source: str, folder: str, *names: str) -> None:
    """Leaves the arrays or the problem in the folder."""
    limit_resources()
    import numpy as np

    try:
        np.savez(Path(folder) / "arrays.npz", **read_arrays(source, list(names)))
    except (ValueError, MemoryError, OSError) as error:
        (Path(folder) / "problem.txt").write_text(str(error) or type(error).__name__, encoding="utf-8")
        sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
