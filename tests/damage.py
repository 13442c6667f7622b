"""Damage to text files, by a random generator that the test seeds; and what killed processes leave."""

import contextlib
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from mnistfaces.files.litter import temporary_name

NONSENSE_BYTES = (b"\0", b"[" * 2000, b"9" * 400, b"null", b"\n", b"\xff", b"NaN", b"1e999", b'"\\ud800"', b"{}", b'""')


@contextlib.contextmanager
def unreadable(path: Path, number: int) -> Iterator[None]:
    """Inside the block, reading one file is an error of the machine, told by its `errno`."""
    read = Path.read_bytes

    def refuse(asked: Path) -> bytes:
        if asked == path:
            raise OSError(number, os.strerror(number))
        return read(asked)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "read_bytes", refuse)
        yield


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Returns a text with a few bytes changed, cut out, doubled, or nonsense in the middle."""
    wrong = bytearray(content)
    for _ in range(rng.randint(1, 3)):
        place, length = rng.randrange(len(wrong) + 1), rng.randint(1, 40)
        kind = rng.randrange(5)
        if kind == 0 and place < len(wrong):
            wrong[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del wrong[place : place + length]
        elif kind == 2:
            wrong[place:place] = wrong[place : place + length]
        elif kind == 3:
            wrong[place:place] = rng.choice(NONSENSE_BYTES)
        else:
            wrong[place : place + length] = rng.randbytes(length)
    return bytes(wrong)


def half_written(path: Path) -> Path:
    """Writes half a file as a process of this machine that was killed leaves it; returns where it is."""
    name = temporary_name(path.name, "0" * 8).replace(f"-{os.getpid()}-", f"-{2**22 + 1}-")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_name(name).write_bytes(b"half")
    return path.with_name(name)


def tries(usual: int) -> Iterator[random.Random]:
    """Yields a generator per try, as many as MNF_TEST_TRIES says, from the seed that MNF_TEST_SEED says on.

    The last seed that stands in the output of a test is that of the try which failed.
    """
    first = int(os.environ.get("MNF_TEST_SEED", "0"))
    for seed in range(first, first + int(os.environ.get("MNF_TEST_TRIES", usual))):
        print(f"MNF_TEST_SEED={seed}")  # noqa: T201  see above
        yield random.Random(seed)  # noqa: S311  damage, not secrets
