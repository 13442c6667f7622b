"""How far a command is, on stderr."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mnistfaces.cli._sparkline import drawn
from mnistfaces.cli._window import say
from mnistfaces.text import clean

if TYPE_CHECKING:
    from rich.console import Console

PLAIN_PROGRESS_SECONDS = 10.0
"""Off a terminal, how long a stage may be silent."""

TICK_SECONDS = 1.0
"""How often a silent stage is looked at."""

TIMES_WIDTH, BAR_SHOWN_WIDTH, BAR_WIDTH = 80, 50, 20
"""Columns that a window must have for times and for a bar, and those of the bar."""

SURE_SHARE, SURE_SECONDS = 0.03, 5.0
"""How much must have been done, and for how long, before what is left is told: earlier guesses would jump."""

SHARE_ROOM, TIMES_ROOM = 5, 16
"""Columns of a percentage and of both times, each with the space before it."""


class Progress:
    """Says how far a command is: a bar on a terminal, a plain line now and then elsewhere.

    The plain line comes when the work advances, and from a thread of its own while it does not: a step that takes
    minutes is told from a program that hangs.
    """

    def __init__(self, console: "Console", description: str, total: float | None, *, silent: bool) -> None:
        description = clean(description)
        self._description, self._total, self._done, self._detail = description, total, 0.0, ""
        self._started = self._spoke = time.monotonic()
        self._counted: tuple[float, float] | None = None
        self._kept = self._size = 0
        self._bar: Any = None
        self._ended, self._speaking = threading.Event(), threading.Lock()
        self._ticks: threading.Thread | None = None
        if silent:
            return
        if console.is_terminal and sys.stderr.isatty():  # workflows that force colour are no terminal
            self._bar = _bar(console, self.left)
            self._room = _room(console.width, description)
            self._task = self._bar.add_task(description, total=total, detail="")
            self._bar.start()
        else:
            self._ticks = threading.Thread(target=self._tick, daemon=True)
            self._ticks.start()

    def advance(
        self, amount: float = 1, detail: str = "", curves: Mapping[str, Sequence[float]] = MappingProxyType({})
    ) -> None:
        """Counts `amount` more of the total as done; an empty detail leaves what stood there.

        Args:
            amount: in the unit of the total.
            detail: what stands beside the bar, or in the plain line.
            curves: what a terminal with room draws in place of the detail.
        """
        self._done += amount
        if self._counted is None:
            self._counted = time.monotonic(), self._done
        self._detail = clean(detail) or self._detail
        if self._bar is not None:
            beside = drawn(curves, self._room) if curves else ""
            self._bar.update(self._task, advance=amount, detail=beside or self._detail)
        elif self._ticks is not None:
            self._speak_when_due()

    def left(self) -> float | None:
        """Returns how many seconds are left, at the pace of all that was done; None while nobody can tell.

        What the first step tells was done before, by a command that this one goes on from, and is no part of the pace.
        """
        if self._counted is None or not self._total:
            return None
        since, before = self._counted
        seconds, done = time.monotonic() - since, self._done - before
        if seconds < SURE_SECONDS or done < SURE_SHARE * self._total:
            return None
        return max(0.0, seconds * (self._total - self._done) / done)

    def tally(self, kept: int | None, size: int) -> str:
        """Returns the detail that says what came of the stage until now; "" where nothing is kept or lost."""
        if kept is None:
            return ""
        self._kept += kept
        self._size += size
        return f"{self._kept} kept, {self._size / 1e6:.1f} MB" if self._size else f"{self._kept} kept"

    def stop(self) -> None:
        """Takes the bar off the screen."""
        self._ended.set()
        if self._bar is not None:
            self._bar.stop()
        if self._ticks is not None:
            self._ticks.join()

    def _tick(self) -> None:
        with contextlib.suppress(OSError):  # a closed stderr is the command's own to notice
            while not self._ended.wait(TICK_SECONDS):
                self._speak_when_due()

    def _speak_when_due(self) -> None:
        with self._speaking:
            now = time.monotonic()
            if now - self._spoke <= PLAIN_PROGRESS_SECONDS:
                return
            self._spoke = now
            share = f" {self._done / self._total:.0%}" if self._total else f" {self._done:g}" if self._done else ""
            line = f"{self._description}:{share} after {now - self._started:.0f} s {self._detail}"
            say(line.rstrip())


def _room(width: int, description: str) -> int:
    """Returns how many characters of a window are left for the detail."""
    bar = BAR_WIDTH + 1 if width >= BAR_SHOWN_WIDTH else 0
    times = TIMES_ROOM if width >= TIMES_WIDTH else 0
    return width - len(description) - bar - SHARE_ROOM - times - 1


def _bar(console: "Console", left: Callable[[], float | None]) -> Any:  # noqa: ANN401  rich's type, which costs its import
    """Returns a bar on one line of the window: what does not fit beside it is left out, its times first."""
    from rich import progress
    from rich.table import Column
    from rich.text import Text

    def told(field: str, ratio: int | None = None) -> progress.TextColumn:
        column = Column(ratio=ratio, no_wrap=True, overflow="ellipsis")
        return progress.TextColumn(field, markup=False, table_column=column)

    class TimeLeft(progress.ProgressColumn):
        max_refresh = 1.0

        def render(self, task: progress.Task) -> Text:  # noqa: ARG002  the pace is ours
            seconds = left()
            told = "" if seconds is None else str(timedelta(seconds=round(seconds)))
            return Text(told, style="progress.remaining")

    times = [progress.TimeElapsedColumn(), TimeLeft()] if console.width >= TIMES_WIDTH else []
    bar = [progress.BarColumn(bar_width=BAR_WIDTH)] if console.width >= BAR_SHOWN_WIDTH else []
    return progress.Progress(
        told("{task.description}"),
        *bar,
        progress.TaskProgressColumn(),
        told("{task.fields[detail]}", ratio=1),
        *times,
        console=console,
        transient=True,
        expand=True,
    )
