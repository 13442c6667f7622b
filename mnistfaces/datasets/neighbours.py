"""The nearest neighbours of small images by one-sided tangent distance, among any number of them.

N images, n rows of them at a time, S side of a small image, K directions of a bound; four tangents: shift and scale
along either axis.

The tangent distance (Simard, LeCun and Denker, 1993) from one image to another is how far the other lies from all that
the one becomes by small shifts and scalings: from a plane of five dimensions in the space of the S * S pixels. It is
wanted from every image to every other, and to every mirrored one, which in all pixels takes 80 ns per pair. So it is
bounded first in the few directions in which these images differ most, where a distance is shorter and never longer.
There the squared distance of an image q from the plane of another is a quadratic form, the sum of M[a, b] q[a] q[b]:
one matrix product over the K (K + 1) / 2 products of each image, 3 ns per pair. The mirror keeps each direction or
turns it around; only products of two directions of different kinds change their sign there, so that both distances
come from the same two sums. What this bound leaves (2 % of the pairs of MNIST) is bounded again in more directions,
and what that leaves (0.3 %) is computed in full.

No pair is lost among 10,000 images. Among more, a row of which the bound leaves more than about SHORTLIST is compared
with those of them that the bound has nearest, which keeps the time of images that all look alike within limits.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnistfaces.progress import Advanced

Floats = NDArray[np.float32]
Numbers = NDArray[np.int64]

SMALL = 16
SKETCH = 16
"""Directions of the bound. With 12 of them it leaves three times as many pairs of MNIST, with 20 two thirds."""

WIDE = 64
"""Directions of the second bound, of the pairs that the first one leaves."""

SLACK = 1e-4
"""What rounding may add to a bound."""

ROWS_AT_ONCE, COLUMNS_AT_ONCE = 256, 2048

SHORTLIST = SAMPLE = 2048
"""Images that a row is compared with at most, about; and of how many the limit that comes to is told."""

TINY = 1e-6


@dataclass(frozen=True, eq=False)
class _Sketches:
    """What the bounds are made of.

    Attributes:
        directions: (S * S, WIDE) orthonormal, those in which the images differ most first.
        even: (WIDE,) whether the mirror keeps a direction; it turns the others around.
        wide: (N, WIDE) the images in these directions.
        squares: (N,) their squared lengths there.
        kept: (N, A) products of two of an image's first SKETCH numbers that the mirror keeps.
        turned: (N, B) those that change their sign there.
    """

    directions: Floats
    even: NDArray[np.bool_]
    wide: Floats
    squares: Floats
    kept: Floats
    turned: Floats


def neighbours(unit: Floats, most: int, farthest: float) -> Iterator[Advanced | tuple[Numbers, Numbers, bool]]:
    """Yields neighbours of images: the rows, what is near them, whether that is mirrored; and how many rows are done.

    Args:
        unit: (N, S * S) small, smooth images as rows of mean 0 and length 1.
        most: neighbours of an image, as they are, and as many mirrored.
        farthest: the squared distance up to which one is a neighbour.
    """
    sketches = _sketches(unit)
    for top in range(0, len(unit), ROWS_AT_ONCE):
        planes = _planes(unit[top : top + ROWS_AT_ONCE])  # (n, 5, S * S)
        wide = _within(planes, sketches.directions)  # (n, 5, WIDE)
        wide = np.concatenate([wide, wide * np.where(sketches.even, 1, -1).astype(np.float32)], axis=1)
        for row, others in enumerate(_shortlists(sketches, planes, farthest)):
            own = top + row
            for mirrored, near in enumerate(_bounded(sketches, wide[row], others[others != own], farthest)):
                squares = _squares(unit[near], planes[row], mirrored=bool(mirrored))
                nearest = np.argsort(squares, kind="stable")[:most]
                found = near[nearest[squares[nearest] <= farthest]]
                if len(found):
                    yield np.full(len(found), own), found, bool(mirrored)
        yield Advanced(amount=len(planes))


def _shortlists(sketches: _Sketches, planes: Floats, farthest: float) -> list[Numbers]:
    """Returns for each of n planes the images that the first bound leaves, as they are or mirrored, n times (m,)."""
    kept, turned = _forms(planes, sketches)  # (n, A) and (n, B)
    limits = _limits(kept, turned, sketches, farthest)  # (n, 1)
    memory = np.empty((2, len(planes) * COLUMNS_AT_ONCE), np.float32)  # new memory would cost as much as a product
    count = len(sketches.wide)
    rows, columns = [], []
    for start in range(0, count, COLUMNS_AT_ONCE):
        width = min(COLUMNS_AT_ONCE, count - start)
        bound, sway = memory[:, : len(planes) * width].reshape(2, -1, width)
        np.matmul(kept, sketches.kept[start : start + width].T, out=bound)
        np.matmul(turned, sketches.turned[start : start + width].T, out=sway)
        bound -= np.abs(sway, out=sway)
        found = np.flatnonzero(bound <= limits)
        rows.append((found // width).astype(np.int32))
        columns.append((start + found % width).astype(np.int32))
    whose = np.concatenate(rows)
    ends = np.cumsum(np.bincount(whose, minlength=len(planes)))
    return np.split(np.concatenate(columns)[np.argsort(whose, kind="stable")], ends[:-1])


def _limits(kept: Floats, turned: Floats, sketches: _Sketches, farthest: float) -> Floats:
    """Returns the bound up to which an image is on the list of each row, (n, 1): about SHORTLIST are, or fewer."""
    count = len(sketches.wide)
    limits = np.full((len(kept), 1), farthest + SLACK, np.float32)
    if count <= max(SHORTLIST, SAMPLE):
        return limits
    drawn = np.random.default_rng(0).choice(count, SAMPLE, replace=False)
    bound = kept @ sketches.kept[drawn].T - np.abs(turned @ sketches.turned[drawn].T)
    place = SHORTLIST * SAMPLE // count
    return np.minimum(limits, np.partition(bound, place, axis=1)[:, place, None])


def _bounded(sketches: _Sketches, both: Floats, others: Numbers, farthest: float) -> tuple[Numbers, Numbers]:
    """Returns those of some images that the second bound leaves to a plane: as they are, and mirrored.

    Args:
        sketches: of all images.
        both: (10, WIDE) orthonormal bases of the plane and of its mirror image.
        others: (m,) numbers of images.
        farthest: the squared distance from which on an image is left out.
    """
    shares = both @ sketches.wide[others].T  # (10, m)
    np.square(shares, out=shares)
    least = sketches.squares[others] - (farthest + SLACK)
    return others[shares[:5].sum(axis=0) >= least], others[shares[5:].sum(axis=0) >= least]


def _squares(unit: Floats, plane: Floats, *, mirrored: bool) -> Floats:
    """Returns the squared distances of images, (m, S * S), from a plane; infinite for those that are its negative."""
    if mirrored:
        plane = plane.reshape(-1, SMALL, SMALL)[:, :, ::-1].reshape(plane.shape)
    share = plane @ unit.T  # (5, m): along the image, and along its tangents
    squares: Floats = np.where(share[0] > 0, 1 - np.square(share).sum(axis=0), np.inf).astype(np.float32)
    return squares


def _sketches(unit: Floats) -> _Sketches:
    """Returns the numbers by which distances of images, rows of unit length (N, S * S), are bounded."""
    directions, even = _directions(unit)
    wide = unit @ directions
    kept, turned = [], []
    for top in range(0, len(unit), COLUMNS_AT_ONCE):
        first, second, same = _products(even)
        products = wide[top : top + COLUMNS_AT_ONCE, first] * wide[top : top + COLUMNS_AT_ONCE, second]
        kept.append(products[:, same])
        turned.append(products[:, ~same])
    squares = np.einsum("nd,nd->n", wide, wide)
    return _Sketches(directions, even, wide, squares, np.concatenate(kept), np.concatenate(turned))


def _directions(unit: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Returns the principal directions of images and their mirror images, and which of them the mirror keeps."""
    moments = np.zeros((SMALL * SMALL, SMALL * SMALL))
    for top in range(0, len(unit), COLUMNS_AT_ONCE):
        block = unit[top : top + COLUMNS_AT_ONCE]
        moments += block.T @ block
    mirror = np.arange(SMALL * SMALL).reshape(SMALL, SMALL)[:, ::-1].ravel()
    sizes, directions = [], []
    for sign in (1, -1):
        half = (moments + sign * moments[mirror]) / 2
        size, direction = np.linalg.eigh((half + sign * half[:, mirror]) / 2)
        sizes.append(size)
        directions.append(direction)
    largest = np.argsort(-np.concatenate(sizes), kind="stable")[:WIDE]
    return np.concatenate(directions, axis=1)[:, largest].astype(np.float32), largest < SMALL * SMALL


