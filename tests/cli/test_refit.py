"""`--refit` as a person or a script meets it."""

import json
import shlex

from conftest import Mnf

SMALL = ("digits-sample", "--train-per-class", 8, "--epochs", 20, "--lr", "1e-3,1e-5")
SAME = ("train_loss", "train_n", "val_n", "val_accuracy", "test_accuracy", "test_low", "test_high", "refit")


def test_the_chosen_setting_is_a_row_of_its_own_and_the_line_that_trains_it_gives_the_same_numbers(mnf: Mnf) -> None:
    swept = mnf("sweep", *SMALL, "--refit", "--out", "run", "--keep-weights", "best")
    assert [row["refit"] for row in swept.rows] == [False, False, True]
    assert [row["lr"] for row in swept.rows] == [1e-3, 1e-5, 1e-3]
    final = swept.rows[-1]
    assert (final["train_n"], final["val_n"], final["val_accuracy"]) == (100, 0, None)
    assert f"trained on training and validation images together: test accuracy {final['test_accuracy']:.1%}" in (
        swept.stderr
    )
    said = swept.stderr.splitlines()[-1].partition("): ")[2]
    assert said.endswith("--refit --train-per-class 8")
    again = mnf(*shlex.split(said)[1:])
    assert {name: again.row[name] for name in SAME} == {name: final[name] for name in SAME}
    assert "validation images train, too: val_accuracy and val_loss are null" in again.stderr
    evaluated = [mnf("evaluate", run).rows[-1]["accuracy"] for run in ("run", again.row["run"])]
    assert evaluated == [final["test_accuracy"]] * 2
    table = mnf("sweep", *SMALL, "--refit", "--out", "run", "--keep-weights", "best", "--format", "json")
    assert [row["tied"] is None for row in json.loads(table.stdout)] == [False, False, True]
