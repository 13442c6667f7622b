"""A whole pass in one process, against a web of a few hosts."""

import errno
import hashlib
import itertools
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from damage import half_written, unreadable
from faces_web import COLOR, GRAY, LIST, PHOTOS, SHAS, fetch, follow, make_web, row, states
from PIL import Image
from rude_server import RudeServer, picture, reply, send

from mnistfaces import images
from mnistfaces.datasets.faces import faces_path, load_faces
from mnistfaces.datasets.store import open_dataset
from mnistfaces.datasets.variants import Variant
from mnistfaces.errors import DataError, FetchError, FileError, UsageError
from mnistfaces.fetching.faces import sources
from mnistfaces.fetching.faces.entries import parse_list
from mnistfaces.fetching.faces.fetch import FacesRequest, fetch_faces
from mnistfaces.fetching.faces.lists import read_lists
from mnistfaces.fetching.faces.passes import RequestRecord
from mnistfaces.fetching.faces.report import write_report
from mnistfaces.fetching.faces.sources import FolderSource, read_sources
from mnistfaces.fetching.web.client import Client
from mnistfaces.fetching.web.policy import Rules
from mnistfaces.fetching.web.states import STATES
from mnistfaces.files.ledger import Ledger
from mnistfaces.progress import Advanced, Stage


@pytest.fixture
def web(proxied: RudeServer, tmp_path: Path) -> RudeServer:
    return make_web(proxied, tmp_path)


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix in (".png", ".npz")
    }


def test_every_row_ends_in_one_state_and_the_counts_add_up(web: RudeServer, tmp_path: Path) -> None:
    notes, finished = follow(tmp_path)
    expected = {"ok": 3, "html": 1, "http_error": 1, "reset": 1, "bad_box": 1, "bad_row": 1}
    assert states(finished) == expected
    for row_ in finished.counts:
        assert sum(row_[state] for state in STATES) == row_["listed"]
        assert row_["kept"] == row_["ok"]
    assert [row_["actor"] for row_ in finished.counts] == ["Alec Baldwin", "Bill Hader"]
    assert any("list.txt:8: 4 fields" in note for note in notes)
    assert finished.complete
    assert web.targets.count("http://host0.example/0.jpg") == 1  # two faces, one download


@pytest.mark.usefixtures("web")
def test_cutting_out_is_one_stage_of_as_many_steps_as_it_tells(tmp_path: Path) -> None:
    fetch(tmp_path)
    request = FacesRequest(lists=(str(tmp_path / "list.txt"),), variants=(Variant(24, color=False),), retry=())
    events = list(fetch_faces(tmp_path / "data", request))
    names = [event.name for event in events if isinstance(event, Stage)]
    assert names.count("crops") == 1
    crops = next(i for i, event in enumerate(events) if isinstance(event, Stage) and event.name == "crops")
    steps = list(itertools.takewhile(lambda event: isinstance(event, Advanced), events[crops + 1 :]))
    assert events[crops] == Stage(name="crops", total=len(steps))
    assert sum(step.kept or 0 for step in steps if isinstance(step, Advanced)) == 3


@pytest.mark.usefixtures("web")
def test_the_crops_are_those_of_a_plain_reference(tmp_path: Path) -> None:
    fetch(tmp_path, variants=(GRAY, COLOR))
    data = load_faces(tmp_path / "data", 16, color=False)
    pixels = np.asarray(Image.open(next((tmp_path / "data").rglob(f"{SHAS[0]}.png")))).astype(float)
    cut = pixels[5:25, 10:30]
    gray = np.floor(cut[..., 0] * 0.2989 + cut[..., 1] * 0.5870 + cut[..., 2] * 0.1140 + 0.5).astype(np.uint8)
    position = data.ids.tolist().index("baldwin-2")
    small = Image.fromarray(gray).resize((16, 16), Image.Resampling.LANCZOS)
    assert np.array_equal(data.inputs[position].reshape(16, 16), np.asarray(small))
    colored = load_faces(tmp_path / "data", 20, color=True)
    small = Image.fromarray(cut.astype(np.uint8)).resize((20, 20), Image.Resampling.LANCZOS)
    assert np.array_equal(colored.inputs[position].reshape(20, 20, 3), np.asarray(small))


