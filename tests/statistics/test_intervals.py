import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from answered import trial
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mnistfaces.errors import DataError
from mnistfaces.statistics.intervals import accuracy_interval, paired_difference, verdict
from mnistfaces.statistics.proportions import tango, wilson
from mnistfaces.statistics.scores import TrialScores

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


def random_splits(seed: int, splits: int = 6, train_n: int = 600) -> Trials:
    rng = np.random.default_rng(seed)
    chance = np.clip(rng.normal(0.7, 0.15, splits), 0, 1)
    return [trial(rng.random(50) < p, rng.choice(200, 50, replace=False), train_n=train_n) for p in chance]


# Intervals of an accuracy.


def test_one_trial_has_the_wilson_interval() -> None:
    interval = accuracy_interval([trial(np.arange(120) < 101)])
    assert (interval.mean, interval.n, interval.units, interval.design) == (101 / 120, 120, 120, "one")
    assert (interval.low, interval.high) == wilson(101, 120)


def test_seeds_on_one_test_set_add_the_variance_over_images_and_over_seeds() -> None:
    trials = random_trials(0)
    right = np.stack([t.correct for t in trials]).astype(float)  # (5, 60)
    with_four = np.append(right.mean(axis=0), [0, 0, 1, 1])
    images, seeds = with_four.var(ddof=1) / 64 * (60 + 4 - 1) / (64 - 1), right.mean(axis=1).var(ddof=1) / 5
    freedom = (images + seeds) ** 2 / (images**2 / 63 + seeds**2 / 4)
    reference = stats.t.interval(0.95, freedom, loc=with_four.mean(), scale=math.sqrt(images + seeds))
    interval = accuracy_interval(trials)
    assert (interval.low, interval.high) == pytest.approx(reference, rel=1e-12)
    assert (interval.mean, interval.design) == (pytest.approx(right.mean()), "seeds")


def test_seeds_on_10000_images_differ_little_from_the_plain_sum_of_variances() -> None:
    trials = random_trials(1, images=10_000)
    interval = accuracy_interval(trials)
    assert (interval.low, interval.high) == pytest.approx(simulation.none_added(trials), abs=3e-4)


def test_splits_have_the_corrected_resampled_interval() -> None:
    trials = random_splits(0, train_n=150)
    accuracies = [t.correct.mean() for t in trials]
    scale = math.sqrt(np.var(accuracies, ddof=1) * (1 / 6 + 50 / 150))
    reference = stats.t.interval(0.95, 5, loc=np.mean(accuracies), scale=scale)
    interval = accuracy_interval(trials)
    assert (interval.low, interval.high) == pytest.approx(reference, rel=1e-12)
    assert interval.design == "splits"
    assert interval.n == len(np.unique(np.concatenate([t.ids for t in trials])))


def test_splits_without_overlap_have_the_ordinary_t_interval() -> None:
    trials = random_splits(1, train_n=HUGE)
    reference = stats.ttest_1samp([t.correct.mean() for t in trials], 0).confidence_interval()
    interval = accuracy_interval(trials)
    assert (interval.low, interval.high) == pytest.approx((reference.low, reference.high), rel=1e-6)


def test_folds_that_agree_by_luck_say_no_more_than_their_images() -> None:
    folds = [trial(np.arange(20) < 16, np.arange(20) + 20 * fold) for fold in range(5)]
    interval = accuracy_interval(folds)
    assert (interval.low, interval.high) == wilson(80, 100)


def test_seeds_of_one_fold_are_averaged_before_folds_are_compared() -> None:
    folds = random_splits(2, splits=4, train_n=150)
    once, twice = accuracy_interval(folds), accuracy_interval([t for t in folds for _ in range(2)])
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high))


def test_a_deterministic_fit_repeated_is_one_trial() -> None:
    answers = trial(np.arange(120) < 101)
    assert accuracy_interval([answers] * 7) == accuracy_interval([answers])


def test_near_duplicates_count_once() -> None:
    right = np.arange(60) < 48
    doubled = trial(np.repeat(right, 2), groups=np.repeat(np.arange(60), 2))
    interval = accuracy_interval([doubled])
    assert (interval.low, interval.high) == wilson(48, 60)
    assert (interval.mean, interval.n, interval.units) == (0.8, 120, 60)


