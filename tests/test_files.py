"""Files that are whole or absent, and a ledger that survives kills, damage and company."""

import errno
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnistfaces.errors import FileError
from mnistfaces.files import Ledger, hash_of, read_records, sha256_of_file, write_json, write_text, write_whole

OLD, NEW = "the old content\n", "the new content, rather longer than the old one\n"

FILESYSTEM_CALLS = (
    ("mnistfaces.files.Path.mkdir", "the folder"),
    ("mnistfaces.files.tempfile.mkstemp", "the temporary file"),
    ("mnistfaces.files.os.fdopen", "its opening"),
    ("mnistfaces.files.os.fsync", "its sync"),
    ("mnistfaces.files.Path.chmod", "its mode"),
    ("mnistfaces.files.Path.replace", "its last name"),
)


class Crash(BaseException):
    """Stands for the end of the process: nothing that `except Exception` could stop."""


def failing(error: BaseException) -> Callable[..., Any]:
    def fail(*_arguments: object, **_options: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize("call", [name for name, _ in FILESYSTEM_CALLS], ids=[what for _, what in FILESYSTEM_CALLS])
@pytest.mark.parametrize("existing", [True, False], ids=["over an old file", "without an old file"])
@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO])
def test_a_disk_that_refuses_a_call_leaves_the_old_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, existing: bool, reason: int
) -> None:
    path = tmp_path / "file.txt"
    if existing:
        path.write_text(OLD)
    monkeypatch.setattr(call, failing(OSError(reason, os.strerror(reason))))
    with pytest.raises(FileError, match=f"cannot write .*file.txt: {os.strerror(reason)}"):
        write_text(path, NEW)
    monkeypatch.undo()
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == ({"file.txt": OLD} if existing else {})


@pytest.mark.parametrize("call", [name for name, _ in FILESYSTEM_CALLS], ids=[what for _, what in FILESYSTEM_CALLS])
def test_a_crash_at_a_call_leaves_the_old_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "file.txt"
    path.write_text(OLD)
    monkeypatch.setattr(call, failing(Crash()))
    with pytest.raises(Crash):
        write_text(path, NEW)
    monkeypatch.undo()
    assert path.read_text() == OLD