@pytest.mark.usefixtures("web")
def test_the_dataset_says_who_where_from_and_what_belongs_together(tmp_path: Path) -> None:
    fetch(tmp_path)
    data = load_faces(tmp_path / "data", 16, color=False)
    assert data.ids.tolist() == ["baldwin-1", "baldwin-2", "hader-4"]
    assert data.classes == ("Alec Baldwin", "Bill Hader")
    assert data.labels.tolist() == [0, 0, 1]
    assert data.sha256 is not None
    assert data.sha256.tolist() == [SHAS[0], SHAS[0], SHAS[2]]
    assert data.groups[0] == data.groups[1] != data.groups[2]
    assert (data.kind, data.shape, data.inputs.dtype) == ("faces", (16, 16), np.uint8)


def test_what_is_settled_is_not_asked_again_and_gives_the_same(web: RudeServer, tmp_path: Path) -> None:
    first = fetch(tmp_path)
    before, asked = tree(tmp_path / "data"), len(web.targets)
    again = fetch(tmp_path)
    assert len(web.targets) == asked
    assert again.counts == first.counts
    assert tree(tmp_path / "data") == before


def test_retry_asks_again_for_the_states_that_it_names(web: RudeServer, tmp_path: Path) -> None:
    fetch(tmp_path)
    web.targets.clear()
    web.routes["http://host5.example/5.jpg"] = send(reply(PHOTOS[5]))
    assert fetch(tmp_path, retry=("dns,reset",)).counts[1]["kept"] == 2
    assert web.targets == ["http://host5.example/5.jpg"]
    fetch(tmp_path, retry=("all",))
    assert set(web.targets[1:]) == {"http://host1.example/1.jpg", "http://host3.example/3.jpg"}


def test_a_later_source_is_asked_for_what_the_earlier_ones_lost(web: RudeServer, tmp_path: Path) -> None:
    fetch(tmp_path)
    web.targets.clear()
    finished = fetch(tmp_path, sources=("live,wayback",))
    assert states(finished) == {"ok": 4, "http_error": 1, "reset": 1, "bad_box": 1, "bad_row": 1}
    assert all(target.startswith("http://archive.example/web/") for target in web.targets)
    assert len(web.targets) == 3


def test_a_folder_is_matched_by_content_whatever_the_names(web: RudeServer, tmp_path: Path) -> None:
    (tmp_path / "found" / "deep").mkdir(parents=True)
    (tmp_path / "found" / "deep" / "holiday.txt").write_bytes(PHOTOS[3])
    (tmp_path / "found" / "5.jpg").write_bytes(PHOTOS[5][:-1])
    finished = fetch(tmp_path, sources=(str(tmp_path / "found"),))
    assert states(finished) == {"ok": 1, "not_tried": 6, "bad_row": 1}
    assert web.connections == 0


def test_a_file_of_a_source_folder_that_cannot_be_read_or_is_too_large_is_no_copy(tmp_path: Path) -> None:
    found = tmp_path / "found"
    found.mkdir()
    for number in (0, 1):
        (found / str(number)).write_bytes(PHOTOS[number])
    (source,) = read_sources([str(found)], Rules())
    assert isinstance(source, FolderSource)
    with unreadable(found / "0", errno.EIO):
        assert dict(source.find(SHAS, len(PHOTOS[1]))) == {SHAS[1]: PHOTOS[1]}
        assert dict(source.find(SHAS, len(PHOTOS[1]) - 1)) == {}


def test_a_template_is_filled_from_the_row(web: RudeServer, tmp_path: Path) -> None:
    web.routes[f"http://mirror.example/{SHAS[3]}?id=5"] = send(reply(PHOTOS[3]))
    finished = fetch(tmp_path, sources=("live", "http://mirror.example/{sha256}?id={face_id}"))
    assert finished.counts[1]["kept"] == 2
    web.targets.clear()
    fetch(tmp_path, sources=("http://mirror.example/?of={url}",), limit=1, retry=("all",))
    assert not [target for target in web.targets if target.count("http://") > 1]  # quoted inside a query


