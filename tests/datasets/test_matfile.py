"""A `.mat` file as it should be, wrong in every way, and a parser that dies, hangs or eats memory."""

import os
import random
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import scipy.sparse
from damage import tries
from tiny_mnist import TinyMnist, make_tiny_mnist

from mnistfaces.datasets import mat_process, matfile
from mnistfaces.datasets.digits import MNIST, build_digits
from mnistfaces.datasets.matfile import read_mat
from mnistfaces.errors import DataError

SHARED = Path(os.environ.get("MNF_SHARED", Path(__file__).parents[3] / "shared")) / "data" / "mnist"


@pytest.fixture(scope="module")
def tiny() -> TinyMnist:
    return make_tiny_mnist()


def refused(path: Path, *words: str, names: tuple[str, ...] = tuple(MNIST.arrays), seconds: float = 60) -> None:
    with pytest.raises(DataError) as caught:
        read_mat(path, names, seconds)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    assert all(word in message for word in words), message


@pytest.mark.parametrize("compressed", [False, True])
def test_the_arrays_are_read_as_they_were_saved(tiny: TinyMnist, tmp_path: Path, *, compressed: bool) -> None:
    order = sorted(tiny.arrays, reverse=True)
    scipy.io.savemat(tmp_path / "a.mat", {name: tiny.arrays[name] for name in order}, do_compression=compressed)
    got = read_mat(tmp_path / "a.mat", list(tiny.edition.arrays))
    assert build_digits(got, tiny.edition).fingerprint == tiny.edition.fingerprint


def test_an_absent_array_is_left_out(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "a.mat", {"train0": np.zeros((2, 3), np.uint8)})
    assert set(read_mat(tmp_path / "a.mat", ["train0", "train1"])) == {"train0"}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.array([["a", 3]], dtype=object), "array of object"),
        ({"field": 1}, "train1"),
        ("text", "train1"),
        (scipy.sparse.csc_matrix(np.eye(3)), "no plain array"),
    ],
)
def test_an_array_that_is_not_of_numbers_is_named(tmp_path: Path, value: object, words: str) -> None:
    scipy.io.savemat(tmp_path / "a.mat", {"train0": np.zeros((2, 3), np.uint8), "train1": value})
    refused(tmp_path / "a.mat", "train1 is", words)


@pytest.mark.parametrize("compressed", [False, True])
def test_a_file_cut_off_is_refused_by_the_first_array_that_is_lost(
    tiny: TinyMnist, tmp_path: Path, *, compressed: bool
) -> None:
    scipy.io.savemat(tmp_path / "a.mat", tiny.arrays, do_compression=compressed)
    whole = (tmp_path / "a.mat").read_bytes()
    for length in (0, 60, 130, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.mat").write_bytes(whole[:length])
        refused(tmp_path / "cut.mat", "array train" if length < len(whole) // 2 else "array t")


@pytest.mark.parametrize(
    "head", [b"MATLAB 7.3 MAT-file, Platform: GLNXA64", b"\x89HDF\r\n\x1a\n", bytes(512) + b"\x89HDF\r\n\x1a\n"]
)
def test_version_7_3_is_refused_by_name(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "a.mat").write_bytes(head + bytes(600))
    refused(tmp_path / "a.mat", "v7.3")


def test_what_is_no_mat_file_or_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mat").write_bytes(b"<html>gone</html>" * 100)
    refused(tmp_path / "a.mat", "train0")
    refused(tmp_path / "absent.mat", "No such file")
    refused(tmp_path, "cannot read")


def test_a_huge_file_is_refused_unparsed(tmp_path: Path) -> None:
    with (tmp_path / "a.mat").open("wb") as file:
        file.truncate(matfile.SIZE_LIMIT + 1)
    refused(tmp_path / "a.mat", "more than 268435456")


def test_an_array_that_claims_more_than_memory_is_refused(tmp_path: Path) -> None:
    claimed = 0xF0000000  # bytes of uint8 in 784 columns
    flags = struct.pack("<4I", 6, 8, 9, 0)
    shape = struct.pack("<2Iii", 5, 8, claimed // 784, 784)
    matrix = flags + shape + struct.pack("<2I", 1, 6) + b"train0\0\0" + struct.pack("<2I", 2, claimed)
    unpacked = struct.pack("<2I", 14, claimed) + matrix + bytes(1 << 20)
    packed = zlib.compress(unpacked)
    header = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
    (tmp_path / "a.mat").write_bytes(header + struct.pack("<2I", 15, len(packed)) + packed)
    refused(tmp_path / "a.mat", "array train0 cannot be read: MemoryError")


@pytest.mark.timed
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("os.kill(os.getpid(), 11)", "crash"),
        ("os._exit(3)", "crash (exit code 3)"),
        ("time.sleep(60)", "could not be parsed within 2 s"),
        ("mat_process.limit_resources(); bytearray(3 << 30)", "crash"),
        ("(folder / 'arrays.npz').write_bytes(b'PK'); sys.exit(0)", "damaged"),
        ("sys.exit(0)", "No such file"),
        ("print('x' * (1 << 26)); print('x' * (1 << 26), file=sys.stderr); os.abort()", "crash"),
        ("(folder / 'problem.txt').write_bytes(b'\\xff\\n\\n' * (1 << 20))", ": "),
    ],
)
def test_a_parser_that_dies_or_hangs_takes_nothing_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, words: str
) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        f"import os, sys, time\nfrom pathlib import Path\nfolder = Path(sys.argv[2])\n"
        f"sys.path.insert(0, {str(matfile.PROGRAM.parent)!r})\nimport mat_process\n{body}\n"
    )
    (tmp_path / "a.mat").write_bytes(b"MATLAB 5.0 MAT-file")
    monkeypatch.setattr(matfile, "PROGRAM", program)
    start = time.monotonic()
    with pytest.raises(DataError) as caught:
        read_mat(tmp_path / "a.mat", ["train0"], 2 if "sleep" in body else 60)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000
    assert time.monotonic() - start < 20


