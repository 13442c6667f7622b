"""The program `mnf`: where an error becomes a line and an exit code, from its first import to its last byte.

Nothing heavy is imported before the signals are in hand: Ctrl-C is as quiet in the first half second as later.
"""

import contextlib
import os
import signal
import sys
from types import FrameType
from typing import Any, NoReturn, TextIO, cast

from mnistfaces.errors import MnistFacesError, UsageError
from mnistfaces.text import clean

INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM
STDOUT_CLOSED = 141  # what a shell reports of a program that SIGPIPE ended
AS_ESCAPES = "backslashreplace"
OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")
"""How torch words what Python calls a MemoryError."""

NO_THREAD = "can't start new thread"
"""How Python words a limit on threads, or memory that does not do for one more."""

IMPORTS = "<frozen importlib._bootstrap>"
"""The file of the frames that import a module."""

ASK_AGAIN_SECONDS = 0.02

LOOKS = "10000"
"""How often a thread of torch that waits for others looks before it sleeps: for some 30 us, longer than most steps'
waits. OpenMP's own 300,000 keep cores busy that other programs want, and with them the very threads it waits for: 300
epochs of a softmax regression took 70 to 90 s beside six busy programs on two cores, and take 15; alone, no longer."""


class _Signals:
    """What Ctrl-C and SIGTERM do: the first stops the work, the next one ends the process where it stands.

    Within an import it waits for its end: in the middle of torch's own, C++ makes an abort of it.

    Attributes:
        came: exit code of the first one that came.
    """

    def __init__(self) -> None:
        self.came: int | None = None
        self._ending: int | None = None
        self._over = False
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)  # a shell starts background jobs with it ignored
        sys.unraisablehook = self._unraisable

    def finish_work(self) -> None:
        """Says that there is no work left to stop."""
        self._over = True

    def end(self, code: int) -> None:
        """Says that all is done: a signal can only hasten the end."""
        self._ending = code

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self._ending is not None:
            os._exit(self._ending)
        self.came = self._ending = TERMINATED if number == signal.SIGTERM else INTERRUPTED
        self._interrupt(number, frame)

    def _interrupt(self, _number: int, frame: FrameType | None) -> None:
        if hasattr(signal, "setitimer") and _is_importing(frame):
            signal.signal(signal.SIGALRM, self._interrupt)
            signal.setitimer(signal.ITIMER_REAL, ASK_AGAIN_SECONDS)
        elif not self._over:
            raise KeyboardInterrupt

    def _unraisable(self, caught: "sys.UnraisableHookArgs") -> None:
        """Ends the process when a signal came where Python lets no exception out."""
        if isinstance(caught.exc_value, KeyboardInterrupt):
            os._exit(self.came or INTERRUPTED)
        sys.__unraisablehook__(caught)


def _is_importing(frame: FrameType | None) -> bool:
    """Returns whether a frame, or one that called it, imports a module."""
    while frame is not None:
        if frame.f_code.co_filename == IMPORTS:
            return True
        frame = frame.f_back
    return False


def main() -> NoReturn:
    """Runs the command line and ends the process with the exit code that the README lists."""
    signals = _Signals()
    wait_briefly()
    code = 0
    with contextlib.suppress(KeyboardInterrupt):  # Typer makes an exit code of some
        code = _checked_run()
    signals.finish_work()
    if signals.came is not None:
        code = _complain("stopped; finished work is kept: the same command goes on from there", signals.came)
    signals.end(code)
    _drop(sys.stderr)  # else the interpreter makes an exit code of its own of what nobody takes
    sys.exit(code)


