"""What the machine refuses is one line, and what a person stops is quiet: disks, streams, names, memory, Ctrl-C."""

import errno
import os
import resource
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import Answer, Mnf

TRAIN = ("train", "digits-sample", "--train-per-class", 5, "--epochs", 3)
AS_ROOT = os.name == "posix" and os.geteuid() == 0


def hooked(mnf: Mnf, program: str) -> dict[str, str]:
    """Returns an environment in which a few lines run before the program does."""
    hook = mnf.folder / "hook"
    hook.mkdir(exist_ok=True)
    (hook / "sitecustomize.py").write_text(program)
    return {"PYTHONPATH": str(hook)}


REFUSE = """
import builtins, errno, io, os
{where} = {where}
def refuse(*arguments, **options):
    if {when}:
        raise OSError({reason}, os.strerror({reason}), {name})
    return real(*arguments, **options)
real = {where}
{where} = refuse
"""


@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES])
def test_a_disk_that_refuses_is_one_line_that_names_the_path(mnf: Mnf, reason: int) -> None:
    program = REFUSE.format(where="os.fsync", when="True", reason=reason, name="None")
    complaint = mnf(*TRAIN, "--out", "out", env=hooked(mnf, program), code=1).complaint
    assert complaint == f"cannot write out/config.json: {os.strerror(reason)}"
    assert [path.name for path in (mnf.folder / "out").iterdir()] == []


def test_a_limit_on_threads_is_one_line(mnf: Mnf) -> None:
    program = """
import threading
def refuse(*_):
    raise RuntimeError("can't start new thread")
threading._start_new_thread = refuse
"""
    complaint = mnf(*TRAIN, "--out", "out", env=hooked(mnf, program), code=1).complaint
    assert complaint == "the machine refuses: can't start new thread (see ulimit -u)"


@pytest.mark.parametrize("reason", [errno.EIO, errno.EACCES, errno.EMFILE, errno.ESTALE])
def test_an_error_of_the_machine_anywhere_is_one_line(mnf: Mnf, reason: int) -> None:
    program = REFUSE.format(
        where="os.stat", when="'pictures' in str(arguments[0])", reason=reason, name="str(arguments[0])"
    )
    (mnf.folder / "pictures").mkdir()
    complaint = mnf("train", "pictures", env=hooked(mnf, program), code=1).complaint
    assert "pictures" in complaint
    assert complaint.endswith(os.strerror(reason))


def test_a_file_that_may_not_grow_is_one_line(mnf: Mnf) -> None:
    done = subprocess.run(
        mnf.command(*TRAIN, "--out", "out"),
        capture_output=True,
        text=True,
        cwd=mnf.folder,
        env=mnf.environment(PYTHONDONTWRITEBYTECODE="1"),  # Python would keep half a module
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)),
        check=False,
    )
    complaint = Answer(done.returncode, done.stdout, done.stderr).complaint
    assert complaint.startswith("cannot write out/")
    assert complaint.endswith(": File too large")


@pytest.mark.skipif(AS_ROOT, reason="root may do everything")
def test_no_permission_is_one_line(mnf: Mnf) -> None:
    (mnf.folder / "mine").mkdir(mode=stat.S_IRUSR)
    assert "Permission denied" in mnf("evaluate", "mine/run", code=1).complaint


LONG_NAME = "x" * 256


