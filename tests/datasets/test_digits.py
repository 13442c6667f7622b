"""The full MNIST: canonical order, verification, and the file it is kept in."""

import gzip
import os
import struct
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from damage import tries
from tiny_mnist import TEST_COUNTS, TRAIN_COUNTS, TinyMnist, make_tiny_mnist

from mnistfaces.datasets.digits import (
    MNIST,
    Edition,
    build_digits,
    digits_path,
    load_digits,
    split_idx,
    unpack_idx,
)
from mnistfaces.datasets.sample import load_sample
from mnistfaces.datasets.store import fingerprint_of, save_dataset
from mnistfaces.errors import DataError

SHARED = Path(os.environ.get("MNF_SHARED", Path(__file__).parents[3] / "shared")) / "data" / "mnist"


def save_digits(folder: Path, arrays: Mapping[str, np.ndarray], edition: Edition = MNIST) -> Path:
    path = digits_path(folder, edition)
    save_dataset(path, build_digits(arrays, edition))
    return path


@pytest.fixture(scope="module")
def tiny() -> TinyMnist:
    return make_tiny_mnist()


def test_the_pins_count_sixty_and_ten_thousand_images() -> None:
    assert (MNIST.count("train"), MNIST.count("test")) == (60_000, 10_000)
    assert list(MNIST.arrays) == [f"{part}{digit}" for part in ("train", "test") for digit in range(10)]
    assert MNIST.size("train-images-idx3-ubyte") == 47_040_016
    assert MNIST.size("t10k-labels-idx1-ubyte") == 10_008


def test_training_images_stand_first_each_part_by_digit_in_file_order(tiny: TinyMnist) -> None:
    dataset = build_digits(split_idx(tiny.files), tiny.edition)
    np.testing.assert_array_equal(dataset.inputs, np.concatenate(list(tiny.arrays.values())))
    assert dataset.labels.tolist() == [
        digit for counts in (TRAIN_COUNTS, TEST_COUNTS) for digit in range(10) for _ in range(counts[digit])
    ]
    assert dataset.given_test.tolist() == [False] * sum(TRAIN_COUNTS) + [True] * sum(TEST_COUNTS)
    assert dataset.ids[:6].tolist() == [f"train-0-{i:05d}" for i in range(5)] + ["train-1-00000"]
    assert dataset.ids[-1] == "test-9-00002"
    assert (dataset.name, dataset.kind, dataset.shape) == ("digits-full", "digits", (28, 28))


def test_what_was_saved_is_loaded_mapped_and_byte_identical_each_time(tiny: TinyMnist, tmp_path: Path) -> None:
    first = save_digits(tmp_path / "a", tiny.arrays, tiny.edition).read_bytes()
    second = save_digits(tmp_path / "b", split_idx(tiny.files), tiny.edition).read_bytes()
    assert first == second
    dataset = load_digits(tmp_path / "a", tiny.edition)
    assert fingerprint_of(dataset) == dataset.fingerprint == tiny.edition.fingerprint
    assert not dataset.inputs.flags.writeable


def test_an_absent_mnist_is_one_line_that_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="`mnf fetch digits`"):
        load_digits(tmp_path)


def test_another_dataset_in_its_place_is_refused(tiny: TinyMnist, tmp_path: Path) -> None:
    save_digits(tmp_path, make_tiny_mnist(1).arrays, make_tiny_mnist(1).edition)
    with pytest.raises(DataError, match="not MNIST as it was fetched"):
        load_digits(tmp_path, tiny.edition)
    save_dataset(digits_path(tmp_path), load_sample())
    with pytest.raises(DataError, match="not MNIST as it was fetched"):
        load_digits(tmp_path)
    digits_path(tmp_path).write_bytes(b"PK")
    with pytest.raises(DataError, match=r"damaged.*`mnf fetch digits`"):
        load_digits(tmp_path)


