"""The embedded sample in every layout that people keep data in: the same images, written by other programs' means."""

import gzip
import io
import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.io
from numpy.typing import NDArray
from PIL import Image

from mnistfaces.datasets.sample import load_sample

Pixels = NDArray[np.uint8]

PER_CLASS = {"train": 12, "val": 4, "test": 6}
DIGITS = 3
SIDE = 28


def pictures() -> dict[str, tuple[Pixels, NDArray[np.int64]]]:
    """Returns images (n, 28, 28) and digits (n,) of each side: digits 0 to 2 of the sample, all different."""
    whole = load_sample()
    images = whole.inputs.reshape(-1, SIDE, SIDE)
    found = {}
    for side, first in (("train", 0), ("val", 12), ("test", 16)):
        rows = np.concatenate(
            [
                np.flatnonzero((whole.labels == digit) & ~whole.given_test)[first:][: PER_CLASS[side]]
                for digit in range(DIGITS)
            ]
        )
        found[side] = (images[rows], whole.labels[rows])
    return found


def everything() -> tuple[Pixels, NDArray[np.int64], list[str]]:
    """Returns all images, their digits and their sides."""
    parts = pictures()
    sides = [side for side, (_, labels) in parts.items() for _ in labels]
    return np.concatenate([x for x, _ in parts.values()]), np.concatenate([y for _, y in parts.values()]), sides


