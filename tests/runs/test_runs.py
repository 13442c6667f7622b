"""The run directory: what it promises to those who read it, and what it refuses to believe."""

import errno
import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from damage import unreadable
from small_data import draw, sample_of

from mnistfaces.config import SplitConfig, TrainConfig
from mnistfaces.engine.training import fit
from mnistfaces.errors import DataError, FileError, RunError
from mnistfaces.experiments.train import load_history, open_training, train_and_keep
from mnistfaces.experiments.trials import Cell, Trial
from mnistfaces.files.locks import Holder, Lease
from mnistfaces.files.seals import seal
from mnistfaces.runs.configuration import read_config
from mnistfaces.runs.folder import LOOKS, RunFolder
from mnistfaces.runs.models import dataset_of, find_run
from mnistfaces.runs.removal import remove
from mnistfaces.runs.runs import HISTORY, Run, find_runs, load_run

DIGITS = sample_of(8)
SPLIT = SplitConfig(train_per_class=4, val_per_class=2)


def train(out: Path | None, *, force: bool = False, **training: Any) -> RunFolder:  # noqa: ANN401  fields of any type
    trial = Trial(cell=Cell(training=TrainConfig(epochs=5, **training), split=SPLIT), seed=0, split_seed=0)
    folder = open_training(DIGITS, trial, device="cpu", every=None, out=out, force=force)
    if not folder.finished:
        for _ in train_and_keep(folder, DIGITS, trial):
            pass
    return folder


def edit(path: Path, **changes: Any) -> None:  # noqa: ANN401  as above
    """Changes what a configuration says, as its writer could."""
    config = {**json.loads(path.read_text()), **changes}
    del config["check"]
    path.write_text(json.dumps(seal(config)))


def test_a_kept_run_gives_back_what_was_trained(tmp_path: Path) -> None:
    train(tmp_path, lr=1e-3)
    run = load_run(tmp_path)
    assert (run.command, run.training, run.split) == ("train", TrainConfig(epochs=5, lr=1e-3), SPLIT)
    made = draw(DIGITS, 0, train_per_class=4, val_per_class=2)
    (measure,) = list(fit(DIGITS, [TrainConfig(epochs=5, lr=1e-3)], [made]))[-1].measures
    assert measure.weights is not None
    assert measure.test is not None
    kept = run.weights()
    assert {name: values.shape for name, values in kept.items()} == {"0.weight": (10, 784), "0.bias": (10,)}
    assert all(np.array_equal(kept[name], measure.weights[name]) for name in kept)
    scores = run.predictions().scores(str(run.predictions().trials[0]))
    assert scores is not None
    assert np.array_equal(scores.correct, measure.test.predicted == DIGITS.labels[made.split.test])
    assert scores.ids.tolist() == DIGITS.ids[made.split.test].tolist()
    assert run.row["test_accuracy"] == measure.test.accuracy


def test_a_finished_run_is_not_trained_again_and_a_changed_one_is_another(tmp_path: Path) -> None:
    train(tmp_path)
    assert train(tmp_path).finished
    with pytest.raises(RunError, match=r"holds another run .* or replace it with --force"):
        train(tmp_path, lr=0.5)
    assert load_run(train(tmp_path, lr=0.5, force=True).path).training.lr == 0.5


def test_folders_are_named_after_what_decides_the_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    paths = {train(None, **training).path for training in ({}, {"lr": 0.5}, {"hidden": 99})}
    assert len(paths) == 2  # a softmax regression has no hidden units
    assert all(path.parent == Path("runs") and path.name.startswith("train-") for path in paths)


@pytest.mark.parametrize("name", ["weights.safetensors", "predictions.npz", "results.ndjson"])
@pytest.mark.parametrize("how", ["damaged", "gone"])
def test_a_file_that_is_not_the_one_written_is_refused_and_the_same_command_mends_it(
    tmp_path: Path, name: str, how: str
) -> None:
    train(tmp_path)
    path = tmp_path / name
    before = path.read_bytes()
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))

    def read(run: Run) -> None:
        run.weights()
        run.predictions()
        run.rows()

    with pytest.raises(RunError, match=rf"{name} .*run its command again$"):
        read(load_run(tmp_path))
    train(tmp_path)
    read(load_run(tmp_path))


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"command": "train"}', "\x00\x01", "[" * 10_000])
def test_a_damaged_configuration_is_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(RunError, match=r"config.json"):
        load_run(tmp_path)


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"is not a run directory: it has no config.json"):
        load_run(tmp_path)


