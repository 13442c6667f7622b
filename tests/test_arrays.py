"""`.npz` files as they should be, damaged, and hostile."""

import random
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mnistfaces import arrays
from mnistfaces.arrays import read_npz, write_npz
from mnistfaces.errors import DataError, FileError

EXAMPLE = {
    "features": np.arange(600, dtype=np.uint8).reshape(20, 30) % 251,
    "labels": np.arange(20, dtype=np.int64) % 4,
    "names": np.array([f"image-{i}" for i in range(20)]),
    "weights": np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4),
    "flags": np.array([True, False, True]),
    "meta": np.array('{"kind": "digits"}'),
}


def npy(descr: str, shape: str, content: bytes, *, version: bytes = b"\x01\x00") -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY" + version + struct.pack("<H", len(header)) + header + content


def write_zip(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def refused(path: Path, *words: str) -> None:
    """The file is refused in one line that holds these words, and hardly any memory is taken."""
    tracemalloc.start()
    try:
        with pytest.raises(DataError) as caught:
            read_npz(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    assert all(word in message for word in words), message
    assert peak < 4 << 20


@pytest.mark.parametrize("compressed", [False, True])
def test_what_is_written_is_read_back(tmp_path: Path, *, compressed: bool) -> None:
    write_npz(tmp_path / "a.npz", EXAMPLE, compressed=compressed)
    got = read_npz(tmp_path / "a.npz")
    assert list(got) == list(EXAMPLE)
    for name, array in EXAMPLE.items():
        assert got[name].dtype == array.dtype
        np.testing.assert_array_equal(got[name], array)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    array=hnp.arrays(
        st.one_of(
            hnp.integer_dtypes(endianness="?"),
            hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
            hnp.boolean_dtypes(),
            hnp.unicode_string_dtypes(endianness="?", max_len=6),
        ),
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
    ),
    compressed=st.booleans(),
)
def test_any_plain_array_survives_and_numpy_reads_the_same(
    tmp_path: Path, array: np.ndarray, *, compressed: bool
) -> None:
    if array.dtype.kind == "U":  # halves of characters are none, and are refused
        assume(not any("\ud800" <= char <= "\udfff" for text in array.flat for char in text))
    path = tmp_path / "a.npz"
    write_npz(path, {"a": array}, compressed=compressed)
    np.testing.assert_array_equal(read_npz(path)["a"], array)
    with np.load(path) as numpys:
        np.testing.assert_array_equal(numpys["a"], array)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_files_that_numpy_wrote_are_read(tmp_path: Path, save: Callable[..., None]) -> None:
    fortran = np.asfortranarray(np.arange(12.0).reshape(3, 4))
    save(tmp_path / "a.npz", **EXAMPLE, fortran=fortran)
    got = read_npz(tmp_path / "a.npz")
    for name, array in {**EXAMPLE, "fortran": fortran}.items():
        np.testing.assert_array_equal(got[name], array)
        assert got[name].flags.aligned


def test_stored_arrays_are_mapped_read_only_and_aligned(tmp_path: Path) -> None:
    big = np.arange(8 << 20, dtype=np.uint8).reshape(1 << 10, -1)
    write_npz(tmp_path / "a.npz", {**EXAMPLE, "big": big})
    tracemalloc.start()
    got = read_npz(tmp_path / "a.npz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < big.nbytes / 8
    np.testing.assert_array_equal(got["big"], big)
    for array in got.values():
        assert array.ctypes.data % 64 == 0
        assert not array.flags.writeable


@pytest.mark.parametrize("compressed", [False, True])
def test_the_same_arrays_give_the_same_bytes(tmp_path: Path, *, compressed: bool) -> None:
    write_npz(tmp_path / "a.npz", EXAMPLE, compressed=compressed)
    write_npz(tmp_path / "b.npz", {name: array.copy() for name, array in EXAMPLE.items()}, compressed=compressed)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_objects_are_not_written_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="b: arrays of object"):
        write_npz(tmp_path / "a.npz", {"a": [1], "b": np.array([{}])})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_way_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.npz").mkdir()
    with pytest.raises(FileError, match=r"a\.npz"):
        write_npz(tmp_path / "a.npz", EXAMPLE)
    refused(tmp_path / "a.npz", "not a file")
    refused(tmp_path / "absent.npz", "No such file")


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.array([{"x": 1}, None]))
    refused(tmp_path / "a.npz", "'a'", "'|O'")


