"""How many images, seeds and folds it takes: expected widths of intervals, and the power to tell two models apart.

The crossed model of `mnistfaces.statistics.variance`, read forwards: with N images and T trials the variance of a mean
is image / N + rest / (N T) + trial / T. Accuracies and differences are fractions in [0, 1].
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy.special import bdtr, bdtrik, chdtrc, nctdtr, ndtri, stdtrit

from mnistfaces.statistics.differences import disadvantages
from mnistfaces.statistics.proportions import LEVEL, score_limits
from mnistfaces.statistics.scores import Board
from mnistfaces.statistics.variance import SHARED, Parts, parts_of

POWER = 0.8
"""A difference is looked for with at least this chance of finding it, as is usual."""

MOST_IMAGES = 10_000_000
MOST_SEEDS = 100
NEGLIGIBLE = 1e-12


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Variances of one image's score in one trial, about the mean.

    Attributes:
        image: of the image's own mean over trials.
        rest: of what is neither the image's nor the trial's.
        trial: of the trial's mean: seeds and training sets.
    """

    image: float
    rest: float
    trial: float

    def scaled(self, factor: float) -> "Spread":
        """Returns all three multiplied."""
        return Spread(image=self.image * factor, rest=self.rest * factor, trial=self.trial * factor)


@dataclass(frozen=True, kw_only=True)
class Assumptions:
    """What a plan starts from.

    Attributes:
        accuracy: of the models.
        single: how one model's right and wrong answers vary.
        pair: how the difference of two models' varies.
    """

    accuracy: float
    single: Spread
    pair: Spread

    def at(self, accuracy: float) -> "Assumptions":
        """Returns the same shares of another accuracy's binomial variance."""
        factor = accuracy * (1 - accuracy) / (self.accuracy * (1 - self.accuracy))
        return Assumptions(accuracy=accuracy, single=self.single.scaled(factor), pair=self.pair.scaled(factor))


USUAL = Assumptions(
    accuracy=0.85,
    single=Spread(image=0.0700, rest=0.0575, trial=0.0002),
    pair=Spread(image=0.0025, rest=0.0420, trial=0.0001),
)
"""Measured: networks of 20 and 50 hidden units at two learning rates, five seeds each on 40 training images per digit.

Their pairs shared seeds and training images. Models of different kinds differ on more images: plan from a run then.
"""


@dataclass(frozen=True, kw_only=True)
class Design:
    """N test images, and T seeds on them or K folds of them, each perhaps by several seeds.

    Attributes:
        images: that are tested, in all folds together.
        seeds: of initial weights, minibatches and training sets.
        folds: None is one test set.
    """

    images: int
    seeds: int
    folds: int | None = None

    @property
    def trials(self) -> int:
        """Returns T: trainings of a model."""
        return self.seeds * (self.folds or 1)

    def parts(self, spread: Spread, *, estimated: bool = False) -> tuple[float, float]:
        """Returns the variance of the mean that is due to images, and that due to trials.

        One seed on one test set speaks of that model alone: nothing is due to trials.

        Args:
            spread: of one image in one trial.
            estimated: as an interval will find it, in the mean: what is due to trials is never thought below 0.
        """
        images = (spread.image + spread.rest / self.seeds) / self.images
        if self.trials == 1:
            return images, 0.0
        by_images = spread.rest / self.images
        if self.folds is not None:
            by_images = (spread.image + spread.rest) * self.folds / self.images
        between = _kept_above_0(spread.trial, by_images, self.trials - 1) if estimated else spread.trial
        traded = 0.0 if self.folds is None else 1 / (self.folds - 1)
        return (1 + SHARED * traded) * images, (1 / self.trials + traded) * between

    def freedom(self, images: float, trials: float) -> float:
        """Returns Satterthwaite's degrees of freedom of the two parts."""
        squares = images**2 / max(self.images - 1, 1) + trials**2 / max(self.trials - 1, 1)
        return (images + trials) ** 2 / squares if squares else max(self.images - 1, 1)


def width_of(assumed: Assumptions, design: Design, level: float = LEVEL) -> float:
    """Returns the expected width of the interval of one model's accuracy."""
    binomial = assumed.accuracy * (1 - assumed.accuracy)
    images, trials = design.parts(assumed.single, estimated=True)
    quantile = stdtrit(design.freedom(images, trials), (1 + level) / 2)
    if design.trials == 1:
        images, quantile = binomial / design.images, ndtri((1 + level) / 2)  # Wilson's
    low, high = score_limits(np.array(assumed.accuracy), np.array((images + trials) / binomial), quantile)
    return float(high - low)


def power_of(assumed: Assumptions, difference: float, design: Design, level: float = LEVEL) -> float:
    """Returns the chance that two models that differ by `difference` are told apart on the same images.

    One trial: the exact McNemar test, its number of discordant images being binomial. Several: t, noncentral.
    """
    pair = _possible(assumed.pair, difference)
    if design.trials == 1:
        return _mcnemar_power(pair.image + pair.rest + difference**2, difference, design.images, 1 - level)
    seen, error = design.parts(pair, estimated=True), math.sqrt(sum(design.parts(pair)))
    freedom, shift = design.freedom(*seen), difference / error
    critical = stdtrit(freedom, (1 + level) / 2) * math.sqrt(sum(seen)) / error
    return float(np.nan_to_num(1 - nctdtr(freedom, shift, critical), nan=1.0 if shift > critical else 0.0))


