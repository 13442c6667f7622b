"""From image files to a dataset of features: what it holds, and what interruptions and damage do to it."""

import json
import os
import time
import tracemalloc
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import draw_picture, make_folder
from PIL import Image
from shares import shares, steps_of

import mnistfaces
from mnistfaces.arrays import Rows, write_npz
from mnistfaces.config import DataConfig, ExtractConfig
from mnistfaces.datasets import load_dataset
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.store import fingerprint_of, open_dataset
from mnistfaces.errors import DataError, FileError, UsageError
from mnistfaces.features import computing, extraction
from mnistfaces.features.folders import FilesSource
from mnistfaces.features.network import rebuild_network
from mnistfaces.features.partial import Partial, row_type
from mnistfaces.features.recipe import Recipe
from mnistfaces.features.target import Extracted
from mnistfaces.files.locks import Lease
from mnistfaces.progress import Event, Stage

SMALL = ExtractConfig(
    backbone="squeezenet1_1", layer="fire3", weights="random", res=32, batch_size=3, threads=2, device="cpu"
)
FEATURES = 128 * 7 * 7


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("pets") / "pets")


@pytest.fixture(scope="module")
def whole(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an extraction that nothing disturbed."""
    path = tmp_path_factory.mktemp("whole") / "f.npz"
    extract(folder, path)
    return path


def extract(images: Path | str, out: Path | None, config: ExtractConfig = SMALL, *, force: bool = False) -> Extracted:
    *_, last = mnistfaces.extract_features(str(images), out, config, force=force)
    assert isinstance(last, Extracted)
    return last


def stage_of(events: list[Event | Extracted]) -> Stage:
    return next(event for event in events if isinstance(event, Stage) and event.name == "extract")


def test_the_file_is_a_dataset_with_the_image_and_recipe_behind_each_row(folder: Path, whole: Path) -> None:
    dataset = open_dataset(whole)
    assert dataset.kind == "features"
    assert dataset.classes == ("cats", "dogs")
    assert dataset.labels.tolist() == [0] * 5 + [1] * 5
    assert dataset.ids.tolist()[:2] == ["cats/000.jpg", "cats/001.png"]
    assert dataset.inputs.shape == (10, FEATURES)
    assert dataset.fingerprint == fingerprint_of(dataset)
    pixels = load_dataset(folder, res=32, color=True)
    assert dataset.ids.tolist() == pixels.ids.tolist()
    assert dataset.sha256 is not None
    assert pixels.sha256 is not None
    assert dataset.sha256.tolist() == pixels.sha256.tolist()
    network = rebuild_network(Recipe.of(dataset.meta), device="cpu")
    expected = network.features(pixels.inputs.reshape(-1, 32, 32, 3))
    np.testing.assert_allclose(dataset.inputs, expected, atol=1e-5 * np.abs(expected).max())


def test_a_broken_image_is_counted_and_named_and_the_others_stay(folder: Path, tmp_path: Path) -> None:
    done = extract(folder, tmp_path / "f.npz")
    assert (done.images, done.features, done.skipped) == (10, FEATURES, 1)
    assert done.images_per_second is not None
    (reason,) = open_dataset(tmp_path / "f.npz").meta["skipped_files"]
    assert reason.startswith("cats/zz.png: cannot be decoded")


def test_how_far_reading_and_comparing_are_is_said(folder: Path, tmp_path: Path) -> None:
    said = shares(mnistfaces.extract_features(str(folder), tmp_path / "f.npz", SMALL))
    assert said["reading 11 files"] == (11, 11)
    assert said["extract"][1] == 11
    assert said["looking for near-duplicates among 10 images"] == (10, 10)
    pixels = ExtractConfig(backbone="pixels")
    said = shares(mnistfaces.extract_features(str(folder), tmp_path / "p.npz", pixels, data_dir=tmp_path))
    assert said["decoding 11 images"] == (11, 11)


def test_near_duplicates_are_those_that_training_on_the_folder_sees(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "pets", broken=False)
    copy = Image.fromarray(draw_picture(0))
    copy.save(folder / "dogs" / "copy.png")
    (folder / "dogs" / "same.jpg").write_bytes((folder / "cats" / "002.jpg").read_bytes())
    extract(folder, tmp_path / "f.npz")
    groups = open_dataset(tmp_path / "f.npz").groups
    assert groups.tolist() == load_dataset(folder, res=32).groups.tolist()
    assert len(set(groups.tolist())) == 10


def test_equal_requests_give_equal_bytes_and_the_second_does_nothing(folder: Path, whole: Path, tmp_path: Path) -> None:
    extract(folder, tmp_path / "f.npz")
    assert (tmp_path / "f.npz").read_bytes() == whole.read_bytes()
    before = (tmp_path / "f.npz").stat()
    again = extract(folder, tmp_path / "f.npz")
    assert (again.images, again.skipped, again.images_per_second) == (10, 1, None)
    assert (tmp_path / "f.npz").stat() == before


def interrupt(folder: Path, out: Path, batches: int) -> None:
    """Extracts so many batches, and then drops everything."""
    events = mnistfaces.extract_features(str(folder), out, SMALL)
    for _ in zip(range(batches), steps_of(events, "extract"), strict=False):
        pass
    events.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("batches", [1, 2, 3])
def test_an_interrupted_extraction_goes_on_and_ends_in_the_same_bytes(
    folder: Path, whole: Path, tmp_path: Path, batches: int
) -> None:
    out = tmp_path / "f.npz"
    interrupt(folder, out, batches)
    assert not out.exists()
    events = list(mnistfaces.extract_features(str(folder), out, SMALL))
    assert stage_of(events).total == 11 - 3 * batches
    assert out.read_bytes() == whole.read_bytes()
    assert list(tmp_path.iterdir()) == [out]


def test_what_is_torn_or_altered_in_the_unfinished_part_is_done_again(
    folder: Path, whole: Path, tmp_path: Path
) -> None:
    out = tmp_path / "f.npz"
    interrupt(folder, out, 3)
    partial = tmp_path / ".f.npz.partial"
    rows = bytearray((partial / "rows.bin").read_bytes())
    rows[1000] ^= 1  # in the first batch
    (partial / "rows.bin").write_bytes(bytes(rows) + b"a write that was cut")
    ledger = partial / "batches.ndjson"
    lines = ledger.read_text().splitlines()
    odd = [{**json.loads(lines[1]), key: value} for key, value in (("start", -1), ("start", 9**9), ("units", 3))]
    ledger.write_text("\n".join([lines[0], "{ nonsense", *map(json.dumps, odd), *lines[1:], lines[2][:50]]))
    events = list(mnistfaces.extract_features(str(folder), out, SMALL))
    assert stage_of(events).total == 5  # the altered batch, and what was left
    ours, theirs = open_dataset(out), open_dataset(whole)
    assert ours.ids.tolist() == theirs.ids.tolist()
    np.testing.assert_allclose(ours.inputs, theirs.inputs, atol=1e-5)


def test_the_unfinished_part_of_another_recipe_is_not_taken_up(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "f.npz"
    interrupt(folder, out, 2)
    other = ExtractConfig(**{**vars(SMALL), "preprocess": "course"})
    assert stage_of(list(mnistfaces.extract_features(str(folder), out, other))).total == 11
    assert open_dataset(out).meta["recipe"]["preprocess"] == "course"


def test_images_that_come_and_go_leave_the_finished_ones_finished(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "pets", broken=False)
    interrupt(folder, tmp_path / "f.npz", 2)
    (folder / "cats" / "001.png").unlink()
    Image.fromarray(draw_picture(500)).save(folder / "cats" / "0005.png")
    events = list(mnistfaces.extract_features(str(folder), tmp_path / "f.npz", SMALL))
    assert stage_of(events).total == 5
    assert open_dataset(tmp_path / "f.npz").ids.tolist() == load_dataset(folder).ids.tolist()


def test_another_file_is_replaced_only_with_force(folder: Path, whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "f.npz"
    for content in (b"precious", whole.read_bytes()):
        out.write_bytes(content)
        with pytest.raises(FileError, match="--force"):
            extract(folder, out, ExtractConfig(**{**vars(SMALL), "seed": 1}))
        assert out.read_bytes() == content
    extract(folder, out, ExtractConfig(**{**vars(SMALL), "seed": 1}), force=True)
    assert open_dataset(out).meta["recipe"]["seed"] == 1


def test_without_a_name_the_file_lies_under_the_hash_of_what_made_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one = extract(folder, None).file
    course = extract(folder, None, ExtractConfig(**{**vars(SMALL), "preprocess": "course"})).file
    assert one != course
    assert one == extract(folder, None, ExtractConfig(**{**vars(SMALL), "batch_size": 5, "threads": 1})).file
    assert Path(one).match("runs/extract-features-*/features.npz")


def test_images_of_which_none_can_be_read_leave_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "pets" / "cats").mkdir(parents=True)
    with pytest.raises(DataError, match="holds no image"):
        extract(tmp_path / "pets", tmp_path / "new" / "f.npz")
    (tmp_path / "pets" / "cats" / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"none of 1 image can be read, the first is cats/a\.jpg"):
        extract(tmp_path / "pets", tmp_path / "new" / "f.npz")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("positions", [[], [2], [3, 0, 3]])
def test_kept_rows_are_read_by_their_positions_however_few(tmp_path: Path, positions: list[int]) -> None:
    kind = row_type(3, looks=False)
    rows = np.zeros(4, kind)
    rows["features"] = np.arange(12).reshape(4, 3)
    with Partial(tmp_path / "f.npz", "key", kind) as partial:
        partial.append([*"abcd"], rows, {})
        read = partial.read("features", np.array(positions, np.int64))
    assert read.shape == (len(positions), 3)
    assert read.dtype == np.float32
    assert read.tolist() == [[3 * place, 3 * place + 1, 3 * place + 2] for place in positions]


@pytest.mark.parametrize("is_at_work", [False, True])
def test_what_a_process_left_that_was_killed_with_its_file_whole_goes_unless_another_is_at_work(
    folder: Path, whole: Path, tmp_path: Path, is_at_work: bool
) -> None:
    out, partial = tmp_path / "f.npz", tmp_path / ".f.npz.partial"
    interrupt(folder, out, 2)
    out.write_bytes(whole.read_bytes())
    lease = Lease(partial / ".lock")
    assert not is_at_work or lease.take() is None
    extract(folder, out)
    assert partial.exists() is is_at_work
    lease.release()


def test_no_more_than_a_batch_per_thread_is_done_before_it_is_kept(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, kept = [], []
    real_batch, real_append = computing.batch_of, Partial.append

    def batch_of(*args: Any) -> Any:  # noqa: ANN401  passed on
        begun.append(1)
        return real_batch(*args)

    def append(self: Partial, *args: Any) -> None:  # noqa: ANN401  passed on
        time.sleep(0.1)  # a slow disk, while threads could run ahead
        assert len(begun) - len(kept) <= 2
        real_append(self, *args)
        kept.append(1)

    monkeypatch.setattr(computing, "batch_of", batch_of)
    monkeypatch.setattr(Partial, "append", append)
    extract(folder, tmp_path / "f.npz", ExtractConfig(**{**vars(SMALL), "threads": 2}))
    assert len(begun) == len(kept) > 3


def test_a_second_process_is_told_to_wait(folder: Path, tmp_path: Path) -> None:
    lease = Lease(tmp_path / ".f.npz.partial" / ".lock")
    assert lease.take() is None
    with pytest.raises(FileError, match=rf"f\.npz is being made by process {os.getpid()} on "):
        extract(folder, tmp_path / "f.npz")
    lease.release()


def test_a_full_disk_is_one_line_and_the_old_file_stays(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "f.npz"
    out.write_bytes(b"old")
    real, calls = os.fsync, iter(range(1000))

    def fill_up(descriptor: int) -> None:
        if next(calls) >= 4:
            raise OSError(28, "No space left on device")
        real(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fill_up)
        with pytest.raises(FileError, match=r"No space left"):
            extract(folder, out, force=True)
    assert out.read_bytes() == b"old"
    assert stage_of(list(mnistfaces.extract_features(str(folder), out, SMALL, force=True))).total == 5


def test_image_files_are_labelled_by_their_folders(folder: Path, tmp_path: Path) -> None:
    files = [folder / "dogs" / "000.jpg", folder / "cats" / "001.png", folder / "dogs" / "000.jpg"]
    *_, last = mnistfaces.extract_features(files, tmp_path / "f.npz", SMALL)
    assert isinstance(last, Extracted)
    dataset = open_dataset(Path(last.file))
    assert [dataset.classes[label] for label in dataset.labels] == ["dogs", "cats"]
    with pytest.raises(FileError, match="there is no file"):
        list(mnistfaces.extract_features([folder / "dogs" / "9.jpg"], tmp_path / "g.npz", SMALL))


def test_a_dataset_keeps_its_labels_test_set_and_groups(tmp_path: Path) -> None:
    sample = load_dataset("digits-sample")
    few = {name: values[::500] for name, values in members_of(sample).items()}
    write_npz(tmp_path / "few.npz", {**few, "classes": np.array(sample.classes), "shape": np.array([28, 28])})
    extract(tmp_path / "few.npz", tmp_path / "f.npz")
    dataset = open_dataset(tmp_path / "f.npz")
    assert dataset.labels.tolist() == few["labels"].tolist()
    assert dataset.given_test.tolist() == (few["split"] == "test").tolist()
    assert dataset.ids.tolist() == few["names"].tolist()
    assert dataset.groups.tolist() == [0, 0, 1, 2, 3, 0, 4, 5, 6, 7]
    with pytest.raises(DataError, match="holds features already"):
        extract(tmp_path / "f.npz", tmp_path / "g.npz")


def members_of(dataset: Dataset) -> dict[str, Any]:
    groups = np.repeat([3, *range(8)], [501, *[500] * 7, 999])[: len(dataset)]
    return {
        "features": dataset.inputs,
        "labels": dataset.labels,
        "names": dataset.ids,
        "groups": groups,
        "split": np.where(dataset.given_test, "test", "train"),
    }


def test_pixels_are_the_dataset_as_it_is(tmp_path: Path) -> None:
    done = extract("digits-sample", tmp_path / "p.npz", ExtractConfig(backbone="pixels"))
    assert (done.images, done.features, done.skipped) == (5000, 784, 0)
    arrays = np.load(tmp_path / "p.npz")
    sample = load_dataset("digits-sample")
    np.testing.assert_array_equal(arrays["features"], sample.inputs)
    np.testing.assert_array_equal(arrays["split"] == "test", sample.given_test)
    assert open_dataset(tmp_path / "p.npz").fingerprint == sample.fingerprint
    with pytest.raises(UsageError, match="takes a dataset"):
        list(mnistfaces.extract_features([tmp_path / "p.npz"], None, ExtractConfig(backbone="pixels")))


class ManyRows(Rows):
    """Rows that are made when they are asked for."""

    def __init__(self, count: int, width: int) -> None:
        self.shape, self.dtype, self.ndim = (count, width), np.dtype("<f4"), 2

    def __getitem__(self, rows: slice) -> NDArray[np.float32]:
        numbers = np.arange(len(self))[rows]
        return np.broadcast_to(numbers[:, np.newaxis], (len(numbers), self.shape[1])).astype(self.dtype)


def test_writing_takes_the_memory_of_a_block_however_many_rows_there_are(tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        write_npz(tmp_path / "a.npz", {"features": ManyRows(10_000, 4096)})
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (tmp_path / "a.npz").stat().st_size > 150 << 20
    assert most < 60 << 20
    assert np.load(tmp_path / "a.npz")["features"][::999, 5].tolist() == list(range(0, 10_000, 999))


def test_decoding_stays_two_batches_ahead_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_folder(tmp_path / "pets", 20, broken=False)
    read: list[int] = []
    real = extraction.folder_source

    def counted(path: Path, side: int, jobs: int, data: DataConfig) -> Generator[Event, None, FilesSource]:
        source = yield from real(path, side, jobs, data)
        original = source.read
        source.read = lambda index: (read.append(index), original(index))[1]  # type: ignore[method-assign]
        return source

    monkeypatch.setattr(extraction, "folder_source", counted)
    events = mnistfaces.extract_features(str(folder), tmp_path / "f.npz", SMALL)
    next(steps_of(events, "extract"))
    assert 3 <= len(read) <= 3 + 2 * SMALL.batch_size
    events.close()  # type: ignore[attr-defined]
