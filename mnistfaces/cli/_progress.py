"""How far a command is, on stderr."""

import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

PLAIN_PROGRESS_SECONDS = 10.0


class Progress:
    """Says how far a command is: a bar on a terminal, a plain line now and then elsewhere."""

    def __init__(self, console: "Console", description: str, total: float | None, *, silent: bool) -> None:
        self._description, self._total, self._done, self._silent = description, total, 0.0, silent
        self._started = self._spoke = time.monotonic()
        self._kept = self._size = 0
        self._bar: Any = None
        if console.is_terminal and not silent:
            from rich import progress

            self._bar = progress.Progress(
                progress.TextColumn("{task.description}"),
                progress.BarColumn(),
                progress.TaskProgressColumn(),
                progress.TextColumn("{task.fields[detail]}"),
                progress.TimeRemainingColumn(),
                console=console,
                transient=True,
            )
            self._task = self._bar.add_task(description, total=total, detail="")
            self._bar.start()

    def advance(self, amount: float = 1, detail: str = "") -> None:
        """Counts `amount` more of the total as done."""
        self._done += amount
        if self._bar is not None:
            self._bar.update(self._task, advance=amount, detail=detail)
        elif not self._silent and time.monotonic() - self._spoke > PLAIN_PROGRESS_SECONDS:
            self._spoke = time.monotonic()
            share = f" {self._done / self._total:.0%}" if self._total else f" {self._done:g}"
            after = f"after {self._spoke - self._started:.0f} s"
            print(f"{self._description}:{share} {after} {detail}".rstrip(), file=sys.stderr, flush=True)

    def tally(self, kept: int | None, size: int) -> str:
        """Returns the detail that says what came of the stage until now; "" where nothing is kept or lost."""
        if kept is None:
            return ""
        self._kept += kept
        self._size += size
        return f"{self._kept} kept, {self._size / 1e6:.1f} MB" if self._size else f"{self._kept} kept"

    def stop(self) -> None:
        """Takes the bar off the screen."""
        if self._bar is not None:
            self._bar.stop()