@pytest.mark.parametrize(
    "descr", ["[('a', '<i4')]", "'>f4'", "'<c16'", "'|S4'", "'<M8[ns]'", "'<U0'", "'<U99999999'", "'V8'"]
)
def test_other_types_are_refused_and_what_to_do_is_said_of_texts_alone(tmp_path: Path, descr: str) -> None:
    path = write_zip(tmp_path / "a.npz", {"a.npy": npy(descr, "(1,)", bytes(16))})
    refused(path, "'a'")
    with pytest.raises(DataError) as caught:
        read_npz(path)
    assert ("astype(str)" in str(caught.value)) == (descr == "'|S4'")


@pytest.mark.parametrize(
    "shape",
    ["(70000, 784)", "(999999999999, 999999999999)", "(16,)", "(3, 5)", "(14,)", "(1" + "0" * 5000 + ",)"],
)
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_header_that_lies_about_the_size_is_refused(tmp_path: Path, shape: str, compression: int) -> None:
    content = bytes(14 if shape == "(16,)" else 16) + b"x" * (shape == "(14,)")
    told = [] if len(shape) > 99 else [f"there are {len(content)} bytes"]
    refused(write_zip(tmp_path / "a.npz", {"a.npy": npy("'|u1'", shape, content)}, compression), "'a'", *told)


def test_a_header_that_is_longer_than_its_file_leaves_no_values(tmp_path: Path) -> None:
    whole = npy("'|u1'", "(1,)", b"")
    longer = whole[:8] + struct.pack("<H", len(whole)) + whole[10:]
    refused(write_zip(tmp_path / "a.npz", {"a.npy": longer}), "'a'", "there are 0 bytes")


@pytest.mark.parametrize("shape", ["(1,)", "(3, 5)", "()"])
def test_values_that_are_not_there_are_not_made_up(tmp_path: Path, shape: str) -> None:
    refused(write_zip(tmp_path / "a.npz", {"a.npy": npy("'|u1'", shape, b"")}), "'a'", "there are 0 bytes")


@pytest.mark.parametrize(
    "shape",
    ["(0, 999999999999, 999999999999, 999999999999)", "(-1,)", "((((((", "1" * 9000, "(" + "1, " * 60 + ")"],
)
def test_a_header_that_is_no_shape_is_refused(tmp_path: Path, shape: str) -> None:
    refused(write_zip(tmp_path / "a.npz", {"a.npy": npy("'|u1'", shape, b"")}), "'a'")


@pytest.mark.parametrize(
    "member",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x01\x00\xff\xff{",
        b"\x93NUMPY\x03\x00\xff\xff\xff\xff{",
        b"\x93NUMPY\x09\x00\x02\x00{}",
        b"cos\nsystem\n",
    ],
)
def test_a_member_that_is_no_array_is_refused(tmp_path: Path, member: bytes) -> None:
    refused(write_zip(tmp_path / "a.npz", {"a.npy": member}), "'a'")
    refused(write_zip(tmp_path / "b.npz", {"readme.txt": member}), "readme.txt")


def test_a_bomb_is_refused_before_it_unfolds(tmp_path: Path) -> None:
    bomb = npy("'|u1'", f"({100 << 20},)", bytes(100 << 20))
    path = write_zip(tmp_path / "a.npz", {"a.npy": bomb}, zipfile.ZIP_DEFLATED)
    del bomb
    refused(path, "unpack to")


def test_a_bomb_that_claims_to_be_small_stops_at_its_claim(tmp_path: Path) -> None:
    path = write_zip(
        tmp_path / "a.npz", {"a.npy": npy("'|u1'", f"({30 << 20},)", bytes(30 << 20))}, zipfile.ZIP_DEFLATED
    )
    content = bytearray(path.read_bytes())
    directory = content.rindex(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = struct.pack("<I", 1000)
    path.write_bytes(content)
    refused(path, "'a'")


def test_members_that_share_bytes_are_refused(tmp_path: Path) -> None:
    inner = npy("'|u1'", "(4,)", b"abcd")
    path = write_zip(tmp_path / "a.npz", {"a.npy": inner, "b.npy": inner})
    content = bytearray(path.read_bytes())
    second = content.rindex(b"PK\x01\x02")
    content[second + 42 : second + 46] = struct.pack("<I", 0)
    path.write_bytes(content)
    refused(path, "reaches into")


def test_a_name_that_comes_twice_is_refused(tmp_path: Path) -> None:
    inner = npy("'|u1'", "(4,)", b"abcd")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", inner)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.npy", inner)
    refused(tmp_path / "a.npz", "twice")


