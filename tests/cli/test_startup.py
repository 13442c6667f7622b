"""Help, bad usage and versions: what must come at once, before anything heavy is imported."""

import json
import os
import subprocess
import sys
import time
from importlib import metadata
from typing import Any

import pytest
import typer
from conftest import Answer, Mnf, Trained

from mnistfaces.cli.app import wait_briefly
from mnistfaces.cli.index import app
from mnistfaces.devices import may_have_gpu

HEAVY = {"torch", "torchvision", "matplotlib", "scipy", "numpy", "requests", "PIL", "safetensors"}


def commands_of(group: Any, *names: str) -> list[tuple[str, ...]]:  # noqa: ANN401  Click's group
    """Returns the words of every command below a group, and of the groups themselves."""
    found = [names]
    for name, command in getattr(group, "commands", {}).items():
        found += commands_of(command, *names, name)
    return found


COMMANDS = commands_of(typer.main.get_command(app))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_opens_with_two_lines_to_copy_and_imports_nothing_heavy(mnf: Mnf, command: tuple[str, ...]) -> None:
    done, packages = mnf.imports(*command, "--help")
    assert (done.code, done.stderr) == (0, "")
    assert packages & HEAVY == set()
    assert "mnistfaces" in packages
    usage, first, second = [line.strip() for line in done.stdout.splitlines() if line.strip()][:3]
    assert usage.startswith(" ".join(["Usage: mnf", *command, ""]))
    assert first.startswith(" ".join(["$ mnf", *command]))
    assert second.startswith("$ ")
    assert " mnf " in second


def test_the_import_log_would_show_what_is_heavy(mnf: Mnf) -> None:
    done, packages = mnf.imports("samples", "digits-sample")
    assert done.code == 0
    assert "numpy" in packages


def test_the_index_lists_every_command_and_fetch_first(mnf: Mnf) -> None:
    listed = mnf("--help").stdout.partition("Commands:")[2].splitlines()
    names = [line.split()[0] for line in listed if line.startswith("  ") and not line.startswith("   ")]
    assert set(names) == {command[0] for command in COMMANDS if command}
    assert len(names) == len(set(names)) > 15
    assert names[:2] == ["reproduce", "fetch"]


def test_the_index_says_what_each_command_does(mnf: Mnf) -> None:
    listed = mnf("--help").stdout.partition("Commands:")[2]
    assert "Train one model" in listed
    assert "$" not in listed


def test_no_argument_is_the_same_as_help(mnf: Mnf) -> None:
    assert mnf().stdout == mnf("--help").stdout == mnf("-h").stdout


def test_the_version_is_the_installed_one(mnf: Mnf) -> None:
    assert mnf("--version").stdout == f"mnf {metadata.version('mnistfaces')}\n"


def test_help_is_plain_text_where_workflows_force_colour(mnf: Mnf) -> None:
    plain = mnf("train", "--help")
    for forced in ({"GITHUB_ACTIONS": "true"}, {"FORCE_COLOR": "1"}, {"COLUMNS": "300"}):
        assert "\x1b" not in mnf("train", "--help", env=forced).stdout
    assert "\x1b" not in plain.stdout


@pytest.mark.timed
@pytest.mark.parametrize("command", [(), ("sweep",)], ids=" ".join)
def test_help_takes_less_than_three_tenths_of_a_second(mnf: Mnf, command: tuple[str, ...]) -> None:
    """Processor time always; wall time, too, unless others keep the machine busy."""
    walls, works = [], []
    for _ in range(5):
        start, before = time.perf_counter(), os.times()
        mnf(*command, "--help")
        walls.append(time.perf_counter() - start)
        after = os.times()
        works.append(after.children_user + after.children_system - before.children_user - before.children_system)
    assert min(works) < 0.3
    if os.getloadavg()[0] < (os.cpu_count() or 1):
        assert min(walls) < 0.3