@pytest.mark.parametrize(
    "words",
    [
        (*TRAIN, "--out", LONG_NAME),
        (*TRAIN, "--plot", f"{LONG_NAME}.png"),
        ("train", LONG_NAME),
        ("sweep", f"{LONG_NAME}.npz"),
        ("evaluate", LONG_NAME),
        ("compare", LONG_NAME, f"{LONG_NAME}.csv"),
        ("trajectory", f"{LONG_NAME}.npz"),
        ("predict", LONG_NAME, LONG_NAME),
        ("contour", "--run", LONG_NAME),
        ("extract-features", LONG_NAME),
        ("env", "--data-dir", LONG_NAME),
        ("fetch", "digits", "--from", LONG_NAME),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_a_name_that_is_too_long_is_one_line(mnf: Mnf, words: tuple[object, ...]) -> None:
    done = mnf(*words, code=None)
    assert done.code in (1, 2)
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("mnf: ")


@pytest.mark.parametrize("closing", [">&-", "2>&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_is_nowhere_and_no_file_takes_its_place(mnf: Mnf, closing: str) -> None:
    line = f'"$0" "$@" {closing}'
    words = ["sh", "-c", line, *mnf.command(*TRAIN, "--out", "out", "--plot", "curve.svg")]
    done = subprocess.run(
        words, capture_output=True, text=True, cwd=mnf.folder, env=mnf.environment(), check=False, timeout=60
    )
    if ">&-" in closing.replace("2>&-", ""):
        assert done.returncode == 1
        assert done.stdout == ""
        assert done.stderr == (
            "" if "2>&-" in closing else "mnf: stdout is closed: send the results somewhere, to /dev/null if nowhere\n"
        )
        assert not (mnf.folder / "out").exists()
        return
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 1  # the row, and no note
    assert (mnf.folder / "curve.svg").read_text().startswith("<?xml")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full disk to write to")
@pytest.mark.parametrize("reader", ["gone", "/dev/full"])
@pytest.mark.parametrize(("words", "code"), [(("train", "nosuch"), 2), (("train", "digits-sample", "--out", "f"), 1)])
def test_an_exit_code_is_the_same_where_nobody_takes_the_complaint(
    mnf: Mnf, words: tuple[str, ...], code: int, reader: str
) -> None:
    (mnf.folder / "f").write_text("a file, where a folder is to be")
    if reader == "gone":
        gone, stderr = os.pipe()
        os.close(gone)
    else:
        stderr = os.open(reader, os.O_WRONLY)
    buffered = mnf.environment() | {"PYTHONUNBUFFERED": ""}
    done = subprocess.run(
        mnf.command(*words, "--quiet"), stdout=subprocess.PIPE, stderr=stderr, cwd=mnf.folder, env=buffered, timeout=60,
        check=False,
    )  # fmt: skip
    os.close(stderr)
    assert (done.returncode, done.stdout) == (code, b"")


@pytest.mark.parametrize("closed", [0, 2])
def test_no_file_gets_the_number_of_a_stream_that_was_closed(tmp_path: Path, closed: int) -> None:
    program = (
        f"import os; os.close({closed})\nfrom mnistfaces.cli.app import _prepare_streams\n"
        "_prepare_streams()\nprint(open('data', 'w').fileno() > 2)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout == "True\n"


def test_memory_that_is_not_there_is_one_line(mnf: Mnf) -> None:
    program = "import numpy\ndef none(*_, **__): raise MemoryError('Unable to allocate 9. TiB')\nnumpy.zeros = none\n"
    complaint = mnf(*TRAIN, "--out", "out", env=hooked(mnf, program), code=1).complaint
    assert complaint == "not enough memory: Unable to allocate 9. TiB"


STOPPED = "mnf: stopped; finished work is kept: the same command goes on from there\n"

INTERRUPT_AT_IMPORT = """
import os, signal, sys
class Interrupting:
    def find_spec(self, name, *_):
        if name == {name!r}:
            os.kill(os.getpid(), signal.{sent})
sys.meta_path.insert(0, Interrupting())
"""


@pytest.mark.parametrize("sent", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("name", ["typer", "mnistfaces.cli.sweep", "numpy", "torch", "mnistfaces.experiments.sweep"])
def test_ctrl_c_during_the_imports_is_quiet(mnf: Mnf, name: str, sent: str) -> None:
    program = INTERRUPT_AT_IMPORT.format(name=name, sent=sent)
    done = mnf("sweep", "--epochs", 2, "--quiet", env=hooked(mnf, program), code=130 if sent == "SIGINT" else 143)
    assert (done.stdout, done.stderr) == ("", STOPPED)


IN_AN_IMPORT = """
import os, signal, sys
sys.path.insert(0, {folder!r})
from mnistfaces.cli import app
checked = app._checked_run
def run():
    import half_way
    return checked()
app._checked_run = run
"""


@pytest.mark.parametrize("sent", ["SIGINT", "SIGTERM"])
def test_an_import_is_done_to_its_end_before_a_signal_stops_the_work(mnf: Mnf, sent: str) -> None:
    """In the middle of torch's a KeyboardInterrupt was an abort of C++ with its stack."""
    (mnf.folder / "half_way.py").write_text(
        f"import os, signal, pathlib\nos.kill(os.getpid(), signal.{sent})\nsum(range(10**6))\n"
        "pathlib.Path('imported').touch()\n"
    )
    program = IN_AN_IMPORT.format(folder=str(mnf.folder))
    done = mnf("sweep", "--epochs", 2, "--quiet", env=hooked(mnf, program), code=130 if sent == "SIGINT" else 143)
    assert (done.stdout, done.stderr) == ("", STOPPED)
    assert (mnf.folder / "imported").exists()
    assert not (mnf.folder / "runs").exists()


SLOW = ("sweep", "digits-sample", "--lr", "1e-5,1e-4", "--batch-size", 10, "--epochs", 2000, "--quiet", "--out")


def test_a_second_ctrl_c_is_as_quiet_as_the_first(mnf: Mnf) -> None:
    for pause in (0.0, 0.001, 0.01, 0.05):
        with mnf.start(*SLOW, f"out-{pause}") as process:
            while not (mnf.folder / f"out-{pause}" / "config.json").exists():
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            time.sleep(pause)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=10)
        assert out == ""
        assert process.returncode in (130, -signal.SIGINT)  # the latter while the interpreter takes itself apart
        assert err in ("", STOPPED)


def test_ctrl_c_while_a_file_is_written_leaves_it_whole_or_absent_and_no_litter_after_the_next_run(mnf: Mnf) -> None:
    program = """
import os, signal
real = os.fsync
def fsync(descriptor):
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGINT)
    real(descriptor)
os.fsync = fsync
"""
    assert mnf(*TRAIN, "--out", "out", env=hooked(mnf, program), code=130).stdout == ""
    mnf(*TRAIN, "--out", "out")
    left = sorted(path.name for path in (mnf.folder / "out").iterdir())
    assert left == ["config.json", "history.csv", "predictions.npz", "results.ndjson", "weights.safetensors"]


def test_a_bug_keeps_its_traceback(mnf: Mnf) -> None:
    program = "import numpy\ndef bug(*_, **__): raise RuntimeError('a bug')\nnumpy.zeros = bug\n"
    done = mnf(*TRAIN, env=hooked(mnf, program), code=1)
    assert "Traceback" in done.stderr
    assert done.stderr.endswith("RuntimeError: a bug\n")


EVIL = "=1+\x1b[31mr\x9bed\u202e[bold]|$x$"
FORMULA = "=1+[bold]|$x$"  # a class may be called so


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Mnf:
    """Returns a folder with a dataset, `evil.npz`, whose first class is no markup, mathematics or formula."""
    mnf = Mnf(tmp_path_factory.mktemp("evil"))
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 30)
    features = rng.normal(size=(60, 3)).astype(np.float32) + labels[:, None]
    names = np.array([f"{FORMULA}{number}" for number in range(60)])
    np.savez(mnf.folder / "evil.npz", features=features, labels=labels, classes=np.array([FORMULA, "b"]), names=names)
    mnf("train", "evil.npz", "--test-per-class", 10, "--epochs", 5, "--out", "run")
    return mnf


@pytest.mark.parametrize(
    ("form", "shown"), [("table", FORMULA), ("ndjson", FORMULA), ("csv", f"'{FORMULA}"), ("md", r"=1+\[bold\]\|$x$")]
)
def test_names_from_data_are_shown_letter_by_letter_and_run_by_no_spreadsheet(evil: Mnf, form: str, shown: str) -> None:
    done = evil("evaluate", "run", "evil.npz", "--format", form, "--plot", "c.png", "--mistakes", "m.csv")
    assert shown in done.stdout
    cells = (evil.folder / "m.csv").read_text().replace("\n", ",").split(",")
    assert any(cell.startswith("'=") for cell in cells)
    assert not any(cell.startswith("=") for cell in cells)


def orders(text: str) -> list[str]:
    return [char for char in text if char in "\x1b\x9b\u202e"]


@pytest.mark.parametrize(
    "words",
    [("evaluate", EVIL), ("train", EVIL), ("train", "evil.npz", "--out", "run", "--lr", "3"), ("sweep", "--lr", EVIL)],
)
def test_names_in_errors_give_a_terminal_no_orders(evil: Mnf, words: tuple[str, ...]) -> None:
    done = evil(*words, code=None)
    assert done.code in (1, 2)
    assert orders(done.stderr) == []


def test_names_in_progress_are_neither_orders_nor_markup() -> None:
    program = """
import sys
sys.stderr.isatty = lambda: True
from rich.console import Console
from mnistfaces.cli._progress import Progress
bar = Progress(Console(stderr=True, force_terminal=True, width=200), sys.argv[1] + "D", 10, silent=False)
bar.advance(1, sys.argv[1] + "T")
bar.stop()
"""
    done = subprocess.run([sys.executable, "-c", program, EVIL], capture_output=True, text=True, check=True)
    assert "r\\x9bed\\u202e[bold]|$x$D" in done.stderr
    assert "r\\x9bed\\u202e[bold]|$x$T" in done.stderr
