"""The nearest neighbours by tangent distance, against distances solved for one by one in float64."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mnistfaces import images
from mnistfaces.datasets import neighbours
from mnistfaces.datasets.sample import load_sample
from mnistfaces.progress import Advanced

SIDE = neighbours.SMALL
FARTHEST = 0.15
MOST = 3


def digits(count: int) -> NDArray[np.float32]:
    rows = load_sample().inputs[:: 5000 // count][:count].reshape(-1, 28, 28)
    return np.stack([images.resize(row, SIDE) for row in rows]).astype(np.float32)


def alike(count: int) -> NDArray[np.float32]:
    """One picture, each time with a weak pattern of its own: every pair is near."""
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 200, SIDE)
    return (ramp + ramp[:, np.newaxis] ** 1.5 + rng.normal(0, 20, (count, SIDE, SIDE))).astype(np.float32)


def in_full(small: NDArray[np.float32], row: int) -> NDArray[np.float64]:
    """The squared distance of each image, of unit length, from all that one becomes by shift and scale, (2, N)."""
    unit = small.reshape(len(small), -1).astype(np.float64)
    unit -= unit.mean(axis=1, keepdims=True)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    ends = (np.arange(SIDE) + 0.5) / SIDE * 2 - 1
    down, right = np.gradient(unit[row].reshape(SIDE, SIDE))
    moves = [right * ends, right, down * ends[:, np.newaxis], down, np.ones((SIDE, SIDE))]
    plane = np.stack([unit[row], *(move.ravel() for move in moves)], axis=1)  # (256, 6)
    both = [unit, unit.reshape(-1, SIDE, SIDE)[:, :, ::-1].reshape(len(unit), -1)]
    squares = np.stack([np.linalg.lstsq(plane, others.T)[1] for others in both])
    squares[np.stack([others @ unit[row] for others in both]) <= 0] = np.inf
    squares[:, row] = np.inf
    return squares


def found(small: NDArray[np.float32]) -> dict[tuple[int, bool], set[int]]:
    near: dict[tuple[int, bool], set[int]] = {}
    done = 0.0
    for event in neighbours.neighbours(neighbours.unit_rows(small), MOST, FARTHEST):
        if isinstance(event, Advanced):
            done += event.amount
            continue
        rows, columns, mirrored = event
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            near.setdefault((row, mirrored), set()).add(column)
    assert done == len(small)
    return near


@pytest.mark.parametrize("make", [digits, alike])
def test_the_nearest_are_those_that_distances_solved_for_one_by_one_have(make: object) -> None:
    small = make(600)  # type: ignore[operator]
    near = found(small)
    assert len(near) > 100
    for row in range(0, 600, 7):
        for mirrored, squares in enumerate(in_full(small, row)):
            got = sorted(squares[list(near.get((row, bool(mirrored)), ()))])
            wanted = [value for value in np.sort(squares)[:MOST] if value <= FARTHEST]
            assert got == pytest.approx(wanted, abs=1e-4)


def test_no_pair_is_lost_where_the_list_is_longer_than_what_is_near(monkeypatch: pytest.MonkeyPatch) -> None:
    small = digits(1000)
    whole = found(small)
    monkeypatch.setattr(neighbours, "SAMPLE", 400)
    monkeypatch.setattr(neighbours, "SHORTLIST", 300)  # a limit is drawn for every row, and few are cut by it
    assert found(small) == whole


def test_of_images_that_all_look_alike_few_are_compared_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    small = alike(1000)
    monkeypatch.setattr(neighbours, "SAMPLE", 400)
    monkeypatch.setattr(neighbours, "SHORTLIST", 100)
    compared = []
    bounded = neighbours._bounded  # what it is called with is the cost

    def counted(sketches: object, both: object, others: NDArray[np.int64], farthest: float) -> object:
        compared.append(len(others))
        return bounded(sketches, both, others, farthest)  # type: ignore[arg-type]

    monkeypatch.setattr(neighbours, "_bounded", counted)
    near = found(small)
    assert np.mean(compared) < 200
    assert {len(columns) for columns in near.values()} == {MOST}
