"""Near-duplicates: pairs of images that show one picture, re-cropped, mirrored, encoded again or made brighter.

N images, P pairs, S side of a small image, T of a thumbnail; four moves: scale and shift along either axis.

Two steps. Candidates are the nearest neighbours of each image by one-sided tangent distance (`neighbours`). Each
candidate is then laid on its partner by Gauss-Newton steps (Lucas and Kanade, 1981; Baker and Matthews, 2004) and
judged by the multiple correlation of the one with the other and its square, which a change of brightness or gamma
leaves alone.

An image that shows little, such as one stroke of a pen, is like many others: most of both is equal ground. Its copies
are more alike than those of a photograph, whose grain falls otherwise into each thumbnail, and so they have to be.

Crops of photographs, as the faces are, are judged by their whole photographs as well (`photo_hash`) and by their plain
correlation: they are cut where the list says, so that two of one photograph differ by more than a re-cropped copy
does. Of 27 such pairs among 325 real faces the alignment finds 24, the photographs 14, the correlation 19; of other
images the correlation would make one of many, for digits of one class correlate as much.

Measured on 124 photographs and drawings and 150 digits: copies cropped by 1 to 5 %, mirrored or at JPEG quality 40
are found in at least 96 of 100 cases; copies by a gamma of 0.5, 0.7, 1.4 and 1.8 in 93, 100, 100 and 52; copies so
bright that they are clipped in 65; of digits all of these in at least 98. A parabola is no curve of gamma 2.5: of such
copies 3 in 100 are found, of digits 78. Among the 60,000 training images of MNIST, 23 pairs of different "1"s are taken
for one picture, five of them together at most; with a noise of 8 of 255 levels, or at JPEG quality 60, of 3,000 "1"s up
to 3 pairs.
"""

import hashlib
from collections.abc import Generator, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from mnistfaces.datasets.neighbours import SMALL, Floats, Numbers, grid, neighbours, slopes, unit_rows
from mnistfaces.progress import Advanced, Event, Stage, drained

LIKENESS = 0.995
"""From which on a pair shows one picture. A pair too many keeps two images on one side of a split, which costs
nothing; a pair too few leaks a test image into training."""

LITTLE_LIKENESS = 0.998
"""The same for images that show little. Of copies of 200 digits of MNIST, half of them "1"s, cropped by up to 5 %,
mirrored, darker or encoded again, the least alike had 0.99811; of 2,676 pairs of different digits that reach LIKENESS,
all but one of them "1"s, 1 in 100 has more than 0.9979. With one limit for all, these pairs would chain 981 digits."""

DETAIL = 0.1
"""From which slope on, in standard deviations of the image per pixel, something is shown at a pixel."""

LITTLE = 0.3
"""The share of such pixels below which an image shows little. All digits of the pairs above have at most 0.28, with a
noise of 8 of 255 levels, too; 124 photographs all have 0.38, and cut out on plain ground of twice their area 0.32."""

CLOSENESS = 0.96
"""The cosine from which on a neighbour is looked at."""

NEIGHBOURS = 3
"""Neighbours of each image that are looked at: groups of more copies are joined by chains."""

THUMBNAIL = 32
IMAGES_AT_ONCE, PAIRS_AT_ONCE = 1024, 64
FARTHEST = 0.12
"""How far an alignment may go, as a share of half a side."""

HOPEFUL = (0.0, 0.92, 0.96, 0.99, 0.994)
"""How alike a pair must be after each step of the alignment to be worth another: what it lacks falls with its square.
Of 5,657 copies and pairs of digits that an alignment without limits finds, the least alike had 0.66, 0.948, 0.993,
0.994 after each step, and none is lost."""

SAME_PHOTO_BITS = 8
SAME_CROP_CORRELATION = 0.925
"""Looked at on real crops: all pairs above show one photograph, hardly a pair below does."""

TINY = 1e-6

Pairs = set[tuple[int, int]]


def near_duplicates(thumbnails: NDArray[np.uint8], photo_hashes: Sequence[int] | None = None) -> list[tuple[int, int]]:
    """Returns pairs i < j of images that show one picture; of more than two that do, pairs that connect them.

    Images of one gray show none.

    Args:
        thumbnails: (N, 32, 32) gray values of the whole images.
        photo_hashes: N hashes of the photographs that the images were cut from; None for images that are whole.
    """
    return drained(compare_all(thumbnails, photo_hashes))


def compare_all(
    thumbnails: NDArray[np.uint8], photo_hashes: Sequence[int] | None = None
) -> Iterator[Event | list[tuple[int, int]]]:
    """Yields what `near_duplicates` returns, and before that how far it is."""
    found, distinct = _equal(thumbnails)
    found.update((yield from _aligned(thumbnails, distinct)))
    if photo_hashes is not None:
        found.update(_of_one_photograph(thumbnails, photo_hashes))
    yield sorted(found)