BAD_USAGE: tuple[tuple[list[str], list[str]], ...] = (
    (["sweep", "--lr", "1e-3,abc"], ["--lr", "'abc'", "not a number"]),
    (["sweep", "--lr", "1e-3,,1e-4"], ["--lr", "''"]),
    (["sweep", "--lr", "log:1e-5:1e-1"], ["--lr", "log:FIRST:LAST:COUNT"]),
    (["sweep", "--lr", "nan"], ["--lr", "'nan'"]),
    (["sweep", "--lr", "-1e-3"], ["--lr", "positive"]),
    (["sweep", "--lr", "0"], ["--lr", "positive"]),
    (["sweep", "--epochs", "0"], ["--epochs", "at least 1"]),
    (["sweep", "--epochs", "10,2.5"], ["--epochs", "2.5 is not a whole number"]),
    (["sweep", "--momentum", "0.9", "--optimizer", "adam"], ["--momentum", "gd"]),
    (["sweep", "--momentum", "1"], ["--momentum"]),
    (["sweep", "--iterations", "10", "--batch-size", "32"], ["--iterations", "full batches"]),
    (["sweep", "faces", "--iterations", "10"], ["--iterations", "full batches"]),
    (["sweep", "--iterations", "10", "--epochs", "10"], ["--iterations", "not both"]),
    (["sweep", "--batch-size", "0"], ["--batch-size"]),
    (["sweep", "--batch-size", "half"], ["--batch-size", "'half'"]),
    (["sweep", "--model", "softmax,svm"], ["--model", "'svm'", "softmax, mlp"]),
    (["sweep", "--optimizer", "sgd"], ["--optimizer", "'sgd'"]),
    (["sweep", "--reduction", "max"], ["--reduction", "'max'"]),
    (["sweep", "--hidden", "0", "--model", "mlp"], ["--hidden"]),
    (["sweep", "--weight-decay", "-1"], ["--weight-decay"]),
    (["sweep", "--eps", "-1"], ["--eps"]),
    (["sweep", "--seeds", "0"], ["--seeds"]),
    (["sweep", "--seeds", "2", "--seed", "1,2"], ["--seeds", "not both"]),
    (["sweep", "--seed", "-1"], ["--seed"]),
    (["sweep", "--seed", "99999999999999999999999"], ["--seed"]),
    (["sweep", "--folds", "1"], ["--folds"]),
    (["sweep", "--folds", "3", "--test-per-class", "5"], ["--folds", "--test-per-class"]),
    (["sweep", "--shard", "4/3"], ["--shard", "'4/3'"]),
    (["sweep", "--shard", "0/3"], ["--shard"]),
    (["sweep", "--shard", "auto"], ["--shard auto", "SLURM_ARRAY_TASK_ID", "sbatch --array=1-N"]),
    (["sweep", "--jobs", "0"], ["--jobs"]),
    (["sweep", "--engine", "ray"], ["--engine", "'ray'", "dask=tcp://HOST:PORT"]),
    (["sweep", "--engine", "dask=host"], ["--engine", "dask=tcp://HOST:PORT"]),
    (["sweep", "--engine", "dask=tcp://host:8786", "--jobs", "2"], ["--jobs"]),
    (["sweep", "--lr", "log:1e-5:1:2000000"], ["--lr", "1,000,000"]),
    (["sweep", "--seeds", "2000000"], ["--seeds", "1,000,000"]),
    (["sweep", "--lr", "log:1e-5:1:10000", "--weight-decay", "lin:0:1:10000"], ["100,000,000", "1,000,000"]),
    (["sweep", "--lr", "lin:1:2:2000", "--seeds", "1000"], ["2,000,000 trials"]),
    (["sweep", "--shard", "1/99999999999999999999"], ["--shard", "1,000,000"]),
    (["sweep", "--shard", "1/" + "9" * 5000], ["--shard", "1,000,000"]),
    (["sweep", "--model", "mlp", "--hidden", "1e308"], ["--hidden", "1,000,000 at most"]),
    (["sweep", "--model", "mlp", "--hidden", "20,99999999999999999999"], ["--hidden", "1,000,000 at most"]),
    (["sweep", "--epochs", "1e308"], ["--epochs", "1,000,000,000 at most"]),
    (["sweep", "--batch-size", "1e300"], ["--batch-size", "1,000,000,000 at most"]),
    (["sweep", "--train-per-class", "1e300"], ["--train-per-class", "1,000,000,000 at most"]),
    (["sweep", "--val-per-class", "99999999999999999999"], ["--val-per-class", "1,000,000,000 at most"]),
    (["sweep", "--res", "99999999999999999999"], ["--res", "4096"]),
    (["sweep", "--lr", "1e400"], ["--lr", "'1e400'"]),
    (["train", "--every", "99999999999999999999"], ["--every", "1000000000"]),
    (["contour", "--epochs", "99999999999999999999"], ["--epochs", "1000000000"]),
    (["extract-features", "--batch-size", "99999999999999999999"], ["--batch-size", "1,000,000,000 at most"]),
    (["extract-features", "--jobs", "2000"], ["--jobs", "1024"]),
    (["sweep", "--val-fraction", "1"], ["--val-fraction"]),
    (["sweep", "--train-per-class", "0"], ["--train-per-class"]),
    (["sweep", "--train-per-class", "some"], ["--train-per-class", "'some'"]),
    (["sweep", "--device", "tpu"], ["--device", "tpu"]),
    (["sweep", "--format", "xml"], ["--format", "xml"]),
    (["sweep", "digit"], ["'digit'", "digits-sample"]),
    (["sweep", "nothing.npz"], ["'nothing.npz'"]),
    (["sweep", "--learning-rate", "1"], ["--learning-rate"]),
    (["train", "--lr", "1e-3,1e-4"], ["2 models", "mnf sweep"]),
    (["train", "--seed", "-1"], ["--seed"]),
    (["train", "--seed", "99999999999999999999999"], ["--seed"]),
    (["train", "--seed", "1,2"], ["--seed"]),
    (["train", "--plot", "curve.gif"], ["curve.gif", ".png"]),
    (["train", "--every", "0"], ["--every"]),
    (["samples", "--plot", "sheet"], ["sheet", ".png"]),
    (["samples", "--per-class", "0"], ["--per-class"]),
    (["gradcheck", "--h", "0.1,x"], ["--h", "'x'"]),
    (["gradcheck", "--h", "0"], ["--h", "positive"]),
    (["compare"], ["RUN"]),
    (["nonsense"], ["nonsense"]),
    (["--nonsense"], ["--nonsense"]),
)

