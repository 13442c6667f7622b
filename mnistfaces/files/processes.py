"""Whether a process of this machine still lives."""

import contextlib
import os
from pathlib import Path

LARGEST_PID = 2**31


def is_alive(pid: int) -> bool:
    """Returns whether this machine may have a process of this number."""
    if os.name != "posix" or not 0 < pid < LARGEST_PID:
        return True  # there is no harmless way to ask
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return not _has_ended(pid)


def _has_ended(pid: int) -> bool:
    """Returns whether a process has ended, and its parent has not asked how: in a container perhaps nobody does."""
    with contextlib.suppress(OSError, IndexError):  # systems but Linux have no such file
        return Path(f"/proc/{pid}/stat").read_text(encoding="latin-1").rpartition(")")[2].split()[0] in ("Z", "X")
    return False