def test_a_site_that_opted_out_is_not_gone_round_by_the_archive(web: RudeServer, tmp_path: Path) -> None:
    web.routes["http://host1.example/1.jpg"] = send(reply(PHOTOS[1], X_Robots_Tag="noai"))
    finished = fetch(tmp_path, sources=("live", "wayback"))
    assert finished.counts[0]["opted_out"] == 1
    assert not [target for target in web.targets if "archive" in target and "host1" in target]


@pytest.mark.usefixtures("web")
def test_an_archive_that_refuses_ends_its_stage_and_the_pass_says_so(tmp_path: Path) -> None:
    notes, finished = follow(
        tmp_path, sources=("live", "wayback"), archive_url="http://127.0.0.1:1/", allow_private=True
    )
    assert finished.complete  # behind the proxy it is an HTTP error like any other
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("no_proxy", "127.0.0.1")
        notes, finished = follow(
            tmp_path, sources=("live", "wayback"), archive_url="http://127.0.0.1:2/", allow_private=True
        )
    assert not finished.complete
    assert any(note.startswith("wayback ended early") for note in notes)
    assert states(finished)["reset"] == 1  # why the live web lost it


def test_originals_give_another_resolution_without_a_network(web: RudeServer, tmp_path: Path) -> None:
    fetch(tmp_path)
    asked = web.connections
    fetch(tmp_path, variants=(COLOR,))
    assert web.connections == asked
    assert len(load_faces(tmp_path / "data", 20, color=True)) == 3


def test_without_originals_the_crops_stay_and_another_resolution_asks_again(web: RudeServer, tmp_path: Path) -> None:
    first = fetch(tmp_path, keep_originals=False)
    assert not list((tmp_path / "data").rglob("*.png"))
    asked, before = web.connections, tree(tmp_path / "data")
    again = fetch(tmp_path, keep_originals=False)
    assert (web.connections, again.counts, tree(tmp_path / "data")) == (asked, first.counts, before)
    fetch(tmp_path, keep_originals=False, variants=(COLOR,))
    assert web.connections > asked
    web.routes["http://host3.example/3.jpg"] = send(reply(PHOTOS[3]))
    more = fetch(tmp_path, keep_originals=False, retry=("http_error",))
    assert more.counts[1]["kept"] == first.counts[1]["kept"] + 1
    old, new = (open_dataset_bytes(tmp_path, content) for content in (before["faces/faces-16-gray.npz"], None))
    kept = [new.ids.tolist().index(name) for name in old.ids]
    assert np.array_equal(new.inputs[kept], old.inputs)


def open_dataset_bytes(tmp_path: Path, content: bytes | None) -> Any:  # noqa: ANN401  a Dataset
    if content is None:
        return load_faces(tmp_path / "data", 16, color=False)
    (tmp_path / "old.npz").write_bytes(content)
    return open_dataset(tmp_path / "old.npz")


def test_near_duplicates_share_a_group(proxied: RudeServer, tmp_path: Path) -> None:
    coarse = np.random.default_rng(1).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    large = Image.fromarray(coarse).resize((80, 80), Image.Resampling.BICUBIC)
    bodies = []
    for side in (80, 60):
        large.resize((side, side)).save(tmp_path / "x.png")
        bodies.append((tmp_path / "x.png").read_bytes())
    lines = [
        f"Bill Hader\t{n}\t{n}\thttp://h.example/{n}\t0,0,{side},{side}\t{hashlib.sha256(body).hexdigest()}"
        for n, (side, body) in enumerate(zip((80, 60), bodies, strict=True))
    ]
    lines.append(f"Bill Hader\t9\t9\thttp://h.example/9\t0,0,20,20\t{SHAS[0]}")
    (tmp_path / "list.txt").write_text("\n".join(lines))
    for n, body in [*enumerate(bodies), (9, PHOTOS[0])]:
        proxied.routes[f"http://h.example/{n}"] = send(reply(body))
    notes, _ = follow(tmp_path)
    groups = load_faces(tmp_path / "data", 16, color=False).groups
    assert groups[0] == groups[1] != groups[2]
    assert any("1 pair of near-identical photographs" in note for note in notes)


