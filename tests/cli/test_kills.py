"""Killed at any moment and typed again, a command ends as if nobody had touched it: the same files, and no others.

The long tier kills hundreds of times. What it kills had its packages imported before it was forked, so that moments of
work are met and not those of imports; with MNF_TEST_FRESH=1 every process starts from nothing.
"""

import hashlib
import os
import random
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from conftest import Mnf
from pictures import make_folder
from rude_server import RudeServer, picture, reply, send
from simulator.remains import differences, rows_of, state_of, unproven

SMALL = ("digits-sample", "--train-per-class", 20, "--test-per-class", 20)
NET = ("--model", "mlp", "--batch-size", 20)
BACKBONE = ("--backbone", "squeezenet1_1", "--layer", "fire3", "--weights", "random", "--res", 32, "--batch-size", 2)
PHOTOS = {f"http://host{number}.example/{number}": picture(number) for number in range(8)}
GONE = 2
"""How many photographs the web has lost."""

GOES_ON = re.compile(r"goes on after epoch ([\d,]+)")


def no_input(_: Path) -> None:
    """Leaves the folder as it is."""


def pets(folder: Path) -> None:
    make_folder(folder / "pets", 12)


def faces_list(folder: Path) -> None:
    lines = [
        f"{('Alec Baldwin', 'Bill Hader')[number % 2]}\t{number}\t{number}\t{url}\t1,1,21,21"
        f"\t{hashlib.sha256(photo).hexdigest()}"
        for number, (url, photo) in enumerate(PHOTOS.items())
    ]
    (folder / "faces.txt").write_text("\n".join(lines) + "\n")


@dataclass(frozen=True, kw_only=True)
class Job:
    """A command that is killed again and again.

    Attributes:
        words: of the command.
        kills: how many the long tier makes.
        prepare: writes what the command reads.
        code: exit code where nothing disturbs it.
        result: a file that says that all is done, where that removes what says what is done.
    """

    words: tuple[object, ...]
    kills: int
    prepare: Callable[[Path], None] = no_input
    code: int = 0
    result: str = ""


JOBS = {
    "train": Job(words=("train", *SMALL, *NET, "--epochs", 150, "--out", "out"), kills=50),
    "contour": Job(words=("contour", *SMALL[:3], "--epochs", 300, "--step", 0.02, "--out", "out"), kills=50),
    "extract-features": Job(
        words=("extract-features", "pets", *BACKBONE, "--out", "f.npz"), kills=50, prepare=pets, code=3, result="f.npz"
    ),
    "sweep": Job(
        words=("sweep", *SMALL, *NET, "--epochs", "20,40", "--lr", "1e-3,1e-4", "--isolated", "--out", "out"),
        kills=250,
    ),
    "fetch": Job(
        words=("fetch", "faces", "--list", "faces.txt", "--res", "16,24", "--jobs", 2), kills=250, prepare=faces_list
    ),
}


@pytest.fixture(scope="module")
def web() -> Iterator[RudeServer]:
    made = RudeServer()
    made.routes |= {url: send(reply(photo)) for url, photo in list(PHOTOS.items())[GONE:]}
    yield made
    made.close()


