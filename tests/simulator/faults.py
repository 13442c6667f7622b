"""What can go wrong at a call, and how a seed draws it."""

import errno
import random
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

READING = ("EIO", "EACCES", "EMFILE", "EINTR")
WRITING = ("ENOSPC", "EIO", "EDQUOT", "EACCES", "EINTR")
SIGNALS = ("SIGINT", "SIGTERM", "SIGINT after", "SIGTERM after")
"""What comes before a call, or when it is done and before its caller has its result; to the main thread alone."""

ENDS = ("kill", "kill after", "power", "power after")
"""How a process ends at a call, before or after it: alone (what it wrote stays), or with the whole machine."""

EFFECTS: Mapping[str, tuple[str, ...]] = {
    "open": (*READING, *ENDS[:1], *SIGNALS),
    "create": ("ENOSPC", "EDQUOT", "EACCES", "EMFILE", "EROFS", "full disk", "read-only disk", *ENDS, *SIGNALS),
    "read": ("EIO", "EINTR", *SIGNALS),
    "write": ("ENOSPC", "EIO", "EDQUOT", "EFBIG", "EINTR", "short", "torn", "full disk", *ENDS, *SIGNALS),
    "sync": ("ENOSPC", "EIO", "EDQUOT", *ENDS, *SIGNALS),
    "close": ("EIO", "EDQUOT", *ENDS[:1], *SIGNALS[:2]),
    "truncate": ("EIO", *ENDS, *SIGNALS),
    "rename": (*WRITING, "full disk", *ENDS, *SIGNALS),
    "unlink": ("EIO", "EACCES", "EROFS", *ENDS, *SIGNALS),
    "mkdir": (*WRITING, *ENDS, *SIGNALS),
    "rmdir": ("EIO", "EACCES", *ENDS, *SIGNALS),
    "utime": ("EACCES", "EPERM", "EROFS", "EIO", *ENDS[:2]),
    "stat": ("EIO", "EACCES", *SIGNALS),
    "list": ("EIO", "EACCES", "EMFILE", *SIGNALS),
    "map": ("ENOMEM", "ENODEV", "EIO", *ENDS[:1]),
    "lock": ("ENOLCK", "EOPNOTSUPP", "ENOSYS", "EIO", "taken", *ENDS[:1], *SIGNALS),
    "stdout": ("EIO", "ENOSPC", "closed", *ENDS[:1], *SIGNALS),
    "stderr": ("EIO", "ENOSPC", "closed", *ENDS[:1], *SIGNALS),
    "time": ("back", "forward"),
    "sleep": ("SIGINT", "SIGTERM", *ENDS[:1]),
    "start": ("EAGAIN", "ENOMEM"),
    "child": ("dies", "hangs", "SIGINT", "SIGTERM"),
    "thread": ("none left",),
    "unit": ("SIGINT", "SIGTERM", "no memory", *ENDS),
    "worker": ("dies", "dies after", "dies", "SIGINT", "SIGTERM", *ENDS[:1]),
    "idle": ("dies",),
    "scheduler": ("gone",),
    "resolve": ("unknown", "later", "silence"),
    "connect": ("ECONNREFUSED", "ECONNRESET", "EHOSTUNREACH", "silence"),
    "send": ("ECONNRESET", "EPIPE", "silence"),
    "tls": ("untrusted", "broken", "ECONNRESET", "silence"),
    "get": (
        "reset",
        "short",
        "wrong length",
        "garbage",
        "page",
        "other",
        "empty",
        "silence",
        "drip",
        "endless",
        "bomb",
        "404",
        "503",
        "429",
        "opted out",
        "loop",
        "private",
        "slow",
    ),
}
"""What each kind of call may come to instead of its result: an error by its name, or an effect that `World`, `Disk`
and `Web` know."""

DISK = (
    "open", "create", "read", "write", "sync", "close", "truncate", "rename", "unlink", "mkdir", "rmdir", "utime",
    "stat", "list", "lock",
)  # fmt: skip
NETWORK = ("resolve", "connect", "send", "tls", "get")
WORKERS = ("worker", "idle", "scheduler")
CODES = {name: getattr(errno, name) for effects in EFFECTS.values() for name in effects if hasattr(errno, name)}


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        kind: of the call.
        number: of that call among its kind, from 0.
        effect: what it comes to.
        share: of a write or a reply that still happens, where the effect knows parts; in [0, 1).
    """

    kind: str
    number: int
    effect: str
    share: float

    def __str__(self) -> str:
        return f"{self.effect} at {self.kind} {self.number}"


def draw_faults(
    rng: random.Random, calls: Mapping[str, int], kinds: Sequence[str], effects: Container[str] | None = None
) -> list[Fault]:
    """Draws one to three faults over the calls that an undisturbed run makes, evenly over their kinds.

    Args:
        rng: of the attempt.
        calls: how many there are of each kind.
        kinds: that may fail.
        effects: that may happen; None allows all.
    """
    able = {kind: [one for one in EFFECTS[kind] if effects is None or one in effects] for kind in kinds}
    there = [kind for kind in kinds if calls.get(kind) and able[kind]]
    if not there:
        return []
    faults = {}
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        kind = rng.choice(there)
        fault = Fault(kind, rng.randrange(calls[kind]), rng.choice(able[kind]), rng.random())
        faults[fault.kind, fault.number] = fault
    return list(faults.values())
