"""What may crash runs in a process of its own; what the machine refuses it is one line, whoever asked."""

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from mnistfaces.datasets import load_dataset
from mnistfaces.datasets.matfile import read_mat
from mnistfaces.errors import FileError
from mnistfaces.inspection.student import check_function
from mnistfaces.isolation import Ending, run_apart, scratch_folder


def parse(folder: Path) -> object:
    scipy.io.savemat(folder / "a.mat", {"X": np.zeros((2, 2))})
    return read_mat(folder / "a.mat", ["X"])


def call(folder: Path) -> object:
    (folder / "mine.py").write_text("def gradient(x, y, W, b):\n    return W, b\n")
    return check_function(f"{folder / 'mine.py'}:gradient", load_dataset("digits-sample"), 0)


@pytest.mark.parametrize("ask", [parse, call])
@pytest.mark.parametrize(
    ("refusing", "words"),
    [("subprocess.run", "cannot start a process"), ("tempfile.TemporaryDirectory", "no temporary folder")],
)
def test_a_machine_that_refuses_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ask: Callable[[Path], object], refusing: str, words: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(f"mnistfaces.isolation.{refusing}", refuse)
    with pytest.raises(FileError, match=f"{words}.*: Resource temporarily unavailable$"):
        ask(tmp_path)


def test_a_program_says_how_it_ended_and_its_folder_goes(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("import pathlib, sys\nexec(sys.argv[1])\n")
    say = "pathlib.Path(sys.argv[2], 'problem.txt').write_text('no\\n' * 500); sys.exit(3)"
    with scratch_folder() as folder:
        ends = [
            run_apart(program, [code, str(folder)], folder, seconds=seconds)
            for code, seconds in (("pass", 60), ("sys.exit(2)", 60), ("import time; time.sleep(60)", 0.5), (say, 60))
        ]
    assert ends == [Ending(), Ending(code=2), Ending(late=True), Ending(problem=" ".join(["no"] * 100), code=3)]
    assert not folder.exists()
    assert sys.path[0] != str(tmp_path)
