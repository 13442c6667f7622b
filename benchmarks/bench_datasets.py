"""Claim: a second look at 20,000 images takes under 0.5 s, and 100,000 small images open within 600 MiB.

    python benchmarks/bench_datasets.py [--quick] [--images N] [PATH ...]

Writes the same smooth pictures of 32 x 32 in each layout, opens each cold and again, every time in a process of its
own, and prints the processor's seconds and the memory above the imports. A PATH is opened as it is. Peers: Pillow,
which decodes the same files and keeps them, and pandas, which reads the same table, where it is installed.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.io
from numpy.typing import NDArray
from PIL import Image

SIDE, CLASSES = 32, 10

CHILD = """
import json, resource, sys, time
from pathlib import Path
import numpy, PIL.Image, scipy.io
from mnistfaces.datasets import assembly, load_dataset, own
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before, wall, used = peak(), time.perf_counter(), time.process_time()
n = len(load_dataset(sys.argv[1], data_dir=Path(sys.argv[2])))
print(json.dumps([n, time.process_time() - used, time.perf_counter() - wall, peak() - before]))
"""

PEER = """
import json, sys, time
from pathlib import Path
import numpy as np
from PIL import Image
used = time.process_time()
if Path(sys.argv[1]).is_dir():
    kept = np.stack([np.asarray(Image.open(path).convert("L")) for path in sorted(Path(sys.argv[1]).rglob("*.png"))])
else:
    import pandas
    used = time.process_time()
    kept = pandas.read_csv(sys.argv[1])
print(json.dumps([len(kept), time.process_time() - used]))
"""


def pictures(count: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, 8, 8), dtype=np.uint8)
    fine = [np.asarray(Image.fromarray(one).resize((SIDE, SIDE), Image.Resampling.BICUBIC)) for one in coarse]
    return np.stack(fine), np.arange(count) % CLASSES


def class_folders(folder: Path, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> Path:
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        place = folder / "classes" / f"c{label}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{number}.png")
    return folder / "classes"


def metadata(folder: Path, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> Path:
    place = folder / "metadata"
    place.mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image).save(place / f"{number}.png")
    lines = [f"{number}.png,c{label}" for number, label in enumerate(labels.tolist())]
    (place / "metadata.csv").write_text("\n".join(["file_name,label", *lines]))
    return place


def npz(folder: Path, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> Path:
    np.savez(folder / "xy.npz", X=images, y=labels)
    return folder / "xy.npz"


def table(folder: Path, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> Path:
    with (folder / "pixels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["label", *(f"pixel{i}" for i in range(SIDE * SIDE))])
        writer.writerows([label, *row] for label, row in zip(labels, images.reshape(len(images), -1), strict=True))
    return folder / "pixels.csv"


def mat(folder: Path, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> Path:
    scipy.io.savemat(folder / "xy.mat", {"X": images, "y": labels[:, np.newaxis]}, do_compression=True)
    return folder / "xy.mat"


LAYOUTS: tuple[Callable[[Path, NDArray[np.uint8], NDArray[np.int64]], Path], ...] = (
    class_folders,
    metadata,
    npz,
    table,
    mat,
)


def answered(program: str, *words: object) -> list[float] | None:
    done = subprocess.run(  # noqa: S603  ours
        [sys.executable, "-c", program, *map(str, words)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    return json.loads(done.stdout) if done.returncode == 0 else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("paths", nargs="*", type=Path)
    asked = parser.parse_args()
    print("| path | images | cold, s | MiB | again, s | MiB | peer's seconds |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images, labels = pictures(1000 if asked.quick else asked.images)
        paths = asked.paths or (write(folder, images, labels) for write in LAYOUTS)
        for path in paths:
            cold, again = (answered(CHILD, path, folder / "data") for _ in range(2))
            peer = answered(PEER, path) if path.is_dir() or path.suffix == ".csv" else None
            if cold is None or again is None:
                raise SystemExit(f"{path} could not be opened")
            (count, first, _, most), (_, second, _, later) = cold, again
            theirs = f"{peer[1]:.1f}" if peer and peer[0] == count else "-"
            print(f"| {path.name} | {count:,} | {first:.1f} | {most:.0f} | {second:.2f} | {later:.0f} | {theirs} |")


if __name__ == "__main__":
    main()
