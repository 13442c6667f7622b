"""What the shell offers for half a line, through the program, in the words of each shell."""

import os
from pathlib import Path
from typing import get_args

import pytest
from conftest import Mnf

from mnistfaces.config import ModelName, OptimizerName
from mnistfaces.datasets import NAMES

HEAVY = {"torch", "torchvision", "numpy", "matplotlib", "scipy", "requests", "PIL", "rich", "pydantic", "email"}


@pytest.fixture
def mnf(tmp_path: Path) -> Mnf:
    for age, name in enumerate(("train-new", "sweep-old")):
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        os.utime(folder / "config.json", times=(1e9 - age, 1e9 - age))
    (tmp_path / "runs" / "no-run").mkdir()
    return Mnf(tmp_path)


def asked(line: str, shell: str = "bash") -> dict[str, str]:
    """Returns the environment in which a shell asks what the last word of a line could become."""
    words = line.split(" ")
    if shell == "bash":
        return {"_MNF_COMPLETE": "complete_bash", "COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)}
    action = {"_TYPER_COMPLETE_FISH_ACTION": "get-args"} if shell == "fish" else {}
    last = {"_TYPER_COMPLETE_WORD_TO_COMPLETE": words[-1]} if shell in ("powershell", "pwsh") else {}
    return {"_MNF_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_ARGS": line, **action, **last}


NAMED = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
"""Lets a test name the shell, which is else the one around the program."""


def offered(mnf: Mnf, line: str) -> list[str]:
    return mnf(env=asked(line), code=0).stdout.split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("mnf tra", ["train", "trajectory"]),
        ("mnf fetch fa", ["fashion", "faces"]),
        ("mnf train --opt", ["--optimizer"]),
        ("mnf train --model ", list(get_args(ModelName))),
        ("mnf train --optimizer ad", [name for name in get_args(OptimizerName) if name.startswith("ad")]),
        ("mnf sweep --optimizer gd,ad", [f"gd,{name}" for name in get_args(OptimizerName) if name.startswith("ad")]),
        ("mnf sweep --model softmax,", ["softmax,mlp", "softmax,ridge", "softmax,kernel"]),
        ("mnf sweep --batch-size f", ["full"]),
        ("mnf train faces", [name for name in NAMES if name.startswith("faces")]),
        ("mnf evaluate ", ["last", "runs/train-new", "runs/sweep-old"]),
        ("mnf compare runs/train-new runs/s", ["runs/sweep-old"]),
        ("mnf export --to ", ["onnx", "npz", "croissant"]),
        ("mnf predict last ima", []),  # files: the shell offers them itself
    ],
)
def test_bash_is_offered_commands_options_datasets_runs_and_closed_values(
    mnf: Mnf, line: str, expected: list[str]
) -> None:
    assert offered(mnf, line) == expected


@pytest.mark.parametrize("shell", ["zsh", "fish", "powershell", "pwsh"])
def test_every_shell_is_offered_the_same(mnf: Mnf, shell: str) -> None:
    said = mnf(env=asked("mnf train faces-s", shell), code=0).stdout
    assert "faces-synthetic" in said


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_the_script_for_a_shell_can_be_shown(mnf: Mnf, shell: str) -> None:
    said = mnf("--show-completion", shell, env=NAMED).stdout
    assert "mnf" in said
    assert "_MNF_COMPLETE" in said


def test_it_is_installed_where_the_shell_reads_it(mnf: Mnf) -> None:
    home = mnf.folder / "home"
    home.mkdir()
    mnf("--install-completion", "bash", env={"HOME": str(home), **NAMED})
    assert "mnf" in (home / ".bashrc").read_text()
    assert list(home.rglob("mnf.sh"))


@pytest.mark.parametrize(
    "line", ["mnf tra", "mnf train fac --lr 1 --m", "mnf evaluate ", "mnf fetch faces --j", "mnf sweep --optimizer a"]
)
def test_nothing_heavy_is_imported(mnf: Mnf, line: str) -> None:
    profile = {"PYTHONPROFILEIMPORTTIME": "1"}
    told = mnf(env={**asked(line), **profile}, code=0).stderr
    imported = {name.rsplit("|", 1)[-1].strip().split(".")[0] for name in told.splitlines()}
    assert "mnistfaces" in imported
    assert not imported & HEAVY


def test_a_folder_of_runs_that_cannot_be_read_is_no_obstacle(mnf: Mnf) -> None:
    (mnf.folder / "runs" / "broken").symlink_to("broken")
    assert offered(mnf, "mnf evaluate l") == ["last"]
