"""Extraction on workers: the bytes of one process, nothing lost with a worker, nothing believed of another machine."""

import errno
import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Mnf
from dask_cluster import dask_cluster
from pictures import make_folder
from shares import shares, steps_of

import mnistfaces
from mnistfaces.arrays import write_npz
from mnistfaces.config import ExtractConfig
from mnistfaces.datasets import load_dataset
from mnistfaces.datasets.store import open_dataset
from mnistfaces.errors import UsageError, WorkerError
from mnistfaces.execution.dispatch import Workers
from mnistfaces.execution.processes import Processes
from mnistfaces.execution.tasks import Result, Task
from mnistfaces.features import folders
from mnistfaces.features.computing import Batches
from mnistfaces.features.folders import FilesPart
from mnistfaces.features.target import Extracted
from mnistfaces.progress import Event, Stage

SMALL = ExtractConfig(
    backbone="squeezenet1_1", layer="fire3", weights="random", res=32, batch_size=3, threads=1, device="cpu"
)
OPTIONS = ("--backbone", "squeezenet1_1", "--layer", "fire3", "--weights", "random", "--res", "32", "--batch-size", "3")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten pictures of two classes, and one that is broken."""
    return make_folder(tmp_path_factory.mktemp("pets") / "pets")


@pytest.fixture(scope="module")
def whole(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of an extraction in this process, with one thread."""
    path = tmp_path_factory.mktemp("whole") / "f.npz"
    extract(folder, path)
    return path.read_bytes()


def events_of(images: Path, out: Path, workers: Workers | None = None) -> Iterator[Event | Extracted]:
    return mnistfaces.extract_features(str(images), out, SMALL, workers=workers)


def extract(images: Path, out: Path, workers: Workers | None = None) -> Extracted:
    *_, last = events_of(images, out, workers)
    assert isinstance(last, Extracted)
    return last


def one_thread_each(count: int) -> Processes:
    workers = Processes(count)
    workers.threads = 1
    return workers


def test_two_processes_give_the_bytes_of_one(folder: Path, whole: bytes, tmp_path: Path) -> None:
    *events, last = events_of(folder, tmp_path / "f.npz", one_thread_each(2))
    assert isinstance(last, Extracted)
    assert (last.images, last.skipped) == (10, 1)
    assert (tmp_path / "f.npz").read_bytes() == whole
    assert shares(events)["extract"] == (11, 11)
    assert multiprocessing.active_children() == []
    assert not (tmp_path / ".f.npz.partial").exists()


def test_images_of_a_dataset_are_read_by_the_workers_that_open_it(tmp_path: Path) -> None:
    sample = load_dataset("digits-sample")
    few = {"features": sample.inputs[::500], "labels": sample.labels[::500], "names": sample.ids[::500]}
    write_npz(tmp_path / "few.npz", {**few, "classes": np.array(sample.classes), "shape": np.array([28, 28])})
    extract(tmp_path / "few.npz", tmp_path / "here.npz")
    extract(tmp_path / "few.npz", tmp_path / "there.npz", one_thread_each(2))
    assert (tmp_path / "there.npz").read_bytes() == (tmp_path / "here.npz").read_bytes()


def test_a_process_that_is_killed_takes_no_image_with_it(folder: Path, whole: bytes, tmp_path: Path) -> None:
    killed = 0
    for _ in steps_of(events_of(folder, tmp_path / "f.npz", one_thread_each(2)), "extract"):
        if not killed:
            for victim in multiprocessing.active_children():
                os.kill(victim.pid or 0, signal.SIGKILL)
                killed += 1
    assert killed
    assert (tmp_path / "f.npz").read_bytes() == whole


class DyingOf(Processes):
    """A process that dies each time of some of its tasks."""

    def __init__(self, fatal: set[int]) -> None:
        super().__init__(1)
        self.threads, self.fatal = 1, fatal

    def submit(self, number: int, task: Task[Result]) -> Future[Result]:
        if number not in self.fatal:
            return super().submit(number, task)
        dead: Future[Result] = Future()
        dead.set_exception(BrokenProcessPool())
        return dead


