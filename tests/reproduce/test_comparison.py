from typing import Any

import pytest

from mnistfaces.reproduce.comparison import judge
from mnistfaces.reproduce.published import Published
from mnistfaces.reproduce.records import Finding
from mnistfaces.statistics.proportions import independent_difference, wilson


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


def test_the_interval_of_a_difference_is_newcombes() -> None:
    """56 of 70 against 48 of 80, the worked example of Newcombe (1998), method 10: 0.0524 to 0.3339."""
    low, high = independent_difference(56 / 70, wilson(56, 70), 48 / 80, wilson(48, 80))
    assert (low, high) == (pytest.approx(0.0524, abs=1e-4), pytest.approx(0.3339, abs=1e-4))


def test_a_row_shows_both_values_and_whether_they_agree() -> None:
    row = judge(Finding(figure=figure(), value=56 / 70, interval=wilson(56, 70), images=70, trained_on=790))
    assert row["setting"] == "Table 3: lr 0.1"
    assert row["difference"] == pytest.approx(0.2)
    assert (row["low"], row["high"]) == wilson(56, 70)
    assert row["difference_low"] == pytest.approx(0.0524, abs=1e-4)
    assert row["agrees"] is False
    assert judge(Finding(figure=figure(value=0.75), value=56 / 70, images=70))["agrees"] is True


def test_a_difference_has_the_reason_that_can_be_read_off_the_protocols() -> None:
    outside = Finding(figure=figure(), value=0.9, images=800, trained_on=200)
    assert judge(outside)["note"] == "Ours trained on 200 images, the report on 800."
    redrawn = Finding(figure=figure(), value=0.8, images=800, trained_on=800, spread=0.05)
    assert judge(redrawn)["note"].startswith("Ours varies by 5.0% from draw to draw")
    assert judge(Finding(figure=figure(why="On purpose."), value=0.6, images=80))["note"] == "On purpose."
    assert judge(Finding(figure=figure(), value=0.6, images=80, trained_on=200))["note"] == ""


def test_what_was_not_run_has_no_numbers_and_says_why() -> None:
    row = judge(Finding(figure=figure(why="On purpose."), value=None, status="not_run", note="no faces"))
    assert [row[name] for name in ("measured", "low", "high", "difference", "agrees")] == [None] * 5
    assert (row["published"], row["status"], row["note"]) == (0.6, "not_run", "no faces")


def test_seconds_have_a_difference_and_no_interval() -> None:
    row = judge(Finding(figure=figure(quantity="seconds", value=40.0, images=None), value=0.5))
    assert (row["difference"], row["low"], row["difference_low"], row["agrees"]) == (-39.5, None, None, None)
