"""Claim: `mnf --help` and every command's help take under 0.3 s, and import nothing heavy.

    python benchmarks/bench_startup.py [--quick]

The fastest of several starts is shown: others measure what else the machine was doing.
"""

import argparse
import subprocess
import sys
import time

HEAVY = ("torch", "torchvision", "matplotlib", "scipy", "numpy", "requests", "PIL")
LIMIT = 0.3
COMMANDS = (
    "",
    "fetch digits",
    "fetch faces",
    "samples",
    "gradcheck",
    "train",
    "sweep",
    "compare",
    "contour",
    "trajectory",
    "visualize-weights",
    "env",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    runs = 3 if parser.parse_args().quick else 10
    print("| command | fastest, s | under 0.3 s | heavy imports |")
    print("|---|---:|---|---|")
    for command in COMMANDS:
        words = [*command.split(), "--help"]
        times = []
        for _ in range(runs):
            started = time.perf_counter()
            subprocess.run([sys.executable, "-m", "mnistfaces", *words], check=True, stdout=subprocess.DEVNULL)  # noqa: S603  ours
            times.append(time.perf_counter() - started)
        probe = [sys.executable, "-X", "importtime", "-m", "mnistfaces", *words]
        imported = subprocess.run(probe, check=True, capture_output=True, text=True).stderr  # noqa: S603  ours
        names = {line.rsplit("|", 1)[-1].strip() for line in imported.splitlines()}
        heavy = ", ".join(name for name in HEAVY if name in names) or "none"
        verdict = "yes" if min(times) < LIMIT else "NO"
        print(f"| mnf {command} --help | {min(times):.3f} | {verdict} | {heavy} |")


if __name__ == "__main__":
    main()
