"""What the state of a run tells of what to try next: one sentence, and the line to type.

The thresholds were set on broken and on sound set-ups, which the tests keep: a hint that is often wrong is not read.
"""

import itertools
import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from mnistfaces.config import OPTIMIZER_DEFAULTS
from mnistfaces.experiments.commands import sweep_line, train_line
from mnistfaces.experiments.trials import OPTIONS, SWEPT, Cell, Grid, Row, fullest

if TYPE_CHECKING:
    from mnistfaces.datasets.base import Dataset

History = Mapping[str, Sequence[float | None]]

FEWEST_POINTS = 6
"""Of a learning curve whose end is looked at."""

STILL_FALLING = 0.03
FAR_FROM_ITS_END = 0.1
"""Shares of the whole fall of the loss that its last fifth brought: at a constant pace it would be 0.2. From the
second on, a larger step gets there sooner than more epochs."""

RISEN = 1.2
APART, FAR_APART = 0.1, 0.25
"""A model overfits whose training accuracy is above that of validation by APART while the validation loss has RISEN
from its lowest, or by FAR_APART anyhow."""

SENSELESS = 10
"""A loss of so many times that of guessing comes from steps that are too large, not from too few images."""

USUAL_LR = 1e-4
MORE = 1.5
"""More training images are worth a hint where there are this many times as many."""

MOST_TYPED = 20
"""Values of a list that a line to copy spells out."""

WIDEST = 100.0
"""How far apart two values of a longer list are at most, as a ratio: a list with 1e300 in it says nothing of steps."""

AXES = ("lr", "epochs", "momentum", "batch_size", "hidden", "weight_decay", "gamma")
"""The options whose lists can be made longer at their ends."""


@dataclass(frozen=True, kw_only=True)
class Hint:
    """What is wrong, and the line that may mend it."""

    text: str
    line: str


def hint_of_training(row: Row, history: History, cell: Cell, dataset: "Dataset", reference: str) -> Hint | None:
    """Returns what to try after one training; None where nothing is wrong.

    Args:
        row: of the training.
        history: its learning curve.
        cell: what was trained.
        dataset: on which.
        reference: what the user called it.
    """
    closed = "lr" in cell.training.ignored()  # there are no steps to be too large or too few
    found = _overfitting(row, cell, dataset, risen=False) if closed else _state(row, history, cell, dataset)
    if found is None:
        return None
    text, changes = found
    return Hint(text=text, line=train_line(cell.with_(**changes), reference, dataset.kind, row["seed"]))


def _state(row: Row, history: History, cell: Cell, dataset: "Dataset") -> tuple[str, dict[str, Any]] | None:
    """Returns what is wrong, and the options to change."""
    lower = {"lr": _lower(cell, row["train_n"])}
    if row["status"] == "diverged":
        return "the training diverged: loss or weights are no longer finite", lower
    share = _last_fifth(history)
    losses = [loss for loss in history["val_loss"] if loss is not None]
    risen = bool(losses) and losses[-1] > RISEN * min(losses)
    if share >= FAR_FROM_ITS_END:
        said = f"the loss was far from its end, the last fifth of the epochs brought {share:.0%} of its whole fall"
        return said, {"lr": _rounded(cell.training.lr * 10)}
    if row["status"] == "collapsed":
        return "the model collapsed: on the training images it never predicts some class", lower
    if too_large := _worse_than_guessing(row, dataset):
        return too_large, lower
    if share >= STILL_FALLING and row["status"] != "stopped":
        said = f"the loss still fell at the end, by {share:.0%} of its whole fall in the last fifth of the epochs"
        return said, {"epochs": 4 * cell.training.epochs}
    return _overfitting(row, cell, dataset, risen=risen)


def _worse_than_guessing(row: Row, dataset: "Dataset") -> str:
    """Returns that the loss is far above that of guessing; "" where it is not."""
    loss, guessing = row["train_loss"] if row["val_loss"] is None else row["val_loss"], math.log(len(dataset.classes))
    if loss is None or loss <= SENSELESS * guessing:
        return ""
    return f"the steps are too large: the loss is {loss:.2g}, that of guessing {guessing:.2g}"


