"""What test results can tell: intervals of an accuracy, and paired differences of two models.

U units (test images, near-duplicates counted as one), T trials, S test sets.

One trial, several trials on one test set (`seeds`) and several test sets (`splits`, folds among them) call
for different variances; the design is read off the trials. Accuracies are fractions in [0, 1].
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from mnistfaces.statistics.proportions import FEWEST_DISCORDANT, LEVEL, conditional_limits, mcnemar_exact, tango, wilson
from mnistfaces.statistics.scores import Design, Floats, Scores, TrialScores, subtract


@dataclass(frozen=True, kw_only=True)
class Interval:
    """An accuracy and where it lies for new images.

    Attributes:
        mean: over the trials, of the accuracy over all images of each.
        low: lower end.
        high: upper end.
        n: distinct test images.
        units: the same, near-duplicates counted once.
        design: which variance the interval has.
    """

    mean: float
    low: float
    high: float
    n: int
    units: int
    design: Design


@dataclass(frozen=True, kw_only=True)
class PairedDifference:
    """The accuracy of a minus that of b, on the same images.

    Attributes:
        difference: mean over the trials, of the mean over all images of each.
        low: lower end of the interval.
        high: upper end of the interval, which contains 0 exactly when p is above 1 - level.
        p: two-sided.
        n: distinct test images.
        units: the same, near-duplicates counted once.
        discordant: units that one of the two had right and the other wrong, in one trial at least.
        design: which test p comes from.
    """

    difference: float
    low: float
    high: float
    p: float
    n: int
    units: int
    discordant: int
    design: Design


def accuracy_interval(trials: Sequence[TrialScores], *, level: float = LEVEL) -> Interval:
    """Returns the mean accuracy of one cell's trials, with an interval for new images.

    - One trial, or several that agree on every unit (a fit without chance): Wilson's interval over the units.
    - Several on one test set: the variance over units of their mean score, over U, plus the variance over
      trials of their accuracy, over T, with Satterthwaite's (1946) degrees of freedom. Two units that are
      always right and two that are always wrong are added first (Agresti and Coull 1998): near an accuracy of
      1 the plain form covers too little, and at 1 it has no width. Where chance in training outweighs that in
      the choice of images, two or three seeds are too few: 87 and 92 % hold in simulation, of five 94 %.
    - Several test sets, folds among them: the corrected resampled t (Nadeau and Bengio 2003; for repeated
      folds Bouckaert and Frank 2004), variance over the S means times 1/S + n_test/n_train, S - 1 degrees of
      freedom. Trials that share a test set are averaged first. A few means can agree by luck: the interval is
      never less than Wilson's over all units that were tested.

    The mean counts every image; the interval is widened where it must be to contain it.

    Raises:
        DataError: there is no trial.
    """
    scores = Scores.of([trial.values() for trial in trials])
    units = len(scores.of_units)
    low, high = wilson(float(scores.of_units.sum()), units, level)
    if scores.design == "seeds":
        centre, over_units = _over_units(scores.of_units, _RIGHT_AND_WRONG)
        low, high = _Estimate(centre, (over_units, _over_trials(scores))).interval(level)
    elif scores.design == "splits":
        wider = _resampled(scores).interval(level)
        low, high = min(low, wider[0]), max(high, wider[1])
    return Interval(
        mean=scores.mean,
        low=max(0.0, min(low, scores.mean)),
        high=min(1.0, max(high, scores.mean)),
        n=scores.n,
        units=units,
        design=scores.design,
    )


def paired_difference(a: Sequence[TrialScores], b: Sequence[TrialScores], *, level: float = LEVEL) -> PairedDifference:
    """Returns by how much a is more accurate than b, trial by trial on the same images.

    - One trial, or several whose differences agree on every unit: the exact McNemar test over the units. The
      interval is Tango's (1998), which Fagerland, Lydersen and Laake (2014) recommend, widened to the exact
      conditional limits (Clopper and Pearson 1934, for a's share of the discordant units) where those reach
      farther: the score test is bolder than the exact one, and alone excludes 0 at 4 discordant units of one
      sign, where the exact p is 0.125.
    - Several on one test set: t, from the variances over units and over trials as in `accuracy_interval`, of
      the differences, with half a unit added for each of the four outcomes of a pair (Agresti and Min 2005).
    - Several test sets: the corrected resampled t of the differences, and beside it t from the variance over
      units alone, since a few means can agree by luck. p is the larger of the two, the interval spans both.

    In each design the interval contains 0 exactly when p is above 1 - level.

    Args:
        a: trials of the one.
        b: trials of the other, in the same order, the images of each in any order. Either side may be a
            single trial, which then meets each trial of the other.
        level: of the interval.

    Raises:
        DataError: the trials or their images do not match; the message says where.
    """
    differences = subtract(a, b)
    scores = Scores.of(differences)
    ever = Scores.of([values.magnitudes() for values in differences]).of_units
    if scores.design == "one":
        favour_a, favour_b = (int(np.count_nonzero(side > 0)) for side in (scores.of_units, -scores.of_units))
        p = mcnemar_exact(favour_a, favour_b)
        limits = [tango(favour_a, favour_b, len(ever), level)]
        limits.append(conditional_limits(favour_a, favour_b, len(ever), level))
    else:
        centre, over_units = _over_units(scores.of_units, _EACH_OUTCOME_OF_A_PAIR)
        estimates = [_Estimate(centre, (over_units,)), _resampled(scores)]
        if scores.design == "seeds":
            estimates = [_Estimate(centre, (over_units, _over_trials(scores)))]
        p = max(estimate.p() for estimate in estimates)
        limits = [estimate.interval(level) for estimate in estimates]
    return PairedDifference(
        difference=scores.mean,
        low=max(-1.0, min(scores.mean, *(low for low, _ in limits))),
        high=min(1.0, max(scores.mean, *(high for _, high in limits))),
        p=p,
        n=scores.n,
        units=len(ever),
        discordant=int(np.count_nonzero(ever)),
        design=scores.design,
    )


def verdict(result: PairedDifference, a: str = "a", b: str = "b") -> str:
    """Returns in one sentence which of two models is better, or why that cannot be said."""
    if result.low > 0 or result.high < 0:
        return f"{a if result.low > 0 else b} is better"
    distinct = "distinct " if result.units < result.n else ""  # near-duplicates count once
    counted = f"{result.units} {distinct}image{'s' if result.units > 1 else ''}"
    if result.discordant == 0:
        return f"cannot be told apart (the same right and wrong on {counted})"
    if result.design == "one" and result.discordant < FEWEST_DISCORDANT:
        return f"cannot be told apart (fewer than {FEWEST_DISCORDANT} discordant of {counted})"
    return f"cannot be told apart (p = {result.p:.2g}, {result.discordant} discordant of {counted})"


@dataclass(frozen=True)
class _Added:
    """Units added to the observed ones, so that what was not seen does not pass for impossible."""

    count: float
    total: float
    squares: float


_RIGHT_AND_WRONG = _Added(count=4, total=2, squares=2)
_EACH_OUTCOME_OF_A_PAIR = _Added(count=2, total=0, squares=1)


@dataclass(frozen=True)
class _Estimate:
    """A centre and the independent parts of its variance, each with its degrees of freedom."""

    centre: float
    parts: tuple[tuple[float, float], ...]

    def interval(self, level: float) -> tuple[float, float]:
        error, freedom = self._error()
        half = float(stdtrit(freedom, (1 + level) / 2)) * error
        return self.centre - half, self.centre + half

    def p(self) -> float:
        """Returns the two-sided p of a centre of 0."""
        error, freedom = self._error()
        if error == 0:
            return float(self.centre == 0)
        return 2 * float(stdtr(freedom, -abs(self.centre) / error))

    def _error(self) -> tuple[float, float]:
        """Returns the standard error and its degrees of freedom (Satterthwaite 1946)."""
        variance = sum(part for part, _ in self.parts)
        if variance == 0:
            return 0.0, 1.0
        return math.sqrt(variance), variance**2 / sum(part**2 / freedom for part, freedom in self.parts)


def _over_units(of_units: Floats, added: _Added) -> tuple[float, tuple[float, float]]:
    """Returns the mean of observed and added units, and the part of its variance that is due to units."""
    count = len(of_units) + added.count
    mean = (float(of_units.sum()) + added.total) / count
    squares = float(of_units @ of_units) + added.squares
    return mean, ((squares / count - mean**2) / (count - 1), count - 1)


def _over_trials(scores: Scores) -> tuple[float, float]:
    """Returns the part of the variance of the mean that is due to trials."""
    trials = len(scores.of_sets)
    return float(scores.of_sets.var(ddof=1)) / trials, trials - 1


def _resampled(scores: Scores) -> _Estimate:
    """Returns the corrected resampled mean over test sets (Nadeau and Bengio 2003)."""
    sets = len(scores.of_sets)
    variance = (1 / sets + scores.overlap) * float(scores.of_sets.var(ddof=1))
    return _Estimate(float(scores.of_sets.mean()), ((variance, sets - 1),))
