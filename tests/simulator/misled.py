"""What a web that misbehaved may lead to: every row in one state, and in one that what happened explains."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from simulator.faults import NETWORK
from simulator.nursery import Ended
from simulator.remains import requests_of
from simulator.scenarios import LISTED

AGAIN = ("ok", "http_error", "html", "other_image", "redirects", "private_address")
"""What an address gives when it is asked again."""

STATES_AFTER: dict[str, tuple[str, ...]] = {
    "garbage": ("bad_response",),
    "page": ("html",),
    "other": ("other_image",),
    "empty": ("empty",),
    "endless": ("too_large",),
    "bomb": ("too_large",),
    "404": ("http_error",),
    "opted out": ("opted_out",),
    "loop": ("redirects",),
    "private": ("private_address",),
    "reset": ("reset", *AGAIN),
    "short": ("truncated", "bad_response", "empty", *AGAIN),
    "silence": ("timeout", *AGAIN),
    "slow": ("timeout", "http_error", *AGAIN),
    "503": AGAIN,
    "429": AGAIN,
}
"""The states that an address may be in after a host did this once."""


def is_misled(ended: Ended) -> bool:
    """Returns whether the network misbehaved."""
    return any(f" at {kind} " in one for one in ended.happened for kind in NETWORK)


def odd_fates(ended: Ended, rows: Sequence[Mapping[str, Any]], root: Path) -> list[str]:
    """Returns what is wrong with the states of rows and requests after a process that ended well.

    Args:
        ended: the process.
        rows: that it printed.
        root: the folder that it worked in.
    """
    wrong = []
    for row in rows:
        states = [value for name, value in row.items() if isinstance(value, int) and name not in ("listed", "kept")]
        if "listed" in row and sum(states) != row["listed"]:
            wrong.append(f"the states do not add up: {row}")
    faults = [one for one in ended.happened if any(f" at {kind} " in one for kind in NETWORK)]
    if len(faults) == 1 and " at get " in faults[0]:  # several may explain each other's states
        effect, url = faults[0].partition(" at ")[0], faults[0].rpartition(" (")[2].rstrip(")")
        state = requests_of(root).get(LISTED.get(url, url))
        if state is not None and state not in STATES_AFTER.get(effect, (state,)):
            wrong.append(f"{url} is {state!r} after {faults[0]}")
    return wrong
