"""Files that a command wrote are named once, last, one line each."""

from pathlib import Path

import pytest
import typer
from conftest import Trained
from kept_surface import mnf_here

from mnistfaces.cli import _window
from mnistfaces.cli.index import app

QUICK = ("digits-sample", "--train-per-class", "5", "--epochs", "3")
WRITING: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "samples": (("samples", "digits-sample", "--per-class", "1", "--plot", "a.png"), ("a.png",)),
    "train": (("train", *QUICK, "--plot", "a.svg"), ("a.svg",)),
    "diverged": (("train", *QUICK, "--lr", "1e300", "--plot", "a.svg"), ("a.svg",)),
    "sweep": (("sweep", *QUICK, "--lr", "1e-3,1e-4", "--plot", "s.svg"), ("s.svg",)),
    "compare": (("compare", "last", "last", "--plot", "d.svg"), ("d.svg",)),
    "report": (("report", "last", "--out", "report.html"), ("report.html",)),
    "contour": (("contour", *QUICK, "--step", "5", "--plot", "a.html"), ("a.html",)),
    "trajectory": (("trajectory", "--plot", "b.svg"), ("b.svg",)),
    "evaluate": (
        ("evaluate", "--plot", "c.svg", "--mistakes", "m.csv", "--mistakes", "m.svg"),
        ("c.svg", "m.csv", "m.svg"),
    ),
    "visualize-weights": (
        ("visualize-weights", "--plot", "w.svg", "--each", "each"),
        ("w.svg", *(f"each/{name}.png" for name in range(10))),
    ),
    "plan": (("plan", "--plot", "p.svg"), ("p.svg",)),
    "fetch faces": (
        ("fetch", "faces", "--synthetic", "--plot", "f.svg", "--report", "r.csv"),
        ("r.csv", "f.svg"),
    ),
}


def _writes(command: object) -> bool:
    flags = {flag for parameter in getattr(command, "params", []) for flag in parameter.opts}
    return bool(flags & {"--plot", "--mistakes", "--each", "--report"})


def test_every_command_that_writes_a_file_by_name_is_tested_here() -> None:
    group = typer.main.get_command(app)
    commands = dict(group.commands)  # type: ignore[attr-defined]
    commands |= {f"fetch {name}": one for name, one in commands.pop("fetch").commands.items()}
    assert {name for name, one in commands.items() if _writes(one)} == WRITING.keys() - {"diverged", "report"}


def test_files_are_named_once_and_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNF_DATA_DIR", str(tmp_path / "data"))
    for name, (words, files) in WRITING.items():
        done = mnf_here(*words, cwd=tmp_path)
        assert done.returncode == (3 if name == "diverged" else 0), done.stderr
        lines = done.stderr.splitlines()
        assert lines[-len(files) :] == [f"wrote {file}" for file in files], name
        assert not any(file in line for line in lines[: -len(files)] for file in files), name
        assert all((tmp_path / file).stat().st_size for file in files), name


def test_quiet_names_nothing(trained: Trained) -> None:
    assert trained.mnf("evaluate", "one", "--plot", "q.svg", "--quiet").stderr == ""


def test_a_terminal_can_open_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_window, "width_of", lambda _: 80)
    linked = _window.set_file("wrote", Path("a b.png"), None)  # type: ignore[arg-type]
    assert linked == f"wrote \x1b]8;;{tmp_path.as_uri()}/a%20b.png\x1b\\a b.png\x1b]8;;\x1b\\"
