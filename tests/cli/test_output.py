"""Formats: rows for programs exactly, tables for people readably, and nothing but results on stdout."""

import contextlib
import csv
import io
import json
import math
import os
import re
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Mnf

from mnistfaces.cli._columns import Column, number, percent, seconds, text
from mnistfaces.cli._output import Format, Output
from mnistfaces.progress import Advanced, Note, Stage

ROWS: list[dict[str, Any]] = [
    {"lr": 1e-3, "model": "softmax", "test_accuracy": 0.825, "low": 0.74, "high": 0.9, "status": "ok", "n": None},
    {"lr": 1e-4, "model": "softmax", "test_accuracy": math.nan, "low": None, "high": None, "status": "a|b_c&", "n": 3},
]
COLUMNS: tuple[Column, ...] = (
    number("lr"),
    text("model", role="setting"),
    percent("test_accuracy", "test [95 %]", "low", "high"),
    text("status"),
    number("missing"),
)
ANSI = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def shown(capsys: pytest.CaptureFixture[str], chosen: Format, rows: list[dict[str, Any]] = ROWS) -> str:
    Output(chosen).rows(rows, COLUMNS)
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def test_ndjson_is_one_object_a_row_written_as_soon_as_it_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    written = []

    def rows() -> Iterator[dict[str, Any]]:
        for row in ROWS:
            yield row
            written.append(capsys.readouterr().out)

    Output("auto").rows(rows(), COLUMNS)  # stdout is no terminal here
    assert [json.loads(line)["lr"] for line in written] == [1e-3, 1e-4]
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in written)


def test_a_number_that_does_not_exist_is_null_and_numpy_is_plain(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"a": math.nan, "b": math.inf, "c": np.float32(0.5), "d": np.int64(3), "e": np.bool_(True), "f": [np.nan, 1]}
    expected = {"a": None, "b": None, "c": 0.5, "d": 3, "e": True, "f": [None, 1]}
    assert json.loads(shown(capsys, "ndjson", [row])) == expected
    assert json.loads(shown(capsys, "json", [row])) == [expected]


def test_json_is_one_array_even_of_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert [row["lr"] for row in json.loads(shown(capsys, "json"))] == [1e-3, 1e-4]
    assert json.loads(shown(capsys, "json", [])) == []


def test_csv_keeps_every_digit_and_quotes_what_must_be(capsys: pytest.CaptureFixture[str]) -> None:
    awkward = [{"x": 1 / 3, "name": 'a,"b"\nc', "gone": None, "flag": True, "list": [1, 2]}]
    (row,) = csv.DictReader(io.StringIO(shown(capsys, "csv", awkward)))
    assert float(row["x"]) == 1 / 3
    assert (row["name"], row["gone"], row["flag"], row["list"]) == ('a,"b"\nc', "", "true", "[1, 2]")


def test_tables_show_what_varies_and_say_once_what_is_constant(capsys: pytest.CaptureFixture[str]) -> None:
    first, *table = shown(capsys, "table").splitlines()
    assert first == "model softmax"
    body = "\n".join(table)
    for piece in ("test [95 %]", "82.5% [74.0, 90.0]", "0.001", "0.0001", "a|b_c&"):
        assert piece in body
    assert "softmax" not in body
    assert "missing" not in body


def test_markdown_is_a_table_whose_cells_do_not_break_it(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, "md").splitlines()
    assert lines[:3] == ["model softmax", "", "| lr | test [95 %] | status |"]
    assert [len(re.findall(r"(?<!\\)\|", line)) for line in lines[2:]] == [4, 4, 4, 4]
    assert "a\\|b_c&" in lines[5]


def test_latex_escapes_what_latex_would_read(capsys: pytest.CaptureFixture[str]) -> None:
    text_ = shown(capsys, "latex")
    assert r"82.5\% [74.0, 90.0]" in text_
    assert r"a|b\_c\&" in text_
    assert re.findall(r"\\(begin|end)\{tabular\}", text_) == ["begin", "end"]