def wait_briefly() -> None:
    """Lets threads that wait give way to other programs soon, unless the environment says how they wait."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", LOOKS)


def _checked_run() -> int:
    """Runs the command line; returns the exit code of a success and of every error that is not a bug."""
    try:
        if not _prepare_streams():
            return _complain("stdout is closed: send the results somewhere, to /dev/null if nowhere", 1)
        return _run()
    except MnistFacesError as error:
        return _complain(_explained(error), error.exit_code)
    except (BrokenPipeError, SystemExit) as error:  # Typer makes an exit of a closed stdout
        if isinstance(error, SystemExit) and not error.code:  # completion is answered within Typer
            return 0
        _drop(sys.stdout)
        return STDOUT_CLOSED
    except (OSError, MemoryError, RuntimeError) as error:
        if (line := _line_of(error)) is None:
            raise
        _drop(sys.stdout)
        return _complain(line, 1)


def _explained(error: MnistFacesError) -> str:
    """Returns what an error says; of wrong usage, with what was likely meant."""
    if not isinstance(error, UsageError):
        return str(error)
    import typer

    from mnistfaces.cli._guesses import context_of, explain
    from mnistfaces.cli.index import app

    words = sys.argv[1:]
    return explain(str(error), context_of(words, typer.main.get_command(app)), words)


def _line_of(error: OSError | MemoryError | RuntimeError) -> str | None:
    """Returns what the machine refused, in one line; None where the error is a bug of ours."""
    if isinstance(error, OSError):
        place = f"cannot use {error.filename}" if error.filename else "cannot write the results"
        return f"{place}: {error.strerror or error}"
    if isinstance(error, MemoryError) or any(words in str(error) for words in OUT_OF_MEMORY):
        return f"not enough memory: {str(error).partition(chr(10))[0]}"
    if NO_THREAD in str(error):
        return f"the machine refuses: {error} (see ulimit -u)"
    return None


def _run() -> int:
    """Runs the command line; returns its exit code."""
    import typer

    from mnistfaces.cli.index import app

    usage_problem = cast("type[Exception]", typer.BadParameter.__base__)  # wherever Typer keeps its Click
    try:
        code = int(app(prog_name="mnf", standalone_mode=False) or 0)
        sys.stdout.flush()
    except usage_problem as error:
        return _complain(_usage(error, typer.main.get_command(app)), 2)
    except typer.Abort:  # Ctrl-D or Ctrl-C, as Click words them
        return INTERRUPTED
    return code


def _prepare_streams() -> bool:
    """Makes stdin, stdout and stderr fit for use; returns whether there was a stdout.

    A stream that was closed before the start is nowhere, not the next file that the program opens.
    """
    given = sys.stdout is not None
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    sys.stdin = sys.stdin or _nowhere("r")
    sys.stdout, sys.stderr = sys.stdout or _nowhere("w"), sys.stderr or _nowhere("w")
    for stream, errors in ((sys.stdin, "surrogateescape"), (sys.stdout, AS_ESCAPES), (sys.stderr, AS_ESCAPES)):
        with contextlib.suppress(AttributeError):
            stream.reconfigure(encoding="utf-8", errors=errors)  # type: ignore[union-attr]
    return given


def _nowhere(mode: str) -> TextIO:
    return open(os.devnull, mode, encoding="utf-8")  # type: ignore[return-value]  # noqa: PTH123  lasts as long as the process


def _drop(stream: TextIO) -> None:
    """Sends what is still buffered nowhere, if its reader does not take it."""
    with contextlib.suppress(OSError):
        stream.flush()
        return
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _complain(message: str, code: int) -> int:
    from mnistfaces.cli._window import say, set_lines

    with contextlib.suppress(OSError):
        say(set_lines("mnf: " + clean(" ".join(message.split())), sys.stderr))
    return code


def _usage(error: Exception, group: Any) -> str:  # noqa: ANN401  Click's command
    """Returns a usage error as one line that ends with the next command to type."""
    from mnistfaces.cli._guesses import context_of, explain

    context = getattr(error, "ctx", None) or context_of(sys.argv[1:], group)
    said = getattr(error, "message", "") if hasattr(error, "possibilities") else None  # Click's own guesses
    message = said or str(getattr(error, "format_message", lambda: error)())
    return f"{explain(message, context, sys.argv[1:])} (see {context.command_path} --help)"
