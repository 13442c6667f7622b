from typing import Any

import numpy as np
import pytest
from statsmodels.stats.weightstats import ttost_paired

from mnistfaces.reproduce.comparison import MARGIN, judge
from mnistfaces.reproduce.published import Published, published_at
from mnistfaces.reproduce.records import Finding, PartRecord
from mnistfaces.reproduce.summary import summarize
from mnistfaces.statistics.prediction import half_width


def figure(**changes: object) -> Published:
    usual: dict[str, Any] = {
        "part": 8,
        "table": "Table 3",
        "quantity": "test_accuracy",
        "setting": "lr 0.1",
        "value": 0.6,
        "images": 80,
        "trained_on": 800,
        "why": "",
    }
    return Published(**{**usual, **changes})


def found(value: float, *, spread: float = 0.01, trials: int = 10, **changes: Any) -> Finding:  # noqa: ANN401
    return Finding(figure=figure(), value=value, spread=spread, trials=trials, **changes)


def test_the_interval_of_one_new_run_is_that_of_the_textbook_and_holds_as_often_as_it_says() -> None:
    """Hahn and Meeker (1991): t(9; 0.975) = 2.262, so that of ten runs it is 2.262 x 1.0488 standard deviations."""
    row = judge(found(0.61, spread=0.02))
    assert row["difference_high"] - row["difference"] == pytest.approx(2.2622 * 0.02 * 1.1**0.5, rel=1e-4)
    runs = np.random.default_rng(0).normal(size=(20_000, 11))
    spreads, means = runs[:, :10].std(axis=1, ddof=1), runs[:, :10].mean(axis=1)
    halves = np.array([half_width(spread, 10, 0.95) for spread in spreads])
    assert np.mean(np.abs(runs[:, 10] - means) <= halves) == pytest.approx(0.95, abs=0.005)


@pytest.mark.parametrize(
    ("value", "spread", "trials", "verdict"),
    [
        (0.61, 0.01, 10, "agrees"),
        (0.70, 0.01, 10, "differs"),
        (0.62, 0.05, 10, "cannot say"),
        (0.70, 0.05, 10, "cannot say"),
        (0.61, 0.01, 9, "cannot say"),
        (0.649, 0.01, 10, "differs"),
    ],
)
def test_a_verdict_wants_ten_trials_and_either_closeness_or_distance(
    value: float, spread: float, trials: int, verdict: str
) -> None:
    row = judge(found(value, spread=spread, trials=trials))
    assert row["verdict"] == verdict
    assert row["agrees"] is {"agrees": True, "differs": False, "cannot say": None}[verdict]


def test_training_accuracies_have_no_verdict() -> None:
    row = judge(Finding(figure=figure(quantity="train_accuracy"), value=0.6, spread=0.01, trials=10))
    assert (row["verdict"], row["agrees"]) == (None, None)


def test_a_configuration_in_several_tables_counts_once() -> None:
    rows = [judge(found(value, configuration="one")) for value in (0.6, 0.61)]
    rows += [judge(found(0.7, configuration="two")), judge(found(0.6, trials=3, configuration="three"))]
    record = PartRecord(
        number=8, identity="", rows=tuple(rows), drawings=(), listings=(), remarks=(), playgrounds=(), missing=()
    )
    assert summarize([record]).verdicts == (1, 1, 1)


def test_a_difference_has_the_reason_that_can_be_read_off_the_protocols() -> None:
    assert judge(found(0.9, trained_on=200))["note"] == "Ours trained on 200 images, the report on 800."
    assert judge(found(0.9, trained_on=800, spread=0.05))["note"].startswith("Ours varies by 5.0% from draw to draw")
    assert judge(Finding(figure=figure(why="On purpose."), value=0.6))["note"] == "On purpose."
    assert judge(found(0.6, trained_on=200))["note"] == ""


def test_what_was_not_run_has_no_numbers_and_says_why() -> None:
    row = judge(Finding(figure=figure(why="On purpose."), value=None, status="not_run", note="no faces"))
    assert [row[name] for name in ("measured", "low", "high", "difference", "agrees")] == [None] * 5
    assert (row["published"], row["status"], row["note"]) == (0.6, "not_run", "no faces")


def test_seconds_have_a_difference_and_no_interval() -> None:
    row = judge(Finding(figure=figure(quantity="seconds", value=40.0, images=None), value=0.5))
    assert (row["difference"], row["low"], row["difference_low"], row["agrees"]) == (-39.5, None, None, None)


@pytest.mark.parametrize("shift", [0.0, 0.01, 0.02, 0.03, 0.04, 0.06])
def test_a_published_accuracy_agrees_where_two_one_sided_tests_of_statsmodels_say_so(shift: float) -> None:
    """The tests are of one new run: their standard error is s sqrt(1 + 1 / T), that of a mean s / sqrt(T)."""
    published = published_at(8, "Table 8", "test_accuracy", "res 32")
    assert published.value is not None
    trials, spread = 20, 0.012
    noise = np.random.default_rng(0).normal(size=trials)
    noise = (noise - noise.mean()) / noise.std(ddof=1)
    wider = noise * spread * np.sqrt(trials + 1)  # its mean has the standard error of one new run
    tost = ttost_paired(published.value + shift + wider, np.full(trials, published.value), -MARGIN, MARGIN)[0]
    finding = Finding(figure=published, value=published.value + shift, spread=spread, trials=trials, images=120)
    assert (judge(finding)["verdict"] == "agrees") == (tost < 0.05)
