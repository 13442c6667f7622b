"""Temporary files: their names say whose they are, so that those of killed processes are known and removed."""

import contextlib
import hashlib
import os
import platform
import re
import time
from pathlib import Path

from mnistfaces.files.processes import is_alive

NAME_BYTES = 255
OLD_SECONDS = 24 * 3600
"""A temporary file of another machine, or of a process that cannot be asked after, is litter after a day."""

_OURS = re.compile(r"\..*\.(?P<host>[0-9a-f]{8})-(?P<pid>\d{1,10})-[0-9a-f]{8}\.tmp", re.DOTALL)
_swept: set[str] = set()


def temporary_name(name: str, token: str) -> str:
    """Returns the name of this process's temporary file for a file of some name, never longer than a name may be."""
    end = f".{_host()}-{os.getpid()}-{token}.tmp"
    begin = name.encode("utf-8", "surrogateescape")[: NAME_BYTES - len(end) - 1]
    return f".{begin.decode('utf-8', 'ignore')}{end}"


def sweep_once(folder: Path) -> None:
    """Removes what killed processes left half-written in a folder, the first time this process writes there."""
    key = os.path.abspath(folder)  # noqa: PTH100  a name, not a look at the disk
    if key in _swept:
        return
    _swept.add(key)
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            if entry.name.endswith(".tmp") and is_litter(Path(entry.path)):
                with contextlib.suppress(OSError):
                    Path(entry.path).unlink()


def is_litter(path: Path) -> bool:
    """Returns whether a file is a temporary one of ours whose process is no more."""
    match = _OURS.fullmatch(path.name)
    if match is None:
        return False
    if match["host"] == _host() and not is_alive(int(match["pid"])):
        return True
    return time.time() - path.stat().st_mtime > OLD_SECONDS


def _host() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]
