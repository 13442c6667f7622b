"""Plans: against simulation with the very tests they plan for, and against scipy's noncentral t."""

from dataclasses import replace

import numpy as np
import pytest
from answered import trial
from scipy import stats

from mnistfaces.statistics.differences import paired_difference
from mnistfaces.statistics.intervals import accuracy_interval
from mnistfaces.statistics.planning import (
    USUAL,
    Assumptions,
    Design,
    Spread,
    advise,
    assumptions_of,
    power_of,
    width_of,
)
from mnistfaces.statistics.proportions import wilson
from mnistfaces.statistics.scores import Board, TrialScores
from mnistfaces.statistics.variance import SHARED

Trials = list[TrialScores]


def test_one_seed_has_wilsons_width_and_more_images_narrow_it() -> None:
    low, high = wilson(0.85 * 400, 400)
    assert width_of(USUAL, Design(images=400, seeds=1)) == pytest.approx(high - low)
    widths = [width_of(USUAL, Design(images=count, seeds=5)) for count in (100, 400, 1600)]
    assert widths == sorted(widths, reverse=True)


def test_the_power_of_several_seeds_is_that_of_a_noncentral_t() -> None:
    pair, design = Spread(image=0.05, rest=0.0, trial=0.0002), Design(images=500, seeds=4)
    images, trials = 0.05 / 500, 0.0002 / 4
    freedom = (images + trials) ** 2 / (images**2 / 499 + trials**2 / 3)
    shift, critical = 0.02 / np.sqrt(images + trials), stats.t.ppf(0.975, freedom)
    reference = stats.nct.sf(critical, freedom, shift)
    assumed = Assumptions(accuracy=0.85, single=USUAL.single, pair=pair)
    assert power_of(assumed, 0.02, design) == pytest.approx(reference)


def test_what_an_interval_keeps_above_0_is_planned_for() -> None:
    rng = np.random.default_rng(0)
    found = np.maximum(0, rng.normal(0, np.sqrt(0.0003), (200_000, 4)).var(axis=1, ddof=1) - 0.0002).mean()
    design, spread = Design(images=500, seeds=4), Spread(image=0, rest=0.1, trial=0.0001)
    assert design.parts(spread, estimated=True)[1] == pytest.approx(found / 4, rel=0.01)
    assert design.parts(spread)[1] == 0.0001 / 4


def test_the_power_of_one_trial_is_that_of_the_exact_test_in_simulation() -> None:
    assumed = Assumptions(accuracy=0.85, single=USUAL.single, pair=Spread(image=0.06, rest=0.04 - 0.05**2, trial=0))
    rng = np.random.default_rng(0)
    share_a, share_b = (0.1 + 0.05) / 2, (0.1 - 0.05) / 2  # on which only the one is right
    found = 0
    for _ in range(1500):
        favour_a, favour_b, _ = rng.multinomial(300, [share_a, share_b, 1 - share_a - share_b])
        found += stats.binomtest(favour_a, favour_a + favour_b).pvalue <= 0.05
    assert power_of(assumed, 0.05, Design(images=300, seeds=1)) == pytest.approx(found / 1500, abs=0.03)
    few = Assumptions(accuracy=0.85, single=USUAL.single, pair=Spread(image=0.001, rest=0, trial=0))
    assert power_of(few, 0.001, Design(images=120, seeds=1)) < 0.01  # fewer than 6 discordant images


def draw(rng: np.random.Generator, images: int, seeds: int, difference: float) -> tuple[Trials, Trials]:
    easy, luck = rng.beta(3.4, 0.6, images), rng.normal(0, 0.01, (2, seeds, 1))
    draws = rng.random((2, seeds, images))
    right = draws < easy + luck + np.array([difference, 0])[:, np.newaxis, np.newaxis]
    a, b = ([trial(row, np.arange(images)) for row in side] for side in right)
    return a, b


