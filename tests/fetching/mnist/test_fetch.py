"""MNIST from files, folders and mirrors that are dead, wrong, or half there."""

import contextlib
import errno
import gzip
import http.server
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from damage import unreadable
from tiny_mnist import TinyMnist, make_tiny_mnist

from mnistfaces.arrays import write_npz
from mnistfaces.datasets.cache import CACHE
from mnistfaces.datasets.digits import MNIST, load_digits
from mnistfaces.datasets.order import EDITIONS, published_order
from mnistfaces.errors import DataError, FetchError, FileError, UsageError
from mnistfaces.fetching.mnist.fetch import FetchedMnist, fetch_mnist, find_mnist, plan_mnist
from mnistfaces.fetching.mnist.mirrors import FetchMnistConfig
from mnistfaces.files import sha256_of_file
from mnistfaces.files.locks import Lease
from mnistfaces.progress import Note


class Server(http.server.ThreadingHTTPServer):
    """Serves `pages`, path to (status, body), and remembers what was asked; `cut` bodies end early."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages: dict[str, tuple[int, bytes]] = {}
        self.cut: set[str] = set()
        self.dripping: set[str] = set()
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def serve(self, prefix: str, tiny: TinyMnist, *, packed: bool = True) -> str:
        """Serves the four files under a prefix, and returns its URL."""
        for name, content in tiny.files.items():
            self.pages[f"{prefix}/{name}{'.gz' if packed else ''}"] = (
                200,
                gzip.compress(content) if packed else content,
            )
        return f"{self.url}{prefix}/"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        status, body = self.server.pages.get(self.path, (404, b"gone"))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            if self.path in self.server.dripping:
                for position in range(len(body)):
                    self.wfile.write(body[position : position + 1])
                    time.sleep(0.05)
            self.wfile.write(body[: len(body) // 2] if self.path in self.server.cut else body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def tiny() -> TinyMnist:
    return make_tiny_mnist()


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def fetch(folder: Path, config: FetchMnistConfig) -> tuple[list[str], FetchedMnist]:
    """Returns what a person is told on the way, and the result."""
    *events, row = fetch_mnist(folder, config)
    assert isinstance(row, FetchedMnist)
    return [event.message for event in events if isinstance(event, Note) and not event.detail], row


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Holds a lease as another process would."""
    lease = Lease(path)
    assert lease.take() is None
    yield
    lease.release()


def files_in(folder: Path) -> set[str]:
    """Returns what is in a folder, besides what was found out about it and may be removed at any time."""
    return {path.name for path in folder.iterdir()} - {CACHE} if folder.exists() else set()


WITHOUT_ORDER = {"digits.npz", "digits.json"}
DONE = {*WITHOUT_ORDER, "digits-order.npz"}


@pytest.mark.parametrize("source", ["raw", "packed", "mat"])
def test_every_local_source_gives_the_same_bytes(tiny: TinyMnist, tmp_path: Path, source: str) -> None:
    tiny.write_idx(tmp_path / "raw")
    tiny.write_idx(tmp_path / "packed", packed=True)
    scipy.io.savemat(tmp_path / "mat", tiny.arrays, appendmat=False, do_compression=True)
    reference = fetch(tmp_path / "reference", tiny.config(source=str(tmp_path / "raw")))[1]
    told, row = fetch(tmp_path / "data", tiny.config(source=str(tmp_path / source)))
    assert told == []
    assert (row.train_n, row.val_n, row.test_n) == (64, 0, 22)
    assert row.source == str(tmp_path / source)
    assert row.sha256 == reference.sha256 == sha256_of_file(Path(row.path))
    assert files_in(tmp_path / "data") == (WITHOUT_ORDER if source == "mat" else DONE)
    assert load_digits(tmp_path / "data", tiny.edition).fingerprint == tiny.edition.fingerprint