def test_images_whose_workers_died_each_time_are_tried_again_by_the_next_run(
    folder: Path, whole: bytes, tmp_path: Path
) -> None:
    done = extract(folder, tmp_path / "f.npz", DyingOf({1}))
    assert (done.images, done.skipped) == (8, 3)  # the broken one among them
    assert any("3 images: their worker died" in why for why in open_dataset(tmp_path / "f.npz").meta["skipped_files"])
    assert shares(events_of(folder, tmp_path / "f.npz"))["extract"][0] == 3
    assert (tmp_path / "f.npz").read_bytes() == whole


def test_work_that_is_broken_off_keeps_its_batches_and_ends_its_processes(
    folder: Path, whole: bytes, tmp_path: Path
) -> None:
    events = events_of(folder, tmp_path / "f.npz", DyingOf({2}))
    steps = steps_of(events, "extract")
    next(steps)
    next(steps)  # the first batch is kept by now
    events.close()  # type: ignore[attr-defined]
    assert multiprocessing.active_children() == []
    again = list(events_of(folder, tmp_path / "f.npz"))
    left = next(event.total for event in again if isinstance(event, Stage) and event.name == "extract")
    assert left in (5, 8)
    assert (tmp_path / "f.npz").read_bytes() == whole


def test_batches_hold_each_distinct_image_that_is_left() -> None:
    keys = ["a", "b", "", "a", "c", "d", "e"]
    assert Batches.of(keys, set(), 2) == Batches(size=2, positions=[[0, 1], [4, 5], [6]])
    assert Batches.of(keys, {"b", "c"}, 2) == Batches(size=2, positions=[[0, 5], [6]])
    assert Batches.of(keys, set(keys), 9) == Batches(size=5, positions=[])


def test_features_depend_neither_on_the_company_nor_on_the_cut(tmp_path: Path) -> None:
    """Batches of 4 and of 16 take other kernels: without black images that fill them up, bits differ here."""
    folder = make_folder(tmp_path / "pets", 16, broken=False)
    config = ExtractConfig(backbone="squeezenet1_1", weights="random", res=227, batch_size=16, threads=1, device="cpu")
    for some in (slice(None), slice(0, 20), slice(28, None)):
        files = sorted(folder.glob("*/*"))[some]
        for _ in mnistfaces.extract_features(files, tmp_path / f"{some.start}-{some.stop}.npz", config):
            pass
    whole, first, last = (open_dataset(tmp_path / f"{name}.npz") for name in ("None-None", "0-20", "28-None"))
    np.testing.assert_array_equal(first.inputs[:], whole.inputs[:20])
    np.testing.assert_allclose(last.inputs[:], whole.inputs[28:], atol=1e-6)  # four images are a whole batch there


def test_a_worker_with_other_files_is_refused(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "sha256_of_file", lambda path: "0" * 63 + path.stem[-1])
    with pytest.raises(WorkerError, match=r"^worker \S+ has another content of pets \(/.*\): copy this machine's data"):
        extract(folder, tmp_path / "f.npz", one_thread_each(1))
    assert not (tmp_path / "f.npz").exists()
    gone = FilesPart(name="pets", side=32, files=((str(folder / "no.jpg"), "0" * 64),))
    with pytest.raises(WorkerError, match="another content of pets"):
        gone.items()


