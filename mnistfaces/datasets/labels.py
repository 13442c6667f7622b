"""Class numbers and names, out of whatever a file calls its labels.

N images, C classes.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistfaces.errors import DataError

MAX_CLASSES = 10_000
"""More different labels than this are numbers to predict, or names of the images: nothing to classify by."""

DOUBTS = 3
"""Most names that are doubted aloud."""

_INTEGER = re.compile(r"[+-]?\d{1,18}")
_NUMERAL = re.compile(r"[+-]?(0|[1-9]\d{0,14})(\.0*)?")
"""A whole number as it is written; 007 is a code."""

MISSING = ("?", "<na>", "n/a", "na", "nan", "null", "none")
"""What programs write where a label is missing."""

_UNWANTED = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def read_labels(values: NDArray[Any], place: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Returns class numbers, (N,), and the C classes: numbers in their order, words in that of the alphabet.

    Args:
        values: (N,) or (N, 1) words, whole numbers, or floats that are whole numbers.
        place: the file and its labels, for messages.

    Raises:
        DataError: there are two labels an image, numbers that are not whole, or too many classes.
    """
    flat = values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values  # noqa: PLR2004  a column
    if flat.ndim != 1:
        raise DataError(
            f"{place}: the labels have the shape {values.shape}: one label per image is wanted, (N,); of one-hot rows "
            "that is y.argmax(axis=1)"
        )
    if flat.dtype.kind in "Uiu":
        distinct, numbers = np.unique(flat, return_inverse=True)
    elif flat.dtype.kind == "b":
        distinct, numbers = np.unique(flat.astype(np.int64), return_inverse=True)
    elif flat.dtype.kind == "f":
        if not (np.isfinite(flat).all() and (flat == np.rint(flat)).all() and np.abs(flat).max(initial=0) < 2**53):
            raise DataError(f"{place}: the labels hold numbers that are not whole: classes are wanted")
        distinct, numbers = np.unique(flat.astype(np.int64), return_inverse=True)
    else:
        raise DataError(f"{place}: the labels are {flat.dtype}: words or whole numbers are wanted")
    if len(distinct) > MAX_CLASSES:
        raise DataError(
            f"{place}: {len(distinct)} different labels for {len(flat)} images, more than {MAX_CLASSES}: "
            "they are no classes"
        )
    words = [str(value) for value in distinct.tolist()]
    order = sorted(range(len(words)), key=lambda i: int(words[i])) if _all_integers(words) else list(range(len(words)))
    rank = np.empty(len(words), np.int64)
    rank[order] = np.arange(len(words))
    return rank[numbers.ravel()], tuple(words[i] for i in order)


def join_labels(parts: Sequence[NDArray[Any]], place: str) -> NDArray[Any]:
    """Returns the labels of several parts of a dataset, one after the other.

    Raises:
        DataError: some are words and some are numbers.
    """
    if len({part.dtype.kind == "U" for part in parts}) > 1:
        raise DataError(f"{place}: labels are words in one part and numbers in another: one of both is wanted")
    return np.concatenate(parts)


def typed(words: Sequence[str]) -> NDArray[Any]:
    """Returns labels read as text, (N,): numbers where all are whole ones, so that 1.0 and 1 are one class."""
    return np.array([float(word) for word in words] if all(map(_NUMERAL.fullmatch, words)) else words)


def doubts(classes: Sequence[str]) -> list[str]:
    """Returns a sentence for class names that were perhaps not meant as they are read."""
    alike: dict[str, list[str]] = {}
    for name in classes:
        alike.setdefault(" ".join(unicodedata.normalize("NFKC", name).casefold().split()), []).append(name)
    same = [names for names in alike.values() if len(names) > 1]
    said = [
        f"{' and '.join(map(repr, names))} are {len(names)} classes, though they differ in no letter but its case, "
        "its accent's code or blanks: rename one if they are the same"
        for names in same[:DOUBTS]
    ]
    missing = [name for name in classes if name.strip().casefold() in MISSING]
    return said + [f"{name!r} is taken as a class: remove these if it says that a label is missing" for name in missing]


def _all_integers(words: Sequence[str]) -> bool:
    return len({int(word) for word in words if _INTEGER.fullmatch(word)}) == len(words)


def require_plain(words: Sequence[str], what: str, place: str) -> None:
    """Raises DataError if a name is empty or holds something that is no letter, sign or space, such as NUL."""
    for word in words:
        if not word or _UNWANTED.search(word):
            raise DataError(f"{place}: {what} {word!r} is empty or holds a control character: rename it")
