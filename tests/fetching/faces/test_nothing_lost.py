"""What cannot be had again is never deleted: photographs, and crops whose photographs are gone."""

import errno
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from damage import unreadable
from faces_web import COLOR, GRAY, PHOTOS, SHAS, fetch, follow, make_web
from rude_server import RudeServer, reply, reset, send

from mnistfaces.datasets.faces import faces_path, load_faces
from mnistfaces.datasets.store import open_dataset, save_dataset
from mnistfaces.errors import FileError
from mnistfaces.fetching.faces.originals import Originals

GONE = {f"http://host{photo}.example/{photo}.jpg": reset() for photo in range(6)}


@pytest.fixture
def web(proxied: RudeServer, tmp_path: Path) -> RudeServer:
    return make_web(proxied, tmp_path)


def photograph(tmp_path: Path, number: int) -> Path:
    (path,) = (tmp_path / "data").rglob(f"{SHAS[number]}.png")
    return path


def names(tmp_path: Path) -> list[str]:
    return load_faces(tmp_path / "data", 16, color=False).ids.tolist()


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EIO, errno.EACCES])
@pytest.mark.usefixtures("web")
def test_a_photograph_that_cannot_be_read_now_is_an_error_and_stays(tmp_path: Path, number: int) -> None:
    fetch(tmp_path)
    path, before = photograph(tmp_path, 0), names(tmp_path)
    with unreadable(path, number), pytest.raises(FileError, match="cannot read the photograph"):
        fetch(tmp_path, variants=(COLOR,))
    assert path.read_bytes() == PHOTOS[0]
    assert names(tmp_path) == before
    assert len(fetch(tmp_path, variants=(COLOR,)).datasets[faces_path(tmp_path / "data", COLOR)]) == 3


@pytest.mark.usefixtures("web")
def test_a_folder_of_the_tree_that_cannot_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch(tmp_path)
    folder, listed = photograph(tmp_path, 0).parent, Path.iterdir

    def refuse(asked: Path) -> Iterator[Path]:
        if asked == folder:
            raise PermissionError(errno.EACCES, "Permission denied", str(asked))
        return listed(asked)

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(FileError, match=f"cannot read the folder {folder}"):
        Originals(tmp_path / "data" / "faces" / "originals")


@pytest.mark.usefixtures("web")
def test_a_damaged_photograph_is_moved_aside_and_its_crops_stay(tmp_path: Path) -> None:
    fetch(tmp_path)
    before, old = names(tmp_path), load_faces(tmp_path / "data", 16, color=False)
    path = photograph(tmp_path, 0)
    path.write_bytes(PHOTOS[0][:-1])
    notes, finished = follow(tmp_path, variants=(GRAY, COLOR))
    assert not path.exists()
    assert [file.read_bytes() for file in (path.parents[1] / "damaged").iterdir()] == [PHOTOS[0][:-1]]
    assert any("1 photograph was damaged on the disk: moved to" in note for note in notes)
    new = load_faces(tmp_path / "data", 16, color=False)
    assert new.ids.tolist() == before
    assert np.array_equal(new.inputs, old.inputs)
    assert load_faces(tmp_path / "data", 20, color=True).ids.tolist() == ["hader-4"]
    assert finished.counts[0]["not_tried"] == 2  # the two faces that the larger crops lack: asked for next time
    again = fetch(tmp_path, variants=(GRAY, COLOR))
    assert again.counts[0]["kept"] == 2
    assert load_faces(tmp_path / "data", 20, color=True).ids.tolist() == before


def test_a_dataset_that_grows_keeps_the_faces_of_a_damaged_photograph(web: RudeServer, tmp_path: Path) -> None:
    fetch(tmp_path)
    old = load_faces(tmp_path / "data", 16, color=False)
    photograph(tmp_path, 0).write_bytes(PHOTOS[0][:-1])
    web.routes["http://host1.example/1.jpg"] = send(reply(PHOTOS[1]))
    fetch(tmp_path, retry=("all",))
    new = load_faces(tmp_path / "data", 16, color=False)
    assert new.ids.tolist() == ["baldwin-1", "baldwin-2", "baldwin-3", "hader-4"]
    assert np.array_equal(new.inputs[[0, 1, 3]], old.inputs)
    assert not (tmp_path / "data" / "faces" / "replaced").exists()  # nothing was lost that would need a copy


@pytest.mark.usefixtures("web")
def test_two_damaged_files_of_one_name_are_both_kept(tmp_path: Path) -> None:
    tree = Originals(tmp_path)
    for body in (b"one", b"two"):
        tree.add(SHAS[0], PHOTOS[0])
        (path,) = tmp_path.glob(f"??/{SHAS[0]}.png")
        path.write_bytes(body)
        assert tree.read(SHAS[0]) is None
    assert {path.read_bytes() for path in (tmp_path / "damaged").iterdir()} == {b"one", b"two"}
    assert sorted(tree.damaged) == sorted((tmp_path / "damaged").iterdir())
    assert SHAS[0] not in Originals(tmp_path)