def _products(even: NDArray[np.bool_]) -> tuple[Numbers, Numbers, NDArray[np.bool_]]:
    """Returns the pairs of the first SKETCH directions, first <= second, and whether the mirror keeps a product."""
    first, second = np.triu_indices(SKETCH)
    return first, second, even[first] == even[second]


def _within(planes: Floats, directions: Floats) -> Floats:
    """Returns orthonormal bases, (n, 5, k), of what planes become in k directions."""
    return np.linalg.qr((planes @ directions).transpose(0, 2, 1))[0].transpose(0, 2, 1)


def _forms(planes: Floats, sketches: _Sketches) -> tuple[Floats, Floats]:
    """Returns the quadratic forms whose values at a sketch are squared distances from planes, as (n, A) and (n, B)."""
    basis = _within(planes, sketches.directions[:, :SKETCH])
    form = np.eye(SKETCH, dtype=np.float32) - basis.transpose(0, 2, 1) @ basis
    first, second, same = _products(sketches.even)
    weights = form[:, first, second] * np.where(first == second, 1, 2).astype(np.float32)
    return weights[:, same], weights[:, ~same]


def _planes(own: Floats) -> Floats:
    """Returns orthonormal bases, (n, 5, S * S), of images of unit length, (n, S * S), and how they move."""
    x, y = grid(SMALL)
    down, right = slopes(own.reshape(-1, SMALL, SMALL))
    moves = np.stack([right * x, right, down * y, down], axis=1).reshape(len(own), 4, -1)
    moves -= moves.mean(axis=2, keepdims=True)
    moves -= (moves @ own[:, :, None]) * own[:, None]
    sizes, directions = np.linalg.eigh(moves @ moves.transpose(0, 2, 1))  # (n, 4) and (n, 4, 4)
    usable = sizes > 1e-4 * np.maximum(sizes[:, -1:], TINY)
    scale = np.where(usable, 1 / np.sqrt(np.maximum(sizes, TINY**2)), 0)
    tangents = (directions * scale[:, None]).transpose(0, 2, 1).astype(np.float32) @ moves
    return np.concatenate([own[:, None], tangents], axis=1)


def slopes(images: Floats) -> tuple[Floats, Floats]:
    """Returns how images change per pixel downwards and to the right."""
    return np.gradient(images, axis=1).astype(np.float32), np.gradient(images, axis=2).astype(np.float32)


def unit_rows(images: Floats) -> Floats:
    """Returns images as rows of mean 0 and length 1; one gray has length 0."""
    rows = images.reshape(len(images), -1)
    rows = rows - rows.mean(axis=1, keepdims=True)
    unit: Floats = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), TINY)
    return unit


def grid(side: int) -> tuple[Floats, Floats]:
    """Returns x and y of the pixels' centres, -1 to 1, (side, side) each."""
    ends = ((np.arange(side) + 0.5) / side * 2 - 1).astype(np.float32)
    x, y = np.meshgrid(ends, ends)
    return x, y
