"""Whether a process of this machine still lives."""

import contextlib
import os
from pathlib import Path

LARGEST_PID = 2**31
STARTED = 19
"""Which of the words from the state on tells when a process started, in ticks since the machine did."""


def is_alive(pid: int, birth: str = "") -> bool:
    """Returns whether this machine may have a process.

    Args:
        pid: its number, which another one gets when it has ended, in a container soon.
        birth: when it began, as `birth_of` told it; "" where that is not known.
    """
    if os.name != "posix" or not 0 < pid < LARGEST_PID:
        return True  # there is no harmless way to ask
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    if birth and birth_of(pid) not in ("", birth):
        return False
    # it may have ended while its parent has not asked how: in a container perhaps nobody does
    return _stat(pid)[:1] not in (["Z"], ["X"])


def birth_of(pid: int) -> str:
    """Returns when a process of this machine began, in words that no other process of its number ever has.

    They are "" where the system does not tell.
    """
    with contextlib.suppress(OSError, IndexError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="latin-1").strip()
        return f"{boot} {_stat(pid)[STARTED]}"
    return ""


def _stat(pid: int) -> list[str]:
    """Returns what Linux tells of a process, from its state on; nothing where there is none, or on other systems."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="latin-1").rpartition(")")[2].split()
    return []
