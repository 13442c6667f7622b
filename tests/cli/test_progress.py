"""That long work says how far it is: through the program, with no stage too short to speak."""

import ast
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kept_surface import mnf_here
from PIL import Image
from rich.console import Console

import mnistfaces.cli
from mnistfaces.cli import _output, _progress
from mnistfaces.cli._output import Output
from mnistfaces.progress import Advanced, Event, Stage

COMMANDS = sorted(
    path
    for path in Path(mnistfaces.cli.__file__).parent.glob("*.py")
    if not path.name.startswith(("_", "app", "index"))
)
QUICK = ("digits-sample", "--train-per-class", "5", "--epochs", "3")
TINY = (*QUICK, "--step", "5")
LINE = r"^%s:( [\d.e+]+%%?)? after \d+ s"


@pytest.fixture
def talkative(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Makes every stage say each step, in an empty folder."""
    monkeypatch.setattr("mnistfaces.cli._progress.PLAIN_PROGRESS_SECONDS", -1.0)
    monkeypatch.setenv("MNF_DATA_DIR", str(tmp_path / "data"))
    return tmp_path


def told(folder: Path, *arguments: str) -> str:
    """Returns what the program says on stderr."""
    done = mnf_here(*arguments, cwd=folder)
    assert done.returncode in (0, 3), done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("arguments", "stage"),
    [
        (("train", *QUICK), "training"),
        (("sweep", *QUICK, "--lr", "1e-3,1e-4"), "sweep"),
        (("contour", *TINY), "training"),
        (("contour", *TINY, "--method", "exact"), "evaluating every point"),
        (("contour", *TINY, "--method", "forward"), "running the model at every point"),
        (("reproduce", "2"), "reproduce"),
        (("fetch", "faces", "--synthetic"), "faces-synthetic"),
        (("extract-features", "digits-sample", "--backbone", "pixels"), "copy"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_long_command_says_how_far_it_is(talkative: Path, arguments: tuple[str, ...], stage: str) -> None:
    assert re.search(LINE % stage, told(talkative, *arguments), re.MULTILINE)


def test_a_trajectory_says_how_far_it_is(talkative: Path) -> None:
    told(talkative, "contour", *TINY)
    assert re.search(LINE % "descending", told(talkative, "trajectory"), re.MULTILINE)
    assert re.search(LINE % "descending", told(talkative, "trajectory", "--mode", "projected"), re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "stage"),
    [
        (("predict", "last", "digit.png"), "reading images"),
        (("compare", "last", "answers.csv", "--board"), "reading answers"),
        (("visualize-weights", "last"), "reading runs/train-"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_command_that_reads_images_says_so(
    talkative: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], stage: str
) -> None:
    class Progress(_progress.Progress):
        """Speaks once more at the end, for reading a few images takes less than a tick."""

        def stop(self) -> None:
            self._speak_when_due()
            super().stop()

    monkeypatch.setattr(_output, "Progress", Progress)
    told(talkative, "train", *QUICK)
    image = Image.new("L", (28, 28))
    image.paste(255, (12, 4, 16, 24))
    image.save(talkative / "digit.png")
    assert re.search(f"^{stage}.*: .*after \\d+ s", told(talkative, *arguments), re.MULTILINE)


def test_the_loss_stands_beside_the_progress_of_a_training(talkative: Path) -> None:
    assert re.search(r"^training: 100% after \d+ s loss [\d.]+$", told(talkative, "train", *QUICK), re.MULTILINE)


def test_quiet_says_nothing(talkative: Path) -> None:
    assert told(talkative, "train", *QUICK, "--quiet") == ""


def test_verbose_says_what_was_kept_before(talkative: Path) -> None:
    told(talkative, "contour", *TINY)
    told(talkative, "trajectory")
    assert "kept before" not in told(talkative, "contour", *TINY)
    assert "the surface was kept before" in told(talkative, "contour", *TINY, "--verbose")
    assert "the paths were kept before" in told(talkative, "trajectory", "--verbose")
    told(talkative, "reproduce", "2")
    assert "part 2 was done before" in told(talkative, "reproduce", "2", "--verbose")


def test_a_step_that_takes_long_is_told_from_a_program_that_hangs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnistfaces.cli._progress.PLAIN_PROGRESS_SECONDS", 0.05)
    monkeypatch.setattr("mnistfaces.cli._progress.TICK_SECONDS", 0.01)

    def silent() -> Iterator[Event | str]:
        yield Stage(name="training", total=2)
        time.sleep(0.3)
        yield Advanced(amount=1, detail="loss 2")
        time.sleep(0.3)
        yield "done"

    assert Output("auto").result(silent()) == "done"
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "training: 0% after 0 s"
    assert lines[-1] in ("training: 50% after 0 s loss 2", "training: 50% after 1 s loss 2")
    time.sleep(0.1)
    assert capsys.readouterr().err == ""  # nothing speaks after the end


def test_the_time_that_is_left_is_steady_and_counts_no_work_of_before(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("mnistfaces.cli._progress.time.monotonic", lambda: now[0])
    bar = _progress.Progress(Console(), "training", 1000, silent=True)
    assert bar.left() is None
    bar.advance(400)  # a checkpoint
    guesses = []
    for step in range(300):
        now[0] += 0.5 if step % 2 else 1.5  # unlike steps of a steady pace
        bar.advance(2)
        guesses.append((now[0], bar.left()))
    assert [left for _, left in guesses[:14]] == [None] * 14  # 14 s, 2.8 %
    ends = [time + left for time, left in guesses if left is not None]
    assert len(ends) == 286
    assert all(abs(end - 1300) < 12 for end in ends)
    assert guesses[-1][1] == 0


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: path.stem)
def test_no_command_follows_events_by_hand(path: Path) -> None:
    """The shell's `Output` tells events from results; a command sees results alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert "mnistfaces.progress" not in imported
    assert "advance" not in names
    assert "isinstance" not in called