def test_a_worker_with_another_dataset_or_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = load_dataset("digits-sample")
    few: dict[str, Any] = {"labels": sample.labels[::500], "classes": np.array(sample.classes)}
    few |= {"shape": np.array([28, 28]), "features": sample.inputs[::500]}
    write_npz(tmp_path / "few.npz", few)
    workers = one_thread_each(1)
    enter = Processes.__enter__

    def replace_the_file(self: Processes) -> Processes:
        write_npz(tmp_path / "few.npz", {**few, "features": 255 - few["features"]})
        return enter(self)

    with monkeypatch.context() as patched:
        patched.setattr(Processes, "__enter__", replace_the_file)
        with pytest.raises(
            WorkerError, match=r"^worker \S+ has another content of few .*copy this machine's data there$"
        ):
            extract(tmp_path / "few.npz", tmp_path / "f.npz", workers)
    monkeypatch.setattr("importlib.metadata.version", lambda _: "9.9")
    with pytest.raises(WorkerError, match=r"^worker \S+ has mnistfaces .* here is mnistfaces 9\.9"):
        extract(tmp_path / "few.npz", tmp_path / "g.npz", one_thread_each(1))


def test_pixels_need_no_workers(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--jobs and --engine are for networks"):
        list(
            mnistfaces.extract_features(
                str(folder), tmp_path / "p.npz", ExtractConfig(backbone="pixels"), workers=one_thread_each(1)
            )
        )


def read_badly(monkeypatch: pytest.MonkeyPatch, name: str, problem: bytes | OSError) -> None:
    """Lets one file be read as something else, or not at all."""
    read = Path.read_bytes

    def badly(path: Path) -> bytes:
        if not path.match(name):
            return read(path)
        if isinstance(problem, OSError):
            raise problem
        return problem

    monkeypatch.setattr(Path, "read_bytes", badly)


@pytest.mark.parametrize(
    "problem",
    [OSError(errno.EMFILE, "Too many open files"), OSError(errno.EIO, "Input/output error"), b"half written"],
    ids=["too many files", "disk", "changed"],
)
def test_an_image_that_cannot_be_read_for_the_moment_is_tried_again(
    folder: Path, whole: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problem: bytes | OSError
) -> None:
    with monkeypatch.context() as patched:
        read_badly(patched, "cats/001.png", problem)
        done = extract(folder, tmp_path / "f.npz")
        assert (done.images, done.skipped) == (9, 2)
        assert (tmp_path / ".f.npz.partial").exists()
        again = extract(folder, tmp_path / "f.npz")
        assert (again.images, again.skipped) == (9, 2)
    last = extract(folder, tmp_path / "f.npz")
    assert (last.images, last.skipped) == (10, 1)
    assert (tmp_path / "f.npz").read_bytes() == whole
    assert not (tmp_path / ".f.npz.partial").exists()


def test_an_image_that_cannot_even_be_hashed_for_the_moment_is_tried_again(
    folder: Path, whole: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = folders.sha256_of_file

    def hashed(path: Path) -> str:
        if path.match("cats/001.png"):
            raise OSError(errno.EMFILE, "Too many open files")
        return known(path)

    with monkeypatch.context() as patched:
        patched.setattr(folders, "sha256_of_file", hashed)
        assert extract(folder, tmp_path / "f.npz").images == 9
    assert extract(folder, tmp_path / "f.npz").images == 10
    assert (tmp_path / "f.npz").read_bytes() == whole


def test_the_command_gives_the_same_bytes_in_processes_and_on_a_cluster(mnf: Mnf) -> None:
    make_folder(mnf.folder / "pets", broken=False)
    command = ("extract-features", "pets", *OPTIONS, "--out")
    mnf(*command, "here.npz")
    jobs = os.cpu_count() or 1  # one thread each
    mnf(*command, "beside.npz", "--jobs", jobs)
    with dask_cluster(mnf.folder / "dask", mnf.environment(), workers=2) as cluster:
        spread = mnf(*command, "there.npz", "--engine", f"dask={cluster.address}")
    assert spread.row["images"] == 10
    for name in ("beside", "there"):
        assert (mnf.folder / f"{name}.npz").read_bytes() == (mnf.folder / "here.npz").read_bytes()


def test_processes_for_what_needs_none_are_refused_by_the_command(mnf: Mnf) -> None:
    done = mnf("extract-features", "digits-sample", "--backbone", "pixels", "--jobs", "2", code=2)
    assert "--jobs and --engine are for networks" in done.stderr
