"""Text that others wrote, damaged at random: it is read, or refused in one line, and never a traceback."""

import json
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import Mnf
from damage import damaged, tries
from kept_runs import keep_run
from own_data import write_png

from mnistfaces.config import DataConfig
from mnistfaces.datasets.found import Found
from mnistfaces.datasets.layouts import metadata, table
from mnistfaces.errors import MnistFacesError
from mnistfaces.fetching.faces.entries import BadEntry, parse_list
from mnistfaces.progress import drained
from mnistfaces.runs.runs import find_runs

TABLE = b"label,image,split,group,pixel0,pixel1,pixel2,pixel3\n" + b"".join(
    f"c{number % 3},im{number}.png,{('train', 'val', 'test')[number % 3]},g{number},{number},0,255,7\n".encode()
    for number in range(12)
)
FEATURES = b'label\ta\tb\ncat\t1.5\t-2e-3\n"do""g"\t3\t4\n\ncat\t0\t1e300\n'
METADATA = b"file_name,label,split,group\n" + b"".join(
    f"images/{number}.png,c{number % 2},{('train', 'test')[number % 2]},p{number}\n".encode() for number in range(4)
)
JSONL = b"".join(
    json.dumps({"file_name": f"images/{number}.png", "label": f"c{number % 2}", "group": number}).encode() + b"\n"
    for number in range(4)
)
LIST = b"name\timage_id\tface_id\turl\tbbox\tsha256\n" + b"".join(
    f"Bill Hader\t{number}\t{number}\thttp://a.example/{number}.jpg\t1,2,30,40\t{number:064x}\n".encode()
    for number in range(6)
)

Read = Callable[[Path, bytes], object]


def read_table(folder: Path, content: bytes) -> None:
    (folder / "a.csv").write_bytes(content)
    check_found(drained(table.read(folder / "a.csv", DataConfig())))


def read_features(folder: Path, content: bytes) -> None:
    (folder / "a.tsv").write_bytes(content)
    check_found(drained(table.read(folder / "a.tsv", DataConfig())))


def read_metadata(folder: Path, content: bytes, name: str = "metadata.csv") -> None:
    place = folder / name.partition(".")[2]
    for number in range(4 * (not place.exists())):
        write_png(place / "images" / f"{number}.png", np.full((3, 3), number, np.uint8))
    (place / name).write_bytes(content)
    found = drained(metadata.read(place, DataConfig()))
    check_found(found)
    assert all(place.resolve() in Path(path).resolve().parents for path in found.inputs)


def read_jsonl(folder: Path, content: bytes) -> None:
    read_metadata(folder, content, "metadata.jsonl")


def check_found(found: Found) -> None:
    """Checks that there is a label per item, that numbers are finite, and that all text can be written down."""
    assert len(found.inputs) == len(found.labels) > 0
    assert not isinstance(found.inputs, np.ndarray) or np.isfinite(found.inputs).all()
    for texts in (found.labels.tolist(), found.names or (), *found.columns.values()):
        "".join(map(str, texts)).encode()


def read_list(_: Path, content: bytes) -> None:
    lines = [line for line in content.split(b"\n") if line.strip()]
    read = list(parse_list(content, "list"))
    assert len(lines) - 1 <= len(read) <= len(lines)  # all but a header
    for row in read:
        if not isinstance(row, BadEntry):
            assert row.name.isprintable()
            assert row.url.isprintable()
            assert len(row.sha256) == 64


def rows_on_stdin(folder: Path) -> bytes:
    for name in ("one", "two"):
        if not (folder / name).exists():
            keep_run(folder / name)
    rows = [{"run": str(folder / name), "test_accuracy": 0.5, "classes": ["ä", None]} for name in ("one", "two")]
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


def read_rows(folder: Path, content: bytes) -> None:
    lines = content.decode(errors="surrogateescape").splitlines(keepends=True)
    assert {run.path for run in find_runs("-", ("train",), lines)} <= {folder / "one", folder / "two"}


FORMATS: dict[str, tuple[Read, bytes | Callable[[Path], bytes]]] = {
    "csv": (read_table, TABLE),
    "tsv": (read_features, FEATURES),
    "metadata.csv": (read_metadata, METADATA),
    "metadata.jsonl": (read_jsonl, JSONL),
    "list": (read_list, LIST),
    "stdin": (read_rows, rows_on_stdin),
}


def fuzz(name: str, folder: Path, generators: Iterator[random.Random]) -> None:
    read, content = FORMATS[name]
    whole = content if isinstance(content, bytes) else content(folder)
    read(folder, whole)
    for rng in generators:
        try:
            read(folder, damaged(whole, rng))
        except MnistFacesError as error:
            assert "\n" not in str(error)  # noqa: PT017  either outcome is right


@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_text_is_read_or_refused_in_one_line(name: str, tmp_path: Path) -> None:
    fuzz(name, tmp_path, tries(60))


@pytest.mark.long
@pytest.mark.parametrize("name", FORMATS)
def test_twenty_thousand_damaged_texts_are_read_or_refused_in_one_line(name: str, tmp_path: Path) -> None:
    fuzz(name, tmp_path, tries(20_000))


@pytest.mark.parametrize(
    "value", ["a\0b", "\ud800", "x" * 5000, 5, ["a"], {"a": 1}], ids=["NUL", "half", "long", "number", "list", "object"]
)
def test_a_row_on_stdin_whose_run_is_no_path_is_one_line(mnf: Mnf, value: object) -> None:
    assert mnf("evaluate", "-", stdin=json.dumps({"run": value}), code=1).complaint


def test_bytes_on_stdin_that_are_no_utf8_are_one_line_whatever_the_language(mnf: Mnf) -> None:
    strict = mnf.environment(PYTHONIOENCODING="utf-8:strict")
    process = mnf.start("evaluate", "-", stdin=subprocess.PIPE, env=strict, errors="surrogateescape")
    out, err = process.communicate('{"run": "\udcff"}\n', timeout=60)  # the byte 255
    assert (process.returncode, out) == (1, "")
    assert err.startswith("mnf: line 1 of stdin is not NDJSON: ")
    assert err.count("\n") == 1
