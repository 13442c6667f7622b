"""Claim: `mnf fetch faces` needs a tenth of the time of one thread with 10 s time-outs, and keeps nothing invalid.

The web of 2018 is played back on the loopback (`shared/tools/replay_web.py`): 1,492 rows of six actors, with dead,
parked, overloaded and silent hosts. Beside ours: one thread that asks each row with requests and 10 s time-outs,
and img2dataset on the same rows where a Python that has it is named.
An image is valid if its bytes have the listed SHA-256. No host may ever have two requests under way.

    python benchmarks/bench_fetch.py [--quick] [--img2dataset PYTHON]

--quick takes 373 rows, and the one thread every tenth of them, its seconds multiplied by ten.
A ratio is the peer's seconds over ours.
"""

import argparse
import contextlib
import csv
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("MNF_SHARED", ROOT.parent / "shared"))
LISTS = [SHARED / "data" / "faces" / f"facescrub_{kind}.txt" for kind in ("actors", "actresses")]
SIX = {"Alec Baldwin", "Lorraine Bracco", "Peri Gilpin", "Angie Harmon", "Bill Hader", "Steve Carell"}
TIMEOUT_S = 10
ONE_IN = 10


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What one program did with the rows."""

    program: str
    seconds: float
    valid: int
    invalid: int
    most_at_once: int
    mebibytes: float | None = None
    note: str = ""


@contextlib.contextmanager
def replay() -> Iterator[str]:
    """Yields the address of a proxy that plays the recorded web."""
    command = [sys.executable, str(SHARED / "tools" / "replay_web.py"), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603  our own interpreter
    try:
        yield process.stdout.readline().split()[-1] if process.stdout else ""
    finally:
        process.terminate()
        process.wait()


def most_at_once(proxy: str) -> int:
    with urllib.request.urlopen(f"{proxy}/stats") as answer:  # noqa: S310  on the loopback
        return max(json.loads(answer.read())["most_in_flight"].values(), default=0)


def read_rows(count: int) -> list[list[str]]:
    rows = [line.split("\t") for path in LISTS for line in path.read_text().splitlines()]
    return [row for row in rows if row[0] in SIX and len(row) == 6][:: 1492 // count]  # noqa: PLR2004  whole rows


def bench_ours(rows: Sequence[Sequence[str]], folder: Path) -> Measured:
    listed = folder / "list.txt"
    listed.write_text("\n".join("\t".join(row) for row in rows))
    command = [sys.executable, "-m", "mnistfaces", "fetch", "faces", "--list", str(listed), "--quiet"]
    with replay() as proxy:
        began = time.monotonic()
        process = subprocess.Popen(  # noqa: S603  our own interpreter
            [*command, "--data-dir", str(folder / "ours")],
            stdout=subprocess.DEVNULL,
            env={**os.environ, "http_proxy": proxy},
            cwd=ROOT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        at_once = most_at_once(proxy)
    if status != 0:
        raise SystemExit(f"mnf fetch faces ended with {status}")
    kept = list((folder / "ours" / "faces" / "originals").glob("*/*"))
    valid = count_valid(rows, (path.read_bytes() for path in kept))
    return Measured(
        program="mnf fetch faces",
        seconds=seconds,
        valid=valid,
        invalid=len(kept) - valid,
        most_at_once=at_once,
        mebibytes=usage.ru_maxrss / 1024,
        note="crops made too",
    )


def bench_one_thread(rows: Sequence[Sequence[str]], one_in: int) -> Measured:
    """Asks every k-th row as a plain script would: whatever comes with status 200 is kept."""
    part = rows[::one_in]
    bodies = []
    with replay() as proxy:
        began = time.monotonic()
        for row in part:
            with contextlib.suppress(requests.RequestException):
                reply = requests.get(row[3], timeout=TIMEOUT_S, proxies={"http": proxy})
                bodies += [reply.content] if reply.ok else []
        seconds = (time.monotonic() - began) * len(rows) / len(part)
        at_once = most_at_once(proxy)
    valid = count_valid(rows, bodies)
    return Measured(
        program="one thread, 10 s",
        seconds=seconds,
        valid=round(valid * len(rows) / len(part)),
        invalid=round((len(bodies) - valid) * len(rows) / len(part)),
        most_at_once=at_once,
        note="" if one_in == 1 else f"extrapolated from {len(part)} rows",
    )


IMG2DATASET = """
import sys
from img2dataset import download
if __name__ == "__main__":
    download(url_list=sys.argv[1], input_format="csv", url_col="url", output_folder=sys.argv[2], output_format="files",
             processes_count=1, thread_count=64, timeout=10, retries=2, resize_mode="no", encode_quality=95,
             skip_reencode=True, compute_hash="sha256")
"""


def bench_img2dataset(rows: Sequence[Sequence[str]], folder: Path, python: str) -> Measured:
    """The same rows with as many threads and as many retries; what it keeps is judged by the listed SHA-256."""
    listed, program = folder / "urls.csv", folder / "run_img2dataset.py"
    with listed.open("w", newline="") as file:
        csv.writer(file).writerows([["url"], *([row[3]] for row in rows)])
    program.write_text(IMG2DATASET)
    with replay() as proxy:
        began = time.monotonic()
        done = subprocess.run(  # noqa: S603  the interpreter that the caller names
            [python, str(program), str(listed), str(folder / "theirs")],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "http_proxy": proxy, "NO_ALBUMENTATIONS_UPDATE": "1"},
        )
        seconds = time.monotonic() - began
        at_once = most_at_once(proxy)
    if done.returncode != 0:
        raise SystemExit(f"img2dataset ended with {done.returncode}: {done.stderr[-500:]}")
    kept = [path for path in (folder / "theirs").rglob("*") if path.suffix in (".jpg", ".png", ".webp")]
    valid = count_valid(rows, (path.read_bytes() for path in kept))
    return Measured(
        program="img2dataset",
        seconds=seconds,
        valid=valid,
        invalid=len(kept) - valid,
        most_at_once=at_once,
        note="64 threads, 10 s, 2 retries",
    )


def count_valid(rows: Sequence[Sequence[str]], bodies: "Iterator[bytes] | list[bytes]") -> int:
    listed = {row[5] for row in rows}
    return sum(hashlib.sha256(body).hexdigest() in listed for body in bodies)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="373 rows instead of 1,492")
    parser.add_argument("--img2dataset", metavar="PYTHON", help="an interpreter that has img2dataset")
    options = parser.parse_args()
    rows = read_rows(300 if options.quick else 1492)
    with tempfile.TemporaryDirectory() as name:
        measured = [bench_ours(rows, Path(name)), bench_one_thread(rows, ONE_IN if options.quick else 1)]
        if options.img2dataset:
            measured.append(bench_img2dataset(rows, Path(name), options.img2dataset))
    print(
        f"{len(rows)} rows; Python {platform.python_version()}, {os.cpu_count()} CPUs, requests {requests.__version__}"
    )
    print(f"{'program':18} {'seconds':>8} {'ratio':>6} {'valid':>6} {'invalid':>8} {'at once':>8} {'MiB':>6}  note")
    for one in measured:
        memory = "" if one.mebibytes is None else f"{one.mebibytes:.0f}"
        ratio = one.seconds / measured[0].seconds
        print(
            f"{one.program:18} {one.seconds:8.1f} {ratio:6.1f} {one.valid:6} {one.invalid:8} {one.most_at_once:8} "
            f"{memory:>6}  {one.note}"
        )
    if measured[0].invalid or measured[0].most_at_once > 1:
        raise SystemExit("something invalid was kept, or a host was asked twice at once")


if __name__ == "__main__":
    main()
