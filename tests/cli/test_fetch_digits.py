"""`mnf fetch digits` as a person or a script meets it."""

import contextlib
import csv
import functools
import http.server
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import scipy.io
from tiny_mnist import make_tiny_mnist

SHARED = Path(os.environ.get("MNF_SHARED", Path(__file__).parents[3] / "shared")) / "data" / "mnist"
FIELDS = ["source", "train_n", "val_n", "test_n", "sha256", "path"]
COMMAND = [sys.executable, "-m", "mnistfaces", "fetch", "digits"]


def mnf_fetch_digits(*arguments: object, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, cwd=cwd, timeout=120, check=False
    )


def complaint(done: "subprocess.CompletedProcess[str]") -> str:
    """Returns the one line of an error that is not a bug, of a command that printed no result."""
    assert done.stdout == ""
    line = done.stderr.splitlines()[-1]
    assert line.startswith("mnf: ")
    assert "Traceback" not in done.stderr
    return line


@pytest.fixture
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip(f"the full MNIST is not at {SHARED}")
    return SHARED


def test_help_opens_with_two_lines_to_copy_and_imports_nothing_heavy() -> None:
    done = mnf_fetch_digits("--help")
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    assert lines[1:3] == ["$ mnf fetch digits", "$ mnf fetch digits --from mnist_all.mat"]
    program = "import sys, mnistfaces.cli.fetch_digits; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "numpy", "scipy", "requests", "PIL", "matplotlib"} & set(modules)


@pytest.mark.parametrize("arguments", [["--from", "file:///etc/hosts"], ["--from", ""], ["--frm", "x"], ["more"]])
def test_wrong_usage_is_one_line_and_exit_2(tmp_path: Path, arguments: list[str]) -> None:
    done = mnf_fetch_digits("--data-dir", tmp_path / "data", *arguments)
    assert done.returncode == 2
    assert complaint(done)
    assert not (tmp_path / "data").exists()


def test_a_dry_run_tells_what_would_be_asked_and_does_nothing(tmp_path: Path) -> None:
    done = mnf_fetch_digits("--data-dir", tmp_path / "data", "--dry-run")
    assert done.returncode == 0
    assert [line.split()[:2] for line in done.stderr.splitlines()] == [["would", "ask"]] * 4
    row = json.loads(done.stdout)
    assert list(row) == FIELDS
    assert row["train_n"] is None
    assert row["path"] == str(tmp_path / "data" / "digits.npz")
    assert not (tmp_path / "data").exists()


def test_an_array_with_too_few_images_is_one_line_and_exit_1(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "mnist_all.mat", make_tiny_mnist().arrays)
    done = mnf_fetch_digits("--data-dir", tmp_path / "data", "--from", tmp_path / "mnist_all.mat")
    assert done.returncode == 1
    assert complaint(done) == f"mnf: {tmp_path / 'mnist_all.mat'}: train0 has 5 images, not 5923"
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.timed
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_ends_the_wait_for_a_silent_server_within_two_seconds(
    tmp_path: Path, sent: int, code: int
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/mnist/"
        command = [*COMMAND, "--data-dir", str(tmp_path / "data"), "--from", url, "--allow-private"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            connection, _ = silent.accept()
            with connection:
                assert connection.recv(100)
                start = time.monotonic()
                process.send_signal(sent)
                out, err = process.communicate(timeout=30)
                assert time.monotonic() - start < 2
    assert process.returncode == code
    assert out == ""
    assert err.splitlines()[-1].startswith("mnf: stopped")
    assert "Traceback" not in err


def test_the_mat_file_and_the_idx_files_give_one_and_the_same_row_and_file(shared: Path, tmp_path: Path) -> None:
    from_mat = mnf_fetch_digits("--data-dir", tmp_path / "mat", "--from", shared / "mnist_all.mat")
    assert (from_mat.returncode, from_mat.stderr) == (0, "")
    row = json.loads(from_mat.stdout)
    assert list(row) == FIELDS
    assert (row["train_n"], row["val_n"], row["test_n"]) == (60_000, 0, 10_000)
    idx = mnf_fetch_digits("--from", shared, "--data-dir", "idx", "--format", "csv", cwd=tmp_path)
    (other,) = csv.DictReader(io.StringIO(idx.stdout))
    assert other["sha256"] == row["sha256"]
    assert other["path"] == str(Path("idx") / "digits.npz")
    assert (tmp_path / "idx" / "digits.npz").read_bytes() == Path(row["path"]).read_bytes()
    again = mnf_fetch_digits("--data-dir", tmp_path / "mat")
    assert (again.returncode, again.stdout, again.stderr) == (0, from_mat.stdout, "")
    other_source = mnf_fetch_digits("--data-dir", tmp_path / "mat", "--from", shared)
    assert (other_source.returncode, other_source.stdout) == (0, from_mat.stdout)
    assert f"is here already, from {shared / 'mnist_all.mat'}: --force reads {shared}" in other_source.stderr


def test_a_mirror_on_the_loopback_gives_the_full_mnist(shared: Path, tmp_path: Path) -> None:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(shared))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        with contextlib.closing(server.socket):
            url = f"http://127.0.0.1:{server.server_port}/"
            done = mnf_fetch_digits("--data-dir", tmp_path, "--from", url, "--allow-private")
            server.shutdown()
            thread.join()
    assert done.returncode == 0
    assert json.loads(done.stdout)["source"] == url
    assert len(done.stderr.splitlines()) == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "cache",
        "digits-order.npz",
        "digits.json",
        "digits.npz",
    ]