def write_png(path: Path, image: Pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


def classes(folder: Path) -> Path:
    for number, (image, label, _) in enumerate(zip(*everything(), strict=True)):
        write_png(folder / "mine" / f"digit{label}" / f"{number:03}.png", image)
    return folder / "mine"


def splits(folder: Path, names: tuple[str, ...] = ("train", "val", "test")) -> Path:
    for name, (images, labels) in zip(names, pictures().values(), strict=True):
        for number, (image, label) in enumerate(zip(images, labels, strict=True)):
            write_png(folder / "mine" / name / f"digit{label}" / f"{number:03}.png", image)
    return folder / "mine"


def metadata_csv(folder: Path) -> Path:
    lines = ["file_name,label,split,writer"]
    for number, (image, label, side) in enumerate(zip(*everything(), strict=True)):
        write_png(folder / "mine" / "images" / f"{number:03}.png", image)
        lines.append(f"images/{number:03}.png,digit{label},{side},w{number // 2}")
    (folder / "mine" / "metadata.csv").write_text("\n".join(lines) + "\n")
    return folder / "mine"


def metadata_jsonl(folder: Path) -> Path:
    """Metadata in each side of the split, as the library `datasets` documents it."""
    for name, (images, labels) in zip(("train", "validation", "test"), pictures().values(), strict=True):
        lines = []
        for number, (image, label) in enumerate(zip(images, labels, strict=True)):
            write_png(folder / "mine" / name / f"{number:03}.png", image)
            lines.append(json.dumps({"file_name": f"{number:03}.png", "label": f"digit{label}", "text": "a, b"}))
        (folder / "mine" / name / "metadata.jsonl").write_text("\n".join(lines))
    return folder / "mine"


def idx(folder: Path, *, packed: bool = True) -> Path:
    (folder / "mine").mkdir()
    parts = pictures()
    both = [np.concatenate([parts["train"][part], parts["val"][part]]) for part in (0, 1)]
    for prefix, (images, labels) in (("train", both), ("t10k", parts["test"])):
        contents = {
            f"{prefix}-images-idx3-ubyte": struct.pack(">4I", 0x803, len(images), SIDE, SIDE) + images.tobytes(),
            f"{prefix}-labels-idx1-ubyte": struct.pack(">2I", 0x801, len(labels)) + labels.astype(np.uint8).tobytes(),
        }
        for name, content in contents.items():
            place = folder / "mine" / (name + ".gz" * packed)
            place.write_bytes(gzip.compress(content) if packed else content)
    return folder / "mine"


def keras(folder: Path) -> Path:
    parts = pictures()
    named = {f"{letter}_{side}": parts[side][part] for side in ("train", "test") for part, letter in enumerate("xy")}
    np.savez(folder / "mine.npz", **named)
    return folder / "mine.npz"


def medmnist(folder: Path) -> Path:
    parts = pictures()
    images = {f"{side}_images": x for side, (x, _) in parts.items()}
    labels = {f"{side}_labels": y[:, np.newaxis].astype(np.uint8) for side, (_, y) in parts.items()}
    np.savez_compressed(folder / "mine.npz", **images, **labels)
    return folder / "mine.npz"


def features(folder: Path) -> Path:
    images, labels, sides = everything()
    flat = images.reshape(len(images), -1)[:, ::7].astype(np.float32) / 255
    np.savez(folder / "mine.npz", features=flat, labels=labels, split=np.array(sides))
    return folder / "mine.npz"


def x_and_y(folder: Path) -> Path:
    images, labels, _ = everything()
    np.savez(folder / "mine.npz", X=images.reshape(len(images), -1), y=labels.astype(np.float64))
    return folder / "mine.npz"


def csv(folder: Path, name: str = "mine.csv", mark: str = ",") -> Path:
    images, labels, sides = everything()
    lines = [mark.join(["label", "split", *(f"pixel{i}" for i in range(SIDE * SIDE))])]
    for image, label, side in zip(images, labels, sides, strict=True):
        lines.append(mark.join([f"digit{label}", side, *map(str, image.ravel().tolist())]))
    content = ("\n".join(lines) + "\n").encode()
    (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return folder / name


def tsv_gz(folder: Path) -> Path:
    return csv(folder, "mine.tsv.gz", "\t")


def mat(folder: Path) -> Path:
    """`X` (28, 28, 1, N) as the street-view numbers have it, with the labels in a column."""
    images, labels, _ = everything()
    moved = np.moveaxis(images[:, :, :, np.newaxis], 0, -1)
    scipy.io.savemat(folder / "mine.mat", {"X": moved, "y": labels[:, np.newaxis]}, do_compression=True)
    return folder / "mine.mat"


def mat_columns(folder: Path) -> Path:
    images, labels, _ = everything()
    scipy.io.savemat(folder / "mine.mat", {"X": images.reshape(len(images), -1).T, "y": labels.astype(float)})
    return folder / "mine.mat"


def mat_blocks(folder: Path) -> Path:
    parts = pictures()
    blocks = {
        f"{side}{digit}": parts[side][0][parts[side][1] == digit].reshape(-1, SIDE * SIDE)
        for side in ("train", "test")
        for digit in range(DIGITS)
    }
    scipy.io.savemat(folder / "mine.mat", blocks)
    return folder / "mine.mat"


def parquet(folder: Path) -> Path:
    """As the library `datasets` writes it: a struct of bytes and path, class names in the file's own metadata."""
    cells = []
    images, labels, sides = everything()
    for number, image in enumerate(images):
        content = io.BytesIO()
        Image.fromarray(image).save(content, "PNG")
        cells.append({"bytes": content.getvalue(), "path": f"{number:03}.png"})
    told = {"label": {"names": [f"digit{digit}" for digit in range(DIGITS)], "_type": "ClassLabel"}}
    table = pa.table({"image": cells, "label": labels, "split": sides})
    marked = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": told}})})
    pq.write_table(marked, folder / "mine.parquet")
    return folder / "mine.parquet"


GIVEN_THREE = {"train": 12, "val": 4, "test": 6}
GIVEN_TEST = {"train": 12, "test": 6}

LAYOUTS: dict[str, tuple[Callable[[Path], Path], dict[str, int], tuple[int, ...]]] = {
    "class folders": (classes, {}, (28, 28)),
    "train, val and test folders": (splits, GIVEN_THREE, (28, 28)),
    "metadata.csv": (metadata_csv, GIVEN_THREE, (28, 28)),
    "metadata.jsonl in each side": (metadata_jsonl, GIVEN_THREE, (28, 28)),
    "IDX": (idx, {"train": 16, "test": 6}, (28, 28)),
    "Keras": (keras, GIVEN_TEST, (28, 28)),
    "MedMNIST": (medmnist, GIVEN_THREE, (28, 28)),
    "features and labels": (features, GIVEN_THREE, (112,)),
    "X and y": (x_and_y, {}, (28, 28)),
    "csv": (csv, GIVEN_THREE, (28, 28)),
    "tsv.gz": (tsv_gz, GIVEN_THREE, (28, 28)),
    "mat with four axes": (mat, {}, (28, 28)),
    "mat by columns": (mat_columns, {}, (28, 28)),
    "mnist_all.mat": (mat_blocks, GIVEN_TEST, (28, 28)),
    "parquet": (parquet, GIVEN_THREE, (28, 28)),
}
"""How each is written, the images per class of the sides that it brings (none: nothing is given), the shape of one."""
