"""Paired differences of models: which of two is better, by how much, and whether they are equal for a purpose.

C cells, T trials, G groups (near-duplicates are one). Differences of accuracies are fractions in [-1, 1].
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, stdtr, stdtrit

from mnistfaces.errors import DataError
from mnistfaces.statistics.intervals import Design, design_of
from mnistfaces.statistics.proportions import FEWEST_DISCORDANT, LEVEL, conditional_limits, mcnemar_exact, tango
from mnistfaces.statistics.scores import Board, Floats, TrialScores, order_of
from mnistfaces.statistics.variance import Parts, parts_of
from mnistfaces.text import counted

POINT = 0.01


@dataclass(frozen=True, kw_only=True)
class PairedDifference:
    """The accuracy of a minus that of b, on the same images.

    Attributes:
        difference: mean over the trials, of the mean over the groups of each.
        low: lower end of the interval.
        high: upper end of the interval, which contains 0 exactly when p is above 1 - level.
        p: two-sided.
        n: distinct test images.
        groups: the same, near-duplicates counted once.
        discordant: groups that one of the two had right and the other wrong, in one trial at least.
        design: which test p comes from.
        trials: that both did.
        wild: whether they are so few and so unlike that p errs too often (`mnistfaces.statistics.variance.WILD`).
        above: P(a > b), the share of trials in which a is more accurate, ties counted half (Bouthillier et al.
            2021, who call 75 % meaningful); None where there was but one trial.
    """

    difference: float
    low: float
    high: float
    p: float
    n: int
    groups: int
    discordant: int
    design: Design
    trials: int
    wild: bool
    above: float | None


def paired_difference(a: Sequence[TrialScores], b: Sequence[TrialScores], *, level: float = LEVEL) -> PairedDifference:
    """Returns by how much a is more accurate than b, trial by trial on the same images.

    - One trial, or several whose differences agree on every group: the exact McNemar test over the groups. The
      interval is Tango's (1998), which Fagerland, Lydersen and Laake (2014) recommend, widened to the exact
      conditional limits (Clopper and Pearson 1934, for a's share of the discordant groups) where those reach
      farther: the score test is bolder than the exact one, and alone excludes 0 at 4 discordant groups of one
      sign, where the exact p is 0.125.
    - Several: t, with the variance of `mnistfaces.statistics.variance` of the differences and half an image added
      for each of the four outcomes of a pair (Agresti and Min 2005), so that models that never differed are not
      thought equal for ever.

    In each case the interval contains 0 exactly when p is above 1 - level.

    Args:
        a: trials of the one.
        b: trials of the other, in the same order, the images of each in any order. Either side may be a
            single trial, which then meets each trial of the other.
        level: of the interval.

    Raises:
        DataError: the trials or their images do not match; the message says where.
    """
    board = Board.of(match_trials(a, b))
    first, second = board.values.astype(np.float64)  # (T, G)
    difference = first - second
    means = (difference * board.tested).sum(axis=1) / board.tested.sum(axis=1)  # (T,)
    groups, design, mean = len(difference[0]), _design_of_difference(board, difference), float(means.mean())
    if design == "one":
        favour_a, favour_b = (int(np.count_nonzero(side > 0)) for side in (difference[0], -difference[0]))
        p, wild = mcnemar_exact(favour_a, favour_b), False
        limits = [tango(favour_a, favour_b, groups, level), conditional_limits(favour_a, favour_b, groups, level)]
    else:
        parts = _disadvantages(board, 0)
        centre, error, freedom, wild = (
            found[1] for found in (parts.mean, parts.error(), parts.freedom(), parts.wild())
        )
        p = 2 * float(stdtr(freedom, -abs(centre) / error))
        half = float(stdtrit(freedom, (1 + level) / 2)) * error
        limits = [(centre - half, centre + half)]
    return PairedDifference(
        difference=mean,
        low=max(-1.0, min(mean, *(low for low, _ in limits))),
        high=min(1.0, max(mean, *(high for _, high in limits))),
        p=p,
        n=board.images,
        groups=groups,
        discordant=int(np.count_nonzero((difference != 0).any(axis=0))),
        design=design,
        trials=len(means),
        wild=bool(wild),
        above=float((np.sign(means) + 1).mean() / 2) if len(means) > 1 else None,
    )


def p_worse(board: Board, best: int) -> Floats:
    """Returns for each cell the one-sided p, (C,), of being as good as the cell `best`; trials that failed are wrong.

    One trial, or several alike on every group: the exact sign test over the groups. Several: t, as `paired_difference`.
    """
    if len(board.tested) == 1 or design_of(board) == "one":
        signs = [_signs(board, block, best) for block in board.blocks()]
        worse, better = (np.concatenate(side) for side in zip(*signs, strict=True))
        exact: Floats = bdtr(better, worse + better, 0.5)
        return exact
    parts = _disadvantages(board, best)
    by_t: Floats = stdtr(parts.freedom(), -parts.mean / parts.error())
    return by_t


def disadvantages(board: Board, best: int) -> Parts:
    """Returns the mean disadvantages of cells to the cell `best`, and their variances before rare events are added."""
    merged = board.by_test_set()
    return parts_of(merged, less_than=merged.values[best])


def _disadvantages(board: Board, best: int) -> Parts:
    """Returns the disadvantages of cells to a cell, half an image each of +1, -1, 0 and 0 added."""
    parts, images = disadvantages(board, best), board.images
    return replace(parts, mean=parts.mean * images / (images + 2), images=parts.images + 1 / images**2)


def _signs(board: Board, block: slice, best: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns on how many groups of the first trial each cell of a block is worse, and better, than a cell."""
    reference, values = board.values[best, 0], board.values[block, 0]
    return np.count_nonzero(values < reference, axis=1), np.count_nonzero(values > reference, axis=1)


def _design_of_difference(board: Board, difference: Floats) -> Design:
    if not board.one_test_set:
        return "splits"
    return "one" if (difference == difference[0]).all() else "seeds"


def match_trials(a: Sequence[TrialScores], b: Sequence[TrialScores]) -> tuple[list[TrialScores], list[TrialScores]]:
    """Returns both sides with equally many trials; a single trial meets each of the other side.

    Raises:
        DataError: the trials or their images do not match; the message says where.
    """
    if len(a) != len(b) and 1 not in (len(a), len(b)):
        raise DataError(f"{len(a)} trials against {len(b)}: a paired comparison needs the same trials of both")
    total = max(len(a), len(b)) if a and b else 0
    ours, theirs = ([side[number % len(side)] for number in range(total)] for side in (a, b))
    for number, (one, other) in enumerate(zip(ours, theirs, strict=True), 1):
        if order_of(other.ids, one.ids) is None:
            alone = np.setxor1d(one.ids, other.ids)
            side = "first" if alone[0] in one.ids else "second"
            raise DataError(
                f"trial {number} of {total}: {len(alone)} test images are on one side only, such as "
                f"{alone[0]} on the {side}: a paired comparison needs the same images on both"
            )
    return ours, theirs


def verdict(result: PairedDifference, a: str = "a", b: str = "b", *, p: float | None = None) -> str:
    """Returns in one sentence which of two models is better, or why that cannot be said.

    Args:
        result: of the two.
        a: name of the one.
        b: name of the other.
        p: adjusted for the number of comparisons; None is the result's own.
    """
    p = result.p if p is None else p
    distinct = "distinct " if result.groups < result.n else ""  # near-duplicates count once
    images = counted(result.groups, f"{distinct}image")
    if p <= 1 - LEVEL:
        of_what = "these two models, not their settings: one seed" if result.trials == 1 else f"{result.trials} trials"
        return f"{a if result.difference > 0 else b} is better ({of_what})"
    if result.discordant == 0:
        return f"cannot be told apart (the same right and wrong on {images})"
    if result.design == "one" and result.discordant < FEWEST_DISCORDANT:
        return f"cannot be told apart (fewer than {FEWEST_DISCORDANT} discordant of {images})"
    return f"cannot be told apart (p = {p:.2g}, {result.discordant} discordant of {images})"


def equivalence(result: PairedDifference, margin: float, *, p: float, names: tuple[str, str]) -> str:
    """Returns the verdict of two one-sided tests (Schuirmann 1987) where no difference was found.

    Args:
        result: at a level of 90 %: both one-sided tests are at 5 %.
        margin: differences smaller than that count as none.
        p: of the difference, adjusted for the number of comparisons.
        names: of the two.
    """
    points = f"{100 * margin:g} point{'' if margin == POINT else 's'}"
    if max(-result.low, result.high) < margin:
        return f"equal within {points}"
    if p <= 1 - LEVEL:
        return verdict(result, *names, p=p)
    return f"not enough data: neither a difference nor equality within {points} is shown (p = {p:.2g})"
