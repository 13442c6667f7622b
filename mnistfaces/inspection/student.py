"""A student's gradient of softmax regression, checked entry by entry, and the usual fault named.

The student's function takes x (N, 784) pixels of 0 to 1, y (N, 10) one-hot, W (10, 784) and b (10,), and returns the
gradient of the summed cost by W and by b.

Legend: N images, D inputs, C classes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistfaces.arrays import read_npz
from mnistfaces.datasets.base import Dataset
from mnistfaces.errors import DataError
from mnistfaces.isolation import run_apart, scratch_folder

PROGRAM = Path(__file__).with_name("student_process.py")
SECONDS = 60.0
CLOSE = 1e-6
"""Relative error of an entry up to which it is right."""

FAR_LOGIT = 2000.0
"""The second point has logits of this size: a softmax without a guard overflows there."""

IMAGES_PER_CLASS = 2

Floats = NDArray[np.float64]
Gradient = tuple[Floats, Floats]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A point at which a gradient is asked for: x (N, D), y (N, C), W (C, D) and b (C,)."""

    x: Floats
    y: Floats
    W: Floats
    b: Floats

    @classmethod
    def of(cls, dataset: Dataset, seed: int) -> "Problem":
        """Returns a random point on a few images per class."""
        generator = np.random.default_rng(seed)
        chosen = np.concatenate(
            [
                generator.permutation(np.flatnonzero(dataset.labels == label))[:IMAGES_PER_CLASS]
                for label in range(len(dataset.classes))
            ]
        )
        x = dataset.values(chosen, "float64")
        shape = len(dataset.classes), x.shape[1]
        y = np.eye(shape[0])[dataset.labels[chosen]]
        return cls(x=x, y=y, W=generator.normal(0, 0.1, shape), b=generator.normal(0, 0.1, shape[0]))

    def probs(self) -> Floats:
        """Returns the softmax of the logits, (N, C)."""
        logits = self.x @ self.W.T + self.b
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)  # type: ignore[no-any-return]

    def gradient(self) -> Gradient:
        """Returns the gradient of the summed cost by W and b."""
        return _by_weights(self, self.probs() - self.y)

    def cost(self) -> float:
        """Returns the summed cost in nats."""
        logits = self.x @ self.W.T + self.b
        top = logits.max(axis=1)
        return float((top + np.log(np.exp(logits - top[:, None]).sum(axis=1)) - (logits * self.y).sum(axis=1)).sum())

    def scale(self) -> Gradient:
        """Returns how large the images' shares of every entry are together: what an error is relative to."""
        residual = np.abs(self.probs() - self.y)
        return residual.T @ np.abs(self.x), residual.sum(axis=0)


def _by_weights(problem: Problem, residual: Floats) -> Gradient:
    return residual.T @ problem.x, residual.sum(axis=0)


def _over_images(problem: Problem) -> Floats:
    odds = np.exp(problem.x @ problem.W.T + problem.b)
    return odds / odds.sum(axis=0)  # type: ignore[no-any-return]


def _residual(wrong: Callable[[Problem], Floats]) -> Callable[[Problem], Gradient]:
    """Returns the gradient with something else in the place of p - y."""
    return lambda problem: _by_weights(problem, wrong(problem))


def _without_image(which: slice) -> Callable[[Problem], Gradient]:
    return lambda p: _by_weights(replace(p, x=p.x[which], y=p.y[which]), (p.probs() - p.y)[which])


FAULTS: Mapping[str, Callable[[Problem], Gradient]] = {
    "the sign is wrong: it is p - y, not y - p": _residual(lambda p: p.y - p.probs()),
    "it is the mean over the images, not the sum": _residual(lambda p: (p.probs() - p.y) / len(p.x)),
    "it is twice the gradient": _residual(lambda p: 2 * (p.probs() - p.y)),
    "it is half the gradient": _residual(lambda p: (p.probs() - p.y) / 2),
    "y is missing: it is p - y, not p": _residual(lambda p: p.probs()),
    "the bias is missing from the logits": _residual(lambda p: replace(p, b=0 * p.b).probs() - p.y),
    "the softmax sums over the images, not over the classes": _residual(lambda p: _over_images(p) - p.y),
    "a sigmoid stands in place of the softmax": _residual(lambda p: 1 / (1 + np.exp(-(p.x @ p.W.T + p.b))) - p.y),
    "the last image is left out": _without_image(slice(None, -1)),
    "the first image is left out": _without_image(slice(1, None)),
    "the pixels are multiplied by 255": lambda p: _by_weights(replace(p, x=255 * p.x), p.probs() - p.y),
}
"""What the gradient comes to under a usual fault."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What came of a check.

    Attributes:
        max_relative_error: largest error of an entry, relative to the images' shares of it.
        fault: the usual fault, or where the first wrong entry is; "" of a right gradient.
    """

    max_relative_error: float
    fault: str

    @property
    def ok(self) -> bool:
        """Returns whether the gradient is right."""
        return not self.fault


