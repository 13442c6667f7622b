"""Where every call to the machine is counted, and where a fault happens instead of it."""

import errno
import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

from simulator.faults import CODES, Fault

Result = TypeVar("Result")
KILLED = 137
"""Exit code of a process that a fault killed, as a shell tells it."""

LASTING = {
    "full disk": ("ENOSPC", ("create", "write", "mkdir")),
    "read-only disk": ("EROFS", ("create", "unlink")),
    "closed": ("EPIPE", ()),
}
"""What goes on until the process ends: the error, and the calls that have it, beside those of the fault's own kind."""

SIGNALS = ("SIGINT", "SIGTERM")
RAISED = {"none left": RuntimeError("can't start new thread"), "no memory": MemoryError()}
"""What Python raises where there is no OSError for it."""

LEAP_S = 40 * 3600.0
LONGEST_S = 20_000.0
"""Seconds of simulated time after which a process that still waits will wait for ever."""


class World:
    """What surrounds one process.

    Attributes:
        counts: calls made, by kind.
        log: calls made, in order, with their places.
        happened: the faults that did happen.
        wrong: what the program must never do, and did.
        time: seconds that have passed, simulated.
        shift: what the calendar is ahead of that.
        crash: loses what is not on the disk.
        leave: ends the process.
        turn: lets another process or thread go first; called before each call.
    """

    def __init__(self, faults: Sequence[Fault], seed: int, tick_s: float = 5e-5) -> None:
        self._faults = {(fault.kind, fault.number): fault for fault in faults}
        self.rng = random.Random(seed)  # noqa: S311  faults, not secrets
        self.counts: Counter[str] = Counter()
        self.log: list[str] = []
        self.happened: list[str] = []
        self.wrong: list[str] = []
        self.time, self.shift, self._tick = 0.0, 0.0, tick_s
        self._lasting: dict[str, str] = {}
        self.crash: Callable[[], None] = lambda: None
        self.leave: Callable[[int], NoReturn] = os._exit
        self.turn: Callable[[str], None] = lambda _: None

    def call(self, kind: str, place: str) -> Fault | None:
        """Counts a call; returns the fault that is to happen, if its effect is one that only the caller knows.

        Raises:
            OSError: the fault is an error of the machine.
        """
        self.turn(kind)
        number = self.counts[kind]
        self.counts[kind] += 1
        self.log.append(f"{kind} {place}")
        self.time += self._tick
        if self.time > LONGEST_S:
            self.wrong.append("it waits for ever")
            self.end("kill")
        fault = self._faults.get((kind, number))
        if fault is None:
            if kind in self._lasting:
                raise self.error(self._lasting[kind], place)
            return None
        if fault.effect.split()[0] in SIGNALS and threading.current_thread() is not threading.main_thread():
            return None  # where it comes would be a coin's choice
        self.happened.append(f"{fault} ({place})")
        if fault.effect in LASTING:
            name, kinds = LASTING[fault.effect]
            self._lasting.update(dict.fromkeys((kind, *kinds), name))
            raise self.error(name, place)
        if fault.effect in CODES:
            raise self.error(fault.effect, place)
        if fault.effect in RAISED:
            raise RAISED[fault.effect]
        self._befall(fault.effect)
        return fault

    def _befall(self, effect: str) -> None:
        """Makes happen to the process, or to its clock, what is no error of a call."""
        if effect in ("kill", "power"):
            self.end(effect)
        if effect in SIGNALS:
            signal.raise_signal(getattr(signal, effect))
        if effect in ("back", "forward"):
            self.shift += LEAP_S if effect == "forward" else -LEAP_S

    def perform(self, kind: str, place: str, do: Callable[..., Result], *args: Any, **options: Any) -> Result:  # noqa: ANN401  passed on
        """Makes a call that has no parts, or what a fault makes of it."""
        fault = self.call(kind, place)
        try:
            result = do(*args, **options)
        except OSError:
            if fault is not None and fault.effect.endswith(" after"):
                self.happened.remove(f"{fault} ({place})")  # there is no call that it could come after
            raise
        self.follow(fault)
        return result

    def follow(self, fault: Fault | None) -> None:
        """Makes happen what a fault makes happen when its call is done."""
        if fault is not None and fault.effect.endswith(" after"):
            how = fault.effect.split()[0]
            if how in SIGNALS:
                signal.raise_signal(getattr(signal, how))
            else:
                self.end(how)

    def end(self, how: str) -> NoReturn:
        """Ends the process, and with `power` the machine."""
        if how == "power":
            self.crash()
        self.leave(KILLED)

    @staticmethod
    def error(name: str, place: str) -> OSError:
        code = CODES[name]
        return OSError(code, os.strerror(code), place or None)


def is_taken(fault: Fault | None) -> OSError | None:
    """Returns the error of a lock that another process is said to hold."""
    return OSError(errno.EAGAIN, os.strerror(errno.EAGAIN)) if fault and fault.effect == "taken" else None