def test_an_unfinished_run_is_trained_again_and_read_by_nobody(tmp_path: Path) -> None:
    trial = Trial(cell=Cell(training=TrainConfig(epochs=5), split=SPLIT), seed=0, split_seed=0)
    folder = open_training(DIGITS, trial, device="cpu", every=None, out=tmp_path)
    work = train_and_keep(folder, DIGITS, trial)
    next(work)
    work.close()  # type: ignore[attr-defined]
    assert not train(tmp_path / "other").path.samefile(tmp_path)
    with pytest.raises(RunError, match="run its command again to finish it"):
        load_run(tmp_path).rows()
    train(tmp_path)
    assert load_run(tmp_path).row["status"] == "ok"


def test_last_is_the_newest_finished_run_that_a_command_can_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    older, newer, other, unfinished = (train(None, lr=lr).path for lr in (0.1, 0.2, 0.3, 0.4))
    edit(other / "config.json", command="trajectory")
    edit(unfinished / "config.json", sha256={})
    for age, path in enumerate((unfinished, other, newer, older)):
        os.utime(path / "config.json", (1000 - age, 1000 - age))
    assert [run.path for run in find_runs("last", ("train", "sweep"))] == [newer]
    assert [run.path for run in find_runs("last", ("trajectory",))] == [other]
    with pytest.raises(RunError, match=r"no finished run of mnf sweep under ./runs"):
        find_runs("last", ("sweep",))


@pytest.mark.parametrize("content", [b"{}", b"[]", b"\xff\x00", b"[" * 100_000, b'{"name": "somebody else"}', b""])
def test_a_strangers_configuration_under_runs_is_no_obstacle_to_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    mine = train(None).path
    for name in ("newer", "folder"):
        (Path("runs") / name).mkdir()
    (Path("runs") / "newer" / "config.json").write_bytes(content)
    (Path("runs") / "folder" / "config.json").mkdir()
    (Path("runs") / "gone").symlink_to("nowhere")
    assert [run.path for run in find_runs("last", ("train",))] == [mine]


def test_a_dash_reads_the_runs_of_rows(tmp_path: Path) -> None:
    paths = [train(tmp_path / name).path for name in ("a", "b")]
    lines = [json.dumps({"run": str(path), "lr": 1}) for path in (*paths, paths[0])]
    assert [run.path for run in find_runs("-", ("train",), lines)] == paths
    for indent in (None, 2):  # `--format json` prints an array of several lines
        as_array = json.dumps([{"run": str(path)} for path in paths], indent=indent).splitlines(keepends=True)
        assert [run.path for run in find_runs("-", ("train",), as_array)] == paths
    with pytest.raises(RunError, match="stdin is not an array of JSON"):
        find_runs("-", ("train",), as_array[:-1])
    with pytest.raises(RunError, match="line 2 of stdin is not NDJSON"):
        find_runs("-", ("train",), [lines[0], "{"])
    with pytest.raises(RunError, match="stdin has no row with a `run`"):
        find_runs("-", ("train",), ["", '{"lr": 1}'])
    for wrong in ("3", '"run"', '[["run"]]', '{"run": 3}', "null"):
        with pytest.raises(RunError):
            find_runs("-", ("train",), [wrong])


def test_the_history_is_read_back_with_what_is_missing(tmp_path: Path) -> None:
    train(tmp_path, lr=1e-3)
    history = load_history(tmp_path / HISTORY)
    assert history["epoch"] == [0, 1, 2, 3, 4, 5]
    assert history["val_loss"][0] == pytest.approx(np.log(10), rel=1e-6)
    (tmp_path / "gaps.csv").write_text("epoch,val_loss\n1,\n2,0.5\n")
    assert load_history(tmp_path / "gaps.csv") == {"epoch": [1, 2], "val_loss": [None, 0.5]}


@pytest.mark.parametrize(("times", "told"), [(LOOKS - 1, 0), (LOOKS, 1), (LOOKS + 1, 1)])
@pytest.mark.parametrize("part", ["", "1"])
def test_a_folder_that_is_held_for_a_moment_is_not_said_to_be_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str, times: int, told: int
) -> None:
    real, answers = Lease.take, iter([Holder(pid=1, host="elsewhere", since="now")] * times)
    monkeypatch.setattr(Lease, "take", lambda lease: next(answers, None) or real(lease))
    with RunFolder({"command": "x"}, [], out=tmp_path) as folder:
        notes = [note.message for note in folder.claim(part)]
    assert sum("waiting" in note for note in notes) == len(notes) == told