def _equal(thumbnails: NDArray[np.uint8]) -> tuple[Pairs, Numbers]:
    """Returns pairs of equal images, each with the first of its kind, and the numbers of the first ones."""
    first: dict[bytes, int] = {}
    same = [
        first.setdefault(hashlib.blake2b(thumbnail.tobytes(), digest_size=16).digest(), number)
        for number, thumbnail in enumerate(thumbnails)
    ]
    shows = np.ptp(thumbnails.reshape(len(thumbnails), -1), axis=1) > 0 if len(thumbnails) else np.empty(0, bool)
    pairs = {(other, number) for number, other in enumerate(same) if other != number and shows[number]}
    return pairs, np.array([number for number in first.values() if shows[number]], np.int64)


def _aligned(thumbnails: NDArray[np.uint8], distinct: Numbers) -> Generator[Event, None, Pairs]:
    """Returns those pairs of some images that are alike when one is laid on the other."""
    unit = _small(thumbnails, distinct)
    if (plain := np.abs(unit).max(axis=1, initial=0) == 0).any():  # what it shows is finer than a small image can
        distinct, unit = distinct[~plain], unit[~plain]
    candidates: set[tuple[int, int, bool]] = set()
    if len(distinct) > 1:
        yield Stage(name=f"looking for near-duplicates among {len(distinct)} images", total=len(distinct))
        for near in neighbours(unit, NEIGHBOURS, 1 - CLOSENESS**2):
            if isinstance(near, Advanced):
                yield near
                continue
            rows, columns, mirrored = near
            pairs = np.sort(distinct[np.stack([rows, columns], axis=1)], axis=1).tolist()
            candidates.update((i, j, mirrored) for i, j in pairs)
    del unit
    found: Pairs = set()
    listed = np.array(sorted(candidates), np.int64).reshape(-1, 3)  # i, j, whether j is mirrored
    for start in range(0, len(listed), PAIRS_AT_ONCE):
        i, j, turned = listed[start : start + PAIRS_AT_ONCE].T
        others = np.where(turned[:, None, None] == 1, thumbnails[j, :, ::-1], thumbnails[j])
        smooth, wanted = _blurred(thumbnails[i]), _wanted(thumbnails[i])
        alike = likeness(smooth, _blurred(others), wanted) >= wanted
        found.update(zip(i[alike].tolist(), j[alike].tolist(), strict=True))
    return found


