"""Kept runs that were damaged, altered, killed or shared: nothing altered goes unnoticed, nothing finished is lost."""

import contextlib
import hashlib
import json
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from conftest import Mnf

if TYPE_CHECKING:
    import subprocess

SWEEP = ("sweep", "digits-sample", "--train-per-class", 5, "--epochs", "2,4", "--lr", "1e-3,1e-4", "--out", "swept")
TRAIN = ("train", "digits-sample", "--train-per-class", 10, "--epochs", 30, "--out", "one")
TIMES = ("seconds", "timing", "run")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Mnf:
    """Returns a folder with a finished sweep, `swept`, and a trained model, `one`."""
    mnf = Mnf(tmp_path_factory.mktemp("whole"))
    mnf(*SWEEP)
    mnf(*TRAIN)
    return mnf


@pytest.fixture
def here(whole: Mnf, tmp_path: Path) -> Mnf:
    """Returns a copy that may be damaged."""
    shutil.copytree(whole.folder, tmp_path / "copy")
    return Mnf(tmp_path / "copy")


def numbers(mnf: Mnf) -> list[dict[str, Any]]:
    text = (mnf.folder / "swept" / "results.ndjson").read_text()
    rows = [json.loads(line) for line in text.splitlines()]
    return [{field: value for field, value in row.items() if field not in TIMES} for row in rows]


def edit(path: Path, change: Callable[[Any], object]) -> None:
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config))


def unseal(folder: Path) -> None:
    """Makes a run as release 0.1.0 left it: without checksums, and with the SHA-256 of its ledger."""
    edit(folder / "config.json", lambda config: (config.pop("check"), config.pop("table", None)))
    ledger = folder / "trials.ndjson"
    if ledger.exists():
        records = [json.loads(line) for line in ledger.read_text().splitlines()]
        for record in records:
            del record["check"]
        ledger.write_text("".join(json.dumps(record) + "\n" for record in records))
        sha256 = hashlib.sha256(ledger.read_bytes()).hexdigest()
        edit(folder / "config.json", lambda config: config["sha256"].update({"trials.ndjson": sha256}))


def change_a_digit(path: Path) -> None:
    """Adds one to the first digit of the first validation accuracy."""
    text = path.read_text()
    place = text.index('"val_accuracy": 0.') + len('"val_accuracy": 0.')
    path.write_text(text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :])


@pytest.mark.parametrize("release", ["this", "0.1.0"])
def test_one_digit_that_changed_in_the_ledger_of_a_finished_sweep_is_noticed_and_done_again(
    whole: Mnf, here: Mnf, release: str
) -> None:
    if release == "0.1.0":
        unseal(here.folder / "swept")
    change_a_digit(here.folder / "swept" / "trials.ndjson")
    done = here(*SWEEP)
    assert "set aside in trials.ndjson.bad" in done.stderr
    assert f"{1 if release == 'this' else 4} to do" in done.stderr
    assert numbers(here) == numbers(whole)
    assert "0 to do" in here(*SWEEP).stderr


def test_a_sweep_of_the_first_release_is_read_noted_once_and_gets_its_checksums(whole: Mnf, here: Mnf) -> None:
    unseal(here.folder / "swept")
    done = here(*SWEEP)
    assert "0 to do" in done.stderr
    assert [line for line in done.stderr.splitlines() if "written by an earlier release" in line] == [
        "swept/config.json: written by an earlier release; it has a checksum now",
        "swept/trials.ndjson: written by an earlier release; its lines have checksums now",
    ]
    assert "earlier release" not in here(*SWEEP).stderr
    assert numbers(here) == numbers(whole)
    change_a_digit(here.folder / "swept" / "trials.ndjson")
    assert "1 to do" in here(*SWEEP).stderr


def swap_two_classes(config: dict[str, Any]) -> None:
    classes = config["dataset"]["classes"]
    classes[0], classes[1] = classes[1], classes[0]


