"""`mnf runs`: what is kept, and what may go."""

import os
import pty
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Mnf
from damage import half_written
from kept_runs import MLP, SOFTMAX, keep_run

from mnistfaces import Cell, Grid, SplitConfig, TrainConfig, sweep
from mnistfaces.cli._schema import SCHEMA
from mnistfaces.experiments.listing import list_runs
from mnistfaces.files.locks import Lease

FIELDS = ["run", "command", "dataset", "setting", "accuracy", "status", "age", "bytes", "why"]


@pytest.fixture
def place(mnf: Mnf, monkeypatch: pytest.MonkeyPatch) -> Mnf:
    """Four runs worth keeping or not: `old` and `new` are one, `unfinished` was killed, `mlp` is another."""
    monkeypatch.chdir(mnf.folder)
    for number, (name, training) in enumerate((("old", SOFTMAX), ("mlp", MLP), ("new", SOFTMAX))):
        keep_run(Path("runs") / name, training)
        os.utime(Path("runs") / name / "config.json", (number, time.time() - 1000 + number))
    process = mnf.start("train", "digits-sample", "--epochs", 10**6, "--out", "runs/unfinished", "--quiet")
    while not (mnf.folder / "runs" / "unfinished" / "config.json").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.communicate()
    return mnf


def by_name(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {Path(row["run"]).name: row for row in rows}


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and file.name != ".lock"
    }


def test_every_run_is_a_row_the_newest_first(place: Mnf) -> None:
    rows = place("runs").rows
    assert [list(row) for row in rows] == [FIELDS] * 4
    assert [field.name for field in SCHEMA["runs"]] == FIELDS
    assert [Path(row["run"]).name for row in rows] == ["unfinished", "new", "mlp", "old"]
    found = by_name(rows)
    assert {name: row["why"] for name, row in found.items()} == {
        "unfinished": "unfinished",
        "new": None,
        "mlp": None,
        "old": "superseded",
    }
    assert found["mlp"]["setting"].startswith("--lr 0.001 --batch-size 32 --epochs 8 --hidden 12 --model mlp")
    assert found["mlp"]["status"] == "ok"
    assert 0.3 < found["mlp"]["accuracy"] <= 1
    assert 990 < found["mlp"]["age"] < 1100
    files = [file for file in (place.folder / "runs" / "mlp").iterdir() if not file.name.startswith(".lock")]
    assert found["mlp"]["bytes"] == sum(file.stat().st_size for file in files)


def test_nothing_is_removed_without_a_terminal_or_a_yes(place: Mnf) -> None:
    before = tree(place.folder / "runs")
    answer = place("runs", "--prune")
    assert [Path(row["run"]).name for row in answer.rows] == ["unfinished", "old"]
    assert answer.stderr.startswith("nothing was removed: --yes would remove 2 runs (1 unfinished, 1 superseded), ")
    assert tree(place.folder / "runs") == before
    assert "only with --prune" in place("runs", "--yes", code=2).complaint
    assert tree(place.folder / "runs") == before


def test_a_yes_removes_what_was_shown_and_only_what_the_run_wrote(place: Mnf) -> None:
    runs = place.folder / "runs"
    (runs / "old" / "notes.txt").write_text("mine")
    kept = {name: tree(runs / name) for name in ("mlp", "new")}
    answer = place("runs", "--prune", "--yes")
    assert not (runs / "unfinished").exists()
    assert [file.name for file in (runs / "old").iterdir()] == ["notes.txt"]
    assert "runs/old stays, without its run: it holds notes.txt" in answer.stderr
    assert {name: tree(runs / name) for name in ("mlp", "new")} == kept
    assert "nothing to remove" in place("runs", "--prune", "--yes").stderr


@pytest.mark.parametrize(("typed", "gone"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_a_terminal_is_asked(place: Mnf, typed: str, gone: bool) -> None:
    ours, theirs = pty.openpty()
    process = place.start("runs", "--prune", stdin=theirs, stderr=theirs)
    os.close(theirs)
    os.write(ours, typed.encode())
    process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == 0
    assert (place.folder / "runs" / "old").exists() != gone
    assert (place.folder / "runs" / "new").exists()


def test_what_a_process_works_at_or_nobody_can_read_is_listed_and_stays(place: Mnf) -> None:
    runs = place.folder / "runs"
    (runs / "mlp" / "config.json").write_text("{")
    lease = Lease(runs / "unfinished" / ".lock")
    assert lease.take() is None
    found = by_name(place("runs").rows)
    assert (found["unfinished"]["status"], found["mlp"]["status"]) == ("running", "damaged")
    assert (found["unfinished"]["why"], found["mlp"]["why"]) == (None, None)
    place("runs", "--prune", "--yes")
    lease.release()
    assert (runs / "unfinished").exists()
    assert (runs / "mlp" / "weights.safetensors").exists()


def test_a_folder_of_half_written_files_or_of_nothing_is_temporary_and_a_stranger_is_no_run(mnf: Mnf) -> None:
    half_written(mnf.folder / "runs" / "killed" / "config.json")
    (mnf.folder / "runs" / "emptied" / "parts").mkdir(parents=True)
    for name in ("runs/killed/.lock", "runs/mine/picture.png", "runs/file"):
        (mnf.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (mnf.folder / name).write_bytes(b"")
    found = by_name(mnf("runs").rows)
    assert {(row["status"], row["why"]) for row in found.values()} == {("temporary", "temporary")}
    assert found.keys() == {"killed", "emptied"}
    mnf("runs", "--prune", "--yes")
    assert sorted(path.name for path in (mnf.folder / "runs").iterdir()) == ["file", "mine"]


def test_no_runs_is_said(mnf: Mnf) -> None:
    answer = mnf("runs")
    assert (answer.stdout, answer.stderr) == ("", "no runs in runs: mnf train and mnf sweep keep theirs there\n")


@pytest.mark.parametrize(("newer", "superseded"), [("few", []), ("more", ["few"])])
def test_a_sweep_goes_only_where_a_newer_folder_holds_all_of_its_trials(
    mnf: Mnf, monkeypatch: pytest.MonkeyPatch, newer: str, superseded: list[str]
) -> None:
    monkeypatch.chdir(mnf.folder)
    split = SplitConfig(train_per_class=2, test_per_class=2)
    for name, rates in (("few", [1e-3]), ("more", [1e-4, 1e-3])):
        cells = tuple(Cell(training=TrainConfig(lr=lr, epochs=1), split=split) for lr in rates)
        sweep(Grid(cells=cells, seeds=(0,)), "digits-sample", out=Path("runs") / name)
        os.utime(Path("runs") / name / "config.json", (1, time.time() - (10 if name == newer else 1000)))
    listed = list_runs(Path("runs"))
    assert len({one.config["hash"] for one in listed if one.config is not None}) == 1
    assert [one.path.name for one in listed if one.row["why"] == "superseded"] == superseded
