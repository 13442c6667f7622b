"""Files that are whole or absent, whatever the disk, a kill or a long name does."""

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

from mnistfaces.errors import FileError
from mnistfaces.files import hash_of, sha256_of_file, write_json, write_text, write_whole

OLD, NEW = "the old content\n", "the new content, rather longer than the old one\n"

FILESYSTEM_CALLS = (
    ("mnistfaces.files.Path.mkdir", "the folder"),
    ("mnistfaces.files.Path.open", "the temporary file"),
    ("mnistfaces.files.os.fsync", "its sync"),
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
@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO, errno.EFBIG, errno.EDQUOT])
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


def test_what_is_synced_is_the_whole_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loss of power after the rename finds what was on the disk at the sync, not what was in the process."""
    synced: list[int] = []
    monkeypatch.setattr("mnistfaces.files.os.fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_size))
    write_text(tmp_path / "file.txt", NEW)
    assert synced == [len(NEW)]


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


def test_files_get_the_mode_that_the_umask_leaves(tmp_path: Path) -> None:
    for mask, mode in ((0o022, 0o644), (0o077, 0o600), (0o002, 0o664)):
        before = os.umask(mask)
        try:
            write_text(tmp_path / "file.txt", NEW)
        finally:
            os.umask(before)
        assert (tmp_path / "file.txt").stat().st_mode & 0o777 == mode


@pytest.mark.parametrize("name", ["x" * 255, "ä" * 127 + "x", "x" * 251 + ".txt"])
def test_a_name_may_be_as_long_as_the_file_system_allows(tmp_path: Path, name: str) -> None:
    write_text(tmp_path / name, NEW)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_name_that_is_too_long_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"cannot write .*: File name too long"):
        write_text(tmp_path / ("x" * 256), NEW)
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from mnistfaces.files import write_whole
with write_whole(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""

ONCE = """
import sys
from pathlib import Path
from mnistfaces.files import write_text
write_text(Path(sys.argv[1]), "new")
"""


def test_what_a_killed_process_left_half_written_goes_with_the_next_that_writes_there(tmp_path: Path) -> None:
    path, mine = tmp_path / "file.txt", tmp_path / ".mine.tmp"
    mine.write_text("not ours")
    with write_whole(tmp_path / "living.txt") as living:  # a process at work is left in peace
        living.write(b"mine")
        for _ in range(2):
            assert subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False).returncode < 0
            assert len([path for path in tmp_path.glob(".*.tmp") if path != mine]) == 2
        subprocess.run([sys.executable, "-c", ONCE, str(path)], check=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".mine.tmp", "file.txt", "living.txt"]