@dataclass
class Place:
    """A folder in which one command runs.

    Attributes:
        mnf: the program, in that folder.
        job: the command.
        environment: what the program sees.
        inputs: names of what lies there before.
    """

    mnf: Mnf
    job: Job
    environment: Mapping[str, str]
    inputs: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self.job.prepare(self.mnf.folder)
        self.inputs = {path.name for path in self.mnf.folder.iterdir()}

    def end(self) -> tuple[list[object], dict[str, str]]:
        """Runs the command to its end; returns its rows and what lies there, without times."""
        done = self.mnf(*self.job.words, env=self.environment, code=self.job.code)
        assert "Traceback" not in done.stderr
        return self.kept(done.stdout)

    def kept(self, stdout: str) -> tuple[list[object], dict[str, str]]:
        assert unproven(self.mnf.folder) == []
        return rows_of(stdout), state_of(self.mnf.folder)

    def kill(self, after_s: float) -> tuple[str, str | None]:
        """Starts the command and kills it after a while; returns what it told, and its rows if it had ended by then."""
        with self.mnf.start(*self.job.words, env=self.mnf.environment(**self.environment)) as process:
            try:
                out, err = process.communicate(timeout=after_s)
            except subprocess.TimeoutExpired:
                process.kill()
                _, err = process.communicate()
                assert "Traceback" not in err, err
                return err, None
            assert (process.returncode, "Traceback" in err) == (self.job.code, False), err
            return err, out

    def finished(self) -> dict[str, list[bytes]]:
        """Returns the records of every ledger and the name of every photograph: what no kill may cost."""
        ledgers = {
            path.relative_to(self.mnf.folder).as_posix(): path.read_bytes().split(b"\n")[:-1]
            for path in self.mnf.folder.rglob("*.ndjson")
            if path.name != "results.ndjson"
        }
        tree = sorted(path.name for path in self.mnf.folder.glob("data/faces/originals/**/*") if path.is_file())
        return ledgers | {name: [] for name in tree if not name.endswith(".tmp")}

    def clear(self) -> None:
        """Removes all that the command made."""
        for path in self.mnf.folder.iterdir():
            if path.name not in self.inputs:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def kill_often(name: str, kills: int, places: tuple[Place, Place]) -> None:
    alone, killed = places
    before_s = time.monotonic()
    right_rows, right = alone.end()
    wall_s = time.monotonic() - before_s
    seed, kills = int(os.environ.get("MNF_TEST_SEED", "0")), int(os.environ.get("MNF_TEST_TRIES", kills))
    rng = random.Random(seed)  # noqa: S311  moments, no secrets
    done, ends, epoch = 0, 0, 0
    while done < kills:
        before = killed.finished()
        told, rows = killed.kill(rng.uniform(0, wall_s))
        after = killed.finished()
        if not (killed.mnf.folder / (killed.job.result or "nothing")).is_file():
            lost = [one for one, lines in before.items() if one not in after or after[one][: len(lines)] != lines]
            assert lost == [], told
        if goes_on := GOES_ON.search(told):
            assert int(goes_on[1].replace(",", "")) >= epoch, told
            epoch = int(goes_on[1].replace(",", ""))
        done += rows is None
        wall_s *= 1.03 if rows is None else 0.9  # what a run takes depends on who else is at work on the machine
        if rows is not None:
            check(killed.kept(rows), (right_rows, right))
            killed.clear()
            ends, epoch = ends + 1, 0
    check(killed.end(), (right_rows, right))
    print(f"{name}: {done} kills of seed {seed}, {ends} times it had ended before")  # noqa: T201  the tier's record


def check(found: tuple[list[object], dict[str, str]], right: tuple[list[object], dict[str, str]]) -> None:
    assert differences(right[1], found[1], aside=False) == []
    assert found[0] == right[0]


@pytest.fixture
def places(
    request: pytest.FixtureRequest, tmp_path: Path, programs: Path | None, web: RudeServer
) -> tuple[Place, Place]:
    """Two folders for a command: in one it is let alone."""
    made = []
    for name in ("alone", "killed"):
        (tmp_path / name).mkdir()
        mnf = Mnf(tmp_path / name)
        mnf.program = mnf.program if programs is None else programs / "mnf"
        made.append(Place(mnf, JOBS[request.node.callspec.params["name"]], {"http_proxy": web.url("")}))
    return made[0], made[1]


@pytest.mark.parametrize("name", ["contour", "fetch"])  # the others' own tests kill them
def test_a_few_kills_at_random_moments_change_nothing(name: str, places: tuple[Place, Place]) -> None:
    kill_often(name, 2, places)


@pytest.mark.long
@pytest.mark.parametrize("name", JOBS)
def test_kills_at_random_moments_change_nothing(name: str, places: tuple[Place, Place]) -> None:
    kill_often(name, JOBS[name].kills, places)
