"""`mnf compare` as a person or a script meets it."""

import csv
import json

import pytest
from conftest import Mnf, Trained
from scipy.stats import binomtest

from mnistfaces.runs.predictions import load_predictions

FIELDS = ["a", "b", "difference", "low", "high", "p", "n", "discordant", "a_above_b", "verdict"]


@pytest.fixture
def pair(trained: Trained) -> Mnf:
    return trained.mnf


def right(mnf: Mnf, run: str) -> dict[str, bool]:
    kept = load_predictions(mnf.folder / run / "predictions.npz")
    tested = kept.side[0] == 2
    return dict(zip(kept.ids[tested].tolist(), (kept.predicted[0] == kept.labels)[tested].tolist(), strict=True))


def test_two_models_are_compared_by_the_exact_test_on_the_images_that_only_one_had_right(pair: Mnf) -> None:
    row = pair("compare", "one", "other").row
    one, other = right(pair, "one"), right(pair, "other")
    assert list(row) == FIELDS
    b = sum(one[name] and not other[name] for name in one)
    c = sum(other[name] and not one[name] for name in one)
    assert row["p"] == pytest.approx(binomtest(b, b + c).pvalue)
    assert row["difference"] == pytest.approx((b - c) / 1000)
    assert (row["a"], row["b"], row["n"], row["discordant"]) == ("one", "other", 1000, b + c)
    assert row["low"] < row["difference"] < row["high"]
    assert row["verdict"].startswith("one is better") == (row["low"] > 0)


def test_runs_from_a_pipe_and_answers_from_elsewhere_meet_in_one_comparison(pair: Mnf) -> None:
    """A table that answers everything right is better; the pairs are all there."""
    kept = load_predictions(pair.folder / "one" / "predictions.npz")
    with (pair.folder / "mine.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "class"), *zip(kept.ids.tolist(), kept.labels.tolist(), strict=True)])
    rows = pair("compare", "-", "mine.csv", stdin=json.dumps({"run": "one"}) + "\n" + json.dumps({"run": "other"})).rows
    assert [(row["a"], row["b"]) for row in rows] == [("one", "other"), ("one", "mine.csv"), ("other", "mine.csv")]
    errors = 1000 - sum(right(pair, "one").values())
    assert (rows[1]["difference"], rows[1]["discordant"]) == (pytest.approx(-errors / 1000), errors)
    assert rows[1]["verdict"] == "mine.csv is better (these two models, not their settings: one seed)"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("one",), "give at least two runs to compare"),
        (("one", "nowhere"), "nowhere is not a run directory"),
        (("one", "data.csv"), "cannot read data.csv"),
        (("-", "one"), "stdin has no row with a `run`"),
    ],
)
def test_what_cannot_be_compared_is_one_line(pair: Mnf, arguments: tuple[str, ...], said: str) -> None:
    done = pair("compare", *arguments, code=1)
    assert said in done.complaint
    assert len(done.stderr.splitlines()) == 1