def test_the_order_of_the_idx_files_is_kept_and_says_which_image_a_plain_number_is(
    tiny: TinyMnist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EDITIONS, "digits-full", tiny.edition)
    fetch(tmp_path / "data", tiny.config(source=str(tiny.write_idx(tmp_path / "idx"))))
    dataset = load_digits(tmp_path / "data", tiny.edition)
    place = {name: number for number, name in enumerate(dataset.ids.tolist())}
    images = tiny.files["t10k-images-idx3-ubyte"][16:]
    names = published_order("digits-full", tmp_path / "data").tolist()
    assert len(names) == 22
    assert b"".join(dataset.inputs[place[name]].tobytes() for name in names) == images
    scipy.io.savemat(tmp_path / "mat", tiny.arrays, appendmat=False)
    fetch(tmp_path / "other", tiny.config(source=str(tmp_path / "mat")))
    with pytest.raises(DataError, match="plain numbers mean no image: `mnf fetch digits --force` reads the IDX"):
        published_order("digits-full", tmp_path / "other")
    with pytest.raises(DataError, match="plain numbers mean images of digits-full"):
        published_order("faces", tmp_path / "data")
    write_npz(tmp_path / "data" / "digits-order.npz", {"labels": np.zeros(22, np.uint8)})
    with pytest.raises(DataError, match="does not tell the order of MNIST"):
        published_order("digits-full", tmp_path / "data")


def test_files_named_with_a_dot_are_found(tiny: TinyMnist, tmp_path: Path) -> None:
    tiny.write_idx(tmp_path / "idx")
    for path in list((tmp_path / "idx").iterdir()):
        path.rename(path.with_name(path.name.replace("-idx", ".idx")))
    assert fetch(tmp_path / "data", tiny.config(source=str(tmp_path / "idx")))[1].train_n == 64


def test_a_second_time_nothing_is_done_and_no_network_is_asked(tiny: TinyMnist, tmp_path: Path, server: Server) -> None:
    url = server.serve("/mnist", tiny)
    first = fetch(tmp_path, tiny.config(source=url))[1]
    asked, written = len(server.asked), (tmp_path / "digits.npz").stat().st_mtime_ns
    told, again = fetch(tmp_path, tiny.config(mirrors=("http://mnist.invalid/",)))
    assert (told, again) == ([], first)
    assert again.source == url
    assert len(server.asked) == asked == 4
    assert (tmp_path / "digits.npz").stat().st_mtime_ns == written


def test_force_fetches_again(tiny: TinyMnist, tmp_path: Path, server: Server) -> None:
    config = tiny.config(source=server.serve("/mnist", tiny), force=True)
    fetch(tmp_path, config)
    fetch(tmp_path, config)
    assert len(server.asked) == 8


def test_a_damaged_file_is_fetched_again(tiny: TinyMnist, tmp_path: Path) -> None:
    tiny.write_idx(tmp_path / "idx")
    config = tiny.config(source=str(tmp_path / "idx"))
    whole = fetch(tmp_path / "data", config)[1]
    damaged = bytearray(Path(whole.path).read_bytes())
    damaged[-5000] ^= 1
    Path(whole.path).write_bytes(damaged)
    (told,), row = fetch(tmp_path / "data", config)
    assert "fetched again" in told
    assert row == whole


def test_where_it_came_from_is_not_guessed(tiny: TinyMnist, tmp_path: Path) -> None:
    whole = fetch(tmp_path / "data", tiny.config(source=str(tiny.write_idx(tmp_path / "idx"))))[1]
    origin = tmp_path / "data" / "digits.json"
    with unreadable(origin, errno.EIO), pytest.raises(FileError, match=r"cannot read .*digits\.json: Input"):
        find_mnist(tmp_path / "data", tiny.edition)
    other, untold = {"source": "x", "sha256": "0"}, {"sha256": whole.sha256}
    for content in ("", "[]", "{}", "[" * 100_000, json.dumps(other), json.dumps(untold)):
        origin.write_text(content)
        assert find_mnist(tmp_path / "data", tiny.edition).source is None


def test_a_dead_mirror_is_passed_over_and_asked_last_from_then_on(
    tiny: TinyMnist, tmp_path: Path, server: Server
) -> None:
    dead = f"{server.url}/dead/"
    alive = server.serve("/alive", tiny)
    told, row = fetch(tmp_path, tiny.config(mirrors=("http://mnist.invalid/", dead, alive)))
    assert row.source == alive
    assert [line.startswith("got ") for line in told] == [False, False, True, True, True, True]
    assert "mnist.invalid" in told[0]
    assert "answered 404" in told[1]
    assert [path for path in server.asked if path.startswith("/dead")] == [
        "/dead/train-images-idx3-ubyte.gz",
        "/dead/train-images-idx3-ubyte",
    ]
    assert files_in(tmp_path) == DONE


