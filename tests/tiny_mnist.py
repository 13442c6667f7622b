"""A small MNIST of our own: the same files and arrays with a few images per digit, and its pins."""

import gzip
import hashlib
import struct
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mnistfaces.datasets.digits import MNIST, Edition, build_digits
from mnistfaces.fetching.mnist.mirrors import FetchMnistConfig

TRAIN_COUNTS = (5, 7, 6, 8, 5, 6, 7, 5, 9, 6)
TEST_COUNTS = (2, 3, 2, 1, 2, 4, 2, 2, 1, 3)


@dataclass(frozen=True)
class TinyMnist:
    """Attributes: pins; raw IDX files by name; the twenty arrays by name."""

    edition: Edition
    files: dict[str, bytes]
    arrays: dict[str, np.ndarray]

    def write_idx(self, folder: Path, *, packed: bool = False) -> Path:
        """Writes the four files."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.files.items():
            (folder / (f"{name}.gz" if packed else name)).write_bytes(gzip.compress(content) if packed else content)
        return folder

    def config(self, **changes: object) -> FetchMnistConfig:
        """Returns how to fetch this edition, from addresses that do not exist unless told otherwise."""
        places = {"mirrors": (), "mat_url": "http://mnist.invalid/a.mat"}
        places.update({name: changes.pop(name) for name in tuple(changes) if name in places})
        edition = replace(self.edition, **places)  # type: ignore[arg-type]
        return replace(FetchMnistConfig(edition=edition, allow_private=True), **changes)  # type: ignore[arg-type]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def make_tiny_mnist(seed: int = 0) -> TinyMnist:
    """Draws images; those of a digit are spread over the files in random order."""
    rng = np.random.default_rng(seed)
    files: dict[str, bytes] = {}
    arrays: dict[str, np.ndarray] = {}
    for part, prefix, counts in (("train", "train", TRAIN_COUNTS), ("test", "t10k", TEST_COUNTS)):
        labels = rng.permutation(np.repeat(np.arange(10, dtype=np.uint8), counts))
        images = rng.integers(0, 256, (len(labels), 784), dtype=np.uint8)
        files[f"{prefix}-images-idx3-ubyte"] = struct.pack(">4I", 0x803, len(labels), 28, 28) + images.tobytes()
        files[f"{prefix}-labels-idx1-ubyte"] = struct.pack(">2I", 0x801, len(labels)) + labels.tobytes()
        for digit in range(10):
            arrays[f"{part}{digit}"] = np.stack(
                [image for image, label in zip(images, labels, strict=True) if label == digit]
            )
    edition = replace(
        MNIST,
        files={name: sha256(content) for name, content in files.items()},
        arrays={name: (len(array), sha256(array.tobytes())) for name, array in arrays.items()},
    )
    return TinyMnist(replace(edition, fingerprint=build_digits(arrays, edition).fingerprint), files, arrays)


DROP_IN_COUNTS = {"train": 6000, "t10k": 1000}


def idx_files() -> dict[str, bytes]:
    """Returns unpacked files of a set that takes MNIST's place: each image holds its label and number."""
    files, rng = {}, np.random.default_rng(3)
    for prefix, per_class in DROP_IN_COUNTS.items():
        labels = rng.permutation(np.repeat(np.arange(10, dtype=np.uint8), per_class))
        images = np.zeros((len(labels), 784), np.uint8)
        images[:, 0] = labels
        images[:, 1:5] = np.arange(len(labels), dtype=">u4").view(np.uint8).reshape(-1, 4)
        files[f"{prefix}-images-idx3-ubyte"] = struct.pack(">4I", 0x803, len(labels), 28, 28) + images.tobytes()
        files[f"{prefix}-labels-idx1-ubyte"] = struct.pack(">2I", 0x801, len(labels)) + labels.tobytes()
    return files
