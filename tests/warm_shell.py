"""A shell in which `mnf` and `python` start at once: a process that has imported what they need forks for each of them.

A page of the documentation has dozens of lines, and importing torch costs each of them more than its work does. Run as
a script, this module is that process; nothing but the imports is shared, so each line still starts, reads, writes and
ends as a program of its own. What is killed dies at once, as a program does that nobody forked.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import mnistfaces
from mnistfaces.cli.app import main

PROGRAM = """#!{python} -ISE
import json, os, socket, sys
asked = {{"words": ["{name}", *sys.argv[1:]], "folder": os.getcwd(), "environment": dict(os.environ)}}
with socket.socket(socket.AF_UNIX) as server:
    server.connect("{address}")
    socket.send_fds(server, [json.dumps(asked).encode()], [0, 1, 2])
    os._exit(int(server.recv(16) or b"1"))
"""
HEAVY = ("matplotlib.pyplot", "scipy.stats", "sklearn.linear_model", "torch")
LONGEST_REQUEST = 1 << 18


class WarmShell:
    """A shell that starts in a folder.

    Attributes:
        folder: where its lines run.
        environment: what its programs see.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], programs: Path) -> None:
        self.folder = folder
        self.environment = {**environment, "PATH": f"{programs}{os.pathsep}{environment['PATH']}"}

    def __call__(self, text: str, **more: str) -> "subprocess.CompletedProcess[str]":
        """Runs lines as bash does from a file, up to the first that fails; stdout and stderr come in one."""
        return subprocess.run(
            ["bash", "-eo", "pipefail", "-c", text],  # noqa: S607  any bash will do
            check=False,
            cwd=self.folder,
            env={**self.environment, **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=300,
        )


@contextlib.contextmanager
def warm_programs(folder: Path, environment: Mapping[str, str]) -> Iterator[Path]:
    """Yields a folder with the programs `mnf` and `python`, and `dask` as it is."""
    address = folder / "warm"
    for name in ("mnf", "python"):
        program = folder / name
        program.write_text(PROGRAM.format(python=sys.executable, name=name, address=address), encoding="utf-8")
        program.chmod(0o755)
    (folder / "dask").write_text(f'#!/bin/sh\nexec {sys.executable} -m dask "$@"\n', encoding="utf-8")
    (folder / "dask").chmod(0o755)
    server = subprocess.Popen([sys.executable, __file__, str(address)], env=dict(environment))
    try:
        while not address.exists():
            assert server.poll() is None, "the warm process did not start"
            time.sleep(0.05)
        yield folder
    finally:
        server.kill()
        server.wait()


def serve(address: str) -> None:
    """Imports all that is heavy, then forks for each request until it is killed."""
    ours = [module.name for module in pkgutil.walk_packages(mnistfaces.__path__, "mnistfaces.")]
    for name in (*HEAVY, *ours):
        if not name.endswith("__main__"):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # a child that walks through all that was imported copies it
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{address}.new")
        listener.listen(64)
        Path(f"{address}.new").rename(address)  # whoever sees it can connect
        while True:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                answer(connection)
            connection.close()


def answer(connection: socket.socket) -> None:
    """Runs a program in a child of its own and sends back its exit code."""
    text, streams, _, _ = socket.recv_fds(connection, LONGEST_REQUEST, 3)
    if not text:  # the program that asked was killed before it could ask
        os._exit(0)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child == 0:
        connection.close()
        end(code_of(json.loads(text), streams))
    ended, _, _ = select.select([connection, os.pidfd_open(child)], [], [])
    if connection in ended:  # the program that asked was killed
        os.kill(child, signal.SIGKILL)
    for stream in streams:
        os.close(stream)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with contextlib.suppress(OSError):
        connection.sendall(str(code if code >= 0 else 128 - code).encode())
    os._exit(0)


def end(code: int) -> NoReturn:
    """Ends as Python does, but for taking apart what the server imported: that costs each line two seconds."""
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def code_of(asked: dict[str, Any], streams: list[int]) -> int:
    """Runs the program that was asked for; returns its exit code."""
    try:
        become(asked, streams)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001  as Python ends a program
        traceback.print_exc()
    return 1


def become(asked: dict[str, Any], streams: list[int]) -> NoReturn:
    """Turns this process into the program that was asked for, and exits as it does."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin, sys.stdout, sys.stderr = (  # what they were may be remembered of the streams that the server had
        os.fdopen(number, mode, encoding="utf-8", closefd=False) for number, mode in enumerate("rww")
    )
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv = asked["words"]
    if sys.argv[0] == "mnf":
        main()
    sys.argv.pop(0)
    sys.path[0] = str(Path(sys.argv[0]).resolve().parent)
    runpy.run_path(sys.argv[0], run_name="__main__")
    sys.exit()


if __name__ == "__main__":
    serve(sys.argv[1])
