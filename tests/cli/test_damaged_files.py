"""Files that others wrote, damaged at random and given to the program: what it says is right, or one line."""

import hashlib
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from conftest import Answer, Mnf
from damage import damaged, tries
from own_data import write_png
from simulator.remains import rows_of

SMALL = ("digits-sample", "--train-per-class", 5, "--test-per-class", 10)


@dataclass(frozen=True)
class Case:
    """A file and a command that reads it.

    Attributes:
        path: of the file; "" is stdin.
        words: of the command.
        prepare: makes what is needed, and returns the file's content.
        sealed: whether what it says is proven: then it is read rightly, or not at all.
    """

    path: str
    words: tuple[object, ...]
    prepare: Callable[[Mnf], bytes]
    sealed: bool = False


SWEEP = ("sweep", *SMALL, "--epochs", "2,4", "--lr", "1e-3,1e-4", "--out", "swept")


def ledger(mnf: Mnf) -> bytes:
    mnf(*SWEEP)
    return (mnf.folder / "swept" / "trials.ndjson").read_bytes()


def config(mnf: Mnf) -> bytes:
    mnf("train", *SMALL, "--epochs", 5, "--out", "one")
    return (mnf.folder / "one" / "config.json").read_bytes()


def rows(mnf: Mnf) -> bytes:
    return mnf("train", *SMALL, "--epochs", 5, "--out", "one").stdout.encode()


def table(_: Mnf) -> bytes:
    numbers = np.random.default_rng(0).normal(size=(60, 3)).round(3).tolist()
    lines = [f"c{place % 3},g{place % 7},{','.join(map(str, row))}" for place, row in enumerate(numbers)]
    return "\n".join(["label,group,a,b,c", *lines, ""]).encode()


def metadata(mnf: Mnf) -> bytes:
    for number in range(40):
        pixels = np.random.default_rng(number).integers(0, 256, (6, 6)).astype(np.uint8)
        write_png(mnf.folder / "pets" / "images" / f"{number}.png", pixels)
    lines = [f"images/{number}.png,c{number % 2},{('train', 'test')[number % 4 == 0]}" for number in range(40)]
    return "\n".join(["file_name,label,split", *lines, ""]).encode()


def listed(_: Mnf) -> bytes:
    lines = [
        f"Bill Hader\t{number}\t{number}\thttp://a.example/{number}.jpg\t1,2,30,40\t{hashlib.sha256(b'x').hexdigest()}"
        for number in range(6)
    ]
    return "\n".join(["name\timage_id\tface_id\turl\tbbox\tsha256", *lines, ""]).encode()


TRAIN = ("--epochs", 2, "--test-per-class", 2, "--out", "out", "--force", "--quiet")
CASES = {
    "ledger": Case("swept/trials.ndjson", SWEEP, ledger, sealed=True),
    "config": Case("one/config.json", ("evaluate", "one"), config, sealed=True),
    "stdin": Case("", ("evaluate", "-"), rows),
    "csv": Case("a.csv", ("train", "a.csv", *TRAIN), table),
    "metadata.csv": Case("pets/metadata.csv", ("train", "pets", *TRAIN[:2], *TRAIN[4:]), metadata),
    "list": Case("l.txt", ("fetch", "faces", "--list", "l.txt", "--dry-run"), listed),
}


def run(mnf: Mnf, case: Case, content: bytes) -> Answer:
    if case.path:
        (mnf.folder / case.path).write_bytes(content)
        return mnf(*case.words, code=None)
    with mnf.start(*case.words, stdin=-1, errors="surrogateescape") as process:
        out, err = process.communicate(content.decode(errors="surrogateescape"))
    return Answer(process.returncode, out, err)


def damage_often(mnf: Mnf, name: str, generators: Iterator[random.Random]) -> None:
    case = CASES[name]
    content = case.prepare(mnf)
    right, ends = run(mnf, case, content), [0, 0, 0, 0]
    assert right.code == 0, right.stderr
    for rng in generators:
        done = run(mnf, case, damaged(content, rng))
        assert "Traceback" not in done.stderr, done.stderr
        assert done.code in (0, 1, 3), done.stderr
        if done.code == 1:
            assert done.complaint
        elif case.sealed:
            assert rows_of(done.stdout) == rows_of(right.stdout)
        else:
            assert all(isinstance(json.loads(line), dict) for line in done.stdout.splitlines())
        ends[done.code] += 1
    print(f"{name}: {ends[0]} read, {ends[1]} refused, {ends[3]} read less")  # noqa: T201  the tier's record


@pytest.mark.parametrize("usual", [1, pytest.param(200, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", CASES)
def test_what_is_said_of_a_damaged_file_is_right_or_one_line(warm: Mnf, name: str, usual: int) -> None:
    damage_often(warm, name, tries(usual))
