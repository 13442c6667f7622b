"""A ledger survives kills, damage and strangers: what it tells is what was written, and nothing else."""

import errno
import hashlib
import io
import json
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from damage import damaged
from hypothesis import given
from hypothesis import strategies as st

from mnistfaces.errors import FileError
from mnistfaces.files.ledger import Ledger, read_records
from mnistfaces.files.seals import _tail_of, seal_line


@dataclass(frozen=True, kw_only=True)
class Unit:
    unit: int
    name: str = ""
    loss: float | None = None
    status: Literal["ok", "failed"] = "ok"


def lines_of(*units: int) -> bytes:
    return b"".join(seal_line({"unit": unit}) for unit in units)


def units_of(records: list[dict[str, Any]]) -> list[int]:
    return [record["unit"] for record in records]


def test_a_ledger_keeps_records_in_order_for_the_next_process(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "deep" / "ledger.ndjson", Unit)
    for number in range(5):
        ledger.append({"unit": number, "name": "Zoë", "loss": 0.1})
    ledger.extend([{"unit": 5}, {"unit": 6}])
    assert units_of(ledger.records) == [0, 1, 2, 3, 4, 5, 6]
    assert Ledger(ledger.path, Unit).records == ledger.records == read_records(ledger.path, Unit)
    assert all(json.loads(line)["unit"] == place for place, line in enumerate(ledger.path.read_text().splitlines()))


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_torn_last_line_is_cut_off_and_nothing_else_is_lost(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "ledger.ndjson"
    whole, torn = lines_of(1, 2), lines_of(3)[:cut]
    path.write_bytes(whole + torn)
    assert units_of(read_records(path, Unit)) == [1, 2]
    assert path.read_bytes() == whole + torn  # a reader leaves the file alone
    ledger = Ledger(path, Unit)
    assert units_of(ledger.records) == [1, 2]
    ledger.append({"unit": 4})
    assert path.read_bytes() == lines_of(1, 2, 4)
    assert not path.with_name("ledger.ndjson.bad").exists()


WRONG = {
    "not text": b"\xff\xfe\x00",
    "half": b'{"unit": 2',
    "a list": b"[1]",
    "nothing": b"",
    "a number": b"17",
    "two": b'{"a": 1}{"b": 2}',
    "null": b"null",
    "deep": b'{"unit": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "400 digits": b'{"unit": ' + b"9" * 400 + b"}",
    "5000 digits": b'{"unit": ' + b"9" * 5000 + b"}",
    "infinite": b'{"unit": 1, "loss": 1e999}',
    "NaN": b'{"unit": 1, "loss": NaN}',
    "a NUL": b'{"unit": 1\x00}',
    "no unit": b'{"name": "x"}',
    "a text for a number": b'{"unit": "1"}',
    "true for a number": b'{"unit": true}',
    "half a character": b'{"unit": 1, "name": "\\ud800"}',
    "another status": b'{"unit": 1, "status": "fine"}',
    "another field": b'{"unit": 1, "chack": "0"}',
}


def sealed(line: bytes) -> bytes:
    """Returns a line with the checksum that its writer would have given it."""
    stand_in = seal_line({"unit": 0})[:-1]
    body = b'{"unit": 0'
    assert stand_in == body + _tail_of(body + b"}")
    return line[:-1] + _tail_of(line[:-1] + b"}")


@pytest.mark.parametrize("dress", [bytes, sealed], ids=["bare", "with the right checksum"])
@pytest.mark.parametrize("bad", WRONG.values(), ids=WRONG)
def test_a_bad_middle_line_is_set_aside_and_its_unit_is_forgotten(
    tmp_path: Path, bad: bytes, dress: Callable[[bytes], bytes]
) -> None:
    path, bad = tmp_path / "ledger.ndjson", dress(bad)
    path.write_bytes(lines_of(1) + bad + b"\n" + lines_of(3))
    assert units_of(read_records(path, Unit)) == [1, 3]
    ledger = Ledger(path, Unit)
    assert units_of(ledger.records) == [1, 3]
    assert path.read_bytes() == lines_of(1, 3)
    assert path.with_name("ledger.ndjson.bad").read_bytes() == bad + b"\n"
    assert ledger.notes == [f"{path}: a damaged line was set aside in ledger.ndjson.bad; that work is done again"]
    assert Ledger(path, Unit).notes == []


def test_lines_set_aside_are_on_the_disk_before_the_ledger_no_longer_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.ndjson"
    synced: list[tuple[int, bool]] = []
    aside, sync = path.with_name("ledger.ndjson.bad"), os.fsync

    def note(descriptor: int) -> None:
        sync(descriptor)
        synced.append((os.fstat(descriptor).st_ino, b"bad" in path.read_bytes()))

    path.write_bytes(lines_of(1) + b"bad\n" + lines_of(3))
    monkeypatch.setattr("os.fsync", note)
    Ledger(path, Unit)
    assert (aside.stat().st_ino, True) in synced


def test_every_byte_that_changes_in_a_line_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "ledger.ndjson"
    written = [{"unit": 12, "name": "Zoë", "loss": 0.25}, {"unit": 2}]
    whole = b"".join(map(seal_line, written))
    for place in range(len(whole)):
        for flip in (1, 4, 32):
            content = bytearray(whole)
            content[place] ^= flip
            path.write_bytes(content)
            records = read_records(path, Unit)
            assert [
                record for record in records if record not in ({"unit": 12, "name": "Zoë", "loss": 0.25}, {"unit": 2})
            ] == []
            assert len(records) < 2


def test_lines_of_the_first_release_are_read_and_get_their_checksum(tmp_path: Path) -> None:
    path = tmp_path / "ledger.ndjson"
    path.write_bytes(b'{"unit": 1}\n{"unit": 2, "loss": null}\n')
    assert units_of(read_records(path, Unit)) == [1, 2]
    ledger = Ledger(path, Unit)
    assert ledger.notes == [f"{path}: written by an earlier release; its lines have checksums now"]
    assert path.read_bytes() == lines_of(1) + seal_line({"unit": 2, "loss": None})
    assert Ledger(path, Unit).notes == []


def test_a_ledger_of_the_first_release_is_believed_only_with_the_hash_that_was_kept(tmp_path: Path) -> None:
    path = tmp_path / "ledger.ndjson"
    path.write_bytes(b'{"unit": 1}\n{"unit": 2}\n')
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert units_of(read_records(path, Unit, sha256)) == [1, 2]
    path.write_bytes(b'{"unit": 1}\n{"unit": 3}\n')
    assert read_records(path, Unit, sha256) == []


def test_a_line_without_checksum_beside_one_that_has_it_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "ledger.ndjson"
    path.write_bytes(b'{"unit": 1}\n' + lines_of(2) + b'{"unit": 3}\n')
    assert units_of(read_records(path, Unit)) == [2]


def test_a_record_is_not_glued_to_the_torn_line_of_a_process_that_died_meanwhile(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.ndjson", Unit)
    ledger.append({"unit": 1})
    with ledger.path.open("ab") as stranger:
        stranger.write(b'{"unit": 2, "na')
    ledger.append({"unit": 3})
    assert units_of(read_records(ledger.path, Unit)) == [1, 3]


@given(
    units=st.lists(st.integers(0, 9), max_size=8),
    damage=st.lists(st.tuples(st.integers(0, 400), st.binary(min_size=0, max_size=3)), max_size=4),
)
def test_a_damaged_ledger_never_raises_keeps_every_line_that_was_not_hit_and_tells_no_other(
    tmp_path_factory: pytest.TempPathFactory, units: list[int], damage: list[tuple[int, bytes]]
) -> None:
    path = tmp_path_factory.mktemp("ledger") / "ledger.ndjson"
    lines = [seal_line({"unit": unit, "name": str(place)}) for place, unit in enumerate(units)]
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
    told = Ledger(path, Unit).records
    written = [{"unit": unit, "name": str(place)} for place, unit in enumerate(units)]
    assert [record for record in told if record not in written] == []
    assert [record for place, record in enumerate(written) if place not in hit and record not in told] == []
    assert read_records(path, Unit) == told


def test_a_disk_that_takes_half_a_record_leaves_the_ledger_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(tmp_path / "ledger.ndjson", Unit)
    ledger.append({"unit": 1})
    before = ledger.path.read_bytes()

    def refuse(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(FileError, match=r"cannot write .*ledger.ndjson: No space left on device"):
        ledger.append({"unit": 2})
    monkeypatch.undo()
    assert ledger.path.read_bytes() == before
    assert units_of(ledger.records) == [1]
    ledger.append({"unit": 3})
    assert units_of(read_records(ledger.path, Unit)) == [1, 3]


def test_a_disk_that_takes_a_part_of_a_record_and_says_so_leaves_the_ledger_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(tmp_path / "ledger.ndjson", Unit)
    ledger.append({"unit": 1})
    before, open_file = ledger.path.read_bytes(), Path.open

    class Full(io.FileIO):
        def write(self, content: Any) -> int:  # noqa: ANN401  as io.FileIO has it
            return super().write(content[: len(content) // 2]) or 0

    monkeypatch.setattr(
        Path, "open", lambda path, *how, **more: Full(path, "a+") if how == ("a+b",) else open_file(path, *how, **more)
    )
    with pytest.raises(FileError, match=r"cannot write .*ledger.ndjson: "):
        ledger.append({"unit": 2})
    monkeypatch.undo()
    assert ledger.path.read_bytes() == before
    assert units_of(ledger.records) == [1]


def test_a_ledger_that_cannot_be_opened_is_one_line_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(FileError, match=r"cannot open .*a/ledger.ndjson: "):
        Ledger(tmp_path / "a" / "ledger.ndjson", Unit)
    with pytest.raises(FileError, match=r"cannot read .*nothing.ndjson: "):
        read_records(tmp_path / "nothing.ndjson", Unit)


@pytest.mark.timed
def test_twenty_thousand_lines_are_read_in_well_under_a_second(tmp_path: Path) -> None:
    path = tmp_path / "ledger.ndjson"
    path.write_bytes(b"".join(seal_line({"unit": unit, "name": "x" * 400, "loss": 0.5}) for unit in range(20_000)))
    start = time.process_time()
    assert len(read_records(path, Unit)) == 20_000
    assert time.process_time() - start < 1


@pytest.mark.long
def test_twenty_thousand_damaged_ledgers_raise_nothing_and_tell_nothing_that_was_not_written(tmp_path: Path) -> None:
    rng = random.Random(int(os.environ.get("MNF_TEST_SEED", "0")))  # noqa: S311  damage, not secrets
    path = tmp_path / "ledger.ndjson"
    for number in range(20_000):
        written = [{"unit": rng.randrange(10**6), "name": "Zoë", "loss": rng.random()} for _ in range(5)]
        old = number % 4 == 0  # without checksums only the schema guards, and the unit is still one that fits it
        lines = [json.dumps(record).encode() + b"\n" if old else seal_line(record) for record in written]
        path.write_bytes(damaged(b"".join(lines), rng))
        told = read_records(path, Unit)
        assert Ledger(path, Unit).records == told
        if not old:
            assert [record for record in told if record not in written] == []
