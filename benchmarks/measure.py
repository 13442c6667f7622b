"""What every benchmark needs: repeated timing, the machine, and a table."""

import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from importlib import metadata

import torch


def median_seconds(work: Callable[[], object], runs: int) -> float:
    """Returns the median wall time of `runs` calls, after one that warms up."""
    work()
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def show(title: str, rows: Sequence[tuple[str, float, str, float, str]]) -> None:
    """Prints a table of (work, our seconds, peer, its seconds, what was compared), with ratios."""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "numpy", "scikit-learn"))
    print(f"\n{title}")
    print(f"{platform.machine()}, {os.cpu_count()} cores, torch threads {torch.get_num_threads()}, {versions}\n")
    print("| work | ours, s | peer | peer, s | ratio | same answer |")
    print("|---|---:|---|---:|---:|---|")
    for work, ours, peer, theirs, same in rows:
        print(f"| {work} | {ours:.4g} | {peer} | {theirs:.4g} | {theirs / ours:.1f}x | {same} |")