@pytest.mark.parametrize(
    ("change", "release"),
    [(swap_two_classes, "0.1.0"), (lambda config: config.update(split_seed=1), "this")],
    ids=["two classes", "the split's seed"],
)
def test_an_altered_configuration_is_not_believed_and_one_command_goes_on(
    here: Mnf, change: Callable[[Any], object], release: str
) -> None:
    if release == "0.1.0":
        unseal(here.folder / "one")
    edit(here.folder / "one" / "config.json", change)
    for words in (("evaluate", "one"), ("compare", "one", "one"), TRAIN):
        complaint = here(*words, code=1).complaint
        assert complaint.startswith("one/config.json is damaged (its ")
        assert complaint.endswith("run mnf train again with the same options and --force")
    again = here(*TRAIN, "--force")
    assert "one/config.json was set aside as config.json.bad" in again.stderr
    assert len(here("evaluate", "one").rows) == 11


@pytest.mark.parametrize("content", ["{", "[" * 100_000, None])
def test_a_sweep_without_a_good_configuration_goes_on_from_its_ledger_with_force(
    whole: Mnf, here: Mnf, content: str | None
) -> None:
    config = here.folder / "swept" / "config.json"
    if content is None:
        config.unlink()
    else:
        config.write_text(content)
    assert "--force" in here(*SWEEP, code=1).complaint
    assert "0 to do" in here(*SWEEP, "--force").stderr
    assert numbers(here) == numbers(whole)
    assert here("compare", "swept", "one").code == 0


def test_force_sets_a_strangers_file_aside_and_deletes_nothing(mnf: Mnf) -> None:
    (mnf.folder / "one").mkdir()
    (mnf.folder / "one" / "history.csv").write_text("mine")
    assert "choose another --out" in mnf(*TRAIN, code=1).complaint
    mnf(*TRAIN, "--force")
    assert (mnf.folder / "one" / "history.csv.bad").read_text() == "mine"


def test_a_damaged_part_counts_as_missing_and_the_same_command_mends_it(whole: Mnf, here: Mnf) -> None:
    for number, part in enumerate(sorted((here.folder / "swept" / "parts").iterdir())):
        content = bytearray(part.read_bytes())
        content[len(content) // 2] ^= 1
        part.write_bytes(content if number else b"")
    assert "4 to do" in here(*SWEEP).stderr
    assert numbers(here) == numbers(whole)
    assert "0 to do" in here(*SWEEP).stderr


@pytest.mark.parametrize("name", ["weights.safetensors", "predictions.npz", "history.csv", "results.ndjson"])
def test_a_result_that_is_not_the_one_written_is_made_again_by_the_same_command(here: Mnf, name: str) -> None:
    path = here.folder / "one" / name
    whole = path.read_bytes()
    path.write_bytes(whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:])
    done = here(*TRAIN, "--plot", "curve.png")
    assert f"one/{name} is not the file that was written: it is made again" in done.stderr
    if name != "results.ndjson":  # which holds a time
        assert path.read_bytes() == whole
    assert "made again" not in here(*TRAIN).stderr


def test_a_sweep_killed_after_it_grew_is_mended_by_the_plain_command_as_compare_says(here: Mnf) -> None:
    grown = (*SWEEP[:7], "1e-3,1e-4,1e-2", *SWEEP[8:])
    assert grown[:-1] == (*SWEEP[:6], "--lr", "1e-3,1e-4,1e-2", "--out")
    kill = "import os, signal; from mnistfaces.runs.folder import RunFolder\n"
    kill += "RunFolder.finish = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)\n"
    hook = here.folder / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(kill)
    assert here(*grown, env={"PYTHONPATH": str(hook)}, code=None).code == -signal.SIGKILL
    complaint = here("compare", "swept", "one", code=1).complaint
    assert complaint.endswith("run its command again")
    done = here(*grown)
    assert "0 to do" in done.stderr
    assert len(done.rows) == 6
    assert here("compare", "swept", "one").code == 0


NO_LOCKS = """
import errno, fcntl
def flock(*_): raise OSError(errno.ENOTSUP, "Operation not supported")
fcntl.flock = flock
"""