def test_another_resolution_drops_no_crop_whose_photograph_is_gone(web: RudeServer, tmp_path: Path) -> None:
    fetch(tmp_path, keep_originals=False)
    before = names(tmp_path)
    web.routes["http://host0.example/0.jpg"] = reset()
    fetch(tmp_path, keep_originals=False, variants=(GRAY, COLOR))
    assert names(tmp_path) == before
    assert load_faces(tmp_path / "data", 20, color=True).ids.tolist() == ["hader-4"]


def test_fewer_actors_leave_a_copy_of_what_cannot_be_cut_again(web: RudeServer, tmp_path: Path) -> None:
    fetch(tmp_path, keep_originals=False)
    whole = faces_path(tmp_path / "data", GRAY).read_bytes()
    web.routes.update(GONE)
    notes, _ = follow(tmp_path, keep_originals=False, actors=("baldwin",))
    assert names(tmp_path) == ["baldwin-1", "baldwin-2"]
    (copy,) = (tmp_path / "data" / "faces" / "replaced").iterdir()
    assert copy.read_bytes() == whole
    assert any(str(copy) in note for note in notes)
    assert open_dataset(copy).ids.tolist() == ["baldwin-1", "baldwin-2", "hader-4"]


@pytest.mark.usefixtures("web")
def test_fewer_actors_leave_no_copy_while_the_photographs_are_here(tmp_path: Path) -> None:
    fetch(tmp_path)
    fetch(tmp_path, actors=("baldwin",))
    assert not (tmp_path / "data" / "faces" / "replaced").exists()
    fetch(tmp_path)
    assert len(names(tmp_path)) == 3


@pytest.mark.usefixtures("web")
def test_a_damaged_dataset_is_copied_before_it_is_made_anew(tmp_path: Path) -> None:
    fetch(tmp_path)
    path = faces_path(tmp_path / "data", GRAY)
    damaged = path.read_bytes()[:-1]
    path.write_bytes(damaged)
    fetch(tmp_path)
    assert [file.read_bytes() for file in (path.parent / "replaced").iterdir()] == [damaged]
    assert len(names(tmp_path)) == 3


@pytest.mark.parametrize("name", ["units", "photo_hashes"])
@pytest.mark.parametrize("kept", [0, 2])
@pytest.mark.usefixtures("web")
def test_a_dataset_that_does_not_tell_of_all_its_faces_is_made_anew(tmp_path: Path, name: str, kept: int) -> None:
    fetch(tmp_path)
    path = faces_path(tmp_path / "data", GRAY)
    whole = open_dataset(path)
    meta = {key: said[:kept] if key == name else said for key, said in whole.meta.items() if key != name or kept}
    save_dataset(path, replace(whole, meta=meta))
    short = path.read_bytes()
    fetch(tmp_path)
    assert open_dataset(path).meta[name] == whole.meta[name]
    assert [file.read_bytes() for file in (path.parent / "replaced").iterdir()] == [short]


@pytest.mark.usefixtures("web")
def test_a_dataset_that_cannot_be_read_now_is_an_error_and_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(tmp_path)
    path = faces_path(tmp_path / "data", GRAY)
    before = path.read_bytes()

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr("mnistfaces.arrays.mmap.mmap", refuse)
        with pytest.raises(FileError, match="Too many open files"):
            fetch(tmp_path)
    assert path.read_bytes() == before


def test_photographs_that_gave_no_dataset_stay_although_none_are_wanted(web: RudeServer, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text((tmp_path / "list.txt").read_text().splitlines()[5])  # its box leaves its image
    fetch(tmp_path, keep_originals=False)
    asked = web.connections
    fetch(tmp_path, keep_originals=False)
    assert web.connections == asked == 1
    assert photograph(tmp_path, 4).read_bytes() == PHOTOS[4]


@pytest.mark.usefixtures("web")
def test_a_file_system_without_locks_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr("fcntl.flock", refuse)
    fetch(tmp_path)
    assert len(names(tmp_path)) == 3
    assert not list((tmp_path / "data").rglob("*.lock*"))


@pytest.mark.usefixtures("web")
def test_a_folder_without_photographs_is_removed(tmp_path: Path) -> None:
    fetch(tmp_path)
    kept = photograph(tmp_path, 0).parent
    empty = kept.with_name("zz")
    empty.mkdir()
    fetch(tmp_path)
    assert kept.is_dir()
    assert not empty.exists()