def _of_one_photograph(thumbnails: NDArray[np.uint8], hashes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yields the pairs i < j of crops whose photographs have hashes that differ in few bits, or that correlate."""
    count = len(hashes)
    flat = unit_rows(thumbnails.astype(np.float32))  # (N, T * T)
    packed = np.array([list(value.to_bytes(8, "big")) for value in hashes], np.uint8).reshape(count, 8)
    signs = np.unpackbits(packed, axis=1).astype(np.float32) * 2 - 1  # (N, 64)
    for top in range(0, count, IMAGES_AT_ONCE):
        rows = slice(top, top + IMAGES_AT_ONCE)
        differing = (64 - signs[rows] @ signs.T) / 2  # (n, N)
        found = np.argwhere((differing <= SAME_PHOTO_BITS) | (flat[rows] @ flat.T >= SAME_CROP_CORRELATION))
        yield from ((top + i, j) for i, j in found.tolist() if top + i < j)


def _wanted(thumbnails: NDArray[np.uint8]) -> Floats:
    """Returns how alike another image must be to each of these to show the same, (P,)."""
    slope = np.hypot(*slopes(_blurred(thumbnails)))  # (P, T, T)
    shown = slope > DETAIL * thumbnails.std(axis=(1, 2), keepdims=True)
    return np.where(shown.mean(axis=(1, 2)) < LITTLE, LITTLE_LIKENESS, LIKENESS).astype(np.float32)


def likeness(images: Floats, others: Floats, wanted: Floats) -> Floats:
    """Returns how alike the images of pairs are once one is laid on the other, (P,): 0 to 1.

    Where that is as much as is wanted, or hopeless, no better place is looked for.

    Args:
        images: (P, T, T), smooth.
        others: (P, T, T), smooth; what is scaled and shifted.
        wanted: (P,) at least LIKENESS.
    """
    best = np.zeros(len(images), np.float32)
    going = np.arange(len(images))  # (p,) of the pairs
    placement = np.zeros((len(images), 4), np.float32)  # scale - 1 and shift in x, the same in y
    for hopeful in (*HOPEFUL, LIKENESS, LIKENESS):
        laid, weight = _laid(others[going], placement)
        target, source = _centred(images[going], weight), _centred(laid, weight)
        slope: Floats = (_dot(target, source) / np.maximum(_dot(source, source), TINY)).astype(np.float32)
        best[going] = np.maximum(best[going], _multiple_correlation(target, source, slope, weight))
        left = (best[going] >= hopeful) & (best[going] < wanted[going])
        if not left.any():
            break
        error = target[left] - slope[left, None, None] * source[left]
        placement = placement[left] + _gauss_newton(laid[left], slope[left], error, weight[left])
        placement, going = np.clip(placement, -FARTHEST, FARTHEST), going[left]
    return best


def _laid(others: Floats, placement: Floats) -> tuple[Floats, Floats]:
    """Returns images scaled and shifted by bilinear interpolation, and where there is something of them, (P, T, T)."""
    across, seen_across = _resampling(placement[:, 0], placement[:, 1])
    down, seen_down = _resampling(placement[:, 2], placement[:, 3])
    laid: Floats = np.matmul(down @ others, across.transpose(0, 2, 1))
    weight: Floats = seen_down[:, :, None] * seen_across[:, None, :]
    return laid, weight


def _resampling(scale: Floats, shift: Floats) -> tuple[Floats, Floats]:
    """Returns what each pixel of a line takes from each, (P, T, T), and 1 where it lies within the line, (P, T)."""
    pixels = np.arange(THUMBNAIL, dtype=np.float32)
    ends = (pixels + 0.5) / THUMBNAIL * 2 - 1
    places = ((1 + scale[:, None]) * ends + shift[:, None] + 1) * (THUMBNAIL / 2) - 0.5  # (P, T)
    inside = np.clip(places, 0, THUMBNAIL - 1)
    shares = 1 - np.abs(inside[:, :, None] - pixels)
    return np.maximum(shares, 0, out=shares), (inside == places).astype(np.float32)


def _multiple_correlation(target: Floats, source: Floats, slope: Floats, weight: Floats) -> Floats:
    """Returns the correlation of `target` with the best combination of `source` and its square, (P,).

    It is that of a least-squares fit, whatever the contrast: the square is as large as `source`, so that the least that
    is left of it when `source` is taken out, which only guards a division, is a share of `source`.
    """
    size = np.maximum(_dot(source, source), TINY)
    bent = _centred(np.square(source) / np.sqrt(size / weight.sum((1, 2)))[:, None, None], weight)
    bent -= (_dot(bent, source) / size)[:, None, None] * source
    explained = np.square(slope) * size + np.square(_dot(target, bent)) / np.maximum(_dot(bent, bent), 1e-3 * size)
    share = explained / np.maximum(_dot(target, target), TINY)
    correlation: Floats = np.where(slope > 0, np.sqrt(np.minimum(share, 1)), 0).astype(np.float32)
    return correlation


def _gauss_newton(laid: Floats, slope: Floats, error: Floats, weight: Floats) -> Floats:
    """Returns the change of the placements that lowers the squared error most, (P, 4)."""
    x, y = grid(THUMBNAIL)
    down, right = slopes(laid)
    moves = np.empty((len(laid), 4, THUMBNAIL, THUMBNAIL), np.float32)
    np.multiply(right, weight, out=moves[:, 1])
    np.multiply(down, weight, out=moves[:, 3])
    np.multiply(moves[:, 1], x, out=moves[:, 0])
    np.multiply(moves[:, 3], y, out=moves[:, 2])
    flat = moves.reshape(len(laid), 4, -1)  # (P, 4, T * T)
    total = flat.sum(axis=2, keepdims=True)
    unit = (THUMBNAIL / 2 * slope)[:, None, None]
    normal = flat @ flat.transpose(0, 2, 1) - total @ total.transpose(0, 2, 1) / weight.sum((1, 2))[:, None, None]
    normal *= np.square(unit)
    damping = 1e-3 * np.trace(normal, axis1=1, axis2=2) + TINY
    change = np.linalg.solve(
        normal + damping[:, None, None] * np.eye(4, dtype=np.float32), unit * (flat @ error.reshape(len(laid), -1, 1))
    )
    return change[..., 0].astype(np.float32)


def _small(thumbnails: NDArray[np.uint8], numbers: Numbers) -> Floats:
    """Returns some thumbnails, smooth and of half the side, as rows of mean 0 and length 1 or 0, (n, S * S)."""
    small = np.empty((len(numbers), SMALL * SMALL), np.float32)
    for top in range(0, len(numbers), IMAGES_AT_ONCE):
        smooth = _blurred(thumbnails[numbers[top : top + IMAGES_AT_ONCE]])
        unit = unit_rows(smooth.reshape(-1, SMALL, 2, SMALL, 2).mean((2, 4)))
        small[top : top + IMAGES_AT_ONCE] = np.where(np.linalg.norm(unit, axis=1, keepdims=True) > 1 / 2, unit, 0)
    return small


def _blurred(thumbnails: NDArray[np.uint8]) -> Floats:
    """Returns images smoothed by 1/4, 1/2, 1/4 along both axes, so that they move evenly."""
    wide = np.pad(thumbnails.astype(np.float32), ((0, 0), (1, 1), (1, 1)), "edge")
    rows = (wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]) / 4
    return ((rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]) / 4).astype(np.float32)


def _centred(values: Floats, weight: Floats) -> Floats:
    """Returns values less their weighted mean, 0 where the weight is 0."""
    total = np.maximum(weight.sum((-2, -1), keepdims=True), TINY)
    centred: Floats = (values - (values * weight).sum((-2, -1), keepdims=True) / total) * weight
    return centred


def _dot(first: Floats, second: Floats) -> Floats:
    product: Floats = np.einsum("pij,pij->p", first, second)
    return product
