"""The embedded sample: what it holds, and that it is what its README says."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from mnistfaces.datasets.sample import load_sample
from mnistfaces.datasets.store import fingerprint_of

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("MNF_SHARED", ROOT.parent / "shared"))
FINGERPRINT = "505c714706ffc135a67fd5449cb62a99139853fcbae0076d56e95c0e4d15a001"


def test_the_sample_has_four_hundred_images_a_digit_to_train_and_one_hundred_to_test() -> None:
    sample = load_sample()
    assert (sample.name, sample.kind, sample.shape) == ("digits-sample", "digits", (28, 28))
    assert sample.inputs.dtype == np.uint8
    assert sample.inputs.shape == (5000, 784)
    assert sample.classes == tuple("0123456789")
    assert np.bincount(sample.labels[sample.given_test]).tolist() == [100] * 10
    assert np.bincount(sample.labels[~sample.given_test]).tolist() == [400] * 10


def test_the_sample_is_the_one_that_was_made() -> None:
    sample = load_sample()
    assert sample.fingerprint == FINGERPRINT
    assert fingerprint_of(sample) == FINGERPRINT


def test_no_image_comes_twice() -> None:
    sample = load_sample()
    assert len({image.tobytes() for image in sample.inputs}) == 5000


def test_ids_tell_digit_and_rank_and_parts_stand_in_canonical_order() -> None:
    sample = load_sample()
    digits = [int(name.split("-")[1]) for name in sample.ids]
    ranks = np.array([int(name.split("-")[2]) for name in sample.ids])
    assert digits == sample.labels.tolist()
    assert np.array_equal(ranks >= 400, sample.given_test)
    keys = list(zip(sample.given_test.tolist(), digits, ranks.tolist(), strict=True))
    assert keys == sorted(keys)


def test_the_file_stays_small() -> None:
    assert (ROOT / "assets" / "digits-sample.npz").stat().st_size < 1 << 20


def test_the_images_are_the_first_five_hundred_training_images_of_each_digit() -> None:
    folder = SHARED / "data" / "mnist"
    if not folder.is_dir():
        pytest.skip(f"the full MNIST is not at {folder}")
    images = np.frombuffer(gzip.decompress((folder / "train-images-idx3-ubyte.gz").read_bytes()), np.uint8, offset=16)
    labels = np.frombuffer(gzip.decompress((folder / "train-labels-idx1-ubyte.gz").read_bytes()), np.uint8, offset=8)
    sample = load_sample()
    for digit in range(10):
        first = images.reshape(-1, 784)[labels == digit][:500]
        of_digit = sample.labels == digit
        ranks = [int(name.split("-")[2]) for name in sample.ids[of_digit]]
        np.testing.assert_array_equal(sample.inputs[of_digit], first[ranks])