def forked(command: list[str], *, timeout: float, **_: object) -> "subprocess.CompletedProcess[bytes]":
    """Runs the parser as `subprocess.run` does, in a process of its own, which has imported SciPy already."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.dup2(os.open(os.devnull, os.O_RDWR), 2)
            mat_process.main(*command[3:])
            code = 0
        except SystemExit as error:
            code = int(error.code or 0)
        finally:
            os._exit(code)
    end = time.monotonic() + timeout
    while not (done := os.waitpid(child, os.WNOHANG))[0]:
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise subprocess.TimeoutExpired(command, timeout)
        time.sleep(0.002)
    return subprocess.CompletedProcess(command, os.waitstatus_to_exitcode(done[1]))


def fuzz(tiny: TinyMnist, tmp_path: Path, generators: Iterator[random.Random]) -> Counter[str]:
    """Damages files; returns how many were refused, and in which words."""
    wholes, said = [], Counter[str]()
    for compressed in (False, True):
        scipy.io.savemat(tmp_path / "a.mat", tiny.arrays, do_compression=compressed)
        wholes.append((tmp_path / "a.mat").read_bytes())
    for rng in generators:
        content = bytearray(rng.choice(wholes))
        for _ in range(rng.choice([1, 2, 5])):
            at = rng.randrange(min(len(content), rng.choice([200, len(content)])))
            content[at : at + 4] = struct.pack("<I", rng.choice([0, 1, 0x7FFFFFFF, 0xFFFFFFFF, rng.getrandbits(32)]))
        (tmp_path / "a.mat").write_bytes(content)
        try:
            arrays = read_mat(tmp_path / "a.mat", list(tiny.edition.arrays))
            assert build_digits(arrays, tiny.edition).fingerprint == tiny.edition.fingerprint
            said["read unharmed"] += 1
        except DataError as error:
            assert "\n" not in str(error)  # noqa: PT017  either outcome is right
            said["crash" if "parser crash" in str(error) else "refused"] += 1
    return said


def test_mutated_mat_files_are_refused_or_read_unharmed(tiny: TinyMnist, tmp_path: Path) -> None:
    fuzz(tiny, tmp_path, tries(4))


@pytest.mark.parametrize("usual", [60, pytest.param(20_000, marks=pytest.mark.long)])
def test_many_mutated_mat_files_are_refused_or_read_unharmed(
    tiny: TinyMnist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, usual: int
) -> None:
    monkeypatch.setattr("mnistfaces.isolation.subprocess.run", forked)
    print(fuzz(tiny, tmp_path, tries(usual)))  # noqa: T201  the tier's record


def test_the_real_file_gives_the_pinned_dataset() -> None:
    if not SHARED.is_dir():
        pytest.skip(f"the full MNIST is not at {SHARED}")
    arrays = read_mat(SHARED / "mnist_all.mat", list(MNIST.arrays))
    assert build_digits(arrays).fingerprint == MNIST.fingerprint
