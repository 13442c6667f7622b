"""The full MNIST: what makes it genuine, and its one file in the data folder.

N images, 784 inputs an image. In canonical order the training part stands before the test part, each sorted by
digit, images of a digit in the order of the original files. `mnist_all.mat` keeps the same twenty blocks as arrays
`train0` to `train9` and `test0` to `test9`.
"""

import hashlib
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.cache import open_verified
from mnistfaces.datasets.sample import load_sample
from mnistfaces.datasets.store import fingerprint_of, open_dataset
from mnistfaces.errors import DataError

PIXELS = 784
SHAPE = (28, 28)
DIGITS = 10
IMAGES_HEADER, LABELS_HEADER = 16, 8
"""Bytes before the pixels, and before the labels, of an IDX file."""
GZIP_WBITS = zlib.MAX_WBITS | 16
IDX_FILES = tuple(f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))
IDX_PREFIXES = {"train": "train", "test": "t10k"}
ORDER = "order"


@dataclass(frozen=True, kw_only=True)
class Edition:
    """MNIST, or a set made to take its place: 28 x 28 gray images of ten classes in four IDX files.

    What is not known of a set is left out; what is known must hold.

    Attributes:
        word: what `mnf fetch` calls it; its files in the data folder begin with it.
        name: of the dataset.
        title: for people.
        classes: names, in the order of the labels.
        licence: with whose work it is.
        mirrors: URLs under which the four files lie, asked in turn.
        mat_url: of the same as `mnist_all.mat`.
        packed: size and SHA-256 of each IDX file as it is published, by name without `.gz`.
        files: SHA-256 of each unpacked IDX file, by name.
        arrays: number of images and SHA-256 of their pixels, for `train0` to `test9` in canonical order.
        fingerprint: of the dataset.
    """

    word: str
    name: str
    title: str
    classes: tuple[str, ...]
    licence: str
    mirrors: tuple[str, ...]
    mat_url: str | None = None
    packed: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    arrays: Mapping[str, tuple[int, str | None]]
    fingerprint: str | None = None

    @property
    def pinned_arrays(self) -> bool:
        """Whether the pixels are known by class, so that a `.mat` of them can be verified."""
        return all(sha256 is not None for _, sha256 in self.arrays.values())

    def count(self, part: str) -> int:
        """Returns the number of images of `train` or `test`."""
        return sum(count for name, (count, _) in self.arrays.items() if name.startswith(part))

    def size(self, file: str) -> int:
        """Returns the bytes of an unpacked IDX file."""
        count = self.count("train" if file.startswith("train") else "test")
        return IMAGES_HEADER + PIXELS * count if "images" in file else LABELS_HEADER + count


MNIST = Edition(
    word="digits",
    name="digits-full",
    title="MNIST",
    classes=tuple("0123456789"),
    licence="CC BY-SA 3.0 (Y. LeCun, C. Cortes, C. J. C. Burges)",
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    ),
    mat_url="https://cs.nyu.edu/~roweis/data/mnist_all.mat",
    files={
        "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
    arrays={
        "train0": (5923, "ac32299b7a58d418c8bcb1e668fa360716ade1a4c81cfdc2ba6914a31d05b8cd"),
        "train1": (6742, "8d1ab004905a007f65808105fdb05248e189671173fd4c4ffd06ea8357eb38e0"),
        "train2": (5958, "cd4bd073b33ad01acf11d98e7334594667d477619d617ce652e19be49e2ffe0b"),
        "train3": (6131, "712a2ccea98c9f1cdf41f2ecbcd97b15e3038a4c56b8c0fc236ccec390ab8129"),
        "train4": (5842, "ab3e7cd66679a44d07c64aa23e4c8027502939bb3938308a392661dd18250c74"),
        "train5": (5421, "621a80fc01b5963adced1e8721f80fd8a46ca8d800eac34c3decbd10290d0972"),
        "train6": (5918, "0edeaa3db8db90c2d7b03d4ab81d50f23a126cacf3fb29a01eadce0ba8d22636"),
        "train7": (6265, "0f1e799c10b5f94f7c926a33543b5e6556e6d20054214a3747b894ffb72c215f"),
        "train8": (5851, "429af3186c4b98ee938df30b582d93588566acc99e0088b91b4adda36b63b0f7"),
        "train9": (5949, "f5c5775a87782374c601e922e2632b32b83ecce22de9c1b55dc3e82a6e60000a"),
        "test0": (980, "76e662bbe0db1cfcd75a913f7013ddfa7b22b6d3b5bd6c2ba7290190c64a0f3f"),
        "test1": (1135, "f8d7faaf92eb3879f464b8f054dc492532dbf421dae46ab9ac9e032b49b971d8"),
        "test2": (1032, "a85ce777f11ec29ef43a88a1a3436354bba1118efd11998903c34417934e849d"),
        "test3": (1010, "7cf593ff68e89942b35d2acc1776c0ef6b6725aec61732f9c11ef48b56a0be70"),
        "test4": (982, "7d88c774d5f69305f477c0b0133d82521f8ff184b82285c7520d8cf9d01f4c8a"),
        "test5": (892, "df5a3dbb0c5da0a93cbd5b454ed68644b0f35fbbeb6ef009bd9dcab435012336"),
        "test6": (958, "188dc544a5a9dc4f4c259cd9669b4cecc6491a22fa2b554562e5fd74bf156311"),
        "test7": (1028, "64ac4f6c60a827535970295bd1405c41e7c9934951907afd5b435b9a32104edf"),
        "test8": (974, "9ad48a5ef5e7c7b0e75472f498a5ea745d85db113223482ece8f3a7853b2e992"),
        "test9": (1009, "c013e188edcc19815b52793c02d07b8f75f23b51d2793614ba695dc379e1496c"),
    },
    fingerprint="856653a2a3824ca8020893ad7d0ef3d9faf771bf508d4f48e98b64fd06f15a82",
)