@pytest.mark.usefixtures("web")
def test_a_damaged_original_is_not_decoded_but_fetched_again(tmp_path: Path) -> None:
    fetch(tmp_path)
    (path,) = (tmp_path / "data").rglob(f"{SHAS[2]}.png")
    path.write_bytes(PHOTOS[3])  # a sound image, but another
    faces_path(tmp_path / "data", GRAY).unlink()
    assert fetch(tmp_path).counts[1]["not_tried"] == 1
    assert fetch(tmp_path).counts[1]["kept"] == 1


@pytest.mark.usefixtures("web")
def test_what_a_killed_pass_left_half_written_is_cleared(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "faces"
    left = [
        folder / "originals" / "ab" / ".abc.png.x.tmp",
        folder / ".faces-16-gray.npz.x.tmp",
        half_written(folder / "lists" / "a.txt"),
    ]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    fetch(tmp_path)
    assert not [path for path in left if path.exists()]
    assert not list(folder.rglob("*.lock"))


def test_a_dry_run_after_a_pass_tells_what_is_settled_and_changes_nothing(web: RudeServer, tmp_path: Path) -> None:
    counts = fetch(tmp_path).counts
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    asked = web.connections
    assert fetch(tmp_path, dry_run=True).counts == counts
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert web.connections == asked


def test_a_dry_run_asks_nothing_and_writes_nothing(web: RudeServer, tmp_path: Path) -> None:
    notes, finished = follow(tmp_path, dry_run=True, sources=("live", "wayback"))
    assert states(finished) == {"not_tried": 7, "bad_row": 1}
    assert any("would ask live for up to 7 of 7 rows at 6 hosts" in note for note in notes)
    assert not (tmp_path / "data").exists()
    assert web.connections == 0


@pytest.mark.usefixtures("web")
def test_too_few_faces_of_an_actor_are_less_than_was_asked_for(tmp_path: Path) -> None:
    for enough in ({"min_per_actor": 1}, {"min_per_actor": 2, "dry_run": True}):
        notes, finished = follow(tmp_path, **enough)
        assert finished.complete
        assert not any("fewer than" in note for note in notes)
    notes, finished = follow(tmp_path, min_per_actor=2)
    assert not finished.complete
    assert any("fewer than 2 faces of Bill Hader" in note for note in notes)


@pytest.mark.usefixtures("web")
def test_the_next_command_is_another_source_then_synthetic_faces_or_training(tmp_path: Path) -> None:
    assert "--source live,wayback" in fetch(tmp_path).next_command
    assert fetch(tmp_path, sources=("live", "wayback")).next_command == "mnf fetch faces --synthetic"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mnistfaces.fetching.faces.fetch.ENOUGH_TO_TRAIN", 1)
        assert fetch(tmp_path).next_command == "mnf train faces --res 16"


@pytest.mark.usefixtures("web")
def test_a_second_pass_in_the_same_folder_is_told_to_wait(tmp_path: Path) -> None:
    events = fetch_faces(tmp_path / "data", FacesRequest(lists=(str(tmp_path / "list.txt"),), variants=(GRAY,)))
    while not isinstance(event := next(events), Advanced):
        assert event
    with pytest.raises(FileError, match=f"data/faces is in use by process {os.getpid()} on .*: wait for its end, or "):
        fetch(tmp_path)
    events.close()
    assert fetch(tmp_path).complete


@pytest.mark.usefixtures("web")
def test_the_report_holds_every_row_with_its_state(tmp_path: Path) -> None:
    finished = fetch(tmp_path)
    write_report(tmp_path / "r.csv", finished.fates)
    lines = (tmp_path / "r.csv").read_text().splitlines()
    assert len(lines) == 1 + 8
    assert lines[3].startswith(f"Alec Baldwin,3,3,http://host1.example/1.jpg,{SHAS[1]},html,live,200,")
    assert lines[-1].startswith("Bill Hader,,,,,bad_row,")


def test_a_torn_ledger_loses_at_most_the_unit_that_was_torn(web: RudeServer, tmp_path: Path) -> None:
    first = fetch(tmp_path)
    ledger = tmp_path / "data" / "faces" / "ledger.ndjson"
    content = ledger.read_bytes()
    web.targets.clear()
    ledger.write_bytes(content[:-20])
    assert fetch(tmp_path).counts == first.counts
    assert len(set(web.targets)) <= 1
    assert [json.loads(line)["unit"] for line in ledger.read_bytes().splitlines()]


@pytest.mark.usefixtures("web")
def test_a_ledger_of_strange_records_breaks_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "data" / "faces" / "ledger.ndjson", RequestRecord)
    for record in ({"x": 1}, {"unit": 5, "state": None}, {"unit": "x", "state": "new", "url": 7, "status": "y"}):
        ledger.append(record)
    assert states(fetch(tmp_path))["ok"] == 3


