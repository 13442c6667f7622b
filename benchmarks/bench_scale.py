"""Claim: a sweep's cost grows with its cells and no faster: seconds and memory of whole commands, slope on log axes.

Each grid is trained, then shown again, then planned alone (`--dry-run`), by the program as a person starts it; with
`--before FOLDER` also by the release whose package lies in that folder. Seconds are those of the processor,
which a busy machine alters less than those on the wall. What FEW cells take is start-up, and is subtracted from the
seconds per cell and before the slope on log axes is taken: 1 is cost in proportion to the cells.
"""

import argparse
import math
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

FEW = MOMENTA = 10


@dataclass(frozen=True)
class Cost:
    """What a command took: seconds on the wall and of the processor, and the most memory in MB."""

    wall: float
    processor: float
    memory: float


def cost_of(command: Sequence[str], package: Path | None) -> Cost:
    """Returns the cost of a command, with another release's package in front if one is given."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    if package is not None:
        environment["PYTHONPATH"] = str(package)
    started = os.times().elapsed
    with tempfile.TemporaryDirectory() as folder:  # else Python would take the package that lies beside it
        process = subprocess.Popen(  # noqa: S603  our own program
            command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    unit = 1 if platform.system() == "Darwin" else 1024
    return Cost(os.times().elapsed - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 1e6)


def measured(cells: int, epochs: int, package: Path | None) -> Iterator[tuple[str, Cost]]:
    """Yields the costs of planning a grid, of training it, and of showing it again."""
    out = Path(tempfile.mkdtemp())
    asked = ["sweep", "digits-sample", "--lr", f"log:1e-5:1e-2:{cells // MOMENTA}", "--epochs", str(epochs)]
    asked += ["--momentum", f"lin:0:0.9:{MOMENTA}", "--out", str(out / "run"), "--quiet", "--format", "ndjson"]
    command = [sys.executable, "-m", "mnistfaces", *asked]
    try:
        yield "planned", cost_of([*command, "--dry-run"], package)
        yield "trained", cost_of(command, package)
        yield "shown again", cost_of(command, package)
    finally:
        shutil.rmtree(out)


def slope(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """Returns the least-squares slope of log seconds over log sizes."""
    x, y = [math.log(size) for size in sizes], [math.log(value) for value in seconds]
    across, up = sum(x) / len(x), sum(y) / len(y)
    above = sum((a - across) * (b - up) for a, b in zip(x, y, strict=True))
    return above / sum((a - across) ** 2 for a in x)


def show(name: str, sizes: Sequence[int], epochs: int, package: Path | None) -> None:
    """Prints one release's table."""
    start = dict(measured(FEW, epochs, package))
    costs: dict[str, list[float]] = {work: [] for work in start}
    print(f"\n{name}: epochs per cell {epochs}\n")
    print("| cells | | processor, s | wall, s | ms per cell | memory, MB |")
    print("|---:|---|---:|---:|---:|---:|")
    for cells in sizes:
        for work, cost in measured(cells, epochs, package):
            costs[work].append(max(1e-3, cost.processor - start[work].processor))
            each = 1000 * costs[work][-1] / cells
            print(f"| {cells:,} | {work} | {cost.processor:.2f} | {cost.wall:.2f} | {each:.2f} | {cost.memory:.0f} |")
            sys.stdout.flush()
    slopes = ", ".join(f"{work} {slope(sizes, found):.2f}" for work, found in costs.items())
    print(f"\nstart-up: {start['trained'].processor:.1f} s with torch; slopes: {slopes}")


def main() -> None:
    """Measures both releases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small grids")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--before", type=Path, help="a folder that holds the package of an earlier release")
    asked = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, one thread, load {os.getloadavg()[0]:.1f}")
    if asked.before is not None:
        show("before", (250, 500, 1000) if asked.quick else (1000, 2000, 4000), asked.epochs, asked.before)
    show("now", (250, 500, 1000) if asked.quick else (1000, 4000, 20_000), asked.epochs, None)


if __name__ == "__main__":
    main()
