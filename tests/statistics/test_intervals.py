import math
import sys
from collections.abc import Callable
from pathlib import Path

import baycomp
import numpy as np
import pandas as pd
import pytest
from answered import trial
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.proportion import proportion_confint

from mnistfaces.errors import DataError
from mnistfaces.statistics.differences import equivalence, paired_difference, verdict
from mnistfaces.statistics.intervals import accuracy_interval
from mnistfaces.statistics.proportions import LEVEL, tango, wilson
from mnistfaces.statistics.scores import Board, TrialScores
from mnistfaces.statistics.variance import parts_of

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import bench_statistics as simulation

Trials = list[TrialScores]

HUGE = 10**9  # training images: no correction for overlap


def one_pair(b: int, c: int, n: int) -> tuple[Trials, Trials]:
    """Two single trials: the first alone is right on b of n images, the second alone on c."""
    numbers = np.arange(n)
    return [trial(numbers >= c)], [trial(numbers < n - b)]


def random_trials(seed: int, trials: int = 5, images: int = 60) -> Trials:
    rng = np.random.default_rng(seed)
    easy = rng.beta(2.4, 0.6, images)
    return [trial(rng.random(images) < easy) for _ in range(trials)]


def random_splits(seed: int, splits: int = 6, train_n: int = 600, pool_n: int | None = None) -> Trials:
    rng = np.random.default_rng(seed)
    chance = np.clip(rng.normal(0.7, 0.15, splits), 0, 1)
    images = [rng.choice(200, 50, replace=False) for _ in chance]
    return [
        trial(rng.random(50) < p, tested, train_n=train_n, pool_n=pool_n)
        for p, tested in zip(chance, images, strict=True)
    ]


# Intervals of an accuracy.


def test_one_trial_has_the_wilson_interval() -> None:
    interval = accuracy_interval([trial(np.arange(120) < 101)])
    assert (interval.mean, interval.n, interval.groups, interval.design) == (101 / 120, 120, 120, "one")
    assert (interval.low, interval.high) == pytest.approx(wilson(101, 120), rel=1e-12)
    assert (interval.low, interval.high) == pytest.approx(proportion_confint(101, 120, method="wilson"), rel=1e-12)


def analysis_of_variance(trials: Trials) -> tuple[float, float, float]:
    """Returns the mean squares of images, trials and residuals, by statsmodels."""
    rows = [
        {"right": float(right), "image": name, "trial": number}
        for number, t in enumerate(trials)
        for right, name in zip(t.correct, t.ids, strict=True)
    ]
    table = anova_lm(ols("right ~ C(image) + C(trial)", pd.DataFrame(rows)).fit())
    images, seeds, residuals = (table["sum_sq"] / table["df"]).tolist()
    return images, seeds, residuals


@pytest.mark.parametrize("chances", [(0.9, 0.5), (0.9, 0.5, 0.7)])
def test_seeds_that_are_all_the_variance_have_as_many_degrees_of_freedom_as_they_are_more_than_one(
    chances: tuple[float, ...],
) -> None:
    rng = np.random.default_rng(0)
    trials = [trial(rng.random(20_000) < chance) for chance in chances]
    accuracies = [float(one.correct.mean()) for one in trials]
    mean, count = np.mean(accuracies), len(chances)
    ratio = np.var(accuracies, ddof=1) / count / (mean * (1 - mean))
    t = stats.t.ppf(0.975, count - 1)  # Wilson's interval of 1 / ratio images, with t for z
    centre = (mean + t**2 * ratio / 2) / (1 + t**2 * ratio)
    half = t / (1 + t**2 * ratio) * math.sqrt(mean * (1 - mean) * ratio + (t * ratio / 2) ** 2)
    found = accuracy_interval(trials)
    assert (found.low, found.high) == pytest.approx((centre - half, centre + half), abs=0.005)