@dataclass(frozen=True, kw_only=True)
class Advice:
    """What it would take to tell models apart that differ by so much.

    Attributes:
        design: with at least 80 % power; None if none is known with 10 million images and 100 seeds.
        now: the power that there is.
        seeds_alone: whether more seeds on the images that there are would do.
    """

    design: Design | None
    now: float
    seeds_alone: bool


def advise(assumed: Assumptions, difference: float, present: Design) -> Advice:
    """Returns the smallest number of seeds on the present images that tells models apart, or else the images it takes.

    Settings are compared by two seeds or more: one seed compares two models.
    """
    now = power_of(assumed, difference, present) if present.seeds > 1 else 0.0
    if now >= POWER:
        return Advice(design=present, now=now, seeds_alone=True)
    least = max(2, present.seeds)
    enough = _first(least, MOST_SEEDS, lambda seeds: _power_with(assumed, difference, present, seeds, present.images))
    if enough is not None:
        return Advice(design=replace(present, seeds=enough), now=now, seeds_alone=True)
    for seeds in sorted({max(least, 5), 10, 20, 50, MOST_SEEDS}):
        images = _first(present.images, MOST_IMAGES, partial(_power_with, assumed, difference, present, seeds))
        if images is not None:
            return Advice(design=replace(present, images=images, seeds=seeds), now=now, seeds_alone=False)
    return Advice(design=None, now=now, seeds_alone=False)


def assumptions_of(board: Board, best: int, others: list[int]) -> Assumptions | None:
    """Returns what a plan can take from cells that were trained: one cell, and the mean of its differences to others.

    What too few trials cannot tell apart is taken from `USUAL`. None where every answer is right or every one wrong.
    """
    whole = board.by_test_set()
    accuracy = float(board.means()[best].mean())
    if not 0 < accuracy < 1:
        return None
    usual = USUAL.at(accuracy)
    single = _spread_of(parts_of(whole), [best], usual.single)
    pair = _spread_of(disadvantages(board, best), others, usual.pair) if others else usual.pair
    return Assumptions(accuracy=accuracy, single=single, pair=pair)


def _spread_of(parts: Parts, cells: list[int], usual: Spread) -> Spread:
    """Returns the mean spread of some cells."""
    group, image, trial = (float(array[cells].mean()) for array in (parts.of_group, parts.of_image, parts.of_trial))
    if math.isnan(image):
        image = group * usual.image / (usual.image + usual.rest)
    image = min(image, group)
    return Spread(image=image, rest=group - image, trial=trial if parts.shape[0] > 1 else usual.trial)


def _kept_above_0(variance: float, by_images: float, freedom: int) -> float:
    """Returns the mean of max(0, s^2 - by_images), s^2 being a sample variance that estimates both together."""
    whole = variance + by_images
    if whole == 0:
        return 0.0
    least = freedom * by_images / whole
    return float(whole * chdtrc(freedom + 2, least) - by_images * chdtrc(freedom, least))


def _possible(pair: Spread, difference: float) -> Spread:
    """Returns a spread that models with this difference can have: they must differ on as many images at least."""
    least, found = difference - difference**2, pair.image + pair.rest
    return pair if found >= least else replace(pair, image=pair.image + least - found)


def _mcnemar_power(discordant: float, difference: float, images: int, alpha: float) -> float:
    """Returns the power of the exact McNemar test, the number of discordant images being binomial.

    Args:
        discordant: expected share of images on which the two differ.
        difference: of their accuracies.
        images: that both are tested on.
        alpha: two-sided.
    """
    counts = np.arange(images + 1)
    chance = np.diff(bdtr(counts, images, discordant), prepend=0.0)
    counts, chance = counts[chance > NEGLIGIBLE], chance[chance > NEGLIGIBLE]
    most = np.floor(np.nan_to_num(bdtrik(alpha / 2, np.maximum(counts, 1), 0.5), nan=-1))
    most = np.where(2 * bdtr(np.maximum(most, 0), counts, 0.5) <= alpha, most, most - 1)  # of the rarer sign
    better = (discordant + difference) / (2 * discordant)
    rejected = bdtr(np.maximum(most, 0), counts, 1 - better) + bdtr(np.maximum(most, 0), counts, better)
    return float(chance @ np.where(most >= 0, rejected, 0.0))


def _power_with(assumed: Assumptions, difference: float, present: Design, seeds: int, images: int) -> float:
    return power_of(assumed, difference, replace(present, images=images, seeds=seeds))


def _first(low: int, high: int, power: Callable[[int], float]) -> int | None:
    """Returns the smallest number from low to high with enough power, which grows with it; None where none has."""
    if power(high) < POWER:
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle) >= POWER else (middle + 1, high)
    return low
