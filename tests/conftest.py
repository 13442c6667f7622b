"""The installed program as a fixture, and small real data to train on."""

import json
import os
import re
import subprocess
import sysconfig
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # bitwise claims hold at one number of threads
os.environ["MNF_DATA_DIR"] = tempfile.mkdtemp(prefix="mnf-tests-")  # what is remembered of data of one's own

INHERITED = ("PATH", "HOME", "LANG", "SYSTEMROOT", "TEMP", "TMPDIR", "LD_LIBRARY_PATH")
IMPORT_LINE = re.compile(r"^import time:.*\| *([\w.]+)$")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("timed"):
            item.add_marker(pytest.mark.flaky(reruns=2, only_rerun=r"\d\)? <=? [\d(]"))  # a number is too large


@dataclass(frozen=True)
class Answer:
    """What the program said. `rows` reads stdout as NDJSON."""

    code: int
    stdout: str
    stderr: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stdout.splitlines()]

    @property
    def row(self) -> dict[str, Any]:
        (row,) = self.rows
        return row

    @property
    def complaint(self) -> str:
        """The one line of an error that is not a bug, of a command that printed no result."""
        assert self.stdout == ""
        assert "Traceback" not in self.stderr
        line = self.stderr.splitlines()[-1]
        assert line.startswith("mnf: ")
        return line.removeprefix("mnf: ")


class Mnf:
    """The installed `mnf`, started in a folder of its own with data of its own.

    Attributes:
        folder: the working directory.
        program: where the command is installed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = Path(sysconfig.get_path("scripts")) / "mnf"
        if not self.program.exists():
            pytest.fail(f"these tests run the installed program: pip install -e . puts it at {self.program}")

    def environment(self, **more: str) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        return {**inherited, "MNF_DATA_DIR": str(self.folder / "data"), "OMP_NUM_THREADS": "1", **more}

    def __call__(
        self,
        *arguments: object,
        stdin: str | None = None,
        env: Mapping[str, str] | None = None,
        code: int | None = 0,
    ) -> Answer:
        """Runs the program to its end and checks its exit code, unless `code` is None."""
        done = subprocess.run(
            self.command(*arguments),
            input="" if stdin is None else stdin,
            capture_output=True,
            encoding="utf-8",
            cwd=self.folder,
            env=self.environment(**(env or {})),
            timeout=120,
            check=False,
        )
        assert code is None or done.returncode == code, f"exit {done.returncode}: {done.stderr}"
        return Answer(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: object, **options: Any) -> "subprocess.Popen[str]":  # noqa: ANN401  Popen's own
        """Starts the program and returns the process."""
        usual = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            encoding="utf-8",
            **{"env": self.environment(), **usual, **options},
        )

    def imports(self, *arguments: object) -> tuple[Answer, set[str]]:
        """Runs the program and returns, beside its answer, the packages that it imported."""
        done = self(*arguments, env={"PYTHONPROFILEIMPORTTIME": "1"}, code=None)
        found = [IMPORT_LINE.match(line) for line in done.stderr.splitlines()]
        said = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
        packages = {match[1].split(".")[0] for match in found if match}
        return Answer(done.code, done.stdout, "\n".join(said)), packages

    def command(self, *arguments: object) -> list[str]:
        return [str(self.program), *map(str, arguments)]


@pytest.fixture
def mnf(tmp_path: Path) -> Mnf:
    return Mnf(tmp_path)


@dataclass(frozen=True)
class Trained:
    """Two models that the installed program trained on the sample: `one` with a figure, and `other` at another rate.

    Attributes:
        mnf: the program, in their folder.
        asked: the words that train `one`.
        answer: what training `one` said.
    """

    mnf: Mnf
    asked: tuple[object, ...]
    answer: Answer


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    mnf = Mnf(tmp_path_factory.mktemp("trained"))
    common = ("train", "digits-sample", "--train-per-class", 10, "--epochs", 30)
    asked = (*common, "--lr", "1e-3", "--plot", "curve.png", "--out", "one")
    answer = mnf(*asked)
    mnf(*common, "--lr", "1e-5", "--out", "other")
    return Trained(mnf, asked, answer)
