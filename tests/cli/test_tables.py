"""Tables in windows of any width: nothing is broken, and what is left out is named."""

import re
import shlex
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnistfaces.cli import _contenders, _reproduce_summary, samples, trajectory
from mnistfaces.cli._columns import Column, Row, number, percent, seconds, text
from mnistfaces.cli._output import Format, Output
from mnistfaces.cli._window import set_command, set_lines
from mnistfaces.text import display_width

PATH = "runs/train-0123456789ab/weights.safetensors"
COLUMNS: tuple[Column, ...] = (
    text("model", role="setting"),
    number("lr"),
    percent("train_accuracy", "train", rank=4),
    percent("test_accuracy", "test [95 %]", "low", "high"),
    seconds(),
    text("device"),
    text("status", role="result", rank=2),
    text("file", rank=3),
)
ROWS: list[Row] = [
    {
        "model": "softmax",
        "lr": lr,
        "train_accuracy": 0.9512,
        "test_accuracy": 0.825,
        "low": 0.74,
        "high": 0.9,
        "seconds": 1234.5678,
        "device": "cpu",
        "status": "stopped at the rule of equal steps",
        "file": PATH,
    }
    for lr in (0.001, 0.0001, 0.00001234)
]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> "Told":
    return Told(capsys, monkeypatch)


