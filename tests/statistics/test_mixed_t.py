"""Student's t for a variance of two parts: Cochran and Cox's quantile, its inverse, and how often it errs."""

import numpy as np
import pytest
from scipy import optimize, stats

from mnistfaces.statistics.mixed_t import mixed_quantile, mixed_tail

IMAGES = np.array([1.0, 0.0, 2.0, 1e-4, 3.0])
TRIALS = np.array([0.0, 1.0, 2.0, 5.0, 1e-9])


@pytest.mark.parametrize("shape", [(1, 40), (2, 120), (5, 2000), (30, 4)])
@pytest.mark.parametrize("chance", [0.6, 0.975, 0.9995])
def test_the_quantile_is_the_mean_of_both_weighed_by_their_parts(shape: tuple[int, int], chance: float) -> None:
    by_hand = [
        np.average([stats.t.ppf(chance, max(count - 1, 1)) for count in shape[::-1]], weights=parts)
        for parts in zip(IMAGES, TRIALS, strict=True)
    ]
    assert mixed_quantile(IMAGES, TRIALS, shape, chance) == pytest.approx(by_hand)


@pytest.mark.parametrize("shape", [(2, 120), (5, 2000), (30, 4)])
@pytest.mark.parametrize("statistic", [-3.0, 0.0, 0.4, 2.5, 12.0])
def test_the_tail_is_the_inverse_that_a_root_finder_gives(shape: tuple[int, int], statistic: float) -> None:
    found = mixed_tail(np.full(5, statistic), IMAGES, TRIALS, shape)
    for tail, images, trials in zip(found, IMAGES, TRIALS, strict=True):

        def apart(log_p: float, images: float = images, trials: float = trials) -> float:
            quantiles = [stats.t.isf(np.exp(log_p), count - 1) for count in shape[::-1]]
            return float(np.average(quantiles, weights=(images, trials))) - abs(statistic)

        upper = np.exp(optimize.brentq(apart, -200, np.log(0.5))) if statistic else 0.5
        assert tail == pytest.approx(upper if statistic >= 0 else 1 - upper, rel=1e-6)


def test_one_part_alone_is_students_own_t() -> None:
    alone = mixed_tail(np.array([2.1, 2.1]), np.array([1.0, 0.0]), np.array([0.0, 1.0]), (4, 90))
    assert alone == pytest.approx([stats.t.sf(2.1, 89), stats.t.sf(2.1, 3)])


def test_two_seeds_that_differ_wildly_are_no_evidence_where_satterthwaite_takes_them_for_it() -> None:
    rng = np.random.default_rng(0)
    images = np.full(20_000, 0.02)
    seeds = rng.normal(size=(20_000, 2))
    statistic = seeds.mean(axis=1) + rng.normal(0, np.sqrt(0.02), 20_000)
    trials = seeds.var(axis=1, ddof=1) / 2
    scaled = np.abs(statistic) / np.sqrt(images + trials)
    ours = 2 * mixed_tail(scaled, images, trials, (2, 2000))
    freedom = (images + trials) ** 2 / (images**2 / 1999 + trials**2)
    assert np.mean(2 * stats.t.sf(scaled, freedom) <= 0.05) > 0.12
    assert np.mean(ours <= 0.05) < 0.07