def test_a_large_directory_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.npz", {f"{'n' * 1000}{i}.npy": b"" for i in range(300)})
    refused(path, "directory of")


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.npz", {"a.npy": npy("'|u1'", "(4,)", b"abcd")}, zipfile.ZIP_DEFLATED)
    content = bytearray(path.read_bytes())
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    refused(path, "packed in a way")


@pytest.mark.parametrize("content", [b"", b"PK", b"%PDF-1.4", bytes(5000), b"PK\x05\x06" + b"\xff" * 18])
def test_a_file_that_is_no_zip_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    refused(tmp_path / "a.npz")


def test_characters_that_are_none_are_refused(tmp_path: Path) -> None:
    for code in (0xD800, 0xDFFF, 0x110000, 0xFFFFFFFF):
        refused(
            write_zip(tmp_path / "a.npz", {"a.npy": npy("'<U1'", "(1,)", struct.pack("<I", code))}),
            "no character",
        )
    refused(write_zip(tmp_path / "a.npz", {"a.npy": npy("'|b1'", "(1,)", b"\x02")}), "truth value")


@pytest.mark.parametrize("compressed", [False, True])
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, *, compressed: bool) -> None:
    write_npz(tmp_path / "a.npz", EXAMPLE, compressed=compressed)
    whole = (tmp_path / "a.npz").read_bytes()
    for length in range(0, len(whole), 23):
        (tmp_path / "cut.npz").write_bytes(whole[:length])
        with pytest.raises(DataError):
            read_npz(tmp_path / "cut.npz")


def mutate(whole: bytes, rng: random.Random) -> bytes:
    """Returns the file with some bytes changed, cut out, doubled, or swapped."""
    content = bytearray(whole)
    for _ in range(rng.choice([1, 1, 2, 5])):
        at = rng.randrange(len(content))
        if rng.random() < 0.5:  # half of the changes hit the directory
            at = len(content) - 1 - rng.randrange(min(len(content), 500))
        kind = rng.randrange(4)
        if kind == 0:
            content[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            content[at : at + 4] = struct.pack("<I", rng.choice([0, 1, 0x7FFFFFFF, 0xFFFFFFFF, rng.getrandbits(32)]))
        elif kind == 2:
            del content[at : at + rng.randrange(1, 40)]
        else:
            content[at:at] = content[at : at + rng.randrange(1, 40)]
        content = content or bytearray(b"\0")
    return bytes(content)


def fuzz(tmp_path: Path, seeds: range) -> int:
    """Returns how many mutated files were read; each gave the arrays as written."""
    wholes = []
    for compressed in (False, True):
        write_npz(tmp_path / "whole.npz", EXAMPLE, compressed=compressed)
        wholes.append((tmp_path / "whole.npz").read_bytes())
    path = tmp_path / "mutated.npz"
    read = 0
    for seed in seeds:
        path.unlink(missing_ok=True)
        rng = random.Random(seed)  # noqa: S311  draws mutations, no secrets
        path.write_bytes(mutate(wholes[seed % 2], rng))
        try:
            got = read_npz(path)
        except DataError as error:
            assert "\n" not in str(error)  # noqa: PT017  either outcome is right
            continue
        read += 1
        for name, array in got.items():
            np.testing.assert_array_equal(array, EXAMPLE[name])
    return read


def test_mutated_files_are_refused_or_read_unchanged(tmp_path: Path) -> None:
    assert fuzz(tmp_path, range(3000)) < 1500


@pytest.mark.long
def test_many_mutated_files_are_refused_or_read_unchanged(tmp_path: Path) -> None:
    assert fuzz(tmp_path, range(3000, 43_000)) < 20_000


def test_without_checksums_a_changed_pixel_would_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_npz(tmp_path / "a.npz", EXAMPLE)
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[content.index(EXAMPLE["features"].tobytes())] ^= 1
    (tmp_path / "a.npz").write_bytes(content)
    refused(tmp_path / "a.npz", "'features'")
    stored = {info.filename.encode(): info.CRC for info in zipfile.ZipFile(tmp_path / "a.npz").infolist()}
    checksums = iter(stored.values())
    monkeypatch.setattr(arrays.zlib, "crc32", lambda _: next(checksums))
    assert read_npz(tmp_path / "a.npz")["features"][0, 0] == 1
