"""`mnf fetch faces` as a person or a script meets it."""

import csv
import hashlib
import json
import os
import random
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from rude_server import RudeServer, drip, picture, reply, send, silence

from mnistfaces.datasets.store import open_dataset
from mnistfaces.fetching.web.states import STATES

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("MNF_SHARED", ROOT.parent / "shared"))
COMMAND = [sys.executable, "-m", "mnistfaces", "fetch", "faces"]
PHOTOS = {number: picture(number) for number in range(8)}


@pytest.fixture
def web() -> Iterator[RudeServer]:
    made = RudeServer()
    yield made
    made.close()


@pytest.fixture
def faces_list(tmp_path: Path, web: RudeServer) -> Path:
    """A list of two actors; half of the photographs are there."""
    lines = []
    for number, photo in PHOTOS.items():
        name = "Alec Baldwin" if number < 4 else "Bill Hader"
        url = f"http://host{number}.example/{number}"
        lines.append(f"{name}\t{number}\t{number}\t{url}\t1,1,21,21\t{hashlib.sha256(photo).hexdigest()}")
        if number % 2 == 0:
            web.routes[url] = send(reply(photo))
    path = tmp_path / "faces list.txt"
    path.write_text("\n".join([*lines, "Bill Hader\t99\t99\thttp://bro"]))
    return path


def environment(web: RudeServer | None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return {**kept, "OMP_NUM_THREADS": "1", **({"http_proxy": web.url("")} if web else {})}


def mnf_fetch_faces(web: RudeServer | None, *arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False, env=environment(web)
    )


def start(web: RudeServer, *arguments: object) -> "subprocess.Popen[str]":
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment(web)
    )


