"""What goes on in the forked process: the machine is replaced, then the program's own `main` runs."""

import atexit
import errno
import fcntl
import functools
import importlib
import io
import json
import os
import secrets
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from mnistfaces.cli.app import main
from simulator import clock, planted, pools, short_report, web
from simulator.counted_file import CountedFile
from simulator.disk import Disk
from simulator.world import World

if TYPE_CHECKING:
    from simulator.nursery import Run

UNITS = (
    ("mnistfaces.experiments.sweep", "train_planned"),
    ("mnistfaces.experiments.filling", "train_model"),
    ("mnistfaces.landscape.contours", "build_surface"),
    ("mnistfaces.features.computing", "batch_of"),
)
"""What does a unit of work: counted, and a place to be stopped at."""


AT_ONCE = "it ends at once"
"""What is noted of a process that a signal ends where it stands: nothing more is said."""


def run_inside(folder: Path, number: int, run: "Run", turn: tuple[int, int] | None) -> NoReturn:
    """Runs a command; ends the process."""
    root = folder / "work"
    _streams(folder, number)
    os.chdir(root)
    os.environ["MNF_DATA_DIR"] = "data"
    world = World(run.faults, run.seed, run.pace)
    report = folder / f"report-{number}"
    write, replace = os.write, os.replace

    def leave(code: int) -> NoReturn:
        known = {"counts": dict(world.counts), "happened": world.happened, "wrong": world.wrong}
        known["log"] = world.log if run.trace else []
        descriptor = opened(f"{report}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        write(descriptor, json.dumps(known).encode())
        replace(f"{report}.new", report)
        leave_now(code)

    def leave_now_told(code: int) -> NoReturn:
        world.happened.append(AT_ONCE)
        leave(code)

    opened, leave_now = os.open, os._exit
    world.leave = leave
    os._exit = leave_now_told
    turns = clock.Turns(world)
    disk = Disk(root, folder / "shadow", world)
    ask = None if turn is None else _asking(world, disk, *turn)

    def before(kind: str) -> None:
        turns.between()
        if ask is not None:
            ask(kind)

    if not run.locks:
        fcntl.flock = _no_locks  # type: ignore[assignment]
    secrets.token_hex = lambda size=16: world.rng.randbytes(size).hex()  # type: ignore[assignment]
    planted.plant(run.planted)
    _count_units(world)
    _count_starts(world)
    _count_told(world)
    if run.web:
        web.install(world, turns, run.web)
    clock.install(world, turns)
    pools.install(world)
    short_report.install()
    disk.install()
    world.turn = before
    leave(_main(run.words))


def _streams(folder: Path, number: int) -> None:
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        opened = os.open(folder / f"{name}-{number}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  lasts as long as the process


def _main(words: tuple[str, ...]) -> int:
    """Runs the program as its entry point does, to the end of what the interpreter still does then."""
    sys.argv = ["mnf", *words]
    code: Any = 1
    try:
        main()
    except SystemExit as error:
        code = error.code
    except BaseException:  # noqa: BLE001  as the interpreter does
        traceback.print_exc()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            code = 120
    return int(code or 0)


def _asking(world: World, disk: Disk, go: int, ask: int) -> Callable[[str], None]:
    """Returns what waits for this process's turn."""
    write, read = os.write, os.read

    def wait(kind: str) -> None:
        write(ask, b"z" if kind == "sleep" else b"a")
        if read(go, 1) == b"p":  # the machine crashed under the other one
            disk.crash()
            world.happened.append("the machine crashed with the other process")
            world.leave(137)

    def crash() -> None:
        write(ask, b"p")
        disk.crash()

    world.crash = crash
    return wait


def _no_locks(*_: object) -> NoReturn:
    raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))


def _count_units(world: World) -> None:
    for place, name in UNITS:
        module = importlib.import_module(place)
        real = getattr(module, name)

        @functools.wraps(real)
        def counted(*args: Any, _real: Callable[..., Any] = real, _name: str = name, **options: Any) -> Any:  # noqa: ANN401
            return world.perform("unit", _name, _real, *args, **options)

        setattr(module, name, counted)


def _count_starts(world: World) -> None:
    real = subprocess.Popen.__init__

    def start(*args: Any, **options: Any) -> None:  # noqa: ANN401  as subprocess has it
        world.perform("start", "", real, *args, **options)

    ends = subprocess.Popen.communicate

    def end(self: subprocess.Popen[Any], *args: Any, **options: Any) -> Any:  # noqa: ANN401  as subprocess has it
        fault = world.call("child", "")
        if fault is not None and fault.effect == "dies":
            self.kill()
        if fault is not None and fault.effect == "hangs":
            raise subprocess.TimeoutExpired(self.args, options.get("timeout") or 0.0)
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)  # in real time, which is the child's
        return ends(self, *args, **options)

    subprocess.Popen.__init__, subprocess.Popen.communicate = start, end  # type: ignore[method-assign,assignment]


def _count_told(world: World) -> None:
    """Makes streams whose every write is counted, as the interpreter would make them, until they go elsewhere."""
    dup2, elsewhere = os.dup2, set()

    def send(source: int, target: int, *more: bool) -> int:
        elsewhere.add(target)
        return dup2(source, target, *more)

    os.dup2 = send
    for number, name in ((1, "stdout"), (2, "stderr")):

        def tell(name: str, block: Any, write: Callable[[Any], int], number: int = number) -> int:  # noqa: ANN401  a buffer
            return write(block) if number in elsewhere else world.perform(name, "", write, block)

        raw = CountedFile(number, "w", closefd=False)
        raw.bind(world, tell, name)
        setattr(sys, name, io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", line_buffering=name == "stderr"))
