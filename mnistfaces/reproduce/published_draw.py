"""Tables 1 and 2 on the very images that the report drew, by its own descent, faults included.

The draw is the appendix's: rows of `mnist_all.mat`, drawn with replacement, the same row numbers for every digit. The
softmax is not guarded against overflow; `prev_b = b` keeps no copy, so that the bias never seems to move and the
descent stops as soon as the step of the weights is small or no number.

Legend: R settings, N training images, M test images, C classes. The weights stay combinations of the images,
W = coefficients @ images, so that one product with the Gram matrix (N, N) of the images moves the logits.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistfaces.datasets.base import Dataset
from mnistfaces.errors import DataError
from mnistfaces.progress import Advanced, Stage

TRAIN_ROWS, TEST_ROWS = (1, 1001, 100), (1, 501, 50)
"""Lowest row, row after the last, and how many are drawn of each digit, zero-based. The appendix lost the row
after the last of the test rows; 488 to 511 give one draw."""

SEED = 0
SMALLEST_STEP = 1e-5
INTENSITIES = 255
TOLD_ITERATIONS = 1000
"""How often a descent tells how far it is."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a row of the tables varies; momentum 0 is vanilla descent."""

    lr: float
    momentum: float


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the report's program prints: accuracies, 0 to 1, and whether they stand for numbers that are none."""

    train_accuracy: float
    test_accuracy: float
    overflowed: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class PublishedDraw:
    """The images that the report drew, in the products that its descent needs.

    Attributes:
        gram: (N, N) products of the training images.
        to_test: (N, M) products of the training with the test images.
        labels: (N,), and `test_labels`: (M,).
        test_labels: of the test images.
        classes: C.
    """

    gram: Floats
    to_test: Floats
    labels: NDArray[np.int64]
    test_labels: NDArray[np.int64]
    classes: int

    @classmethod
    def of(cls, digits: Dataset) -> "PublishedDraw":
        """Returns the draw from the full MNIST, which keeps every digit's images in the order of `mnist_all.mat`.

        Raises:
            DataError: these are not all of MNIST's images.
        """
        train = _rows(digits, ~digits.given_test, TRAIN_ROWS)
        test = _rows(digits, digits.given_test, TEST_ROWS)
        images, others = (digits.inputs[rows].astype(np.float64) / INTENSITIES for rows in (train, test))
        return cls(
            gram=images @ images.T,
            to_test=images @ others.T,
            labels=digits.labels[train],
            test_labels=digits.labels[test],
            classes=len(digits.classes),
        )


def _rows(digits: Dataset, side: NDArray[np.bool_], drawn: tuple[int, int, int]) -> NDArray[np.int64]:
    """Returns the positions of the drawn rows of every digit on one side of the test set."""
    rows = np.random.RandomState(SEED).randint(*drawn)
    positions = [np.flatnonzero(side & (digits.labels == digit)) for digit in range(len(digits.classes))]
    if min(map(len, positions)) <= rows.max():
        raise DataError(f"{digits.name} does not hold the images that the report drew from: mnf fetch digits")
    return np.concatenate([place[rows] for place in positions])


def descend(
    drawn: PublishedDraw, settings: Sequence[Setting], checkpoints: Collection[int]
) -> Iterator[Stage | Advanced | Mapping[tuple[Setting, int], Answer]]:
    """Descends as the report did; yields its progress and at last the answers at every checkpoint.

    Args:
        drawn: the images.
        settings: R of them, side by side.
        checkpoints: numbers of iterations at which the program could have ended.
    """
    state = _Descent(drawn, settings)
    found: dict[tuple[Setting, int], Answer] = {}
    yield Stage(name="published draw", total=max(checkpoints))
    for iteration in range(1, max(checkpoints) + 1):
        state.step()
        if iteration in checkpoints:
            found.update(
                {(setting, iteration): answer for setting, answer in zip(settings, state.answers(), strict=True)}
            )
        if iteration % TOLD_ITERATIONS == 0:
            yield Advanced(amount=TOLD_ITERATIONS)
    yield found


class _Descent:
    """R descents from zero weights: logits and bias, and the weights as combinations of the images."""

    def __init__(self, drawn: PublishedDraw, settings: Sequence[Setting]) -> None:
        self.drawn = drawn
        self.lr, self.momentum = (
            np.array([getattr(setting, name) for setting in settings])[:, None, None] for name in ("lr", "momentum")
        )
        count, classes, images = len(settings), drawn.classes, len(drawn.labels)
        self.logits, self.coefficients, self.velocity, self.moved = (
            np.zeros((count, classes, images)) for _ in range(4)
        )
        self.bias, self.bias_velocity = np.zeros((count, classes, 1)), np.zeros((count, classes, 1))
        self.truth = np.eye(classes)[drawn.labels].T  # (C, N)
        self.running = np.ones(count, bool)

    def step(self) -> None:
        """Moves every descent that still runs by one step."""
        if not self.running.any():
            return
        with np.errstate(over="ignore", invalid="ignore"):
            odds = np.exp(self.logits)  # without a guard: beyond 709 it is infinite
            residual = odds / odds.sum(axis=1, keepdims=True) - self.truth  # (R, C, N)
            rate, beta, runs = self.lr, self.momentum, self.running[:, None, None]
            self.velocity = beta * self.velocity + rate * residual
            self.bias_velocity = beta * self.bias_velocity + rate * residual.sum(axis=2, keepdims=True)
            moved = (self.velocity.reshape(-1, len(self.drawn.labels)) @ self.drawn.gram).reshape(self.logits.shape)
            self.coefficients -= np.where(runs, self.velocity, 0)
            self.bias -= np.where(runs, self.bias_velocity, 0)
            self.logits -= np.where(runs, moved + self.bias_velocity, 0)
            step = np.sqrt((self.velocity * moved).sum(axis=(1, 2)))  # the norm of the step of W
            self.running &= step > SMALLEST_STEP  # not so for NaN, either

    def answers(self) -> list[Answer]:
        """Returns what the program would print now: of NaN, argmax takes the first class."""
        with np.errstate(invalid="ignore"):
            test = self.coefficients @ self.drawn.to_test + self.bias  # (R, C, M)
        right = [(logits.argmax(axis=1) == labels).mean(axis=1) for logits, labels in self._both(test)]
        overflowed = np.isnan(self.logits.sum(axis=(1, 2)))
        return [
            Answer(train_accuracy=float(train), test_accuracy=float(tested), overflowed=bool(over))
            for train, tested, over in zip(*right, overflowed, strict=True)
        ]

    def _both(self, test: Floats) -> tuple[tuple[Floats, NDArray[Any]], tuple[Floats, NDArray[Any]]]:
        return (self.logits, self.drawn.labels), (test, self.drawn.test_labels)
