"""`--augment` as a person or a script meets it."""

import json

from conftest import Mnf
from kept_runs import save_shapes

SMALL = ("--epochs", 20, "--hidden", 5, "--batch-size", 8, "--lr", 1e-3)
CHANGED = ("--augment", "mirror,shift:1,rotate:10")


def test_a_sweep_and_a_training_of_a_folder_train_on_the_same_copies(mnf: Mnf) -> None:
    save_shapes(mnf.folder / "shapes", per_class=15)
    options = ("shapes", "--test-per-class", 4, "--res", 16, *SMALL)
    alone = [mnf("train", *options, *CHANGED, "--seed", seed).row for seed in (0, 1)]
    swept = mnf("sweep", *options, *CHANGED, "--lr", "1e-3,1e-2", "--seeds", 2, "--per-seed").rows[:2]
    plain = mnf("train", *options).row
    fields = ("train_loss", "val_loss", "test_loss", "train_n", "test_accuracy", "augment")
    assert [{name: row[name] for name in fields} for row in alone] == [
        {name: row[name] for name in fields} for row in swept
    ]
    assert plain["train_n"] == alone[0]["train_n"]
    assert plain["train_loss"] != alone[0]["train_loss"]
    assert (plain["augment"], alone[0]["augment"]) == (None, "mirror,shift:1,rotate:10")
    assert "augment" not in json.loads((mnf.folder / plain["run"] / "config.json").read_text())["training"]
    evaluated = mnf("evaluate", alone[0]["run"]).rows[-1]
    assert evaluated["accuracy"] == alone[0]["test_accuracy"]


def test_a_surface_of_a_model_is_over_the_copies_that_it_was_trained_on(mnf: Mnf) -> None:
    run = mnf("train", "digits-sample", "--train-per-class", 5, "--epochs", 3, "--augment", "rotate:10").row
    weights = ("--weight", "5,13,14", "--weight", "5,15,14", "--range", "-1,1", "--step", 0.5)
    surface = mnf("contour", "digits-sample", "--run", run["run"], *weights).row
    assert run["train_n"] == 50
    assert surface["minimum"] <= 2 * 50 * run["train_loss"] <= surface["maximum"]


def test_features_are_refused_before_any_work_and_mirrored_digits_are_said_to_be_none(mnf: Mnf) -> None:
    (mnf.folder / "mine.csv").write_text("label,a,b\n" + "x,1,2\ny,3,4\n" * 30)
    for command in ("train", "sweep"):
        refused = mnf(command, "mine.csv", "--augment", "mirror", "--out", "run", code=2)
        assert refused.complaint == "--augment changes images: mine holds 2 features per image"
        assert not (mnf.folder / "run").exists()
        done = mnf(command, "digits-sample", "--train-per-class", 5, "--epochs", 1, "--augment", "mirror")
        assert "--augment mirror trains on mirrored digits, most of which are no digits" in done.stderr
        assert "summed cost: lr 0.0001 on 100 images is lr 0.01 on their mean cost" in done.stderr
