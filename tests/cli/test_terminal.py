"""Sixty lines as people type them, in a real pseudo-terminal of many widths: what stands on the screen at the end.

Whatever the line: nothing wider than the window but a word that is wider itself, no traceback, the exit code, and the
sentence that helps.
"""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import Mnf

pyte = pytest.importorskip("pyte", reason="pip install --group dev brings the screen")

WIDE = 2000
"""Columns of the screen that is read: whatever the program sets in its lines stays one line."""

TINY = "digits-sample --train-per-class 5 --epochs 20"
ONE = f"mnf train {TINY} --out runs/one"
TWO = f"mnf train {TINY} --lr 1e-5 --out runs/two"
GRID = f"mnf sweep {TINY} --lr 1e-3,1e-4,1e-5 --seeds 2"
SURFACE = f"mnf contour {TINY} --step 1"
ENDLESS = "exec mnf train digits-sample --epochs 100000000"

LINES: tuple[tuple[int, str, int, str], ...] = (
    (80, "mnf", 0, "mnf fetch digits"),
    (60, "mnf --help", 0, "reproduce"),
    (60, "mnf train --help", 0, "$ mnf train digits --plot curve.png"),
    (120, "mnf sweep --help", 0, "$ mnf sweep --lr 1e-3,1e-4"),
    (60, "mnf --version", 0, "mnf 0."),
    (40, "mnf help", 2, "mnf --help"),
    (40, "mnf trian digits", 2, "did you mean mnf train?"),
    (40, "mnf train mnist", 2, "did you mean digits?"),
    (60, "mnf train --learning-rate 0.1", 2, "did you mean --lr?"),
    (40, "mnf train --lr 0.1 0.01", 2, "a list is 0.1,0.01"),
    (40, "mnf train digits --hidden 50", 2, "counts only with --model mlp"),
    (60, "mnf train --model mlp --hidden 10,50", 2, "use `mnf sweep`"),
    (40, "mnf train --optimizer sgd", 2, "did you mean gd?"),
    (40, "mnf train --format xml", 2, "'xml' is not one of"),
    (60, "mnf train --plot curve.gif", 2, "must end in .png, .svg, .pdf"),
    (80, "mnf train --lr", 2, "requires an argument"),
    (40, "mnf fetch mnist", 2, "did you mean mnf fetch digits?"),
    (40, "mnf visualize-weights runs/zebra", 1, "is not a run directory"),
    (60, "mnf train nothing.npz", 2, "a folder or file that is there"),
    (60, "mnf train digits-full", 1, "mnf fetch digits"),
    (60, "mnf train faces", 1, "mnf fetch faces --res 32"),
    (40, ONE, 0, "run runs/one"),
    (80, ONE, 0, "holds this run already"),
    (200, ONE, 0, "test [95 %]"),
    (60, f"{ONE} --lr 1e-6", 1, "--force"),
    (60, f"{TWO} --plot two.png", 0, "wrote two.png"),
    (40, f"mnf train {TINY} --lr 1e300", 3, "the training diverged"),
    (40, f"mnf train {TINY} --batch-size 600", 0, "batch size 600 is the full batch: 50 images train"),
    (80, f"{ONE} --quiet", 0, "status ok"),
    (40, f"{ONE} --format json", 0, '"run": "runs/one"'),
    (80, "mnf evaluate rnus/one", 1, "did you mean runs/one?"),
    (40, "mnf evaluate runs/one", 0, "1 more column: images"),
    (60, "mnf evaluate runs/one --mistakes mistakes.csv", 0, "wrote mistakes.csv"),
    (120, "mnf evaluate last", 0, "precision"),
    (40, "mnf compare runs/one runs/two", 0, "verdict"),
    (120, "mnf compare runs/one runs/two", 0, "a - b [95 %]"),
    (40, "mnf compare runs/one", 1, "two"),
    (40, GRID, 0, "more columns: "),
    (60, GRID, 0, "best by validation"),
    (80, GRID, 0, "0.0001"),
    (200, f"{GRID} --per-seed", 0, "lr seed train"),
    (40, f"{GRID} --dry-run", 0, "3 cells, 6 trials"),
    (60, f"mnf sweep {TINY} --batch-size 60,70", 0, "batch size 70 is 60 again"),
    (40, f"mnf sweep {TINY} --model softmax,mlp --hidden 2,3", 0, "3 cells, 3 trials"),
    (80, f"{GRID} | head -1", 0, '"lr": 0.001'),
    (80, f"{ONE} --format csv | cut -d, -f1-3", 0, "lr,momentum,batch_size"),
    (60, f"{ONE} | mnf visualize-weights - --plot weights.png", 0, "wrote weights.png"),
    (40, "mnf visualize-weights runs/one --class zebra", 1, "zebra"),
    (40, SURFACE, 0, "minimum "),
    (40, "mnf trajectory", 0, "4 more columns: "),
    (80, "mnf trajectory", 0, "--rows shows every step"),
    (60, "mnf trajectory --rows --steps 3", 0, "loss"),
    (40, "mnf samples digits-sample", 0, "class images"),
    (60, "mnf plan", 0, "power"),
    (40, "mnf env", 0, "mnf"),
    (40, "mnf reproduce 2", 0, "2 of 2"),
    (80, "mnf reproduce 2,9", 3, "mnf fetch faces --res 32"),
    (60, "mnf reproduce eleven", 2, "give 1 to 10"),
    (40, "mnf predict runs/one nothing.png", 1, "nothing.png"),
    (60, "mnf gradcheck --function mine.py", 1, "FILE.py:NAME"),
)