@pytest.mark.parametrize("wildness", [0.0, 0.3])
def test_images_and_seeds_are_the_crossed_parts_of_an_analysis_of_variance(wildness: float) -> None:
    rng = np.random.default_rng(0)
    easy, luck = rng.beta(2.4, 0.6, 40), wildness * rng.normal(size=5)
    trials = [trial(rng.random(40) < easy + shift) for shift in luck]
    images, seeds, residuals = analysis_of_variance(trials)
    parts = parts_of(Board.of([trials]))
    assert parts.images[0] == pytest.approx(images / 200)
    assert parts.trials[0] == pytest.approx(max(0, (seeds - residuals) / 200), abs=1e-12)  # the residual counts once
    whole = parts.images[0] + parts.trials[0]
    assert parts.freedom()[0] == pytest.approx(whole**2 / (parts.images[0] ** 2 / 39 + parts.trials[0] ** 2 / 4))
    assert (parts.trials[0] > 0) == (wildness > 0)


def test_folds_that_differ_more_than_their_images_have_the_ordinary_standard_error() -> None:
    shares = [0.5, 0.9, 0.7, 0.99]
    folds = [trial(np.arange(100) < 100 * p, np.arange(100) + 100 * k, pool_n=0) for k, p in enumerate(shares)]
    parts = parts_of(Board.of([folds]))
    assert math.sqrt(parts.images[0] + parts.trials[0]) == pytest.approx(stats.sem([t.correct.mean() for t in folds]))


def test_folds_that_agree_have_the_variance_within_folds() -> None:
    folds = [trial(np.arange(20) < 16, np.arange(20) + 20 * fold, pool_n=0) for fold in range(5)]
    parts = parts_of(Board.of([folds]))
    assert (parts.images[0], parts.trials[0]) == (pytest.approx(0.16 / 100 * 20 / 19), 0)
    interval = accuracy_interval(folds)
    assert (interval.low, interval.high) == pytest.approx(wilson(80, 100), abs=0.004)


def test_images_tested_twice_count_twice() -> None:
    rng = np.random.default_rng(0)
    trials = [trial(rng.random(30) < 0.7, rng.permutation(50)[:30], pool_n=0) for _ in range(6)]
    residual = dict.fromkeys(range(50), 0.0)
    for t in trials:
        for right, image in zip(t.correct, t.groups, strict=True):
            residual[image] += (right - t.correct.mean()) / 30 / 6
    expected = sum(value**2 for value in residual.values()) * 30 / 29
    parts = parts_of(Board.of([trials]))
    assert parts.images[0] == pytest.approx(expected)


def test_what_is_due_to_trials_is_estimated_without_bias_whatever_images_they_share() -> None:
    rng = np.random.default_rng(5)
    values, tested = np.zeros((3000, 5, 60)), np.zeros((5, 60), bool)
    for number in range(5):
        tested[number, rng.permutation(60)[:30]] = True
    image = rng.normal(size=(3000, 1, 60))
    luck = np.array([-2, -1, 0, 1, 2.0])[:, np.newaxis]  # so far apart that nothing is cut off at 0
    values = (image + luck + 0.5 * rng.normal(size=values.shape)) * tested
    board = Board(values=values, tested=tested, ended=np.ones((3000, 5), bool), traded=np.zeros((3000, 5)), images=60)
    assert parts_of(board).trials.mean() * 5 == pytest.approx(luck.var(ddof=1), rel=0.005)


def test_pools_apart_pay_for_no_overlap_and_shared_ones_do() -> None:
    widths = {}
    for pool_n in (0, 250):
        interval = accuracy_interval(random_splits(0, train_n=200, pool_n=pool_n))
        widths[pool_n] = interval.high - interval.low
    assert 1.3 < widths[250] / widths[0] < 1.7
    small = accuracy_interval(random_splits(0, train_n=200, pool_n=60_000))  # hardly a training image is shared
    assert small.high - small.low == pytest.approx(widths[0], rel=0.02)


def test_near_duplicates_count_once_in_the_mean_as_in_the_interval() -> None:
    images = np.arange(110)
    crowd = trial(images < 10, groups=np.minimum(images, 10))  # 100 copies of the only image that is wrong
    interval = accuracy_interval([crowd])
    assert (interval.groups, interval.n, interval.mean) == (11, 110, pytest.approx(10 / 11))
    assert (interval.low, interval.high) == pytest.approx(wilson(10, 11))