def test_a_list_from_a_url_is_asked_for_once(web: RudeServer, tmp_path: Path) -> None:
    url = "http://lists.example/faces.txt"
    web.routes[url] = send(reply(LIST.encode()))
    fetch(tmp_path, lists=(url,))
    fetch(tmp_path, lists=(url,))
    assert web.targets.count(url) == 1
    with pytest.raises(FetchError, match="give a copy with --list"):
        fetch(tmp_path, lists=("http://lists.example/none.txt",))
    with pytest.raises(FileError, match="cannot read the list"):
        list(read_lists([str(tmp_path / "no.txt")], tmp_path, Client()))


@pytest.mark.usefixtures("web")
def test_a_disk_that_fills_at_any_moment_is_one_error_and_the_next_pass_mends_it(tmp_path: Path) -> None:
    fetch(tmp_path)
    whole = tree(tmp_path / "data")
    sync, failed = os.fsync, 0
    for moment in range(12):
        shutil.rmtree(tmp_path / "data")
        calls = itertools.count()

        def full(descriptor: int, calls: Iterator[int] = calls, moment: int = moment) -> None:
            if next(calls) == moment:
                raise OSError(errno.ENOSPC, "No space left on device")
            sync(descriptor)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", full)
            try:
                fetch(tmp_path)
            except FileError as error:
                failed += 1
                assert "No space left" in str(error)  # noqa: PT017  later moments may come after the last write
        fetch(tmp_path)
        assert tree(tmp_path / "data") == whole
    assert failed >= 9