@pytest.fixture(params=["locks", "no locks"])
def env(request: pytest.FixtureRequest, mnf: Mnf) -> dict[str, str]:
    """Returns the environment of a machine whose file system has locks, or has none."""
    if request.param == "locks":
        return mnf.environment()
    hook = mnf.folder / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(NO_LOCKS)
    return mnf.environment(PYTHONPATH=str(hook))


def ended(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def test_two_surfaces_at_once_share_the_training_of_their_model(mnf: Mnf, env: dict[str, str]) -> None:
    asked = ("contour", "digits-sample", "--train-per-class", 20, "--epochs", 3000, "--step")
    both = [ended(process) for process in [mnf.start(*asked, step, env=env) for step in ("1", "0.5")]]
    assert [code for code, _, _ in both] == [0, 0], both
    assert len({json.loads(out)["trained_loss"] for _, out, _ in both}) == 1
    assert len(list((mnf.folder / "runs").glob("train-*"))) == 1
    assert sum("training on" in err for _, _, err in both) == 1
    assert any("waiting for runs/train-" in err and "is in use by process" in err for _, _, err in both)
    assert list((mnf.folder / "runs").rglob(".*")) == []


LONG = (
    *("sweep", "digits-sample", "--train-per-class", 20, "--model", "mlp", "--hidden", "20,30", "--lr", "1e-3,1e-4"),
    *("--epochs", 400, "--batch-size", 10, "--out", "out"),
)


def begun(mnf: Mnf, *words: object, env: dict[str, str]) -> "subprocess.Popen[str]":
    """Starts a command and returns once it has its folder's lease, and the folder a configuration."""
    process, out = mnf.start(*words, env=env), mnf.folder / "out"
    while process.poll() is None and not ((out / "config.json").exists() and holds(process.pid, out)):
        time.sleep(0.01)
    return process


def holds(pid: int, folder: Path) -> bool:
    """Returns whether a process has a lease on a folder."""
    for path in folder.glob(".lock*"):
        with contextlib.suppress(OSError):  # it may be gone by now
            if f'"pid": {pid},' in path.read_text(encoding="utf-8"):
                return True
    return False


def test_force_beside_a_running_sweep_is_refused_and_says_who_is_at_work(mnf: Mnf, env: dict[str, str]) -> None:
    with begun(mnf, *LONG, env=env) as first:
        for words in (LONG, ("train", "digits-sample", "--epochs", 2, "--out", "out")):
            code, out, err = ended(mnf.start(*words, "--force", env=env))
            assert (code, out) == (1, "")
            assert f"mnf: out is in use by process {first.pid} on " in err
            assert first.poll() is None
        code, out, _ = ended(first)
    assert (code, len(out.splitlines())) == (0, 4)
    assert len(mnf("sweep", *LONG[1:], "--quiet").rows) == 4


def test_a_killed_process_holds_nothing(mnf: Mnf, env: dict[str, str]) -> None:
    with begun(mnf, *LONG, env=env) as first:
        first.send_signal(signal.SIGKILL)
    code, out, err = ended(mnf.start(*LONG, env=env))
    assert (code, len(out.splitlines())) == (0, 4)
    assert "waiting" not in err
    assert [path for path in (mnf.folder / "out").rglob("*") if path.name.startswith(".")] == []


def test_shards_work_side_by_side_and_the_whole_waits_for_them(mnf: Mnf, env: dict[str, str]) -> None:
    shards = [begun(mnf, *LONG, "--shard", f"{number}/2", env=env) for number in (1, 2)]
    gathered = ended(mnf.start(*LONG, env=env))
    said = [ended(process) for process in shards]
    assert [code for code, _, _ in (*said, gathered)] == [0, 0, 0]
    assert sum(len(out.splitlines()) for _, out, _ in said) == len(gathered[1].splitlines()) == 4
    assert not any("waiting" in err for _, _, err in said)
    assert "waiting for out: it is in use by process" in gathered[2]
    lines = [line for path in (mnf.folder / "out").glob("trials*.ndjson") for line in path.read_text().splitlines()]
    assert len(lines) == 4  # nothing is done twice