def test_an_interval_reaches_the_mean_over_images_where_near_duplicates_weigh_it_down() -> None:
    images = np.arange(110)
    crowd = trial(images < 10, groups=np.minimum(images, 10))  # 100 copies of the only image that is wrong
    interval = accuracy_interval([crowd])
    assert (interval.units, interval.low, interval.high) == (11, 10 / 110, wilson(10, 11)[1])


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
    assert interval.mean == pytest.approx(np.mean([t.correct.mean() for t in trials]))


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
        misses = [rng.random(len(t.ids)) < 0.12 for t in a]
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
    per_image = difference.mean(axis=0)
    centre = per_image.sum() / 62
    images = ((per_image @ per_image + 1) / 62 - centre**2) / 61  # half a pair of each outcome added
    seeds = difference.mean(axis=1).var(ddof=1) / 5
    freedom = (images + seeds) ** 2 / (images**2 / 61 + seeds**2 / 4)
    result = paired_difference(a, b)
    reference = stats.t.interval(0.95, freedom, loc=centre, scale=math.sqrt(images + seeds))
    assert (result.low, result.high) == pytest.approx(reference)
    assert result.p == pytest.approx(2 * stats.t.sf(abs(centre) / math.sqrt(images + seeds), freedom))


def test_splits_without_overlap_have_the_ordinary_paired_t_test() -> None:
    a = random_splits(0, train_n=HUGE)
    rng = np.random.default_rng(5)
    b = [trial(rng.random(50) < 0.65, t.groups, train_n=HUGE) for t in a]
    reference = stats.ttest_rel([t.correct.mean() for t in a], [t.correct.mean() for t in b])
    result = paired_difference(a, b)
    assert result.p == pytest.approx(reference.pvalue, rel=1e-6)
    assert (result.low, result.high) == pytest.approx(tuple(reference.confidence_interval()), rel=1e-6)


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
    assert (result.p, result.discordant, result.units, result.n) == (0.25, 3, 60, 120)


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
        trial([True] * 3, [4, 5, 4])
    with pytest.raises(DataError, match="at least one test image"):
        trial([])
    with pytest.raises(DataError, match="at least one test image"):
        trial([True], train_n=0)
    with pytest.raises(DataError, match="3 scores, 2 image ids"):
        trial([True] * 3, [1, 2])


def test_verdict_is_one_plain_sentence() -> None:
    assert verdict(paired_difference(*one_pair(9, 1, 120))) == "a is better"
    assert verdict(paired_difference(*one_pair(1, 9, 120)), "slow", "fast") == "fast is better"
    few = "cannot be told apart (fewer than 6 discordant of 120 images)"
    assert verdict(paired_difference(*one_pair(5, 0, 120))) == few
    many = "cannot be told apart (p = 0.42, 14 discordant of 120 images)"
    assert verdict(paired_difference(*one_pair(9, 5, 120))) == many
    doubled = [trial(np.arange(120) >= first, groups=np.arange(120) // 2) for first in (0, 4)]
    told = "cannot be told apart (fewer than 6 discordant of 60 distinct images)"
    assert verdict(paired_difference(doubled[:1], doubled[1:])) == told
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
        assert none_added[0] < PROMISED  # without the four units


def test_intervals_over_wild_seeds_need_the_variance_over_seeds() -> None:
    ours, images_only = simulation.coverage(
        simulation.SEEDS["5 wild seeds, 2,000 images"], (simulation.ours, simulation.images_only), 3 * REPEATS
    )
    assert ours[0] >= PROMISED
    assert images_only[0] < 0.8


@pytest.mark.parametrize("name", ["10 splits, nearest mean", "10 splits, nearest neighbour"])
def test_intervals_over_redrawn_splits_need_the_correction_for_overlap(name: str) -> None:
    ours, plain = simulation.coverage(simulation.SPLITS[name], (simulation.ours, simulation.plain_t), REPEATS)
    assert ours[0] >= PROMISED
    assert plain[0] < 0.8


def test_intervals_over_folds_are_conservative() -> None:
    ours, plain = simulation.coverage(
        simulation.SPLITS["10 folds, nearest mean"], (simulation.ours, simulation.plain_t), REPEATS
    )
    assert ours[0] >= 0.96
    assert ours[1] > plain[1]


@pytest.mark.parametrize(
    "name",
    ["1 trial, 120 images", "5 seeds, 120 images", "5 splits, nearest mean", "10 folds, nearest neighbour"],
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