@pytest.mark.parametrize(
    "wanted",
    [
        {"sources": ("nowhere",)},
        {"sources": ("http://mirror.example/",)},
        {"sources": ("http://mirror.example/{name}",)},
        {"sources": (",",)},
        {"retry": ("dns,never",)},
        {"variants": (Variant(0, color=False),)},
        {"variants": (Variant(5000, color=False),)},
        {"limit": 0},
        {"jobs": 0},
        {"timeout_s": 0.0},
        {"archive_interval_s": -1.0},
    ],
)
def test_what_cannot_be_meant_is_found_before_any_work(wanted: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        FacesRequest(**wanted)


def test_faces_that_are_not_here_are_told_with_the_command_to_type(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"type mnf fetch faces --res 64$"):
        load_faces(tmp_path, 64)
    with pytest.raises(DataError, match="--res 64 --color"):
        load_faces(tmp_path, 64, color=True)


def test_the_archive_is_patient_slow_and_alone() -> None:
    _, archive = read_sources(["live,wayback"], Rules(), archive_interval_s=1.5)
    assert isinstance(archive, sources.WebSource)
    assert (archive.rules.pause_s, archive.jobs, archive.rules.refusal_ends) == (1.5, 1, True)


def test_nothing_is_decoded_whose_sha256_is_not_the_listed_one(
    web: RudeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode, seen = images.decode, []
    monkeypatch.setattr(images, "decode", lambda content, **more: seen.append(content) or decode(content, **more))
    web.routes["http://host3.example/3.jpg"] = send(reply(picture(77)))
    fetch(tmp_path)
    assert {hashlib.sha256(content).hexdigest() for content in seen} == {SHAS[0], SHAS[2], SHAS[4]}


def test_a_list_that_a_server_refuses_is_told_with_its_status(web: RudeServer, tmp_path: Path) -> None:
    web.routes["http://lists.example/faces.txt"] = send(reply(LIST.encode(), "403 Forbidden"))
    with pytest.raises(FetchError, match=r"cannot get the list http://lists\.example/faces\.txt: HTTP 403"):
        fetch(tmp_path, lists=("http://lists.example/faces.txt",))


@pytest.mark.parametrize(
    ("template", "address"),
    [
        ("http://m.example/{url}", "http://m.example/http://a.example/1.jpg?x=1&y"),
        (
            "http://m.example/{sha256}?of={url}",
            "http://m.example/{sha256}?of=http%3A%2F%2Fa.example%2F1.jpg%3Fx%3D1%26y",
        ),
        ("http://m.example/?id={face_id}", "http://m.example/?id=7"),
    ],
)
def test_an_address_in_a_template_brings_no_signs_of_its_own_into_a_query(template: str, address: str) -> None:
    line = row("Bill Hader", 7, 3, url="http://a.example/1.jpg?x=1&y")
    (entry,) = parse_list(line.encode(), "list")
    (source,) = read_sources([template], Rules())
    assert source.url_of(entry) == address.format(sha256=SHAS[3])


@pytest.mark.parametrize(
    "page", [b"<!doctype html><title>Moved</title>\n<p>this list has moved\n" * 20, b"", b"\0\xff\n"]
)
def test_a_page_that_is_no_list_is_not_kept_as_one(web: RudeServer, tmp_path: Path, page: bytes) -> None:
    url = "http://lists.example/faces.txt"
    web.routes[url] = [send(reply(page)), send(reply(LIST.encode()))]
    with pytest.raises(FetchError, match="gave no list of faces but"):
        fetch(tmp_path, lists=(url,))
    assert fetch(tmp_path, lists=(url,)).counts[0]["kept"] == 2
    (kept,) = (tmp_path / "data" / "faces" / "lists").glob("*.txt")
    kept.write_bytes(page)  # as an earlier release kept it
    assert fetch(tmp_path, lists=(url,)).counts[0]["kept"] == 2
    assert kept.read_bytes() == LIST.encode()


@pytest.mark.usefixtures("web")
def test_fifty_thousand_bad_lines_are_one_note(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(LIST + "\nBill Hader\tbad" * 49_999)
    notes, finished = follow(tmp_path)
    (note,) = [note for note in notes if "list.txt:" in note]
    assert note.startswith("list.txt:8: 4 fields instead of 6; 49999 more lines are no rows either")
    assert finished.counts[1]["bad_row"] == 50_000


def test_the_archive_is_not_asked_for_addresses_that_no_web_has(web: RudeServer, tmp_path: Path) -> None:
    lines = [
        row("Alec Baldwin", 1, 1),
        row("Alec Baldwin", 2, 2, url="ftp://host2.example/2.jpg"),
        row("Alec Baldwin", 3, 3, url="http://127.0.0.1:1/3.jpg"),
    ]
    (tmp_path / "list.txt").write_text("\n".join(lines))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("no_proxy", "127.0.0.1")
        found = states(fetch(tmp_path, sources=("live", "wayback")))
    assert found == {"ok": 1, "bad_url": 1, "private_address": 1}
    asked = [target for target in web.targets if target.startswith("http://archive.example/")]
    assert [target.rpartition("id_/")[2] for target in asked] == ["http://host1.example/1.jpg"]


@pytest.mark.usefixtures("web")
def test_a_dataset_of_another_recipe_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch(tmp_path)
    path = faces_path(tmp_path / "data", GRAY)
    before, made = open_dataset(path), path.stat().st_mtime_ns
    fetch(tmp_path)
    assert path.stat().st_mtime_ns == made
    monkeypatch.setattr("mnistfaces.datasets.faces.RECIPE", 2)
    monkeypatch.setattr(images, "crop", lambda pixels, _: pixels[:20, :20])
    fetch(tmp_path)
    after = open_dataset(path)
    assert after.meta["recipe"] != before.meta["recipe"]
    assert after.fingerprint != before.fingerprint
