"""One writer at a time: who holds a lease, how it ends, and what happens where a file system knows no locks."""

import contextlib
import errno
import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mnistfaces.files import locks
from mnistfaces.files.locks import Holder, Lease
from mnistfaces.files.processes import birth_of, is_alive

HOLD = """
import sys, time
from pathlib import Path
{prepare}
from mnistfaces.files.locks import Lease
lease = Lease(Path(sys.argv[1]))
holder = lease.take()
print("held" if holder is None else holder.pid, flush=True)
sys.stdin.read()
lease.release()
"""

NO_LOCKS = """
import errno, fcntl
def flock(*_): raise OSError(errno.ENOTSUP, "Operation not supported")
fcntl.flock = flock
"""


def hold(path: Path, prepare: str) -> "subprocess.Popen[str]":
    """Starts a process that takes a lease and holds it until its stdin is closed; its first line says who has it."""
    command = [sys.executable, "-c", HOLD.format(prepare=prepare), str(path)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("prepare", ["", NO_LOCKS], ids=["locks", "no locks"])
def test_one_process_has_the_lease_until_it_ends_however_it_ends(tmp_path: Path, prepare: str) -> None:
    path = tmp_path / "folder" / ".lock"
    with hold(path, prepare) as first:
        assert first.stdout.readline() == "held\n"
        with hold(path, prepare) as second:
            assert second.stdout.readline() == f"{first.pid}\n"
        first.send_signal(signal.SIGKILL)
        first.wait()
    with hold(path, prepare) as third:
        assert third.stdout.readline() == "held\n"
        third.stdin.close()
        third.wait()
    assert list(path.parent.iterdir()) == []


@pytest.fixture(params=["locks", "no locks"])
def lease(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lease:
    if request.param == "no locks":

        def refuse(*_: Any) -> None:  # noqa: ANN401  whatever is passed
            raise OSError(errno.ENOLCK, "No locks available")

        monkeypatch.setattr("fcntl.flock", refuse)
    return Lease(tmp_path / ".lock")


def test_a_lease_is_had_once_and_says_who_has_it(lease: Lease) -> None:
    assert lease.take() is None
    assert lease.take() is None  # who has it has it
    other = Lease(lease.path)
    holder = other.take()
    assert holder is not None
    assert holder.is_this_process
    assert str(holder).startswith(f"process {os.getpid()} on {platform.node()}, since 20")
    assert not other.is_held
    lease.release()
    assert other.holder() is None
    assert other.take() is None
    other.release()


def test_a_lease_that_is_forgotten_is_given_back(lease: Lease) -> None:
    assert Lease(lease.path).take() is None
    assert lease.take() is None
    lease.release()


@pytest.mark.parametrize(
    ("pid", "host", "taken"),
    [(0, platform.node(), False), (2**22 + 1, platform.node(), True), (2**22 + 1, "elsewhere", False), (1, "", False)],
    ids=["no process", "gone", "on another machine", "unknown"],
)
def test_only_a_process_of_this_machine_that_is_gone_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pid: int, host: str, taken: bool
) -> None:
    def refuse(*_: Any) -> None:  # noqa: ANN401  whatever is passed
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", refuse)
    holder = {"pid": pid, "host": host, "since": "2026-01-01 00:00:00"}
    (tmp_path / ".lock.held").write_text(json.dumps(holder))
    lease = Lease(tmp_path / ".lock")
    assert lease.take() == (None if taken else Holder(**holder))
    lease.release()


@pytest.mark.parametrize("content", ["", "{", "[]", "[" * 5000, '{"pid": "x"}', "\0", "9" * 400])
def test_a_damaged_note_of_the_holder_is_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    monkeypatch.setattr("fcntl.flock", lambda *_: (_ for _ in ()).throw(OSError(errno.EAGAIN, "taken")))
    (tmp_path / ".lock").write_text(content)
    assert str(Lease(tmp_path / ".lock").take()) == "another process"


def test_a_lock_file_that_its_holder_took_away_meanwhile_is_worth_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / ".lock"
    quick, real = Lease(path), locks._lock

    def lock_late(descriptor: int) -> None:
        monkeypatch.setattr(locks, "_lock", real)
        path.unlink()  # the last holder ends, and the next is quicker
        assert quick.take() is None
        real(descriptor)

    monkeypatch.setattr(locks, "_lock", lock_late)
    late = Lease(path)
    holder = late.take()
    assert holder is not None
    assert holder.is_this_process
    quick.release()
    assert late.take() is None
    late.release()


def refuse_locks(patch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:  # noqa: ANN401  whatever is passed
        raise OSError(errno.ENOLCK, "No locks available")

    patch.setattr("fcntl.flock", refuse)


def test_of_two_that_follow_a_dead_holder_at_once_the_later_has_the_lease(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_locks(monkeypatch)
    standing = tmp_path / ".lock.held"
    gone, later = (
        Holder(pid=pid, host=platform.node(), since="2026-01-01 00:00:00") for pid in (2**22 + 1, os.getppid())
    )
    standing.write_text(json.dumps(asdict(gone)))
    monkeypatch.setattr(locks.time, "sleep", lambda _: standing.write_text(json.dumps(asdict(later))))
    lease = Lease(tmp_path / ".lock")
    assert lease.take() == later
    assert not lease.is_held
    lease.release()
    assert json.loads(standing.read_text()) == asdict(later)


def test_where_locks_come_and_go_one_has_the_lease_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Lease(tmp_path / ".lock"), Lease(tmp_path / ".lock")
    with monkeypatch.context() as patch:
        refuse_locks(patch)
        assert first.take() is None
    assert second.take() is not None  # now there are locks
    first.release()
    assert second.take() is None
    with monkeypatch.context() as patch:
        refuse_locks(patch)
        assert first.take() is not None
        assert not first.is_held
    assert (tmp_path / ".lock").exists()  # whoever has it keeps it
    second.release()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("locks", [True, False])
def test_what_a_process_left_that_died_while_there_were_no_locks_is_no_obstacle_and_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locks: bool
) -> None:
    if not locks:
        refuse_locks(monkeypatch)
    looks = simulate_time(monkeypatch)
    standing, aside = tmp_path / ".lock.held", tmp_path / ".lock.held.0a1b2c3d"
    standing.write_text("")  # it did not come to say who it is
    aside.write_text("")
    lease = Lease(tmp_path / ".lock")
    assert lease.take() is None
    assert len(looks) > 10
    lease.release()
    assert list(tmp_path.iterdir()) == []


def simulate_time(patch: pytest.MonkeyPatch, then: Callable[[], object] = lambda: None) -> list[float]:
    """Makes waiting take no time; something happens meanwhile. Returns how long is waited for each time."""
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        then()

    patch.setattr(locks, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: sum(waits)))
    return waits


@pytest.mark.parametrize("has_locks", [True, False])
def test_who_is_about_to_say_who_he_is_has_the_lease(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_locks: bool
) -> None:
    if not has_locks:
        refuse_locks(monkeypatch)
    standing = tmp_path / ".lock.held"
    standing.write_text("")
    os.utime(standing, (0, 0))  # by the clock of a server that is wrong
    writer = Holder(pid=os.getppid(), host=platform.node(), since="2026-01-01 00:00:00")
    simulate_time(monkeypatch, lambda: standing.write_text(json.dumps(asdict(writer))))
    lease = Lease(tmp_path / ".lock")
    assert lease.take() == writer
    assert not lease.is_held


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells when a process began")
def test_a_process_that_got_the_number_of_a_dead_one_holds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a restart, of the machine or of a container, in which this process may have the same number."""
    refuse_locks(monkeypatch)
    for pid in (os.getpid(), os.getppid()):
        began = birth_of(pid)
        assert began
        alive = Holder(pid=pid, host=platform.node(), since="2026-01-01 00:00:00", birth=began)
        dead = replace(alive, birth=f"{began}0")
        assert not dead.is_this_process
        (tmp_path / ".lock.held").write_text(json.dumps(asdict(alive)))
        lease = Lease(tmp_path / ".lock")
        assert lease.take() == alive
        (tmp_path / ".lock.held").write_text(json.dumps(asdict(dead)))
        assert lease.take() is None
        lease.release()


@pytest.mark.parametrize("call", ["os.path.samestat", "os.ftruncate", "os.write", "pathlib.Path.read_text"])
def test_an_error_while_a_lease_is_taken_leaves_it_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def fail(*_: Any, **__: Any) -> Any:  # noqa: ANN401  whatever is passed
        raise OSError(errno.EIO, "Input/output error")

    lease, other = Lease(tmp_path / ".lock"), Lease(tmp_path / ".lock")
    with monkeypatch.context() as patch:
        patch.setattr(call, fail)
        with contextlib.suppress(OSError):
            lease.take()
    assert (other.take() is None) is not lease.is_held
    lease.release()
    other.release()
    assert list(tmp_path.iterdir()) == []


def test_a_note_that_cannot_be_read_is_an_error_and_nobody_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_locks(monkeypatch)
    first, second = Lease(tmp_path / ".lock"), Lease(tmp_path / ".lock")
    assert first.take() is None
    os.utime(tmp_path / ".lock.held", (0, 0))
    real = Path.read_text

    def read_text(path: Path, *args: Any, **options: Any) -> str:  # noqa: ANN401  as pathlib has it
        if path.suffix == ".held":
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_text", read_text)
        with pytest.raises(PermissionError):
            second.take()
    assert not second.is_held
    assert second.take() is not None
    first.release()


def test_the_last_bytes_of_a_lock_that_the_disk_refuses_are_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.close

    def close(descriptor: int) -> None:
        real(descriptor)
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    lease = Lease(tmp_path / ".lock")
    assert lease.take() is None
    with monkeypatch.context() as patch:
        patch.setattr(locks.os, "close", close)
        lease.release()
    assert lease.take() is None
    lease.release()


@pytest.mark.parametrize("call", ["os.fdopen", "os.fsync"])
def test_a_full_disk_leaves_no_note_that_keeps_others_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    refuse_locks(monkeypatch)

    def full(*_: Any) -> Any:  # noqa: ANN401  whatever is passed
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(call, full)
        with pytest.raises(OSError, match="No space"):
            Lease(tmp_path / ".lock").take()
    assert not (tmp_path / ".lock.held").exists()
    lease = Lease(tmp_path / ".lock")
    assert lease.take() is None
    lease.release()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells of processes that nobody awaits")
def test_a_lease_of_a_process_that_ended_and_that_nobody_awaits_is_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_locks(monkeypatch)
    ended = subprocess.Popen([sys.executable, "-S", "-c", ""])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)  # a zombie, as in a container that awaits none
    left = Holder(pid=ended.pid, host=platform.node(), since="2026-01-01 00:00:00")
    (tmp_path / ".lock.held").write_text(json.dumps(asdict(left)))
    lease = Lease(tmp_path / ".lock")
    try:
        assert lease.take() is None
    finally:
        lease.release()
        ended.wait()


@pytest.mark.parametrize("pid", [-1, 0, 2**31, 2**32, 2**64])
def test_a_number_that_no_process_can_have_may_be_anybodys(pid: int) -> None:
    assert is_alive(pid)


def test_the_largest_number_of_a_process_is_asked_about() -> None:
    assert not is_alive(2**31 - 1)