def check_function(reference: str, dataset: Dataset, seed: int) -> Verdict:
    """Returns the verdict on a student's gradient, and on the cost where one is named.

    Args:
        reference: `FILE.py:GRADIENT` or `FILE.py:GRADIENT:COST`.
        dataset: whose images it is asked about.
        seed: of the images and weights.

    Raises:
        DataError: the file or function cannot be called; the message says what it raised.
        FileError: there is no room to work in, or no process can be started.
    """
    near = Problem.of(dataset, seed)
    far = replace(near, W=near.W * FAR_LOGIT)
    found = _call(reference, near, far)
    if "cost0" in found and not np.allclose(found["cost0"], near.cost(), rtol=CLOSE):
        return Verdict(max_relative_error=np.nan, fault=f"the cost is {found['cost0']:g}, not {near.cost():g} nats")
    return judge(found, near, far)


def judge(found: Mapping[str, Floats], near: Problem, far: Problem) -> Verdict:
    """Returns the verdict on the answers at a point and at one whose logits are far apart."""
    right, scale = near.gradient(), near.scale()
    if fault := _shape_fault(found, right):
        return Verdict(max_relative_error=np.inf, fault=fault)
    given = found["W0"], found["b0"].reshape(right[1].shape)
    error = max(_error(one, other, size) for one, other, size in zip(given, right, scale, strict=True))
    if not error <= CLOSE:
        return Verdict(max_relative_error=error, fault=_name_fault(given, near))
    beyond = _error(found["W1"], far.gradient()[0], far.scale()[0])
    if not beyond <= CLOSE:
        overflow = "large logits overflow: subtract the largest one before exp"
        return Verdict(max_relative_error=beyond, fault=overflow)
    return Verdict(max_relative_error=error, fault="")


def _shape_fault(found: Mapping[str, Floats], right: Gradient) -> str:
    """Returns what is wrong with the shapes of the answers; "" where nothing is."""
    weights, biases = found["W0"], found.get("b0")
    if weights.shape == right[0].T.shape:
        return f"W is transposed: {_shape(weights)} instead of {_shape(right[0])}"
    if weights.shape != right[0].shape:
        return f"the gradient by W is {_shape(weights)}, not {_shape(right[0])}"
    if biases is None:
        return "the gradient by b is missing: return two arrays, by W and by b"
    return "" if biases.size == right[1].size else f"the gradient by b is {_shape(biases)}, not {_shape(right[1])}"


def _error(given: Floats, right: Floats, scale: Floats) -> float:
    """Returns the largest error relative to the images' shares; infinite where a number is none."""
    if not np.isfinite(given).all():
        return float("inf")
    return float((np.abs(given - right) / np.maximum(scale, CLOSE * scale.max())).max())


def _name_fault(given: Gradient, problem: Problem) -> str:
    """Returns the usual fault that gives just these numbers, or the first wrong entry."""
    right, scale = problem.gradient(), problem.scale()
    if _error(given[0], right[0], scale[0]) <= CLOSE and not given[1].any():
        return "the gradient by b is zero: it is the sum of p - y over the images"
    for name, wrong in FAULTS.items():
        if all(
            np.allclose(one, other, rtol=CLOSE, atol=1e-9) for one, other in zip(given, wrong(problem), strict=True)
        ):
            return name
    for letter, one, other, size in zip("Wb", given, right, scale, strict=True):
        bad = np.argwhere(~(np.abs(one - other) <= CLOSE * np.maximum(size, CLOSE * size.max())))
        if len(bad):
            place = tuple(int(number) for number in bad[0])
            index = ",".join(map(str, place))
            return (
                f"{letter}[{index}] is {one[place]:g}, not {other[place]:g}; {len(bad)} entries of {letter} are wrong"
            )
    raise AssertionError("a gradient without a wrong entry is right")


def _call(reference: str, near: Problem, far: Problem) -> dict[str, Floats]:
    """Returns what the student's functions answer, computed in a process of its own."""
    file, _, names = reference.rpartition(".py:")
    gradient, _, cost = names.partition(":")
    if not file or not gradient:
        raise DataError(f"--function {reference} must read FILE.py:NAME, or FILE.py:NAME:COST")
    path = Path(f"{file}.py").resolve()
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    with scratch_folder() as folder:
        given: dict[str, Any] = {"x": near.x, "y": near.y, "W0": near.W, "b0": near.b, "W1": far.W, "b1": far.b}
        np.savez(folder / "given.npz", **given)
        ending = run_apart(PROGRAM, [str(path), gradient, cost, str(folder)], folder, seconds=SECONDS)
        if ending.late:
            raise DataError(f"{reference} had no answer within {SECONDS:g} s")
        if ending.problem:
            raise DataError(f"{reference} raised {ending.problem}")
        if ending.code != 0:
            raise DataError(f"{reference} ended its process (exit code {ending.code})")
        return dict(read_npz(folder / "found.npz"))


def _shape(array: Floats) -> str:
    return " x ".join(map(str, array.shape)) or "one number"