AS_INSTALLED = 6  # about so many of these cases go through the installed program, too

SESSION = """
import contextlib, io, json, sys
from mnistfaces.cli.app import main
for arguments in json.load(sys.stdin):
    sys.argv, out, err = ["mnf", *arguments], io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = end.code
    print(json.dumps([code, out.getvalue(), err.getvalue(), sorted(sys.modules)]))
"""


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Answer, set[str]]]:
    """All cases one after the other in one process: what they answer, and what was imported until then."""
    done = subprocess.run(
        [sys.executable, "-c", SESSION],
        input=json.dumps([arguments for arguments, _ in BAD_USAGE]),
        capture_output=True,
        encoding="utf-8",
        cwd=tmp_path_factory.mktemp("session"),
        check=True,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return {
        " ".join(arguments): (Answer(code, out, err), set(modules))
        for (arguments, _), (code, out, err, modules) in zip(BAD_USAGE, answers, strict=True)
    }


@pytest.mark.parametrize(("arguments", "words"), BAD_USAGE, ids=" ".join)
def test_bad_usage_is_one_line_and_exit_2_before_anything_heavy_is_imported(
    session: dict[str, tuple[Answer, set[str]]], arguments: list[str], words: list[str]
) -> None:
    done, modules = session[" ".join(arguments)]
    assert done.code == 2
    assert len(done.stderr.splitlines()) == 1
    assert [word for word in words if word not in done.complaint] == []
    assert modules & HEAVY == set()


@pytest.mark.parametrize(("arguments", "words"), BAD_USAGE[:: len(BAD_USAGE) // AS_INSTALLED], ids=" ".join)
def test_bad_usage_of_the_installed_program_is_the_same_and_leaves_nothing_behind(
    mnf: Mnf, session: dict[str, tuple[Answer, set[str]]], arguments: list[str], words: list[str]
) -> None:
    done, packages = mnf.imports(*arguments)
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.strip() == session[" ".join(arguments)][0].stderr.strip()
    assert words[0] in done.complaint
    assert packages & HEAVY == set()
    assert list(mnf.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("told", "looks"),
    [({}, "10000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, None)],
)
def test_threads_that_wait_sleep_soon_unless_the_environment_says_how(
    monkeypatch: pytest.MonkeyPatch, told: dict[str, str], looks: str | None
) -> None:
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "environ", {**os.environ, **told})
    wait_briefly()
    assert os.environ.get("GOMP_SPINCOUNT") == looks


def test_torch_is_told_before_it_is_imported() -> None:
    look = (
        "import os, sys, mnistfaces.cli.app as app\n"
        "app._run = lambda: print(os.environ['GOMP_SPINCOUNT'], 'torch' in sys.modules) or 0\n"
        "app.main()"
    )
    untold = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    said = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True, env=untold)
    assert said.stdout == "10000 False\n"


def test_what_trains_nothing_waits_for_no_torch(trained: Trained) -> None:
    """A model that is kept, a surface of it, paths on that, and their page: torch alone would take two seconds."""
    mnf, surface = trained.mnf, ("--run", "one", "--weight", "5,13,14", "--weight", "5,15,14", "--step", "0.5")
    for words in (
        trained.asked,
        ("contour", *surface, "--out", "s"),
        ("trajectory", "s"),
        ("report", "one", "--out", "p.html"),
    ):
        done, packages = mnf.imports(*words)
        assert done.code == 0
        assert ("torch" in packages) == may_have_gpu(), words
