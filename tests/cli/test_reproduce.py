"""`mnf reproduce` as a person or a script meets it."""

import json
import signal
from pathlib import Path

import pytest
from conftest import Mnf

from mnistfaces.reproduce.published import load_published

WORDS = ("reproduce", "2,3,5")
FIELDS = ("part", "quantity", "setting", "published", "measured", "low", "high", "difference", "status", "note")


def test_a_pipe_gets_a_row_a_published_figure(mnf: Mnf) -> None:
    done = mnf("reproduce", "1-3", "--out", "report")
    assert [row["part"] for row in done.rows] == [1, 1, 2, 2, 3, 3, 3, 3]
    assert all(tuple(row)[: len(FIELDS)] == FIELDS for row in done.rows)
    assert done.stderr.endswith("wrote report/report.html\n")
    assert (mnf.folder / "report" / "report.md").read_text(encoding="utf-8").startswith("# The report again")
    again = mnf("reproduce", "1-3", "--out", "report")
    assert again.rows == done.rows


def test_a_part_named_without_its_data_ends_with_3_and_nothing_is_faked(mnf: Mnf) -> None:
    done = mnf("reproduce", "2,9", code=3)
    assert [row["status"] for row in done.rows] == ["ok", "ok", "not_run", "not_run"]
    assert [row["measured"] for row in done.rows[2:]] == [None, None]
    assert "part 9: no faces of 32-gray pixels" in done.stderr


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("11",), "no part '11': give 1 to 10, a range such as 1-7, digits, or faces"),
        (("--scale", "huge"), "Invalid value for '--scale'"),
        (("4", "--seed", "1"), "No such option: --seed"),
    ],
)
def test_wrong_usage_is_one_line_before_any_work(mnf: Mnf, words: tuple[str, ...], complaint: str) -> None:
    assert complaint in mnf("reproduce", *words, code=2).complaint
    assert list(mnf.folder.iterdir()) == []


def test_a_reader_that_leaves_ends_it_quietly(mnf: Mnf) -> None:
    with mnf.start("reproduce", "1-3") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        json.loads(process.stdout.readline())
        process.stdout.close()
        said = process.stderr.read()
    assert (process.returncode, "Traceback" in said) == (141, False)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    """The rows of three parts that nobody disturbed."""
    return Mnf(tmp_path_factory.mktemp("whole"))(*WORDS).rows


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_killed_and_started_again_it_says_the_same(
    mnf: Mnf, whole: list[dict[str, object]], end: signal.Signals
) -> None:
    with mnf.start(*WORDS, "--out", "killed") as process:
        assert process.stdout is not None
        process.stdout.readline()  # part 2 is done, the others are not
        process.send_signal(end)
        process.communicate(timeout=60)
    assert process.returncode in (-signal.SIGKILL, 143)
    assert not (mnf.folder / "killed" / "report.html").exists()
    rows = mnf(*WORDS, "--out", "killed").rows
    assert [_numbers(row) for row in rows] == [_numbers(row) for row in whole]


def _numbers(row: dict[str, object]) -> dict[str, object]:
    """Returns a row without its times."""
    return {} if row["quantity"] == "seconds" else row


def test_the_table_on_a_narrow_terminal_keeps_every_value(mnf: Mnf) -> None:
    done = mnf("reproduce", "2", "--format", "table", "--rows", env={"COLUMNS": "60", "NO_COLOR": "1"})
    assert done.stdout.count("7,840") == 2
    assert "\x1b" not in done.stdout


def test_a_person_gets_a_line_per_part_the_figures_that_matter_and_the_next_command(mnf: Mnf) -> None:
    done = mnf("reproduce", "1,2,9", "--format", "table", "--out", "report", code=3)
    lines = done.stdout.splitlines()
    assert [line.split()[:2] for line in lines if line.strip()[:1].isdigit()] == [
        ["1", "The"],
        ["2", "The"],
        ["9", "What"],
    ]
    assert "2 of 2" in lines[2]
    assert [piece.strip() for piece in lines[4].split("  ")[-2:]] == ["not run", "mnf fetch faces --res 32"]
    assert f"measured  4 of {len(load_published())} published values" in lines
    assert len(lines) < 10
    assert done.stderr.splitlines()[-3:] == [
        "next, all of MNIST: mnf fetch digits",
        "then the published protocol: mnf reproduce 1,2,9 --scale full",
        "wrote report/report.html",
    ]
    every = mnf("reproduce", "1,2", "--format", "table", "--rows", "--out", "report")
    assert sum("Part 1: all digits" in line for line in every.stdout.splitlines()) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("faces", "--features", "a b.npz", "--draw", "published"),
            ["then the published protocol: mnf reproduce 8-10 --scale full --draw published --features 'a b.npz'"],
        ),
        (("9", "--scale", "full"), ["next, an experiment of your own: mnf sweep faces --lr 1e-3,1e-4"]),
    ],
)
def test_the_next_command_is_for_the_parts_that_were_asked_for(
    mnf: Mnf, words: tuple[str, ...], said: list[str]
) -> None:
    lines = mnf("reproduce", *words, "--out", "report", code=3).stderr.splitlines()
    assert lines[-1] == "wrote report/report.html"
    assert [line for line in lines if line.startswith(("next,", "then "))] == said


@pytest.mark.long
def test_a_newcomers_first_command_takes_less_than_five_minutes(mnf: Mnf) -> None:
    process = mnf.start("reproduce")
    stdout, stderr = process.communicate(timeout=300)
    rows = [json.loads(line) for line in stdout.splitlines()]
    assert process.returncode == 0
    assert all(row["measured"] is not None for row in rows if row["part"] in (1, 2, 3, 5, 6, 7))
    assert all(row["status"] == "not_run" for row in rows if row["part"] >= 8)
    page = mnf.folder / stderr.splitlines()[-1].removeprefix("wrote ")
    assert page.stat().st_size < 10_000_000
    assert Path(page).name == "report.html"
