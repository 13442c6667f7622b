"""The command `mnf`: an index of commands, and the one place where an error becomes a line and an exit code."""

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Annotated, NoReturn, cast

import typer

from mnistfaces.cli import (
    compare,
    contour,
    env,
    evaluate,
    extract_features,
    fetch_digits,
    fetch_faces,
    gradcheck,
    predict,
    reproduce,
    samples,
    sweep,
    train,
    trajectory,
    visualize_weights,
)
from mnistfaces.errors import MnistFacesError

INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM
STDOUT_CLOSED = 141  # what a shell reports of a program that SIGPIPE ended

UsageProblem = cast("type[Exception]", typer.BadParameter.__base__)  # wherever Typer keeps its Click

app = typer.Typer(
    name="mnf",
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 110,
        "default_map": {"help": False, "fetch": {"help": False}},  # else Typer imports pydantic to read "no help"
    },
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata

        print(f"mnf {metadata.version('mnistfaces')}")
        raise typer.Exit


@app.callback()
def mnf(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001  its callback does the work
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """\b
    $ mnf sweep --lr 1e-3,1e-4
    $ mnf train digits --plot curve.png

    Train, sweep, map and explain small classifiers of digits and faces.
    Results go to stdout, everything else to stderr.
    """
    if context.invoked_subcommand is None:
        print(context.get_help())


def _add(group: typer.Typer, name: str, command: Callable[..., None]) -> None:
    """Adds a command; the index shows the first sentence below its two lines to copy."""
    text = " ".join((command.__doc__ or "").split("\n\n")[1].split())
    group.command(name, short_help=text.split(". ")[0].rstrip("."))(command)


fetch = typer.Typer(rich_markup_mode=None, help="Get data: digits, faces.")
_add(fetch, "digits", fetch_digits.digits)
_add(fetch, "faces", fetch_faces.faces)
app.add_typer(fetch, name="fetch")
_add(app, "samples", samples.samples)
_add(app, "gradcheck", gradcheck.gradcheck)
_add(app, "train", train.train)
_add(app, "sweep", sweep.sweep)
_add(app, "compare", compare.compare)
_add(app, "evaluate", evaluate.evaluate)
_add(app, "predict", predict.predict)
_add(app, "contour", contour.contour)
_add(app, "trajectory", trajectory.trajectory)
_add(app, "visualize-weights", visualize_weights.visualize_weights)
_add(app, "extract-features", extract_features.extract_features)
_add(app, "reproduce", reproduce.reproduce)
_add(app, "env", env.env)


def main() -> NoReturn:
    """Runs the command line and ends the process with the exit code that the README lists."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    terminated = False

    def terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
        nonlocal terminated
        terminated = True
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, terminate)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts background jobs with it ignored
    try:
        code = app(standalone_mode=False) or 0
        sys.stdout.flush()
    except MnistFacesError as error:
        code = _complain(str(error), error.exit_code)
    except UsageProblem as error:
        code = _complain(_usage(error), 2)
    except (BrokenPipeError, SystemExit):  # Typer makes an exit of a closed stdout
        _drop_stdout()
        code = STDOUT_CLOSED
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _drop_stdout()
        code = _complain(f"cannot write {error.filename or 'the results'}: {error.strerror}", 1)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    if code == INTERRUPTED:
        code = TERMINATED if terminated else INTERRUPTED
        _complain("stopped; finished work is kept: the same command goes on from there", code)
    sys.exit(code)


def _drop_stdout() -> None:
    """Sends what is still buffered nowhere: it has no reader."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(message: str, code: int) -> int:
    with contextlib.suppress(OSError):
        print("mnf: " + " ".join(message.split()), file=sys.stderr)
    return code


def _usage(error: Exception) -> str:
    """Returns a usage error as one line that ends with the next command to type."""
    context = getattr(error, "ctx", None)
    message = str(getattr(error, "format_message", lambda: error)()).rstrip(".")
    return f"{message} (see {context.command_path if context else 'mnf'} --help)"