def test_persons_who_are_partly_right_have_their_own_variance() -> None:
    rng = np.random.default_rng(0)
    right = rng.random(600) < np.repeat(rng.beta(18, 2, 30), 20)
    interval = accuracy_interval([trial(right, groups=np.repeat(np.arange(30), 20))])
    shares = right.reshape(30, 20).mean(axis=1)
    reference = stats.t.interval(0.95, 29, loc=shares.mean(), scale=stats.sem(shares))
    assert (interval.low, interval.high) == pytest.approx(reference, abs=0.017)  # skewed, as Wilson's
    assert interval.high - interval.low == pytest.approx(reference[1] - reference[0], rel=0.2)
    assert interval.high - interval.low < 0.5 * np.subtract(*wilson(shares.sum(), 30)[::-1])


def test_seeds_of_one_fold_are_averaged_before_folds_are_compared() -> None:
    folds = random_splits(2, splits=4, train_n=150)
    once, twice = accuracy_interval(folds), accuracy_interval([t for t in folds for _ in range(2)])
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high))


def test_a_deterministic_fit_repeated_is_one_trial() -> None:
    answers = trial(np.arange(120) < 101)
    assert accuracy_interval([answers] * 7) == accuracy_interval([answers])


@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize("kind", ["one", "seeds", "splits"])
def test_all_right_or_all_wrong_is_no_certainty(kind: str, right: bool) -> None:
    images = {"one": [0], "seeds": [0, 0, 0], "splits": [0, 50, 100]}[kind]
    interval = accuracy_interval([trial(np.full(50, right), np.arange(50) + first) for first in images])
    assert interval.mean == right
    assert 0.02 < interval.high - interval.low < 0.1
    assert right in {interval.low, interval.high}


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_an_interval_lies_in_0_to_1_and_holds_the_mean(data: st.DataObject) -> None:
    images = data.draw(st.integers(1, 9))
    first = st.integers(0, 2)  # which images: equal or overlapping test sets
    rows = data.draw(st.lists(st.tuples(st.lists(st.booleans(), min_size=images, max_size=images), first)))
    trials = [trial(row, np.arange(images) + at, np.arange(images) // 2 + at) for row, at in rows]
    if not trials:
        with pytest.raises(DataError, match="no trial"):
            accuracy_interval(trials)
        return
    interval = accuracy_interval(trials)
    assert 0 <= interval.low <= interval.mean <= interval.high <= 1
    assert interval.high - interval.low > 0.01
    units = [
        np.bincount(t.groups, t.correct)[np.unique(t.groups)] / np.unique(t.groups, return_counts=True)[1]
        for t in trials
    ]
    assert interval.mean == pytest.approx(np.mean([values.mean() for values in units]))


# Paired differences.


def test_fewer_than_6_images_of_120_never_tell_two_models_apart() -> None:
    for discordant in range(6):
        assert paired_difference(*one_pair(discordant, 0, 120)).p > 0.05
    result = paired_difference(*one_pair(6, 0, 120))
    assert result.p == 2 / 2**6
    assert (result.difference, result.discordant, result.n) == (pytest.approx(0.05), 6, 120)


def test_a_pair_of_single_trials_has_mcnemars_p_and_tangos_interval() -> None:
    result = paired_difference(*one_pair(20, 8, 120))
    assert result.p == pytest.approx(stats.binomtest(8, 28).pvalue)
    assert result.low == pytest.approx(28 / 120 * (2 * stats.binomtest(20, 28).proportion_ci().low - 1))
    assert result.high == tango(20, 8, 120)[1]


def test_the_interval_of_two_single_trials_holds_0_exactly_when_p_is_above_005() -> None:
    for n, counts in ((40, range(21)), (2000, range(0, 200, 9))):
        for b in counts:
            for c in counts:
                result = paired_difference(*one_pair(b, c, n))
                assert (result.low <= 0 <= result.high) == (result.p > 0.05), (b, c, n)
                assert result.low <= result.difference <= result.high


@pytest.mark.parametrize("draw", [random_trials, random_splits])
def test_the_interval_of_many_trials_holds_0_exactly_when_p_is_above_005(
    draw: Callable[[int], Trials],
) -> None:
    decisions = set()
    for seed in range(150):
        a = draw(seed)
        rng = np.random.default_rng(seed + 1000)
        misses = [rng.random(len(t.ids)) < 0.03 for t in a]
        b = [trial(t.correct & ~missed, t.groups, train_n=t.train_n) for missed, t in zip(misses, a, strict=True)]
        result = paired_difference(a, b)
        assert (result.low <= 0 <= result.high) == (result.p > 0.05)
        assert result.low <= result.difference <= result.high
        decisions.add(result.p > 0.05)
    assert decisions == {True, False}


def test_swapping_the_two_models_turns_the_sign() -> None:
    for draw in (random_trials, random_splits):
        a = draw(0)
        flip = np.random.default_rng(9)
        b = [trial(flip.random(len(t.ids)) < 0.6, t.groups) for t in a]
        there, back = paired_difference(a, b), paired_difference(b, a)
        assert (there.difference, there.low, there.high) == pytest.approx((-back.difference, -back.high, -back.low))
        assert there.p == pytest.approx(back.p)


def test_seeds_are_compared_by_both_variances_of_their_differences() -> None:
    a, b = random_trials(0), random_trials(1)
    difference = np.stack([x.correct.astype(float) - y.correct for x, y in zip(a, b, strict=True)])
    images = difference.mean(axis=0).var(ddof=1) / 60
    residual = difference - difference.mean(axis=0) - difference.mean(axis=1, keepdims=True) + difference.mean()
    seeds = max(0, difference.mean(axis=1).var(ddof=1) - (residual**2).sum() / (59 * 4) / 60) / 5
    images += 1 / 60**2  # half a pair of each outcome added
    freedom = (images + seeds) ** 2 / (images**2 / 59 + seeds**2 / 4)
    centre, error = difference.sum(axis=1).mean() / 62, math.sqrt(images + seeds)
    result = paired_difference(a, b)
    reference = stats.t.interval(0.95, freedom, loc=centre, scale=error)
    assert (result.low, result.high) == pytest.approx(reference)
    assert result.p == pytest.approx(2 * stats.t.sf(abs(centre) / error, freedom))
    above = difference.mean(axis=1)
    assert result.above == np.mean(above > 0) + np.mean(above == 0) / 2


def folds_alike_within(shares: list[tuple[float, float]], size: int) -> tuple[Trials, Trials]:
    """Returns two models whose images of a fold all fare alike but for the fold: nothing but trials varies."""
    sides: tuple[Trials, Trials] = [], []
    train_n = size * (len(shares) - 1)
    for fold, share in enumerate(shares):
        for side, right in zip(sides, share, strict=True):
            images = np.arange(size) + size * fold
            side.append(trial(np.full(size, right), images, train_n=train_n, pool_n=size * len(shares)))
    return sides


def test_folds_that_differ_only_as_wholes_have_nadeau_and_bengios_test() -> None:
    a, b = folds_alike_within([(1, 0), (1, 1), (1, 0), (1, 1), (0, 0)], 20_000)
    x, y = (np.array([t.correct.mean() for t in side]) for side in (a, b))
    # baycomp's posterior with a flat prior is Student's t of the corrected test.
    worse, better = baycomp.two_on_single(y, x, runs=1)
    assert paired_difference(a, b).p == pytest.approx(2 * min(worse, better), rel=1e-3)


def test_55_and_85_percent_over_three_splits_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    images = [rng.permutation(937)[:120] for _ in range(3)]
    a, b = (
        [
            trial(rng.random(120) < p + shift, names, train_n=654, pool_n=937)
            for names, shift in zip(images, luck, strict=True)
        ]
        for p, luck in ((0.556, (-0.06, 0.0, 0.06)), (0.847, (0.02, -0.03, 0.01)))
    )
    result = paired_difference(a, b)
    assert result.p < 0.01
    assert all(paired_difference(a[t : t + 1], b[t : t + 1]).p < 1e-3 for t in range(3))


def test_images_are_matched_by_name_whatever_their_order() -> None:
    rng = np.random.default_rng(3)
    for draw in (random_trials, random_splits):
        a = draw(0)
        b = [trial(rng.random(len(t.ids)) < 0.6, t.groups) for t in a]
        shuffled = []
        for t in b:
            order = rng.permutation(len(t.ids))
            shuffled.append(
                TrialScores(correct=t.correct[order], ids=t.ids[order], groups=t.groups[order], train_n=600)
            )
        straight = paired_difference(a, b)
        assert paired_difference(a, shuffled) == straight
        assert paired_difference(shuffled, a).difference == pytest.approx(-straight.difference)
        assert accuracy_interval(shuffled).low == pytest.approx(accuracy_interval(b).low)


def test_a_single_trial_meets_each_seed_of_the_other() -> None:
    single, many = trial(np.arange(60) < 30), random_trials(0)
    result = paired_difference([single], many)
    assert result == paired_difference([single] * 5, many)
    assert result.design == "seeds"


def test_no_difference_at_all_is_no_certainty_of_none() -> None:
    for trials in ([trial(np.arange(120) < 100)], random_trials(0), random_splits(0)):
        result = paired_difference(trials, trials)
        assert (result.difference, result.p, result.discordant) == (0, 1, 0)
        assert result.low < -0.005
        assert result.high > 0.005


def test_near_duplicates_on_which_models_differ_count_once() -> None:
    a, b = one_pair(3, 0, 60)
    doubled = [[trial(np.repeat(side[0].correct, 2), groups=np.repeat(np.arange(60), 2))] for side in (a, b)]
    result = paired_difference(*doubled)
    assert (result.p, result.discordant, result.groups, result.n) == (0.25, 3, 60, 120)


def test_what_does_not_match_is_named() -> None:
    a = random_trials(0, trials=3)
    with pytest.raises(DataError, match="3 trials against 2"):
        paired_difference(a, a[:2])
    other = [*a[:2], trial(np.ones(60), np.arange(60) + 1)]
    with pytest.raises(DataError, match=r"trial 3 of 3: 2 test images .* image-0 on the first"):
        paired_difference(a, other)
    with pytest.raises(DataError, match="no trial"):
        paired_difference([], [])
    with pytest.raises(DataError, match="no trial"):
        paired_difference(a[:1], [])


def test_scores_that_no_trial_can_have_are_refused() -> None:
    with pytest.raises(DataError, match="image-4 is scored 2 times"):
        accuracy_interval([trial([True] * 3, [4, 5, 4])])
    with pytest.raises(DataError, match="at least one test image"):
        trial([])
    with pytest.raises(DataError, match="at least one test image"):
        trial([True], train_n=0)
    with pytest.raises(DataError, match="3 scores, 2 image ids"):
        trial([True] * 3, [1, 2])


def test_equality_is_shown_by_two_one_sided_tests_and_not_by_a_high_p() -> None:
    few, many = (paired_difference(*one_pair(b, b, n), level=0.9) for b, n in ((3, 120), (30, 12_000)))
    assert equivalence(few, 0.01, p=few.p, names=("a", "b")).startswith("not enough data: neither a difference nor")
    assert equivalence(many, 0.01, p=many.p, names=("a", "b")) == "equal within 1 point"
    reach = max(-few.low, few.high)
    assert equivalence(few, reach, p=few.p, names=("a", "b")).startswith("not enough data")
    assert equivalence(few, math.nextafter(reach, 1), p=few.p, names=("a", "b")).startswith("equal within")
    clear = paired_difference(*one_pair(40, 1, 120), level=0.9)
    for p, said in ((clear.p, "a is better"), (1 - LEVEL, "a is better"), (math.nextafter(1 - LEVEL, 1), "not enough")):
        assert equivalence(clear, 0.02, p=p, names=("a", "b")).startswith(said)
    # Liu et al. (2002): both one-sided score tests at 5 % are the 90 % score interval.
    assert max(-many.low, many.high) == pytest.approx(1.6449 * math.sqrt(60) / 12_000, rel=0.07)


def test_verdict_is_one_plain_sentence() -> None:
    alone = " is better (these two models, not their settings: one seed)"
    assert verdict(paired_difference(*one_pair(9, 1, 120))) == f"a{alone}"
    assert verdict(paired_difference(*one_pair(1, 9, 120)), "slow", "fast") == f"fast{alone}"
    assert verdict(paired_difference(random_trials(0), [trial(np.zeros(60))])) == "a is better (5 trials)"
    few = "cannot be told apart (fewer than 6 discordant of 120 images)"
    assert verdict(paired_difference(*one_pair(5, 0, 120))) == few
    many = "cannot be told apart (p = 0.42, 14 discordant of 120 images)"
    assert verdict(paired_difference(*one_pair(9, 5, 120))) == many
    doubled = [trial(np.arange(120) >= first, groups=np.arange(120) // 2) for first in (0, 4)]
    told = "cannot be told apart (fewer than 6 discordant of 60 distinct images)"
    assert verdict(paired_difference(doubled[:1], doubled[1:])) == told
    edge = 1 - LEVEL
    assert verdict(paired_difference(*one_pair(9, 5, 120)), p=edge) == f"a{alone}"
    assert verdict(paired_difference(*one_pair(9, 5, 120)), p=math.nextafter(edge, 1)).startswith(
        "cannot be told apart"
    )
    same = "cannot be told apart (the same right and wrong on 120 images)"
    assert verdict(paired_difference(*one_pair(0, 0, 120))) == same


# Simulation: what 95 % means, and that each part of it is needed.

REPEATS = 400
PROMISED = 0.93


@pytest.mark.parametrize("name", ["5 seeds, 120 images", "10 seeds, 120 images, excellent"])
def test_intervals_over_seeds_hold_the_true_accuracy(name: str) -> None:
    ours, plain, _, none_added = simulation.coverage(
        simulation.SEEDS[name],
        (simulation.ours, simulation.plain_t, simulation.images_only, simulation.none_added),
        REPEATS,
    )
    assert ours[0] >= PROMISED
    assert plain[0] < 0.8  # without the variance over images
    if "excellent" in name:
        assert none_added[0] < PROMISED  # without the four groups


def test_intervals_over_wild_seeds_need_the_variance_over_seeds() -> None:
    ours, images_only = simulation.coverage(
        simulation.SEEDS["10 wild seeds, 2,000 images"], (simulation.ours, simulation.images_only), REPEATS
    )
    assert ours[0] >= PROMISED
    assert images_only[0] < 0.8


@pytest.mark.parametrize("name", ["10 splits, nearest mean", "10 splits, nearest mean, easy"])
def test_intervals_over_redrawn_splits_need_the_correction_for_overlap(name: str) -> None:
    ours, plain = simulation.coverage(simulation.SPLITS[name], (simulation.ours, simulation.plain_t), REPEATS)
    assert ours[0] >= PROMISED
    assert plain[0] < 0.8


@pytest.mark.parametrize("name", ["5 folds of 415, nearest mean", "10 draws, pools apart"])
def test_intervals_pay_for_no_overlap_that_is_not_there(name: str) -> None:
    ours, before = simulation.coverage(simulation.SPLITS[name], (simulation.ours, simulation.before), REPEATS)
    assert ours[0] >= PROMISED
    assert ours[1] < 0.75 * before[1]


@pytest.mark.parametrize(
    "name",
    ["1 trial, 120 images", "5 seeds, 120 images", "5 splits, nearest mean", "10 folds, nearest mean"],
)
def test_equal_models_are_told_apart_in_at_most_a_twentieth_of_experiments(name: str) -> None:
    rate, _ = simulation.false_alarms((simulation.SEEDS | simulation.SPLITS)[name], REPEATS)
    assert rate <= 0.05 + 0.02


def test_near_duplicates_counted_twice_would_promise_too_much() -> None:
    rng = np.random.default_rng(0)
    held = np.zeros(2)
    for _ in range(1000):
        right = np.repeat(rng.random(60) < 0.8, 2)
        for place, groups in enumerate((np.repeat(np.arange(60), 2), np.arange(120))):
            interval = accuracy_interval([trial(right, groups=groups)])
            held[place] += interval.low <= 0.8 <= interval.high
    assert held[0] / 1000 >= PROMISED
    assert held[1] / 1000 < 0.88
