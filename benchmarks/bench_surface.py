"""Claim: a 2000 x 2000 surface takes a hundred-thousandth of the course's time, and a hundredth of the closed form's.

Two weights into digit 5, from -10 to 10 in steps of 0.01, over 4,000 and over 60,000 images, the pass over the images
and the check of the result included. Peers: `course`, a full forward pass a point, and `vectorised`, the closed form at
every point; both are timed on a sample of points and multiplied. The values are compared at those points.

    python benchmarks/bench_surface.py [--quick] [--data FOLDER_WITH_MNIST_IDX]

Without MNIST, images with the pixel statistics of strokes are made up; the table says so.
"""

import argparse
import gzip
import multiprocessing
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from peers import course_cost, vectorised_rows

from mnistfaces.landscape import Pair, SoftmaxProblem, Surface, SurfaceConfig, parse_weight, surface

SIDE, CLASSES = 28, 10
RATE, DESCENT = 2e-4, 300
ABOVE_COURSE, ABOVE_VECTORISED, LARGEST_ERROR, LARGEST_MEMORY = 1e5, 100, 1e-9, 500


def load(folder: Path | None) -> tuple[NDArray[np.uint8], NDArray[np.int64], str]:
    """Returns 60,000 images, (N, D), their labels, and where they came from."""
    if folder is not None and (folder / "train-images-idx3-ubyte.gz").exists():
        images = gzip.decompress((folder / "train-images-idx3-ubyte.gz").read_bytes())[16:]
        labels = gzip.decompress((folder / "train-labels-idx1-ubyte.gz").read_bytes())[8:]
        pixels = np.frombuffer(images, np.uint8).reshape(-1, SIDE * SIDE)
        return pixels, np.frombuffer(labels, np.uint8).astype(np.int64), "MNIST"
    rng = np.random.default_rng(0)
    labels = rng.integers(CLASSES, size=60_000)
    strokes = rng.random((CLASSES, SIDE * SIDE)) ** 2
    pixels = (rng.random((60_000, SIDE * SIDE)) < strokes[labels]) * rng.integers(60, 256, (60_000, SIDE * SIDE))
    return pixels.astype(np.uint8), labels, "made-up strokes"


def train(pixels: NDArray[np.uint8], labels: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns weights, (C, D), and biases, (C,), after some steps of full-batch descent."""
    problem = SoftmaxProblem(
        inputs=pixels, labels=labels, weight=np.zeros((CLASSES, SIDE * SIDE)), bias=np.zeros(CLASSES)
    )
    weight, bias = problem.weight, problem.bias
    for _ in range(DESCENT):
        _, by_weight, by_bias = problem.cost_and_gradient(weight, bias)
        weight, bias = weight - RATE * by_weight, bias - RATE * by_bias
    return weight, bias


def seconds(work: Callable[[], object], runs: int) -> float:
    """Returns the median wall time of some runs."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def course(problem: SoftmaxProblem, pair: Pair, computed: Surface, points: int) -> tuple[float, float]:
    """Returns the course's seconds for all points, from a sample, and our largest error at the sample."""
    columns = np.ascontiguousarray((problem.inputs / 255).T)
    truth = np.eye(CLASSES)[problem.labels].T
    rng = np.random.default_rng(1)
    chosen = np.stack([rng.integers(size, size=points) for size in computed.loss.shape], axis=1)
    errors, times = [], []
    for row, column in chosen:
        started = time.perf_counter()
        weight = problem.weight.copy()
        weight[pair.classes, pair.inputs] = computed.w1[column], computed.w2[row]
        cost = course_cost(weight, problem.bias[:, None], columns, truth)
        times.append(time.perf_counter() - started)
        errors.append(abs(computed.loss[row, column] - cost) / max(cost, 1))
    return statistics.median(times) * computed.loss.size, max(errors)


def vectorised(computed: Surface, rows: int) -> tuple[float, float]:
    """Returns the closed form's seconds for all rows, from a sample, and our largest error on the sample."""
    plane, chosen = computed.plane, slice(None, None, len(computed.w2) // rows)
    odds, target = np.exp(plane.offsets[:, 0]), plane.target == 1
    started = time.perf_counter()
    cost = vectorised_rows((computed.w1, computed.w2[chosen]), plane.pixels, odds, target) + plane.constant
    took = time.perf_counter() - started
    error = np.abs(computed.loss[chosen] - cost) / np.maximum(cost, 1)
    return took * len(computed.w2) / len(cost), float(error.max())


def peak_memory(folder: str) -> float:
    """Returns the MiB that a process needs at its peak to compute the surface from files in `folder`."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak, (folder,))


def _peak(folder: str) -> float:
    arrays = {path.stem: np.load(path, mmap_mode="r") for path in Path(folder).glob("*.npy")}
    surface(SoftmaxProblem(**arrays), part_6(), SurfaceConfig())
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024  # getrusage would count what the parent had held


def part_6() -> Pair:
    """Returns the two weights of the report's Part 6 (a)."""
    names = tuple(map(str, range(CLASSES)))
    first, second = (parse_weight(text, names, (SIDE, SIDE)) for text in ("5,13,14", "5,15,14"))
    return Pair(first, second)


def measure(problem: SoftmaxProblem, *, quick: bool) -> bool:
    """Prints one row of the table; returns whether it keeps what is claimed."""
    computed = surface(problem, part_6(), SurfaceConfig())
    ours = seconds(lambda: surface(problem, part_6(), SurfaceConfig()), 3 if quick else 9)
    by_course, error = course(problem, part_6(), computed, 5 if quick else 50)
    by_closed_form, second_error = vectorised(computed, 4 if quick else 40)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("inputs", "labels", "weight", "bias"):
            np.save(Path(folder) / f"{name}.npy", getattr(problem, name))
        memory = peak_memory(folder)
    error = max(error, second_error, computed.error)
    print(
        f"{len(problem.labels):>7,} {ours:>8.3f} {by_course:>10,.0f} {by_course / ours:>10,.0f}"
        f" {by_closed_form:>12,.1f} {by_closed_form / ours:>8,.0f} {error:>9.1e} {memory:>9.0f}"
    )
    kept = by_course / ours >= ABOVE_COURSE and error <= LARGEST_ERROR and memory < LARGEST_MEMORY
    return kept and (len(problem.labels) < 60_000 or by_closed_form / ours >= ABOVE_VECTORISED)  # noqa: PLR2004


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="4,000 images only, few repetitions")
    shared = Path(os.environ.get("MNF_SHARED", Path(__file__).parents[2] / "shared"))
    parser.add_argument("--data", type=Path, default=shared / "data" / "mnist", help="folder with MNIST's IDX files")
    options = parser.parse_args()
    pixels, labels, source = load(options.data)
    order = np.random.default_rng(0).permutation(len(labels))
    few = np.sort(np.concatenate([order[labels[order] == number][:400] for number in range(CLASSES)]))
    weight, bias = train(pixels[few], labels[few])
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    print(f"{source}; {machine}; Python {platform.python_version()}, NumPy {np.__version__}")
    print(" images   ours s   course s      ratio vectorised s    ratio     error  peak MiB")
    sets = [few] if options.quick else [few, np.arange(len(labels))]
    problems = [
        SoftmaxProblem(inputs=pixels[chosen], labels=labels[chosen], weight=weight, bias=bias) for chosen in sets
    ]
    kept = [measure(problem, quick=options.quick) for problem in problems]
    print("kept" if all(kept) else "NOT KEPT")
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