def test_an_error_while_the_content_is_made_leaves_the_old_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text(OLD)
    with pytest.raises(ZeroDivisionError), write_whole(path) as file:
        file.write(b"half of the %d" % (1 // 0 if file.write(b"half") else 0))
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"file.txt": OLD}


def test_the_content_is_on_the_disk_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = []
    sync, rename = os.fsync, Path.replace
    monkeypatch.setattr("os.fsync", lambda descriptor: (order.append("sync"), sync(descriptor)))
    monkeypatch.setattr(Path, "replace", lambda self, target: (order.append("rename"), rename(self, target)))
    write_text(tmp_path / "file.txt", NEW)
    assert order == ["sync", "rename"]


def test_folders_on_the_way_are_made_and_old_content_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file.txt"
    write_text(path, OLD)
    write_text(path, "ä")
    assert path.read_bytes() == "ä".encode()
    assert [file.name for file in path.parent.iterdir()] == ["file.txt"]


def test_a_file_in_the_place_of_a_folder_is_one_line_that_names_the_path(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(FileError, match=rf"cannot write {tmp_path}/a/file.txt: "):
        write_text(tmp_path / "a" / "file.txt", NEW)


def test_a_nan_is_no_json_and_leaves_the_old_file_whole(tmp_path: Path) -> None:
    write_json(tmp_path / "file.json", {"loss": 1.5})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "file.json", {"loss": float("nan")})
    assert json.loads((tmp_path / "file.json").read_text()) == {"loss": 1.5}


def test_hashes_are_those_of_the_standard_library(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(3 << 20))
    assert sha256_of_file(tmp_path / "file") == hashlib.sha256(bytes(3 << 20)).hexdigest()
    assert hash_of({"b": [1, None], "a": "ä"}) == hashlib.sha256('{"a":"ä","b":[1,null]}'.encode()).hexdigest()


def test_a_hash_does_not_depend_on_the_order_of_keys() -> None:
    assert hash_of({"a": 1, "b": {"c": 2, "d": 3}}) == hash_of({"b": {"d": 3, "c": 2}, "a": 1})
    assert hash_of({"a": 1}) != hash_of({"a": 1.5})


def test_a_ledger_keeps_records_in_order_for_the_next_process(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "deep" / "ledger.ndjson")
    for number in range(5):
        ledger.append({"unit": number, "name": "Zoë"})
    assert [record["unit"] for record in ledger.records] == [0, 1, 2, 3, 4]
    assert Ledger(ledger.path).records == ledger.records == read_records(ledger.path)


@pytest.mark.parametrize("cut", range(1, 20))
def test_a_torn_last_line_is_cut_off_and_nothing_else_is_lost(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "ledger.ndjson"
    whole = b'{"unit": 1}\n{"unit": 2}\n'
    torn = b'{"unit": 3, "x": 9}\n'[:cut]
    path.write_bytes(whole + torn)
    assert read_records(path) == [{"unit": 1}, {"unit": 2}]
    assert path.read_bytes() == whole + torn  # a reader leaves the file alone
    ledger = Ledger(path)
    assert ledger.records == [{"unit": 1}, {"unit": 2}]
    ledger.append({"unit": 4})
    assert path.read_bytes() == whole + b'{"unit": 4}\n'
    assert not path.with_name("ledger.ndjson.bad").exists()


@pytest.mark.parametrize("bad", [b"\xff\xfe\x00", b'{"unit": 2', b"[1]", b"", b"17", b'{"a": 1}{"b": 2}', b"null"])
def test_a_bad_middle_line_is_set_aside_and_its_unit_is_forgotten(tmp_path: Path, bad: bytes) -> None:
    path = tmp_path / "ledger.ndjson"
    path.write_bytes(b'{"unit": 1}\n' + bad + b'\n{"unit": 3}\n')
    assert Ledger(path).records == [{"unit": 1}, {"unit": 3}]
    assert path.read_bytes() == b'{"unit": 1}\n{"unit": 3}\n'
    assert path.with_name("ledger.ndjson.bad").read_bytes() == bad + b"\n"
    assert Ledger(path).records == [{"unit": 1}, {"unit": 3}]


@given(
    units=st.lists(st.integers(0, 9), max_size=8),
    damage=st.lists(st.tuples(st.integers(0, 400), st.binary(min_size=0, max_size=3)), max_size=4),
)
def test_a_damaged_ledger_never_raises_and_keeps_every_line_that_was_not_hit(
    tmp_path_factory: pytest.TempPathFactory, units: list[int], damage: list[tuple[int, bytes]]
) -> None:
    path = tmp_path_factory.mktemp("ledger") / "ledger.ndjson"
    lines = [json.dumps({"place": place, "unit": unit}).encode() + b"\n" for place, unit in enumerate(units)]
    original = b"".join(lines)
    content, hit = bytearray(original), set()
    for position, noise in damage:
        end = min(len(content), position + len(noise))
        if position < end and b"\n" not in noise:
            content[position:end] = noise[: end - position]
            for index in range(position, end):
                number = original[:index].count(b"\n")
                hit |= {number, number + 1} if original[index] == ord("\n") else {number}
    path.write_bytes(content)
    kept = [record for record in Ledger(path).records if record in [json.loads(line) for line in lines]]
    untouched = [json.loads(line) for place, line in enumerate(lines) if place not in hit]
    assert [record for record in untouched if record not in kept] == []
    assert Ledger(path).records == read_records(path)


def test_a_disk_that_takes_half_a_record_leaves_the_ledger_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(tmp_path / "ledger.ndjson")
    ledger.append({"unit": 1})
    before = ledger.path.read_bytes()
    monkeypatch.setattr("os.fsync", failing(OSError(errno.ENOSPC, "No space left on device")))
    with pytest.raises(FileError, match=r"cannot write .*ledger.ndjson: No space left on device"):
        ledger.append({"unit": 2})
    monkeypatch.undo()
    assert ledger.path.read_bytes() == before
    assert ledger.records == [{"unit": 1}]
    ledger.append({"unit": 3})
    assert read_records(ledger.path) == [{"unit": 1}, {"unit": 3}]


def test_a_ledger_that_cannot_be_opened_is_one_line_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(FileError, match=r"cannot open .*a/ledger.ndjson: "):
        Ledger(tmp_path / "a" / "ledger.ndjson")
    with pytest.raises(FileError, match=r"cannot read .*nothing.ndjson: "):
        read_records(tmp_path / "nothing.ndjson")


def test_two_processes_append_to_one_ledger_without_tearing_a_line(tmp_path: Path) -> None:
    path = tmp_path / "ledger.ndjson"
    program = (
        "import sys; from pathlib import Path; from mnistfaces.files import Ledger\n"
        "for number in range(60):\n"
        "    Ledger(Path(sys.argv[1])).append({'who': sys.argv[2], 'unit': number, 'x': 'y' * 5000})"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program, str(path), who]) for who in "ab"]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    found = [(record["who"], record["unit"]) for record in read_records(path)]
    assert sorted(found) == [(who, number) for who in "ab" for number in range(60)]
    assert not path.with_name("ledger.ndjson.bad").exists()
