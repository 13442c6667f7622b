"""Whether a process of this machine still lives."""

import os

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
    return True
