"""Elementary parts against scipy.stats, statsmodels and worked numbers."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import optimize, stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from mnistfaces.statistics.prediction import half_width
from mnistfaces.statistics.proportions import conditional_limits, mcnemar_exact, tango, wilson


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
@pytest.mark.parametrize(("k", "n"), [(0, 7), (7, 7), (1, 1), (3, 10), (101, 120), (9240, 10000)])
def test_wilson_is_that_of_scipy(k: int, n: int, level: float) -> None:
    reference = stats.binomtest(k, n).proportion_ci(level, method="wilson")
    assert wilson(k, n, level) == pytest.approx((reference.low, reference.high), abs=1e-12)


def test_wilson_of_the_two_accuracies_of_120_face_images() -> None:
    assert [round(100 * end, 1) for end in wilson(101, 120)] == [76.6, 89.6]
    assert [round(100 * end, 1) for end in wilson(113, 120)] == [88.4, 97.1]


def test_mcnemar_is_the_exact_binomial_test() -> None:
    pairs = [(b, c) for b in range(25) for c in range(25) if b + c] + [(400, 460), (3000, 2800)]
    for b, c in pairs:
        assert mcnemar_exact(b, c) == pytest.approx(stats.binomtest(b, b + c).pvalue, rel=1e-9)
    assert mcnemar_exact(0, 0) == 1


@pytest.mark.parametrize(
    ("b", "c", "n"), [(6, 0, 120), (1, 7, 21), (20, 8, 120), (3, 3, 50), (0, 1, 44), (300, 340, 10000)]
)
def test_tango_ends_where_the_score_test_at_the_likeliest_shares_rejects(b: int, c: int, n: int) -> None:
    for difference in tango(b, c, n):

        def minus_log_likelihood(share_c: float, difference: float = difference) -> float:
            shares = (share_c + difference, share_c, 1 - 2 * share_c - difference)
            return -sum(
                count * math.log(share) for count, share in zip((b, c, n - b - c), shares, strict=True) if count
            )

        bounds = (max(0.0, -difference) + 1e-13, (1 - difference) / 2 - 1e-13)
        share_c = optimize.minimize_scalar(
            minus_log_likelihood, bounds=bounds, method="bounded", options={"xatol": 1e-13}
        ).x
        variance = n * (2 * share_c + difference - difference**2)
        assert abs(b - c - n * difference) / math.sqrt(variance) == pytest.approx(1.959964, abs=2e-4)


def test_tango_without_discordant_pairs_has_its_closed_form() -> None:
    z2 = stats.norm.ppf(0.975) ** 2
    assert tango(0, 0, 44) == pytest.approx((-z2 / (44 + z2), z2 / (44 + z2)))


@pytest.mark.parametrize(("b", "c"), [(0, 6), (3, 11), (20, 8), (40, 41)])
def test_mcnemar_and_the_conditional_limits_are_those_of_statsmodels(b: int, c: int) -> None:
    assert mcnemar_exact(b, c) == pytest.approx(mcnemar([[50, b], [c, 20]], exact=True).pvalue, rel=1e-9)
    share = proportion_confint(b, b + c, 0.05, method="beta")  # Clopper and Pearson's, of the discordant pairs
    expected = [(b + c) / 120 * (2 * end - 1) for end in share]
    assert conditional_limits(b, c, 120, 0.95) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("level", [0.9, 0.95])
@pytest.mark.parametrize("trials", [10, 30])
def test_the_interval_of_one_new_run_is_that_of_statsmodels(trials: int, level: float) -> None:
    values = np.random.default_rng(trials).normal(0.83, 0.04, trials)
    fitted = sm.OLS(values, np.ones(trials)).fit().get_prediction([[1.0]])
    low, high = fitted.conf_int(obs=True, alpha=1 - level)[0]
    half = half_width(float(values.std(ddof=1)), trials, level)
    assert (values.mean() - half, values.mean() + half) == pytest.approx((low, high), rel=1e-12)
