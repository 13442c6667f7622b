"""`mnf compare` as a person or a script meets it."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Mnf, Trained
from scipy.stats import binomtest

from mnistfaces.cli._contenders import COLUMNS
from mnistfaces.runs.predictions import load_predictions

FIELDS = ["a", "b", "difference", "low", "high", "p", "n", "discordant", "a_above_b", "verdict", "caution"]


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


BOARD = ["rank", "contender", "accuracy", "low", "high", "n", "tied", "status", "note"]


def write_answers(path: Path, mnf: Mnf, wrong: int, write: Callable[[str], bytes] = str.encode) -> None:
    """Writes answers to the images that run `one` tested, some of them wrong."""
    kept = load_predictions(mnf.folder / "one" / "predictions.npz")
    tested = kept.side[0] == 2
    path.parent.mkdir(exist_ok=True)
    rows = zip(kept.ids[tested].tolist(), kept.labels[tested].tolist(), strict=True)
    path.write_bytes(write("".join(f"{name},{(label + (n < wrong)) % 10}\r\n" for n, (name, label) in enumerate(rows))))


def test_a_board_ranks_runs_and_tables_and_ends_with_3_where_one_could_not_be_read(pair: Mnf) -> None:
    write_answers(pair.folder / "answers" / "anna.csv", pair, 20)
    write_answers(pair.folder / "answers" / "ben.csv", pair, 22, lambda text: text.replace(",", ";").encode("utf-16"))
    (pair.folder / "answers" / "carl.csv").write_text("prediction\n7\n")
    done = pair("compare", "one", "answers/*.csv", "--board", code=3)
    assert [list(row) for row in done.rows] == [BOARD] * 4
    told = [(row["rank"], Path(row["contender"]).name, row["status"]) for row in done.rows]
    assert told == [(1, "anna.csv", "ok"), (2, "ben.csv", "ok"), (3, "one", "ok"), (None, "carl.csv", "failed")]
    assert [row["accuracy"] for row in done.rows[:2]] == pytest.approx([0.98, 0.978])
    assert [row["tied"] for row in done.rows] == [True, True, False, None]
    assert "carl.csv, line 1: expected image and class" in done.rows[3]["note"]
    assert "2 of 3 cannot be told from the most accurate" in done.stderr
    assert "1 of 4 could not be judged" in done.stderr


def test_a_class_submits_all_term_and_climbs_only_by_what_is_significant(pair: Mnf) -> None:
    def submission(wrong: int) -> tuple[int, str]:
        write_answers(pair.folder / "term" / "anna.csv", pair, wrong)
        rows = pair("compare", "one", "term/anna.csv", "--board", "--ladder", "class.json").rows
        (row,) = (row for row in rows if row["contender"].endswith("anna.csv"))
        return round(1000 - 1000 * row["accuracy"]), row["note"]

    assert [submission(wrong) for wrong in (50, 47, 20)] == [
        (50, "submission 1"),
        (50, "submission 2 is not significantly better: 1 stands"),
        (20, "submission 3"),
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("one", "other", "--ladder", "x.json"), "goes with --board"),
        (("one", "other", "--board", "--margin", "0.1"), "is for pairs"),
    ],
)
def test_options_that_do_not_go_together_are_refused_before_anything_is_read(
    pair: Mnf, arguments: tuple[str, ...], said: str
) -> None:
    done = pair("compare", *arguments, code=2)
    assert said in " ".join(done.stderr.split())


def test_plain_numbers_mean_images_of_whole_sets_alone(pair: Mnf) -> None:
    (pair.folder / "numbers.csv").write_text("image,label\n0,7\n1,2\n")
    said = pair("compare", "one", "numbers.csv", code=1).complaint
    assert "plain numbers mean images of digits-full, fashion, kuzushiji only, not of digits-sample" in said


def test_differences_and_boards_are_drawn_and_the_file_is_named(pair: Mnf) -> None:
    done = pair("compare", "one", "other", "--margin", 0.02, "--plot", "differences.svg")
    assert done.stderr.splitlines()[-1] == "wrote differences.svg"
    assert pair("compare", "one", "other", "--board", "--plot", "board.pdf").stderr.endswith("wrote board.pdf\n")
    assert (pair.folder / "differences.svg").read_bytes().startswith(b"<?xml")
    assert (pair.folder / "board.pdf").read_bytes().startswith(b"%PDF")
    assert "must end in .png" in pair("compare", "one", "nowhere", "--plot", "a.html", code=2).complaint


def test_a_table_says_a_or_b_where_the_names_stand_beside_it() -> None:
    (verdict,) = [column for column in COLUMNS if column.title == "verdict"]
    names = {"a": "runs/train-0123", "b": "runs/train-4567"}
    assert verdict.text({**names, "verdict": "runs/train-0123 is better (one seed)"}) == "a is better"
    assert verdict.text({**names, "verdict": "runs/train-4567 is better"}) == "b is better"
    assert verdict.text({**names, "verdict": "cannot be told apart"}) == "cannot be told apart"
