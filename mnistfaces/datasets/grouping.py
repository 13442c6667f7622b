"""Which images must stay on one side of a split: near-duplicates, and images of one person, patient or session.

N images, F features.
"""

import hashlib
import re
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistfaces import images
from mnistfaces.datasets.duplicates import compare_all
from mnistfaces.datasets.found import Found
from mnistfaces.errors import DataError, UsageError
from mnistfaces.progress import Event, result_of

SAME_FEATURES = 0.9
"""Cosine of two rows of features above which two images are near-duplicates. On 388 AlexNet features of real faces,
20 pairs lie above, each of one person; at 0.8 they are 175, nine of which are of two."""

MOST_ALIKE = 0.1
"""If one group by looks held more than this share of all images, the measure would not tell images apart."""

MOST_COMPARED = 150_000
"""Images that are compared one by one: two to three minutes on one core, growing with the square of their number."""

PROJECTED = 256
PROJECTED_SLACK = 0.06
"""Rows are first compared by this many random projections, whose cosines are off by at most 0.012 (one deviation)
near SAME_FEATURES: five deviations of slack miss no pair in practice, and each pair found is then computed in full."""

ROWS_AT_ONCE = 1024

MOST_PAIRS = 20
"""Pairs per row after which it is asked whether they tell rows apart at all."""

Pairs = Sequence[tuple[int, int]]


def keys_of(found: Found, group_by: str | None, place: str) -> list[str] | None:
    """Returns for each image what it shares with the images it must stay with; None where nothing says so.

    Args:
        found: names and columns.
        group_by: a column of that name, else a regular expression searched in `/` plus the image's name: its first
            group is the key, or all of the match. None takes the column `group` where there is one.
        place: the dataset, for messages.

    Raises:
        UsageError: it is neither a column nor a regular expression.
        DataError: an image has no match, or an empty cell.
    """
    name = "group" if group_by is None else group_by
    if name in found.columns:
        keys = list(found.columns[name])
        if "" in keys and group_by is not None:
            raise DataError(f"{place}: image {keys.index('')} has nothing in the column {name!r} of --group-by")
        return [key or f"\0{number}" for number, key in enumerate(keys)]  # an image without a group is its own
    if group_by is None:
        return None
    try:
        pattern = re.compile(group_by)
    except re.error as error:
        known = f"one of the columns {', '.join(found.columns)}" if found.columns else "a column (there are none)"
        raise UsageError(f"--group-by {group_by!r} is neither {known} nor a regular expression: {error}") from error
    if found.names is None:
        raise DataError(
            f"{place}: --group-by {group_by!r} is no column of it"
            f"{' (' + ', '.join(found.columns) + ')' if found.columns else ''}, and its images have no names"
        )
    return [_key(pattern, name, place) for name in found.names]


def _key(pattern: re.Pattern[str], name: str, place: str) -> str:
    match = pattern.search(f"/{name}")
    if match is None or (pattern.groups and match[1] is None):
        raise DataError(f"{place}: --group-by {pattern.pattern!r} finds nothing in the name /{name}")
    return match[1] if pattern.groups else match[0]


def key_pairs(keys: Iterable[Hashable]) -> Pairs:
    """Returns pairs that connect all images of one key."""
    first: dict[Hashable, int] = {}
    pairs = []
    for number, key in enumerate(keys):
        if key in first:
            pairs.append((first[key], number))
        else:
            first[key] = number
    return pairs


def equal_pairs(inputs: NDArray[Any]) -> Pairs:
    """Returns pairs that connect rows that are equal to the last bit."""
    return key_pairs(hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in inputs)


def thumbnails_of(inputs: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Returns gray thumbnails of the middle of images, (N, D) to (N, 32, 32)."""
    thumbnails = np.empty((len(inputs), images.THUMBNAIL, images.THUMBNAIL), np.uint8)
    for number, row in enumerate(inputs):
        pixels = row.reshape(shape)
        gray = images.luma(pixels) if pixels.ndim > 2 else pixels  # noqa: PLR2004  (H, W)
        thumbnails[number] = images.resize(images.centre_square(gray), images.THUMBNAIL)
    return thumbnails


def look_pairs(thumbnails: NDArray[np.uint8]) -> Iterator[Event | tuple[Pairs, list[str]]]:
    """Yields the pairs of images, (N, 32, 32), that show the same, and what to say of how they were told."""
    if len(thumbnails) <= MOST_COMPARED:
        yield (yield from result_of(compare_all(thumbnails))), []
        return
    said = f"of more than {MOST_COMPARED} images only those that are equal are known as near-duplicates"
    yield equal_pairs(thumbnails), [said]


def feature_pairs(features: NDArray[Any]) -> Pairs:
    """Returns the pairs of rows, (N, F), whose cosine is above SAME_FEATURES.

    Where these are so many that `tells_apart` denies them, some of them, enough for that.
    """
    count, width = features.shape
    norms = np.maximum(np.linalg.norm(features, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    small, threshold = features, SAME_FEATURES
    if width > PROJECTED:
        plane = np.random.default_rng(0).standard_normal((width, PROJECTED), np.float32)
        small, threshold = _rows_times(features, plane), SAME_FEATURES - PROJECTED_SLACK
    unit = small / np.maximum(np.linalg.norm(small, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    pairs: list[tuple[int, int]] = []
    checked = 0
    for top in range(0, count, ROWS_AT_ONCE):
        near = unit[top : top + ROWS_AT_ONCE] @ unit[top:].T > threshold  # (rows, those from `top` on)
        if alike_to_many := np.flatnonzero(near.sum(axis=1) > max(2, MOST_ALIKE * (count - top))).tolist():
            row = top + alike_to_many[0]  # in few dimensions almost everything points the same way
            cosines = features @ features[row] / (norms[:, 0] * norms[row, 0])
            group = np.flatnonzero(cosines > SAME_FEATURES)
            if len(group) > max(2, MOST_ALIKE * count):
                return [(row, int(other)) for other in group if other != row]
        for i, j in zip(*(found.tolist() for found in np.nonzero(np.triu(near, 1))), strict=True):
            first, second = top + i, top + j
            if float(features[first] @ features[second]) > SAME_FEATURES * float(norms[first, 0] * norms[second, 0]):
                pairs.append((first, second))
        if len(pairs) > checked + MOST_PAIRS * count:
            if not tells_apart(pairs, count):
                return pairs
            checked = len(pairs)
    return pairs


def _rows_times(features: NDArray[Any], plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns features @ plane, (N, PROJECTED), reading a mapped array piece by piece."""
    return np.concatenate(
        [features[top : top + ROWS_AT_ONCE].astype(np.float32) @ plane for top in range(0, len(features), ROWS_AT_ONCE)]
    )


def tells_apart(pairs: Pairs, count: int) -> bool:
    """Returns whether near-duplicates are few enough to be near-duplicates: no group holds MOST_ALIKE of all."""
    sizes = np.bincount(images.joined(count, pairs))
    return bool(sizes.max(initial=0) <= max(2, MOST_ALIKE * count))