def test_nothing_is_truncated_off_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 400
    for chosen in ("table", "md", "latex", "csv", "ndjson"):
        assert long in shown(capsys, chosen, [{**ROWS[0], "status": long}, ROWS[1]])  # type: ignore[arg-type]


def test_seconds_have_three_digits_and_empty_cells_stay_empty() -> None:
    assert [seconds().text({"seconds": value}) for value in (0.123456, 12.3456, None)] == ["0.123", "12.3", ""]
    assert [percent("x", "x").text({"x": value}) for value in (1.0, 0.0, None)] == ["100.0%", "0.0%", ""]


def test_quiet_hides_notes_and_verbose_shows_details(capsys: pytest.CaptureFixture[str]) -> None:
    for quiet, verbose, expected in ((True, False, ""), (False, False, "note\n"), (False, True, "note\ndetail\n")):
        output = Output("auto", quiet=quiet, verbose=verbose)
        output.note("note")
        output.detail("detail")
        captured = capsys.readouterr()
        assert (captured.out, captured.err) == ("", expected)


def test_a_long_work_off_a_terminal_says_a_plain_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, *range(1, 40)])
    monkeypatch.setattr("mnistfaces.cli._progress.time.monotonic", lambda: float(next(clock)))
    with Output("auto").busy("training", 30) as bar:
        for _ in range(25):
            bar.advance()
    lines = capsys.readouterr().err.splitlines()
    assert 1 <= len(lines) <= 3
    assert re.fullmatch(r"training: \d+% after \d+ s", lines[0])


def test_work_in_stages_is_followed_to_its_result(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnistfaces.cli._progress.PLAIN_PROGRESS_SECONDS", -1.0)
    events = [
        Note(message="before"),
        Stage(name="live", total=4),
        Advanced(amount=1, kept=1, size=1_500_000),
        Advanced(amount=3, kept=0),
        Stage(name="crops", total=2),
        Advanced(amount=1, kept=1),
        Stage(name="copy", total=5),
        Advanced(amount=5),
        "the result",
    ]
    assert Output("auto").result(events) == "the result"
    told = re.sub(r" after \d+ s", "", capsys.readouterr().err)
    assert told.splitlines() == [
        "before",
        *("live: 25% 1 kept, 1.5 MB", "live: 100% 1 kept, 1.5 MB", "crops: 50% 1 kept", "copy: 100%"),
    ]
    with pytest.raises(ValueError, match="not enough values"):
        Output("auto").result(events[:3])
    assert list(Output("auto", quiet=True).follow(["one", *events, "more"])) == ["one", "the result", "more"]


def on_terminal(mnf: Mnf, *arguments: object, columns: int, **env: str) -> str:
    """Returns what the program shows on a pseudo-terminal of some width."""
    pty = pytest.importorskip("pty", reason="no pseudo-terminals here")
    termios, fcntl = pytest.importorskip("termios"), pytest.importorskip("fcntl")
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with mnf.start(
        *arguments, stdin=its, stdout=its, stderr=subprocess.PIPE, env=mnf.environment(TERM="xterm-256color", **env)
    ) as process:
        os.close(its)
        pieces = []
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            pieces.append(piece)
        os.close(ours)
        assert process.stderr.read() == ""
        assert process.wait(60) == 0
    return b"".join(pieces).decode().replace("\r\n", "\n")


@pytest.mark.parametrize("columns", [80, 40])
def test_a_terminal_gets_a_table_that_fits_and_loses_no_letter(mnf: Mnf, columns: int) -> None:
    table = on_terminal(mnf, "samples", "digits-sample", columns=columns)
    lines = ANSI.sub("", table).splitlines()
    assert any(set(line) == {"─"} for line in lines)
    assert max(map(len, lines)) <= columns
    assert "…" not in table
    assert [line.split()[:2] for line in lines if line[1:2] == " " and line[0].isdigit()][:10] == [
        [str(digit), "500"] for digit in range(10)
    ]
    assert ("more column: groups" in " ".join(lines)) == (columns == 40)


def test_no_color_is_honoured_on_a_terminal(mnf: Mnf) -> None:
    for env in ({"NO_COLOR": "1"}, {"NO_COLOR": "1", "GITHUB_ACTIONS": "true"}):
        plain = on_terminal(mnf, "samples", "digits-sample", columns=80, **env)
        assert re.findall(r"\x1b\[[0-9;]*3[0-7]", plain) == []


def test_a_pipe_gets_no_escape_even_where_a_workflow_asks_for_colour(mnf: Mnf) -> None:
    for env in ({"GITHUB_ACTIONS": "true"}, {"FORCE_COLOR": "1"}):
        done = mnf("samples", "digits-sample", env=env)
        assert "\x1b" not in done.stdout + done.stderr
        assert len(done.rows) == 10


def test_every_format_of_the_installed_program_holds_the_same_rows(mnf: Mnf) -> None:
    rows = mnf("samples", "digits-sample").rows
    assert json.loads(mnf("samples", "digits-sample", "--format", "json").stdout) == rows
    table = list(csv.DictReader(io.StringIO(mnf("samples", "digits-sample", "--format", "csv").stdout)))
    assert [list(line) for line in table] == [list(row) for row in rows]
    assert [(line["class"], int(line["images"])) for line in table] == [(row["class"], row["images"]) for row in rows]


def test_a_full_standard_output_is_one_line(mnf: Mnf) -> None:
    if not os.path.exists("/dev/full"):  # noqa: PTH110  a device
        pytest.skip("there is no /dev/full here")
    with open("/dev/full", "w") as full, mnf.start("samples", "digits-sample", stdout=full) as process:  # noqa: PTH123  a device
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, "mnf: cannot write the results: No space left on device\n")