def changed(array: np.ndarray) -> np.ndarray:
    other = array.copy()
    other[0, 0] ^= 1
    return other


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("train3", lambda _: None, "array train3 is missing"),
        ("test9", lambda array: array[:-1], "test9 has 2 images, not 3"),
        ("train0", lambda array: array.reshape(-1, 28, 28), "train0 has the shape (5, 28, 28), not (5, 784)"),
        ("train0", lambda array: array[:, :783], "train0 has the shape (5, 783)"),
        ("train0", lambda array: array.T, "train0 has the shape (784, 5)"),
        ("test4", lambda array: array.astype(np.float64), "test4 is an array of float64, not of uint8"),
        ("test4", lambda array: array.astype(object), "test4 is an array of object"),
        ("train7", changed, "train7 holds other images than MNIST"),
        ("train7", lambda array: array[::-1], "train7 holds other images than MNIST"),
    ],
)
def test_a_wrong_array_is_named_and_nothing_is_written(
    tiny: TinyMnist, tmp_path: Path, name: str, change: Callable[[np.ndarray], np.ndarray | None], words: str
) -> None:
    arrays = {**tiny.arrays, name: change(tiny.arrays[name])}
    arrays = {key: array for key, array in arrays.items() if array is not None}
    with pytest.raises(DataError) as caught:
        save_digits(tmp_path, arrays, tiny.edition)
    assert words in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_packed_and_raw_files_unpack_to_the_same(tiny: TinyMnist) -> None:
    for name, content in tiny.files.items():
        assert unpack_idx(name, content, tiny.edition) == content
        assert unpack_idx(name, gzip.compress(content, 1), tiny.edition) == content


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda content: content[:0], "it has 0 of {size} bytes"),
        (lambda content: content[:5], "it has 5 of {size} bytes"),
        (lambda content: content + b"0", "it has more than {size} bytes"),
        (lambda content: gzip.compress(content)[:-500], "of {size} bytes"),
        (lambda content: gzip.compress(content + bytes(50 << 20)), "it has more than {size} bytes"),
        (lambda _: b"\x1f\x8b" + bytes(100), "train-images-idx3-ubyte.gz is damaged"),
        (lambda content: content[:100] + bytes([content[100] ^ 1]) + content[101:], "SHA-256"),
        (lambda _: b"<!DOCTYPE html>", "it has 15 of {size} bytes"),
    ],
)
def test_a_damaged_idx_file_is_named(tiny: TinyMnist, change: Callable[[bytes], bytes], words: str) -> None:
    name = "train-images-idx3-ubyte"
    content = tiny.files[name]
    with pytest.raises(DataError) as caught:
        unpack_idx(name, change(content), tiny.edition)
    assert str(caught.value).startswith(name)
    assert words.format(size=len(content)) in str(caught.value)


@pytest.mark.parametrize("usual", [2000, pytest.param(20_000, marks=pytest.mark.long)])
def test_mutated_idx_files_are_refused_or_unharmed(tiny: TinyMnist, usual: int) -> None:
    name, refused = "t10k-images-idx3-ubyte", 0
    wholes = (tiny.files[name], gzip.compress(tiny.files[name]))
    for rng in tries(usual):
        content = bytearray(rng.choice(wholes))
        for _ in range(rng.choice([1, 1, 3])):
            at = rng.randrange(min(len(content), rng.choice([20, len(content)])))
            content[at : at + rng.choice([0, 1, 4])] = struct.pack("<I", rng.getrandbits(32))[: rng.choice([0, 1, 4])]
        try:
            assert unpack_idx(name, bytes(content), tiny.edition) == tiny.files[name]
        except DataError as error:
            assert "\n" not in str(error)  # noqa: PT017  either outcome is right
            refused += 1
    print(f"{usual} files, {refused} refused")  # noqa: T201  the tier's record


@pytest.mark.timed
def test_the_real_files_give_the_pinned_dataset_which_opens_fast(tmp_path: Path) -> None:
    if not SHARED.is_dir():
        pytest.skip(f"the full MNIST is not at {SHARED}")
    files = {name: unpack_idx(name, (SHARED / f"{name}.gz").read_bytes()) for name in MNIST.files}
    save_digits(tmp_path, split_idx(files))
    seconds = []
    for _ in range(5):
        start = time.process_time()
        dataset = load_digits(tmp_path)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.1
    assert fingerprint_of(dataset) == MNIST.fingerprint
    sample = load_sample()
    position = {name: number for number, name in enumerate(dataset.ids.tolist())}
    np.testing.assert_array_equal(dataset.inputs[[position[name] for name in sample.ids.tolist()]], sample.inputs)
