"""Text from data, made fit for terminals, JSON readers and spreadsheets."""

import csv
import io
import json
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_data import make_dataset

from mnistfaces.config import SplitConfig
from mnistfaces.datasets.splits import draw_split
from mnistfaces.evaluation.mistakes import Mistake, save_mistakes
from mnistfaces.export.croissant import _listed
from mnistfaces.fetching.faces.entries import parse_list
from mnistfaces.fetching.faces.report import Fate, write_report
from mnistfaces.text import clean, clean_json, counted, csv_cell

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
TEXTS = st.text(st.characters() | st.sampled_from([*BIDI, "\x1b", "\x9b", "\x00", "\u2028", "=", "-", "+", "@"]))


def obeyed(text: str) -> list[str]:
    """Returns the characters that a terminal obeys, or that turn the reading direction, by Unicode's own tables."""
    turns = ("LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI")
    return [
        char
        for char in text
        if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or unicodedata.bidirectional(char) in turns
    ]


@given(TEXTS)
def test_nothing_that_a_terminal_obeys_is_left_and_all_else_is(text: str) -> None:
    assert obeyed(clean(text)) == []
    assert clean(text) == "".join(ascii(char)[1:-1] if obeyed(char) or char in BIDI else char for char in text)


def test_ordinary_names_of_all_scripts_stay_as_they_are() -> None:
    for name in ("Zoë Ångström", "李小龙", "محمد", "שלום", "👩🏽‍🚀", "a\\x1b", "µ ± 3"):
        assert clean(name) == name
    assert clean("\x1b[31mred\x07\u202ecod.exe") == "\\x1b[31mred\\x07\\u202ecod.exe"


@given(st.dictionaries(TEXTS, TEXTS | st.lists(TEXTS)))
def test_cleaned_json_says_the_same(value: dict[str, object]) -> None:
    for indent in (None, 2):
        text = clean_json(json.dumps(value, ensure_ascii=False, indent=indent))
        assert json.loads(text) == value
        assert [char for char in obeyed(text) if char != "\n"] == []


@given(TEXTS)
def test_no_cell_of_a_csv_is_run_by_a_spreadsheet_or_obeyed_by_a_terminal(text: str) -> None:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow([csv_cell(text), "x"])
    ((cell, _),) = csv.reader(io.StringIO(out.getvalue(), newline=""))
    assert not cell.startswith(("=", "@", "\t", "\r"))
    assert not cell.startswith(("+", "-")) or float(cell) is not None
    assert [char for char in obeyed(cell) if char != "\n"] == []


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("-1.5e-3", "-1.5e-3"),
        ("+7", "+7"),
        ("-inf", "'-inf"),
        ("a=b", "a=b"),
        ("two\nlines", "two\nlines"),
        ("\t=1", "'\\t=1"),
    ],
)
def test_a_cell_that_a_spreadsheet_would_run_gets_an_apostrophe_and_a_number_none(text: str, cell: str) -> None:
    assert csv_cell(text) == cell


def test_a_number_of_things_is_said_as_a_person_says_it() -> None:
    assert [counted(number, "cell") for number in (0, 1, 2)] == ["0 cells", "1 cell", "2 cells"]
    assert [counted(number, "class", "classes") for number in (1, 2)] == ["1 class", "2 classes"]


EVIL = "=1+cmd|x"


def write_answers(folder: Path) -> Path:
    mistake = Mistake(image=EVIL, label=f"+{EVIL}", predicted=f"@{EVIL}", probability=0.5, pixels=None)
    save_mistakes(folder / "mistakes.csv", [mistake])
    return folder / "mistakes.csv"


def write_fates(folder: Path) -> Path:
    lines = [f"{EVIL}\t{number}\t{number}\thttp://a.example/\t1,2,3,4\t{number:064x}" for number in (1, 2)]
    rows = parse_list("\n".join(lines).encode(), f"-{EVIL}")
    write_report(folder / "report.csv", [Fate(row=row, state="html", source=EVIL, detail=EVIL) for row in rows])
    return folder / "report.csv"


def write_images(folder: Path) -> Path:
    dataset = make_dataset((4, 4))
    evil = replace(
        dataset, classes=(EVIL, f"@{EVIL}"), ids=np.array([f"{EVIL}{number}" for number in range(len(dataset))])
    )
    split = draw_split(evil, SplitConfig(test_per_class=1), 0)
    (folder / "labels.csv").write_text(_listed(evil, split))
    return folder / "labels.csv"


@pytest.mark.parametrize("write", [write_answers, write_fates, write_images])
def test_no_cell_of_a_written_table_is_run_by_a_spreadsheet(write: Callable[[Path], Path], tmp_path: Path) -> None:
    with write(tmp_path).open(newline="") as file:
        _, *rows = csv.reader(file)
    assert sum(EVIL in cell for row in rows for cell in row) > 1
    assert [cell for row in rows for cell in row if EVIL in cell and not cell.startswith("'")] == []