def _lower(cell: Cell, train_n: float) -> float:
    """Returns a lower learning rate: a tenth, or a usual one where that is lower still.

    The usual rate is for the summed cost, whose gradient is so many times that of the mean.
    """
    training, usual = cell.training, 100 * USUAL_LR
    if training.reduction == "mean" and OPTIMIZER_DEFAULTS[training.optimizer].momentum is not None:
        usual *= train_n
    return _rounded(min(training.lr / 10, usual))


def _last_fifth(history: History) -> float:
    """Returns which share of the whole fall of the loss the last fifth of a curve brought; 0 unless it fell steadily.

    The validation loss, or that of training where there is none, as means of five pieces of the second half.
    """
    losses = history["val_loss"] if history["val_loss"][-1] is not None else history["train_loss"]
    curve = [loss for loss in losses if loss is not None]
    if len(curve) < max(FEWEST_POINTS, len(losses)):
        return 0.0
    half = curve[len(curve) // 2 :]
    pieces = min(5, len(half))
    ends = [len(half) * number // pieces for number in range(pieces + 1)]
    means = [fmean(half[start:end]) for start, end in itertools.pairwise(ends)]
    steady = all(later < earlier for earlier, later in itertools.pairwise(means))
    fifth = curve[min(len(curve) - 2, round(0.8 * (len(curve) - 1)))]
    whole = curve[0] - curve[-1]
    return (fifth - curve[-1]) / whole if steady and whole > 0 else 0.0


def _overfitting(row: Row, cell: Cell, dataset: "Dataset", *, risen: bool) -> tuple[str, dict[str, Any]] | None:
    """Returns that training and validation are far apart, and what brings them together."""
    if row["val_accuracy"] is None or row["train_accuracy"] is None:
        return None
    gap = row["train_accuracy"] - row["val_accuracy"]
    if gap < FAR_APART and not (risen and gap >= APART):
        return None
    text = f"validation is far from training ({row['val_accuracy']:.1%} against {row['train_accuracy']:.1%})"
    asked, most = cell.split.train_per_class, _most_per_class(cell, dataset)
    if asked is not None and most >= MORE * asked:
        return text, {"train_per_class": min(4 * asked, most)}
    if risen and cell.training.select == "last":
        return f"{text}, and its loss has risen again", {"select": "best"}
    return text, {"weight_decay": _rounded(10 * cell.training.weight_decay) or 0.01}


def _most_per_class(cell: Cell, dataset: "Dataset") -> int:
    """Returns how many images per class could train, so that a fifth of what is not test is left to validate."""
    import numpy as np

    counts = np.bincount(dataset.labels[~dataset.given_test], minlength=len(dataset.classes))
    test = cell.split.test_per_class
    taken = test if isinstance(test, int) and not dataset.given_test.any() else 0
    return int(0.8 * (int(counts.min()) - taken))


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a sweep was asked.

    Attributes:
        grid: its cells.
        dataset: on which.
        reference: what the user called it.
    """

    grid: Grid
    dataset: "Dataset"
    reference: str

    def line(self, lists: Mapping[str, Sequence[Any]], changes: Mapping[str, Any], best: Cell) -> str:
        """Returns the line that repeats the sweep with other lists, and other options.

        An axis of many values stands with that of the best cell: nobody copies a line of hundreds.
        """
        seeds, asked = self.grid.seeds, [cell.asked() for cell in self.grid.cells]
        swept = {name: list(dict.fromkeys(one[name] for one in asked)) for name in SWEPT}
        many = [name for name, values in swept.items() if len(values) > MOST_TYPED and name not in lists]
        changes = {name: best.asked()[name] for name in many} | dict(changes)
        varied = {name: values for name, values in swept.items() if len(values) > 1 and name not in changes}
        from_0 = seeds == tuple(range(len(seeds)))
        common, count = fullest(self.grid.cells).with_(**changes), len(seeds) if from_0 else 1
        line = sweep_line(self.reference, self.dataset.kind, {**varied, **lists}, common, seeds=count)
        more = [] if from_0 else ["--seed", ",".join(map(str, seeds))]
        return shlex.join([*shlex.split(line), *more, *(["--fixed-split"] if self.grid.fixed_split else [])])


def hint_of_sweep(summary: Row, asked: Asked) -> Hint | None:
    """Returns what to try after a sweep; None where nothing is wrong."""
    found = next(_states(summary, asked), None)
    if found is None:
        return None
    cells = asked.grid.own_cells()
    best = next((cell for cell, row in zip(cells, summary["cells"], strict=True) if row["best"]), cells[0])
    return Hint(text=found[0], line=asked.line(found[1], found[2], best))


def _states(summary: Row, asked: Asked) -> Iterator[tuple[str, Mapping[str, Sequence[Any]], Mapping[str, Any]]]:
    """Yields what is wrong, the lists to type, and the options to change; the gravest first."""
    best, cells = summary["best"], summary["cells"]
    if best is None:
        if cells and all(row["status"] == "diverged" for row in cells):
            lower = min(_lower(cell, cells[0]["train_n"]) for cell in asked.grid.cells)
            yield "every training diverged", {"lr": [_rounded(lower / 10), lower]}, {}
        return
    cell = asked.grid.own_cells()[next(number for number, row in enumerate(cells) if row["best"])]
    lower = _lower(cell, best["train_n"])
    rates = {"lr": [_rounded(lower / 10), lower]}
    if too_large := _worse_than_guessing(best, asked.dataset):
        yield f"in the best cell, too, {too_large}", rates, {}
    if best["n_collapsed"] > best["n"] / 2:
        yield "even the best cell collapsed: on the training images it never predicts some class", rates, {}
    for text, lists in _edges(best, cells, cell, asked.grid):
        yield text, lists, {}
    if found := _overfitting(best, cell, asked.dataset, risen=False):
        yield found[0], {}, found[1]


def _edges(best: Row, cells: Sequence[Row], cell: Cell, grid: Grid) -> Iterator[tuple[str, dict[str, list[Any]]]]:
    """Yields the axes at whose end the best cell lies, with longer lists, where the next cell is truly worse."""
    asked = [one.asked() for one in grid.cells]
    for axis in AXES:
        values = sorted({options[axis] for options in asked if isinstance(options[axis], int | float)})
        value = cell.options()[axis]
        if len(values) < 2 or value not in (values[0], values[-1]):  # noqa: PLR2004  an end and what lies inside
            continue
        highest = value == values[-1]
        inner = values[-2] if highest else values[1]
        wanted = {**cell.options(), axis: inner}
        beside = next((row for row in cells if all(row.get(name) == one for name, one in wanted.items())), None)
        further = _further(axis, value, inner, best)
        if beside is None or not further or not _is_worse(beside, best):
            continue
        end = "highest" if highest else "lowest"
        text = f"the best {OPTIONS[axis].title}, {OPTIONS[axis].typed(value)}, is the {end} that was asked for"
        kept = values[-MOST_TYPED:] if highest else values[:MOST_TYPED]
        yield text, {axis: [*kept, *further] if highest else [*reversed(further), *kept]}


def _is_worse(row: Row, best: Row) -> bool:
    """Returns whether a cell's validation accuracy is below the best one's by more than its standard error."""
    if row["val_accuracy"] is None:
        return True  # it diverged
    accuracy = best["val_accuracy"]
    error = (max(accuracy * (1 - accuracy), 0.01) / best["val_n"]) ** 0.5
    return bool(accuracy - row["val_accuracy"] > error)


def _further(axis: str, value: float, inner: float, best: Row) -> list[float]:
    """Returns values beyond an end, as far from it as what lies inside, or by WIDEST; none where there can be none."""
    if axis == "momentum":
        return [_rounded(1 - (1 - value) / 10)] if value > inner else []
    ratio = min(max(value / inner if inner else 10.0, 1 / WIDEST), WIDEST)
    if value <= 0:
        return []
    if axis in ("lr", "weight_decay", "gamma"):
        return [_rounded(value * ratio), _rounded(value * ratio**2)] if axis == "lr" else [_rounded(value * ratio)]
    most = best["train_n"] if axis == "batch_size" else None
    whole = round(value * ratio)
    return [whole] if whole >= 1 and whole != value and (most is None or whole <= most) else []


def _rounded(value: float) -> float:
    """Returns a value with three significant digits."""
    return float(f"{value:.3g}")