def tree(folder: Path) -> dict[str, str]:
    """Returns every file of a data folder that is not a lock or the ledger, by its content."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".lock" and "ledger" not in path.name
    }


def test_help_opens_with_two_lines_to_copy_and_imports_nothing_heavy() -> None:
    done = mnf_fetch_faces(None, "--help")
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    assert lines[1:3] == ["$ mnf fetch faces --res 32", "$ mnf fetch faces --res 32,64,227 --source live,wayback"]
    program = "import sys, mnistfaces.cli.fetch_faces; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    assert not {"torch", "numpy", "scipy", "requests", "PIL", "matplotlib"} & set(modules)


def test_rows_go_to_stdout_and_the_next_command_is_the_last_line(
    web: RudeServer, faces_list: Path, tmp_path: Path
) -> None:
    options = ("--list", faces_list, "--data-dir", tmp_path / "data", "--report", tmp_path / "r.csv")
    done = mnf_fetch_faces(web, *options, "--plot", tmp_path / "sheet.png", "--res", "16,24")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [list(row)[:3] for row in rows] == [["actor", "listed", "kept"]] * 2
    assert [(row["actor"], row["listed"], row["kept"]) for row in rows] == [
        ("Alec Baldwin", 4, 2),
        ("Bill Hader", 5, 2),
    ]
    assert all(sum(row[state] for state in STATES) == row["listed"] for row in rows)
    assert (rows[1]["bad_row"], rows[0]["http_error"]) == (1, 2)
    assert "photographs of real people" in done.stderr
    said = done.stderr.splitlines()
    following = next(place for place, line in enumerate(said) if line.startswith("next: mnf fetch faces --res 16,24"))
    assert " --list '" in said[following]
    assert all(line.startswith("wrote ") for line in said[following + 1 :])
    with (tmp_path / "r.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 9
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")
    assert len(open_dataset(tmp_path / "data" / "faces" / "faces-24-gray.npz")) == 4


def test_the_next_command_can_be_typed(web: RudeServer, faces_list: Path, tmp_path: Path) -> None:
    done = mnf_fetch_faces(web, "--list", faces_list, "--data-dir", tmp_path, "--actor", "hader")
    words = shlex.split(done.stderr.splitlines()[-1].removeprefix("next: "))[3:]
    again = mnf_fetch_faces(web, *words, "--data-dir", tmp_path, "--archive-url", "http://archive.example/")
    assert again.returncode == 0
    assert again.stderr.splitlines()[-1] == "next: mnf fetch faces --synthetic"


def test_less_than_asked_is_exit_3_and_wrong_usage_exit_2(web: RudeServer, faces_list: Path, tmp_path: Path) -> None:
    options = ("--list", faces_list, "--data-dir", tmp_path)
    assert mnf_fetch_faces(web, *options, "--min-per-actor", 3).returncode == 3
    for wrong in (["--source", "nowhere"], ["--retry", "never"], ["--res", "0"], ["--res", "x"], ["--plot", "x.txt"]):
        done = mnf_fetch_faces(web, *options, *wrong)
        assert (done.returncode, done.stdout) == (2, ""), wrong
        assert len(done.stderr.splitlines()) == 1


def test_an_error_is_one_line_and_exit_1(web: RudeServer, faces_list: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for wrong in (
        ["--list", tmp_path / "none.txt", "--data-dir", tmp_path],
        ["--list", faces_list, "--data-dir", tmp_path / "file"],
        ["--list", faces_list, "--data-dir", tmp_path, "--actor", "Nobody"],
        ["--list", "http://gone.example/list.txt", "--data-dir", tmp_path],
    ):
        done = mnf_fetch_faces(web, *wrong)
        assert (done.returncode, done.stdout) == (1, ""), wrong
        assert done.stderr.splitlines()[-1].startswith("mnf: ")
        assert "Traceback" not in done.stderr


def test_a_dry_run_asks_and_writes_nothing(web: RudeServer, faces_list: Path, tmp_path: Path) -> None:
    done = mnf_fetch_faces(web, "--list", faces_list, "--data-dir", tmp_path / "data", "--dry-run")
    assert done.returncode == 0
    assert "would ask live for up to 8 of 8 rows at 8 hosts" in done.stderr
    assert web.connections == 0
    assert not (tmp_path / "data").exists()


@pytest.mark.timed
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_within_two_seconds_and_finished_work_stays(
    web: RudeServer, faces_list: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    web.routes["http://host1.example/1"] = silence()
    web.routes["http://host3.example/3"] = drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")
    options = ("--list", faces_list, "--data-dir", tmp_path, "--timeout", 60)
    running = start(web, *options)
    while len(list(tmp_path.rglob("*.png"))) < 4:
        assert running.poll() is None
        time.sleep(0.05)
    time.sleep(0.2)
    began = time.monotonic()
    running.send_signal(number)
    _, errors = running.communicate(timeout=10)
    assert time.monotonic() - began < 2
    assert running.returncode == code
    assert "the same command goes on" in errors.splitlines()[-1]
    web.routes.pop("http://host1.example/1")
    web.routes.pop("http://host3.example/3")
    web.targets.clear()
    assert mnf_fetch_faces(web, *options).returncode == 0
    assert not {f"http://host{number}.example/{number}" for number in (0, 2, 4, 6)} & set(web.targets)


def test_a_closed_stdout_ends_quietly_with_the_work_kept(web: RudeServer, faces_list: Path, tmp_path: Path) -> None:
    line = " ".join([*map(str, COMMAND), "--list", f"'{faces_list}'", "--data-dir", str(tmp_path)])
    script = f"({line}; echo $? >&2) | true"
    done = subprocess.run(
        ["/bin/sh", "-c", script], capture_output=True, text=True, cwd=ROOT, check=False, env=environment(web)
    )
    assert done.stderr.splitlines()[-1] == "141"
    assert "Traceback" not in done.stderr
    assert (tmp_path / "faces" / "faces-32-gray.npz").exists()


def test_synthetic_faces_need_no_network(tmp_path: Path) -> None:
    done = mnf_fetch_faces(None, "--synthetic", "--data-dir", tmp_path, "--res", "16")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["kept"] for row in rows] == [120] * 6
    assert done.stderr.splitlines()[-1] == "next: mnf train faces-synthetic --res 16"
    assert len(open_dataset(tmp_path / "faces" / "faces-synthetic-16-gray.npz")) == 720


class Replay:
    """The web of 2018, played back by a process of its own."""

    def __init__(self, silence_s: float) -> None:
        tool = SHARED / "tools" / "replay_web.py"
        if not tool.exists():
            pytest.skip(f"the recorded web is not at {SHARED}")
        self.data = SHARED / "data" / "faces"
        self.process = subprocess.Popen(
            [sys.executable, str(tool), "--port", "0", "--silence", str(silence_s)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().split()[-1]
        records = map(json.loads, (self.data / "web.ndjson").read_text().splitlines())
        self.truth = {record["url"]: record["truth"] for record in records}

    def url(self, _path: str) -> str:
        return self.address

    def stats(self) -> dict[str, dict[str, int]]:
        with urllib.request.urlopen(f"{self.address}/stats", timeout=10) as answer:  # noqa: S310  on the loopback
            return json.loads(answer.read())

    def originals(self, *, live: bool) -> set[str]:
        """Returns the recorded originals that plain http reaches: a quarter are gone from the live web."""
        found = {url for url, truth in self.truth.items() if truth == "original" and url.startswith("http://")}
        gone = {url for url in found if int.from_bytes(hashlib.sha256(url.encode()).digest()[:4], "big") % 4 == 0}
        return found - gone if live else found


EXPECTED = {
    "changed:html": "html",
    "changed:JPEG": "other_image",
    "changed:PNG": "other_image",
    "changed:empty": "empty",
    "changed:other": "not_image",
}


@pytest.fixture
def replay() -> Iterator[Replay]:
    made = Replay(silence_s=30)
    yield made
    made.process.terminate()
    made.process.communicate()


@pytest.mark.long
def test_the_recorded_web_gives_every_original_and_nothing_else(replay: Replay, tmp_path: Path) -> None:
    lists = [str(replay.data / f"facescrub_{kind}.txt") for kind in ("actors", "actresses")]
    options = ["--list", lists[0], "--list", lists[1], "--data-dir", tmp_path / "data", "--report", tmp_path / "r.csv"]
    archive = ["--archive-url", "http://web.archive.org/web/", "--archive-interval", "0.005"]
    done = mnf_fetch_faces(replay, *options)  # type: ignore[arg-type]  it has a url like the other
    assert done.returncode == 0, done.stderr
    with (tmp_path / "r.csv").open() as file:
        states = {row["url"]: row["state"] for row in csv.DictReader(file)}
    assert {url for url, state in states.items() if state == "ok"} == replay.originals(live=True)
    changed = {url: EXPECTED[truth] for url, truth in replay.truth.items() if truth != "original"}
    assert {url: states[url] for url in changed} == changed
    stats = replay.stats()
    assert set(stats["most_in_flight"].values()) == {1}
    again = mnf_fetch_faces(replay, *options)  # type: ignore[arg-type]  likewise
    assert again.stdout == done.stdout
    assert replay.stats()["requests"] == stats["requests"]
    more = mnf_fetch_faces(replay, *options, "--source", "live,wayback", *archive)  # type: ignore[arg-type]  likewise
    assert more.returncode == 0
    kept = sum(json.loads(line)["kept"] for line in more.stdout.splitlines())
    assert kept >= len(replay.originals(live=False))
    assert set(replay.stats()["most_in_flight"].values()) == {1}


@pytest.mark.long
def test_the_recorded_web_gives_the_same_tree_when_killed_a_dozen_times(replay: Replay, tmp_path: Path) -> None:
    lists = [str(replay.data / f"facescrub_{kind}.txt") for kind in ("actors", "actresses")]
    options = ["--list", lists[0], "--list", lists[1]]
    assert mnf_fetch_faces(replay, *options, "--data-dir", tmp_path / "whole").returncode == 0  # type: ignore[arg-type]
    rng = random.Random(1)  # noqa: S311  not a secret
    for _ in range(12):
        running = start(replay, *options, "--data-dir", tmp_path / "killed")  # type: ignore[arg-type]
        try:
            running.communicate(timeout=rng.uniform(1, 6))
        except subprocess.TimeoutExpired:
            running.kill()
            running.communicate()
    assert mnf_fetch_faces(replay, *options, "--data-dir", tmp_path / "killed").returncode == 0  # type: ignore[arg-type]
    assert tree(tmp_path / "killed") == tree(tmp_path / "whole")