@dataclass(frozen=True)
class Screen:
    """What a person sees at the end.

    Attributes:
        lines: of the screen.
        raw: all that came, controls too.
        code: the exit code.
    """

    lines: list[str]
    raw: bytes
    code: int

    @property
    def text(self) -> str:
        """All words, with one blank between two."""
        return " ".join(" ".join(self.lines).split())


class Terminal:
    """A terminal, in a folder of its own.

    Attributes:
        mnf: the program.
    """

    def __init__(self, mnf: Mnf) -> None:
        self.mnf = mnf
        places = f"{mnf.program.parent}{os.pathsep}{os.environ['PATH']}"
        self.environment = mnf.environment(TERM="xterm-256color", PATH=places, LC_ALL="C.UTF-8")

    def type(self, line: str, columns: int, interrupt_at: str | None = None) -> Screen:
        """Types a line and returns the screen at its end; Ctrl-C is pressed once some words are there."""
        ours, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        process = subprocess.Popen(
            ["sh", "-c", line],  # noqa: S607  as a person's own
            stdin=its,
            stdout=its,
            stderr=its,
            cwd=self.mnf.folder,
            env=self.environment,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509  Ctrl-C reaches who has the terminal
        )
        os.close(its)
        raw = self._read(ours, interrupt_at)
        os.close(ours)
        screen = pyte.Screen(WIDE, 400)
        pyte.ByteStream(screen).feed(raw)
        return Screen([line.rstrip() for line in screen.display if line.strip()], raw, process.wait(60))

    def _read(self, terminal: int, interrupt_at: str | None) -> bytes:
        raw, deadline = b"", time.monotonic() + 100
        while time.monotonic() < deadline:
            if not select.select([terminal], [], [], 0.2)[0]:
                continue
            try:
                piece = os.read(terminal, 65536)
            except OSError:  # the other end is closed
                return raw
            if not piece:
                return raw
            raw += piece
            if interrupt_at is not None and interrupt_at.encode() in raw:
                os.write(terminal, b"\x03")
                interrupt_at = None
        raise AssertionError(f"no end: {raw[-500:]!r}")


def broken(screen: Screen, columns: int) -> list[str]:
    """Returns the lines that the window would break, but for single words, JSON, and lines that are there to copy."""
    return [
        line for line in screen.lines if len(line) > columns and len(line.split()) > 1 and line.strip()[0] not in "{[$"
    ]


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    mnf = Mnf(tmp_path_factory.mktemp("terminal"))
    for line in (ONE, TWO, SURFACE):
        mnf(*line.split()[1:])
    return Terminal(mnf)


@pytest.mark.parametrize(("columns", "line", "code", "sentence"), LINES)
def test_a_line_ends_as_a_person_would_like_it_to(
    terminal: Terminal, columns: int, line: str, code: int, sentence: str
) -> None:
    screen = terminal.type(line, columns)
    assert "Traceback" not in screen.text
    assert screen.code == code, screen.text
    assert sentence in screen.text
    assert broken(screen, columns) == []


def test_ctrl_c_is_one_line_and_the_same_line_goes_on(terminal: Terminal) -> None:
    for columns in (40, 80):
        screen = terminal.type(ENDLESS, columns, interrupt_at="loss")
        assert screen.code == 130, screen.text
        assert "stopped; finished work is kept: the same command goes on from there" in screen.text
        assert "Traceback" not in screen.text
        assert broken(screen, columns) == []


def test_a_written_file_is_a_link_and_a_bar_takes_one_line(terminal: Terminal) -> None:
    screen = terminal.type(f"mnf train {TINY} --seed 5 --plot linked.png", 40)
    place = (terminal.mnf.folder / "linked.png").as_uri()
    assert f"\x1b]8;;{place}\x1b\\linked.png\x1b]8;;\x1b\\".encode() in screen.raw
    assert Path(terminal.mnf.folder / "linked.png").exists()
    assert b"\x1b[" in screen.raw  # a bar was drawn, and taken off again
    assert not any("%" in line and "━" in line for line in screen.lines)