def test_python_dash_m_is_the_same_program(mnf: Mnf) -> None:
    command = [sys.executable, "-m", "mnistfaces", "samples", "digits-sample"]
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", cwd=mnf.folder, env=mnf.environment(), check=True
    )
    assert done.stdout == mnf("samples", "digits-sample").stdout


@pytest.mark.parametrize("form", ["table", "ndjson", "json", "csv", "md", "latex"])
def test_names_give_a_terminal_no_orders_in_any_format(capsys: pytest.CaptureFixture[str], form: Format) -> None:
    name = "=1+\x1b[31mr\x9bed\u202e\u2066\x00\ud800[bold]|$x$"
    Output(form).rows([{"name": name, "list": [name], "number": 1}, {"name": "b", "list": [], "number": 2}])
    told = capsys.readouterr().out
    assert [char for char in told if char in "\x1b\x9b\u202e\u2066\x00\ud800"] == []
    assert "31mr" in told
    if form == "ndjson":
        assert json.loads(told.splitlines()[0])["list"] == [name]
    if form == "json":
        assert json.loads(told)[0]["name"] == name
    Output(form).note(name)
    assert [char for char in capsys.readouterr().err if char in "\x1b\x9b\u202e\u2066\x00"] == []


@pytest.mark.skipif(sys.platform != "linux", reason="a socket takes each write as a message of its own")
@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["sweep", "digits-sample", "--lr", "1e-3,1e-4", "--epochs", "2", "--dry-run"], "2 cells"),
        (["samples", "no/such"], "mnf: no dataset"),
    ],
)
def test_lines_for_a_person_are_written_in_one_piece_each(tmp_path: Path, line: list[str], said: str) -> None:
    reader, writer = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with reader, writer:
        command = [sys.executable, "-u", "-m", "mnistfaces", *line]
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=writer, cwd=tmp_path, check=False)
        reader.setblocking(False)
        pieces = []
        with contextlib.suppress(BlockingIOError):
            while True:
                pieces.append(reader.recv(1 << 16).decode())
    assert said in "".join(pieces)
    assert all(piece.endswith("\n") and len(piece) > 1 for piece in pieces)