def digits_path(data_dir: Path, edition: Edition = MNIST) -> Path:
    """Returns where a set lies once it was fetched."""
    return data_dir / f"{edition.word}.npz"


def load_named(name: str, data_dir: Path) -> Dataset:
    """Returns `digits-full`, `digits-sample`, or for `digits` the full set where it was fetched, else the sample.

    Raises:
        DataError: the full set was asked for and not fetched, or its file is no longer what was fetched.
    """
    if name == "digits-sample" or (name == "digits" and not digits_path(data_dir).exists()):
        return load_sample()
    return load_digits(data_dir)


def load_digits(data_dir: Path, edition: Edition = MNIST) -> Dataset:
    """Returns the dataset of a set that was fetched, its images mapped from the file.

    Raises:
        DataError: it was not fetched, or the file is no longer what was fetched.
    """
    path, command = digits_path(data_dir, edition), f"mnf fetch {edition.word}"
    if not path.exists():
        raise DataError(f"the full {edition.title} is not in {data_dir}: get it with `{command}`")
    try:
        dataset = open_verified(path, data_dir)
    except DataError as error:
        raise DataError(f"{error}: get it again with `{command}`") from error
    expected = edition.fingerprint or open_dataset(path).fingerprint  # that of the day when it was verified
    if dataset.fingerprint != expected or not _is_shaped_as(dataset, edition):
        raise DataError(f"{path} is not {edition.title} as it was fetched: get it again with `{command}`")
    return dataset


def _is_shaped_as(dataset: Dataset, edition: Edition) -> bool:
    """Returns whether a dataset has the name, the classes and the number of images per class and part of a set."""
    counts = [
        int(((dataset.labels == label) & (dataset.given_test == (part == "test"))).sum())
        for part in ("train", "test")
        for label in range(len(edition.classes))
    ]
    expected = [count for count, _ in edition.arrays.values()]
    return (dataset.name, dataset.classes, counts) == (edition.name, edition.classes, expected)


def build_digits(arrays: Mapping[str, NDArray[Any]], edition: Edition = MNIST) -> Dataset:
    """Returns the dataset of the arrays `train0` to `test9`, each verified.

    Raises:
        DataError: names the first array that is not the set's.
    """
    counts = [count for count, _ in edition.arrays.values()]
    inputs = np.empty((sum(counts), PIXELS), np.uint8)
    start = 0
    for name, (count, sha256) in edition.arrays.items():
        _check_shape(name, arrays.get(name), count)
        block = inputs[start : start + count]
        block[:] = arrays[name]
        if sha256 is not None and (got := hashlib.sha256(block.data).hexdigest()) != sha256:
            raise DataError(f"{name} holds other images than {edition.title}: SHA-256 {got}, expected {sha256}")
        start += count
    rank = np.concatenate([np.arange(count) for count in counts])
    block_names = np.repeat([f"{name[:-1]}-{name[-1]}" for name in edition.arrays], counts)
    dataset = Dataset(
        name=edition.name,
        kind="digits",
        inputs=inputs,
        labels=np.repeat([int(name[-1]) for name in edition.arrays], counts),
        classes=edition.classes,
        ids=np.array([f"{name}-{number:05d}" for name, number in zip(block_names, rank, strict=True)]),
        shape=SHAPE,
        groups=np.arange(len(inputs)),
        given_test=np.char.startswith(block_names, "test"),
        fingerprint="",
        meta={"licence": edition.licence},
    )
    return replace(dataset, fingerprint=fingerprint_of(dataset))