def test_unpacked_files_are_asked_for_where_packed_ones_are_not(
    tiny: TinyMnist, tmp_path: Path, server: Server
) -> None:
    row = fetch(tmp_path, tiny.config(source=server.serve("/raw", tiny, packed=False)))[1]
    assert row.train_n == 64


def wrong(server: Server) -> None:
    server.pages["/bad/train-images-idx3-ubyte.gz"] = (
        200,
        gzip.compress(make_tiny_mnist(1).files["train-images-idx3-ubyte"]),
    )


def html(server: Server) -> None:
    server.pages["/bad/train-images-idx3-ubyte.gz"] = (200, b"<html>This domain is for sale</html>")


def cut(server: Server) -> None:
    server.cut.add("/bad/train-images-idx3-ubyte.gz")


def endless(server: Server) -> None:
    server.pages["/bad/train-images-idx3-ubyte.gz"] = (200, bytes(2 << 20))


def bomb(server: Server) -> None:
    server.pages["/bad/train-images-idx3-ubyte.gz"] = (200, gzip.compress(bytes(100 << 20)))


def dripping(server: Server) -> None:
    server.dripping.add("/bad/train-images-idx3-ubyte.gz")


@pytest.mark.parametrize("misbehave", [wrong, html, cut, endless, bomb, dripping])
def test_a_mirror_that_sends_something_else_is_passed_over(
    tiny: TinyMnist, tmp_path: Path, server: Server, misbehave: Callable[[Server], None]
) -> None:
    bad, good = server.serve("/bad", tiny), server.serve("/good", tiny)
    misbehave(server)
    told, row = fetch(tmp_path, tiny.config(mirrors=(bad, good), deadline_s=1.5))
    assert row.source == good
    (failed,) = (line for line in told if not line.startswith("got "))
    assert f"{bad}train-images-idx3-ubyte" in failed


def test_the_mat_file_comes_last(tiny: TinyMnist, tmp_path: Path, server: Server) -> None:
    scipy.io.savemat(tmp_path / "a.mat", tiny.arrays)
    server.pages["/a.mat"] = (200, (tmp_path / "a.mat").read_bytes())
    told, row = fetch(tmp_path / "data", tiny.config(mirrors=(f"{server.url}/dead/",), mat_url=f"{server.url}/a.mat"))
    assert row.source == f"{server.url}/a.mat"
    assert told[-1] == f"got {server.url}/a.mat"
    assert server.asked[-1] == "/a.mat"
    assert files_in(tmp_path / "data") == WITHOUT_ORDER


def test_a_url_of_a_mat_file_is_taken_as_one(tiny: TinyMnist, tmp_path: Path, server: Server) -> None:
    scipy.io.savemat(tmp_path / "a.mat", tiny.arrays)
    server.pages["/x/A.MAT"] = (200, (tmp_path / "a.mat").read_bytes())
    assert fetch(tmp_path / "data", tiny.config(source=f"{server.url}/x/A.MAT"))[1].test_n == 22
    assert server.asked == ["/x/A.MAT"]


def test_when_no_source_gives_it_each_reason_is_told(tiny: TinyMnist, tmp_path: Path, server: Server) -> None:
    server.pages["/a.mat"] = (200, b"MATLAB 7.3 MAT-file")
    config = tiny.config(mirrors=(f"{server.url}/one/", f"{server.url}/two/"), mat_url=f"{server.url}/a.mat")
    with pytest.raises(FetchError) as caught:
        fetch(tmp_path, config)
    message = str(caught.value)
    assert all(word in message for word in ("/one/", "/two/", "v7.3", "--from"))
    assert "\n" not in message
    assert files_in(tmp_path) <= {"digits.parts"}
    assert files_in(tmp_path / "digits.parts") == set()


def test_files_that_arrived_whole_are_not_asked_for_again(tiny: TinyMnist, tmp_path: Path, server: Server) -> None:
    url = server.serve("/mnist", tiny)
    lost = server.pages.pop("/mnist/t10k-labels-idx1-ubyte.gz")
    with pytest.raises(FetchError):
        fetch(tmp_path, tiny.config(source=url))
    (tmp_path / "digits.parts" / "t10k-images-idx3-ubyte").write_bytes(b"damaged since")
    server.pages["/mnist/t10k-labels-idx1-ubyte.gz"] = lost
    server.asked.clear()
    fetch(tmp_path, tiny.config(source=url))
    assert server.asked == ["/mnist/t10k-images-idx3-ubyte.gz", "/mnist/t10k-labels-idx1-ubyte.gz"]
    assert files_in(tmp_path) == DONE