def test_what_cannot_be_set_aside_is_named_and_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").write_text("{")

    def refuse(path: Path, _target: Path) -> Path:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "rename", refuse)
    folder = RunFolder({"command": "x"}, ["a.npz"], out=tmp_path, force=True)
    with folder, pytest.raises(FileError, match=re.escape(f"cannot move {tmp_path / 'config.json'}: Permission")):
        list(folder.claim())
    assert (tmp_path / "config.json").read_text() == "{"


@pytest.mark.parametrize("lock", [".lock", ".lock-1"])
def test_a_run_that_a_process_has_taken_since_it_was_listed_is_not_removed(tmp_path: Path, lock: str) -> None:
    folder = train(tmp_path / "run")
    config = read_config(folder.path)
    lease = Lease(folder.path / lock)
    assert lease.take() is None
    with pytest.raises(RunError, match="in use by process"):
        remove(folder.path, config)
    lease.release()
    assert load_run(folder.path).weights()
    assert remove(folder.path, config) == []
    assert not folder.path.exists()


def test_rows_of_two_runs_are_not_taken_for_one(tmp_path: Path) -> None:
    paths = [train(tmp_path / name).path for name in ("one", "two")]
    lines = [json.dumps({"run": str(path)}) for path in paths]
    assert find_run("-", ("train",), lines[:1] * 2).path == paths[0]
    with pytest.raises(RunError, match=re.escape(f"stdin names 2 runs, such as {paths[0]} and {paths[1]}: give one")):
        find_run("-", ("train",), lines)


def test_a_run_on_features_asks_for_their_file_which_may_lie_anywhere(tmp_path: Path) -> None:
    features = replace(DIGITS, name="mine-alexnet", kind="features", shape=(784,), inputs=DIGITS.inputs / np.float32(9))
    trial = Trial(cell=Cell(training=TrainConfig(epochs=2), split=SPLIT), seed=0, split_seed=0)
    for _ in train_and_keep(
        open_training(features, trial, device="cpu", every=None, out=tmp_path / "run"), features, trial
    ):
        pass
    with pytest.raises(DataError, match=r"does not say where mine-alexnet lies, .* name its file as DATASET"):
        dataset_of(load_run(tmp_path / "run"))


def test_a_process_that_waits_does_not_stand_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shard said that it waits for the whole sweep, which was itself waiting for another shard."""
    taken: list[str] = []
    monkeypatch.setattr(Lease, "take", lambda lease: taken.append(lease.path.name))
    monkeypatch.setattr(Lease, "holder", lambda _: Holder(pid=1, host="elsewhere", since="now"))
    (tmp_path / ".lock-1").touch()
    waiting = RunFolder({"command": "x"}, [], out=tmp_path).claim()
    assert "waiting" in next(waiting).message
    assert taken == []


def test_a_lock_that_was_left_when_all_was_done_goes_with_the_same_command(tmp_path: Path) -> None:
    folder = train(tmp_path / "run")
    lock = folder.path / ".lock"
    lock.write_text("")  # the process was killed after its last file
    again = train(tmp_path / "run")
    assert again.finished
    assert list(again.claim()) == []
    assert not lock.exists()


@pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE, errno.EACCES])
def test_a_finished_run_whose_file_cannot_be_read_now_is_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    path = train(tmp_path / "run").path / "weights.safetensors"
    before, opened = path.read_bytes(), Path.open

    def refuse(asked: Path, *mode: Any, **options: Any) -> Any:  # noqa: ANN401  as Path has it
        if asked == path:
            raise OSError(number, os.strerror(number))
        return opened(asked, *mode, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        with pytest.raises(FileError, match=f"cannot read {path}: {os.strerror(number)}"):
            train(tmp_path / "run")
    assert path.read_bytes() == before
    assert train(tmp_path / "run").finished


@pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE, errno.EACCES])
def test_force_sets_nothing_aside_that_cannot_be_read_now(tmp_path: Path, number: int) -> None:
    path = train(tmp_path / "run").path / "config.json"
    before = sorted((tmp_path / "run").iterdir())
    with (
        unreadable(path, number),
        pytest.raises(FileError, match=f"cannot read {path}: {os.strerror(number)}"),
    ):
        train(tmp_path / "run", force=True)
    assert sorted((tmp_path / "run").iterdir()) == before