class Told:
    """What rows look like in a window of some width."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.capsys, self.monkeypatch = capsys, monkeypatch

    def __call__(
        self, rows: list[Row], width: int | None, chosen: Format = "table", columns: tuple[Column, ...] = COLUMNS
    ) -> list[str]:
        self.monkeypatch.setattr("mnistfaces.cli._tables.width_of", lambda _: width)
        Output(chosen).rows(rows, columns)
        return [line.rstrip() for line in self.capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120, 200])
def test_a_table_fits_its_window_and_breaks_no_number_and_no_path(told: Told, width: int) -> None:
    lines = told(ROWS, width)
    words = " ".join(lines).split()
    assert {line.strip() for line in lines if display_width(line) > width} <= {PATH}  # nobody can help that
    for whole in ("0.001", "0.0001", "1.234e-05", "82.5%"):
        assert whole in words
    assert PATH in words or "file" in words  # shown whole, or named among what is not


def test_what_does_not_fit_is_left_out_by_rank_and_named_below(told: Told) -> None:
    lines = told(ROWS, 50)
    assert lines[:2] == ["model softmax, device cpu,", f"file {PATH}"]
    header = next(line for line in lines if "lr" in line.split())
    assert header.split()[:4] == ["lr", "train", "test", "[95"]
    assert " ".join(lines).endswith("1 more column: seconds (--format csv, or a wider window)")
    assert "2 more columns: train, seconds (--format" in " ".join(told(ROWS, 40))
    assert "3 more columns: train, seconds, status (--format" in " ".join(told(ROWS, 30))
    assert not any("more column" in line for line in told(ROWS, 200))


def test_a_narrow_column_of_higher_rank_stays_where_a_wide_one_has_to_go(told: Told) -> None:
    rows = [
        {"setting": f"{place} of {'x' * 12}", "path": f"{place}{'p' * 30}", "val": place / 7, "lr": place}
        for place in range(3)
    ]
    columns = (text("setting", role="setting"), number("lr"), text("path"), percent("val", "val", rank=3))
    lines = told(rows, 40, columns=columns)
    assert lines[0].split() == ["setting", "lr", "val"]
    assert "1 more column: path (" in " ".join(lines)


TOGETHER = {
    "paths": trajectory.COLUMNS,
    "ends of paths": trajectory.ENDS,
    "split": samples.COLUMNS,
    "pairs": _contenders.COLUMNS,
    "published": _reproduce_summary.COLUMNS,
}


@pytest.mark.parametrize("width", range(16, 80, 4))
@pytest.mark.parametrize("name", TOGETHER)
def test_parts_of_one_thing_stay_or_go_together(told: Told, name: str, width: int) -> None:
    columns = TOGETHER[name]
    own = [replace(column, text=lambda row, at=place: f"c{at}n{row['n']}") for place, column in enumerate(columns)]
    said = " ".join(told([{"n": number} for number in range(2)], width, columns=tuple(own))).split()
    shown: dict[str, set[bool]] = {}
    for place, column in enumerate(columns):
        shown.setdefault(column.within, set()).add(f"c{place}n0" in said)
    assert shown.pop("")
    assert shown
    assert all(len(parts) == 1 for parts in shown.values())


def test_settings_alone_are_no_table(told: Told) -> None:
    rows = [{**dict.fromkeys("abc", f"{place}{'x' * 10}"), "test": place / 7} for place in range(3)]
    columns = (*(text(name, role="setting") for name in "abc"), percent("test", "test-accuracy-of-all", rank=2))
    lines = told(rows, 36, columns=columns)
    assert [line.split()[-1] for line in lines if line.startswith("test-")] == ["0.0%", "14.3%", "28.6%"]
    assert not any("more column" in line for line in lines)


def test_of_two_columns_too_wide_for_the_window_the_first_is_the_key(told: Told) -> None:
    rows = [{"item": "python", "value": "3.11"}, {"item": "platform", "value": f"on {PATH}"}]
    lines = told(rows, 40, columns=(text("item"), text("value")))
    assert lines == ["python    3.11", "platform", "  on", f"  {PATH}"]


def test_one_row_is_lines_of_key_and_value(told: Told) -> None:
    assert told(ROWS[:1], 60) == [
        "model softmax",
        "lr           0.001",
        "train        95.1%",
        "test [95 %]  82.5% [74.0, 90.0]",
        "seconds      1.23e+03",
        "device       cpu",
        "status       stopped at the rule of equal steps",
        f"file         {PATH}",
    ]
    narrow = told(ROWS[:1], 44)
    assert narrow[-2:] == ["file", f"  {PATH}"]
    assert [line for line in narrow if line.startswith(("status", " "))][:2] == [
        "status       stopped at the rule of equal",
        "             steps",
    ]


def test_a_window_too_narrow_for_two_columns_shows_every_value_by_its_name(told: Told) -> None:
    lines = told(ROWS, 20)
    assert lines.count("") == 2
    assert sum(line.split()[:1] == ["lr"] for line in lines) == 3
    assert not any("more column" in line for line in lines)


def test_off_a_terminal_a_table_has_every_column(told: Told) -> None:
    lines = told(ROWS, None)
    assert lines[0] == f"model softmax, device cpu, file {PATH}"
    assert lines[1].split() == ["lr", "train", "test", "[95", "%]", "seconds", "status"]


def test_latex_says_in_a_comment_what_is_constant(told: Told) -> None:
    assert told(ROWS, None, "latex")[0] == f"% model softmax, device cpu, file {PATH}"


def test_results_stay_in_the_table_also_where_they_are_all_the_same(told: Told) -> None:
    assert sum(line.count("82.5%") for line in told(ROWS, 200)) == 3


def test_wide_characters_count_twice(told: Told) -> None:
    rows = [{**row, "status": "\u6570\u5b57 " * 6} for row in ROWS]
    for width in (40, 60, 80):
        assert all(display_width(line) <= max(width, len(PATH)) for line in told(rows, width))


WORDS = st.lists(st.text("abc/-=.,'\u6570", min_size=1, max_size=30), min_size=1, max_size=30)


class Window:
    """A stream that says it is a terminal."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
        monkeypatch.setattr("mnistfaces.cli._window.width_of", lambda _: width)


@settings(deadline=None)
@given(WORDS, st.integers(10, 100))
def test_lines_break_at_words_alone(words: list[str], width: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        Window(patch, width)
        lines = set_lines(" ".join(words), None).split("\n")  # type: ignore[arg-type]
    assert " ".join(lines) == " ".join(words)
    assert all(display_width(line) <= width or " " not in line for line in lines)


@settings(deadline=None)
@given(st.lists(st.text("abc/-=.,' $\u6570", min_size=1, max_size=30), min_size=1, max_size=12), st.integers(20, 100))
def test_a_command_in_a_narrow_window_is_still_the_same_command(words: list[str], width: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        Window(patch, width)
        told = set_command("next", shlex.join(["mnf", *words]), None)  # type: ignore[arg-type]
    copied = told.removeprefix("next:").replace("\\\n", " ")
    assert shlex.split(copied) == ["mnf", *words]
    assert all(re.fullmatch(r"(  )?\S+( .*)?", line) for line in told.split("\n"))