def test_private_addresses_are_refused_unless_allowed(tiny: TinyMnist, tmp_path: Path, server: Server) -> None:
    with pytest.raises(FetchError, match=r"127\.0\.0\.1"):
        fetch(tmp_path, tiny.config(source=server.serve("/mnist", tiny), allow_private=False))
    assert server.asked == []


@pytest.mark.parametrize("source", ["file:///etc/passwd", "ftp://host/mnist/", "FILE://x", ""])
def test_other_addresses_are_a_usage_error(source: str) -> None:
    with pytest.raises(UsageError, match="--from takes"):
        FetchMnistConfig(source=source)


def test_a_folder_without_a_file_is_one_line_that_names_it(tiny: TinyMnist, tmp_path: Path) -> None:
    tiny.write_idx(tmp_path / "idx")
    (tmp_path / "idx" / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(FileError, match=r"neither train-labels-idx1-ubyte nor train-labels-idx1-ubyte\.gz"):
        fetch(tmp_path / "data", tiny.config(source=str(tmp_path / "idx")))
    with pytest.raises(FileError, match="no file or folder"):
        fetch(tmp_path / "data", tiny.config(source=str(tmp_path / "absent")))
    assert files_in(tmp_path / "data") == set()


def test_a_wrong_local_file_is_named_with_what_is_wrong(tiny: TinyMnist, tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "a.mat", {**tiny.arrays, "test3": tiny.arrays["test3"][:0]})
    with pytest.raises(DataError, match=r"a\.mat: test3 has"):
        fetch(tmp_path / "data", tiny.config(source=str(tmp_path / "a.mat")))
    tiny.write_idx(tmp_path / "idx")
    (tmp_path / "idx" / "train-labels-idx1-ubyte").write_bytes(b"")
    with pytest.raises(DataError, match=r"train-labels-idx1-ubyte: .*it has 0 of 72 bytes"):
        fetch(tmp_path / "data", tiny.config(source=str(tmp_path / "idx")))
    assert files_in(tmp_path / "data") == set()


def test_what_a_killed_process_left_is_swept_away(tiny: TinyMnist, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / ".digits.npz.abc.tmp").write_bytes(b"PK")
    fetch(tmp_path / "data", tiny.config(source=str(tiny.write_idx(tmp_path / "idx"))))
    assert files_in(tmp_path / "data") == DONE
    tiny.write_idx(tmp_path / "data" / "digits.parts")
    with held(tmp_path / "data" / ".digits.lock"):
        fetch(tmp_path / "data", tiny.config())
        assert "digits.parts" in files_in(tmp_path / "data")
    fetch(tmp_path / "data", tiny.config())
    assert files_in(tmp_path / "data") == DONE
    (tmp_path / "data" / ".digits.lock").touch()
    fetch(tmp_path / "data", tiny.config())
    assert files_in(tmp_path / "data") == DONE
    for name in (".digits.npz.abc.tmp", ".digits.json.abc.tmp", ".fashion.npz.abc.tmp", ".notes.tmp"):
        (tmp_path / "data" / name).write_bytes(b"half")
    fetch(tmp_path / "data", tiny.config())  # although all is there
    assert files_in(tmp_path / "data") == DONE | {".fashion.npz.abc.tmp", ".notes.tmp"}  # others may be at work


def test_a_full_disk_is_one_line_and_the_old_file_stays(
    tiny: TinyMnist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny.config(source=str(tiny.write_idx(tmp_path / "idx")), force=True)
    before = fetch(tmp_path / "data", config)[1]

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(FileError, match=r"cannot write .*digits\.json: No space left"):
            fetch(tmp_path / "data", config)
    assert find_mnist(tmp_path / "data", tiny.edition) == before
    assert files_in(tmp_path / "data") == DONE


def test_a_data_folder_that_is_a_file_is_one_line(tiny: TinyMnist, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(FileError, match="cannot write"):
        fetch(tmp_path / "data", tiny.config(source=str(tiny.write_idx(tmp_path / "idx"))))


def test_a_data_folder_that_cannot_be_written_is_read_as_it_is(
    tiny: TinyMnist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fetch(tmp_path / "data", tiny.config(source=str(tiny.write_idx(tmp_path / "idx"))))[1]

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Lease, "take", refuse)
    assert fetch(tmp_path / "data", tiny.config()) == ([], before)
    with pytest.raises(FileError, match="Permission denied"):
        fetch(tmp_path / "data", tiny.config(force=True))


def test_a_plan_asks_nobody_and_writes_nothing(tiny: TinyMnist, tmp_path: Path) -> None:
    *told, row = plan_mnist(tmp_path / "data", FetchMnistConfig())
    assert told == [Note(message=f"would ask {url}") for url in (*MNIST.mirrors, MNIST.mat_url)]
    assert isinstance(row, FetchedMnist)
    assert (row.source, row.train_n, row.sha256) == (MNIST.mirrors[0], None, None)
    assert not (tmp_path / "data").exists()
    config = tiny.config(source=str(tiny.write_idx(tmp_path / "idx")))
    there = fetch(tmp_path / "data", config)[1]
    assert list(plan_mnist(tmp_path / "data", config)) == [there]


def test_one_process_waits_for_the_other_and_then_has_nothing_to_do(tiny: TinyMnist, tmp_path: Path) -> None:
    config = tiny.config(source=str(tiny.write_idx(tmp_path / "idx")))
    (tmp_path / "data").mkdir()
    with held(tmp_path / "data" / ".digits.lock"):
        waiting = fetch_mnist(tmp_path / "data", config)
        told = next(waiting)
        assert isinstance(told, Note)
        assert told.message.startswith(f"waiting for {tmp_path / 'data'}: it is in use by process {os.getpid()} on ")
    assert isinstance(list(waiting)[-1], FetchedMnist)


PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tiny_mnist import make_tiny_mnist
from mnistfaces.fetching.mnist.fetch import fetch_mnist
tiny = make_tiny_mnist()
for record in fetch_mnist(Path(sys.argv[2]), tiny.config(source=sys.argv[3], force=True)):
    print(record, flush=True)
"""


def start(folder: Path, source: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", PROGRAM, str(Path(__file__).parents[2]), str(folder), source]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_two_processes_at_once_leave_one_whole_file(tiny: TinyMnist, tmp_path: Path, server: Server) -> None:
    url = server.serve("/mnist", tiny)
    running = [start(tmp_path, url) for _ in range(3)]
    for process in running:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert "train_n=64" in out
    assert find_mnist(tmp_path, tiny.edition).source == url
    assert files_in(tmp_path) == DONE


def kill_at_random(tiny: TinyMnist, tmp_path: Path, url: str, seeds: range) -> None:
    for seed in seeds:
        folder = tmp_path / str(seed)
        process = start(folder, url)
        time.sleep(random.Random(seed).uniform(0.2, 1.0))  # noqa: S311  a moment, no secret
        process.kill()
        process.communicate()
        if (folder / "digits.npz").exists():
            find_mnist(folder, tiny.edition)
        fetch(folder, tiny.config(source=url))
        assert load_digits(folder, tiny.edition).fingerprint == tiny.edition.fingerprint
        assert files_in(folder) == DONE
        assert find_mnist(folder, tiny.edition).source == url


def test_a_kill_at_any_moment_is_made_good_by_the_same_command(tiny: TinyMnist, tmp_path: Path, server: Server) -> None:
    kill_at_random(tiny, tmp_path, server.serve("/mnist", tiny), range(4))


def test_a_kill_between_the_two_files_loses_no_source(
    tiny: TinyMnist, tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_ = Path.replace

    def killed(path: Path, target: Path) -> Path:
        done = replace_(path, target)
        if target.name == "digits.npz":
            raise KeyboardInterrupt
        return done

    url = server.serve("/mnist", tiny)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            fetch(tmp_path, tiny.config(source=url))
    asked = len(server.asked)
    assert fetch(tmp_path, tiny.config())[1].source == url
    assert (len(server.asked), files_in(tmp_path)) == (asked, DONE)


@pytest.mark.long
def test_many_kills_are_made_good_by_the_same_command(tiny: TinyMnist, tmp_path: Path, server: Server) -> None:
    kill_at_random(tiny, tmp_path, server.serve("/mnist", tiny), range(4, 104))