def test_folds_are_planned_with_the_correction_for_training_images_that_they_share() -> None:
    """Nadeau and Bengio (2003): between trials 1/J + n_test / n_train, which five folds have as 1/J + 1/4."""
    spread = Spread(image=0.05, rest=0.02, trial=0.001)
    images, trials = Design(images=500, seeds=2, folds=5).parts(spread)
    assert trials == pytest.approx((1 / 10 + 1 / 4) * 0.001)
    assert images == pytest.approx((1 + SHARED / 4) * (0.05 + 0.02 / 2) / 500)
    _, estimated = Design(images=500, seeds=2, folds=5).parts(replace(spread, trial=0), estimated=True)
    rng, by_images = np.random.default_rng(0), 0.07 / 100  # a fold tests 100 of the 500
    found = np.maximum(0, rng.normal(0, np.sqrt(by_images), (200_000, 10)).var(axis=1, ddof=1) - by_images).mean()
    assert estimated == pytest.approx((1 / 10 + 1 / 4) * found, rel=0.01)


def test_what_a_run_shows_plans_the_interval_and_the_power_of_smaller_ones() -> None:
    rng = np.random.default_rng(1)
    board = Board.of(draw(rng, 3000, 60, 0.03))
    assumed = assumptions_of(board, 0, [1])
    assert assumed is not None
    whole = assumed.single.image + assumed.single.rest
    assert whole == pytest.approx(assumed.accuracy * (1 - assumed.accuracy), rel=0.02)
    design, widths, results = Design(images=400, seeds=6), [], []
    for _ in range(300):
        a, b = draw(rng, 400, 6, 0.03)
        interval = accuracy_interval(a)
        widths.append(interval.high - interval.low)
        results.append(paired_difference(a, b))
    assert width_of(assumed, design) == pytest.approx(np.mean(widths), rel=0.06)
    assert power_of(assumed, np.mean([r.difference for r in results]), design) == pytest.approx(
        np.mean([r.p <= 0.05 for r in results]), abs=0.06
    )


def test_what_one_trial_cannot_tell_is_as_usual() -> None:
    board = Board.of([[trial(np.arange(400) < 340)]])
    assumed = assumptions_of(board, 0, [])
    assert assumed is not None
    assert assumed.single.trial == pytest.approx(USUAL.single.trial)
    assert assumed.single.image / assumed.single.rest == pytest.approx(USUAL.single.image / USUAL.single.rest)
    assert assumed.pair.image == pytest.approx(USUAL.pair.image)
    assert assumptions_of(Board.of([[trial(np.ones(10))]]), 0, []) is None


def test_advice_is_the_least_that_has_the_power() -> None:
    present = Design(images=400, seeds=2)
    by_seeds = advise(USUAL, 0.03, present)
    assert by_seeds.design is not None
    assert (by_seeds.design.images, by_seeds.seeds_alone) == (400, True)
    assert power_of(USUAL, 0.03, by_seeds.design) >= 0.8
    assert power_of(USUAL, 0.03, Design(images=400, seeds=by_seeds.design.seeds - 1)) < 0.8
    stubborn = Assumptions(accuracy=0.85, single=USUAL.single, pair=Spread(image=0.05, rest=0.01, trial=0.0001))
    by_images = advise(stubborn, 0.02, present)
    assert by_images.design is not None
    assert not by_images.seeds_alone
    assert power_of(stubborn, 0.02, Design(images=400, seeds=100)) < 0.8
    assert power_of(stubborn, 0.02, by_images.design) >= 0.8
    wild = Assumptions(accuracy=0.85, single=USUAL.single, pair=Spread(image=0.05, rest=0.01, trial=0.09))
    assert advise(wild, 0.02, present).design is None
    assert advise(USUAL, 0.05, Design(images=2000, seeds=5)).now > 0.99


def test_one_seed_compares_no_settings_however_far_apart_they_are() -> None:
    one, two = (Design(images=4000, seeds=count) for count in (1, 2))
    assert power_of(USUAL, 0.2, one) > 0.9
    found = advise(USUAL, 0.2, one)
    assert (found.design, found.now, found.seeds_alone) == (two, 0.0, True)
