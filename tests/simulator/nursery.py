"""A process that has imported the program once, and forks itself for each command that is to run.

It reads jobs from its stdin, a line of JSON each, and answers each with a line: what became of its processes.
"""

import contextlib
import gc
import importlib
import json
import os
import random
import select
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import mnistfaces
from simulator.faults import Fault
from simulator.inside import run_inside

STREAMS = ("stdout", "stderr")
HEAVY = (
    "torch",
    "torchvision",
    "numpy",
    "scipy.stats",
    "matplotlib.pyplot",
    "requests",
    "PIL.Image",
    "safetensors.numpy",
    "safetensors.torch",
    "rich.table",
    "typer",
    "pydantic.type_adapter",
    "tabulate",
    "wcwidth.wcwidth",
    "mnistfaces.assets",
    "tiny_mnist",
)
LOOKS, LOOK_S = 90, 1.0
"""A process hangs that was found asleep, with all its threads and children, at so many looks running, so far apart.

On a machine that is busy with other work a process may stand still for minutes, but it is not asleep then.
"""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One process that is to run.

    Attributes:
        words: of the command, without `mnf`.
        faults: that are to happen.
        seed: of what else is drawn.
        pace: seconds that every look at a steady clock takes.
        locks: whether the file system knows locks.
        planted: names of bugs that are planted first.
        web: name of the web that is out there.
        trace: whether the log of calls is wanted.
    """

    words: tuple[str, ...]
    faults: tuple[Fault, ...] = ()
    seed: int = 0
    pace: float = 1e-6
    locks: bool = True
    planted: tuple[str, ...] = ()
    web: str = ""
    trace: bool = False


@dataclass(frozen=True, kw_only=True)
class Ended:
    """What became of a process.

    Attributes:
        code: its exit code, as a shell tells it; 137 where a fault killed it, None where it hung.
        stdout: what it printed.
        stderr: what it told.
        counts: calls by kind.
        happened: the faults that did.
        wrong: what it must never do, and did.
        log: its calls.
    """

    code: int | None
    stdout: str = ""
    stderr: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    happened: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def crashes(self) -> list[str]:
        """Returns how it ended that no program may end, if it did: it hangs, or shows a traceback."""
        if self.code is None:
            return ["it hangs"]
        return [f"a traceback: {self.stderr[-1500:]}"] if "Traceback (most recent" in self.stderr else []


class Nursery:
    """The process, as its client sees it; every command runs in the same folder.

    Attributes:
        folder: that holds the working directory, what a crash may bring back, and streams.
        references: what is known of steps that nothing disturbed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.references: dict[tuple[str, int], Any] = {}
        self.root, self.shadow = folder / "work", folder / "shadow"
        for each in (self.root, self.shadow):
            each.mkdir(parents=True, exist_ok=True)
        tests = str(Path(__file__).parents[1])
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        environment |= {"PYTHONPATH": tests, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "simulator.nursery", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def run(self, *runs: Run, turns: int = 0) -> list[Ended]:
        """Runs processes at the same time, call by call in turns that a seed draws."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        job = {"runs": [asdict(run) for run in runs], "turns": turns}
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the nursery died")
        return [Ended(**each) for each in json.loads(line)]

    def close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait(60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def serve(folder: Path) -> None:
    """Answers jobs until there are no more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    _import_all()
    for line in sys.stdin:
        job = json.loads(line)
        runs = [replace(Run(**each), faults=tuple(Fault(**one) for one in each["faults"])) for each in job["runs"]]
        print(json.dumps([asdict(ended) for ended in _run_all(folder, runs, job["turns"])]), file=answers, flush=True)


def _import_all() -> None:
    """Imports what commands import, so that a fork has it."""
    for name in HEAVY:
        with contextlib.suppress(ImportError):  # of a library that brings its own, in another release
            importlib.import_module(name)
    here = Path(str(mnistfaces.__file__)).parent
    for path in sorted(here.rglob("*.py")):
        name = ".".join(path.relative_to(here.parent).with_suffix("").parts).removesuffix(".__init__")
        if name.rpartition(".")[2] not in ("__main__", "mat_process", "student_process"):
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
    gc.freeze()  # else every fork copies what a collection touches


class _Child:
    """A forked process, and the two pipes by which it asks for its turn and gets it."""

    def __init__(self, folder: Path, number: int, run: Run, *, alone: bool) -> None:
        self.folder, self.number = folder, number
        asks, self._ask = os.pipe()
        self._go, goes = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(asks)
            os.close(goes)
            turn = None if alone else (self._go, self._ask)
            try:
                run_inside(folder, number, run, turn)
            except BaseException:  # noqa: BLE001  nothing may go on in two processes
                traceback.print_exc()
            os._exit(99)
        os.close(self._ask)
        os.close(self._go)
        self.asks, self.goes = asks, goes

    def end(self, *, hung: bool = False) -> Ended:
        if hung:
            os.kill(self.pid, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.asks)
        os.close(self.goes)
        streams = {name: _text(self.folder / f"{name}-{self.number}") for name in STREAMS}
        report = self.folder / f"report-{self.number}"
        known: dict[str, Any] = json.loads(report.read_text()) if report.exists() else {}
        code = None if hung else 128 - status if status < 0 else status
        return Ended(code=code, **streams, **known)


def _text(path: Path) -> str:
    return path.read_text(errors="backslashreplace") if path.exists() else ""


def _run_all(folder: Path, runs: list[Run], turns: int) -> list[Ended]:
    for number in range(len(runs)):
        (folder / f"report-{number}").unlink(missing_ok=True)
    children = [_Child(folder, number, run, alone=len(runs) == 1) for number, run in enumerate(runs)]
    hung = {child.number for child in _follow(children, random.Random(turns))}  # noqa: S311  turns, not secrets
    return [child.end(hung=child.number in hung) for child in children]


def _follow(children: list[_Child], rng: random.Random) -> Iterator[_Child]:
    """Gives one process after the other its turn until all have ended; yields those that hang."""
    waiting: dict[_Child, bytes] = {}
    left = list(children)
    crashed, asleep = False, 0
    while left:
        running = [child for child in left if child not in waiting]
        if running:
            ready, _, _ = select.select([child.asks for child in running], [], [], LOOK_S)
            asleep = 0 if ready or any(_is_awake(child.pid) for child in running) else asleep + 1
            if asleep == LOOKS:
                yield from running
                return
            for child in running:
                if child.asks in ready:
                    asked = os.read(child.asks, 1)
                    crashed = crashed or asked == b"p"
                    if asked in (b"", b"p"):
                        left.remove(child)
                    else:
                        waiting[child] = asked
            continue
        busy = [child for child in left if waiting[child] != b"z"]
        chosen = rng.choice(busy if busy and rng.random() < 0.9 else left)
        del waiting[chosen]
        os.write(chosen.goes, b"p" if crashed else b"g")


def _is_awake(pid: int) -> bool:
    """Returns whether a thread of a process, or of one that it started, runs, or would if the machine were free."""
    family, states = {pid}, []
    for stat in sorted(Path("/proc").glob("[0-9]*/task/[0-9]*/stat"), key=lambda path: int(path.parts[2])):
        with contextlib.suppress(OSError):  # it has ended
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            if int(stat.parts[2]) in family or int(parent) in family:
                family.add(int(stat.parts[2]))
                states.append(state)
    return not set(states) <= {"S", "Z"}


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