def _check_shape(name: str, array: NDArray[Any] | None, count: int) -> None:
    """Raises DataError unless the array can be the images of one digit."""
    if array is None:
        raise DataError(f"array {name} is missing")
    if array.dtype != np.uint8:
        raise DataError(f"{name} is an array of {array.dtype}, not of uint8")
    if array.ndim != 2 or array.shape[1] != PIXELS:  # noqa: PLR2004  rows and columns
        raise DataError(f"{name} has the shape {array.shape}, not ({count}, {PIXELS})")
    if len(array) != count:
        raise DataError(f"{name} has {len(array)} images, not {count}")


def unpack_idx(name: str, content: bytes, edition: Edition = MNIST) -> bytes:
    """Returns an IDX file without its gzip packing, if it has one, once all that is known of it was found to hold.

    Raises:
        DataError: it is damaged or not the set's.
    """
    size = edition.size(name)
    if content[:2] == b"\x1f\x8b":
        _check_packed(name, content, edition)
        unpacker = zlib.decompressobj(GZIP_WBITS)
        try:
            content = unpacker.decompress(content, size + 1)
        except zlib.error as error:
            raise DataError(f"{name}.gz is damaged: {error}") from error
    elif name not in edition.files:
        raise DataError(f"{edition.title} is known by its packed files: {name}.gz is wanted, not {name}")
    if len(content) != size:
        length = f"more than {size}" if len(content) > size else f"{len(content)} of {size}"
        raise DataError(f"{name} is not {edition.title}'s: it has {length} bytes")
    expected = edition.files.get(name)
    if expected is not None and (got := hashlib.sha256(content).hexdigest()) != expected:
        raise DataError(f"{name} is not {edition.title}'s: SHA-256 {got}, expected {expected}")
    _check_content(name, content, edition)
    return content


def _check_packed(name: str, content: bytes, edition: Edition) -> None:
    """Raises DataError unless a packed file is the published one, where that is known."""
    if name not in edition.packed:
        return
    size, sha256 = edition.packed[name]
    got = hashlib.sha256(content).hexdigest()
    if (len(content), got) != (size, sha256):
        raise DataError(
            f"{name}.gz is not {edition.title}'s: {len(content)} bytes with SHA-256 {got}, "
            f"expected {size} with {sha256}"
        )


def _check_content(name: str, content: bytes, edition: Edition) -> None:
    """Raises DataError unless an unpacked file has the header, the labels and the counts of its set."""
    part = "train" if name.startswith("train") else "test"
    images, count = "images" in name, edition.count(part)
    header = struct.pack(">4I", 0x803, count, *SHAPE) if images else struct.pack(">2I", 0x801, count)
    if content[: len(header)] != header:
        raise DataError(f"{name} is not {edition.title}'s: its header is {content[: len(header)].hex()}")
    if not images:
        labels = np.frombuffer(content, np.uint8, offset=len(header))
        counts = np.bincount(labels, minlength=len(edition.classes)).tolist()
        expected = [edition.arrays[f"{part}{label}"][0] for label in range(len(edition.classes))]
        if counts != expected:
            raise DataError(f"{name} is not {edition.title}'s: it has {counts[:20]} labels per class, not {expected}")


def split_idx(files: Mapping[str, bytes]) -> dict[str, NDArray[np.uint8]]:
    """Returns the arrays `train0` to `test9` of the four unpacked and verified IDX files.

    And as ORDER the labels of the test images as they stand there, mixed over the classes.
    """
    arrays: dict[str, NDArray[np.uint8]] = {}
    arrays[ORDER] = np.frombuffer(files["t10k-labels-idx1-ubyte"], np.uint8, offset=LABELS_HEADER)
    for part, prefix in IDX_PREFIXES.items():
        images = np.frombuffer(files[f"{prefix}-images-idx3-ubyte"], np.uint8, offset=IMAGES_HEADER)
        labels = np.frombuffer(files[f"{prefix}-labels-idx1-ubyte"], np.uint8, offset=LABELS_HEADER)
        for digit in range(DIGITS):
            arrays[f"{part}{digit}"] = images.reshape(-1, PIXELS)[labels == digit]  # (n, 784)
    return arrays
