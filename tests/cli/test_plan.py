"""`mnf plan` through the installed program."""

from conftest import Mnf


def test_a_plan_is_a_row_per_design_without_any_data(mnf: Mnf) -> None:
    done = mnf("plan", "--accuracy", 0.85, "--difference", 0.02, "--plot", "plan.png")
    assert list(done.rows[0]) == ["images", "seeds", "folds", "width", "power"]
    by_design = {(row["images"], row["seeds"], row["folds"]): row for row in done.rows}
    assert len(by_design) == 7 * (4 + 2)
    assert by_design[120, 1, None]["width"] > 0.12  # Wilson's of 102 of 120
    assert by_design[10_000, 5, None]["power"] > by_design[250, 5, None]["power"]
    assert by_design[250, 10, None]["power"] > by_design[250, 3, None]["power"]
    assert (mnf.folder / "plan.png").stat().st_size > 10_000


def test_a_plan_from_a_sweep_uses_its_answers(mnf: Mnf) -> None:
    mnf("sweep", "digits-sample", "--lr", "1e-4,9e-5", "--seeds", 3, "--epochs", 20, "--out", "out")
    one = ("--images", 1000, "--seeds", 3, "--folds", 5)
    usual, own = (mnf("plan", *one, *more).rows for more in ((), ("--from", "out")))
    assert [(row["images"], row["seeds"], row["folds"]) for row in own] == [(1000, 3, None), (1000, 1, 5)]
    assert own[0]["power"] > usual[0]["power"]  # two rates that hardly differ answer alike
    other = mnf("plan", *one, "--from", "out", "--accuracy", 0.5).rows
    assert other[0]["width"] > own[0]["width"]
    mnf("train", "digits-sample", "--epochs", 20, "--out", "one")
    assert len(mnf("plan", *one, "--from", "one").rows) == 2


def test_what_cannot_be_planned_is_refused_before_any_work(mnf: Mnf) -> None:
    for wrong in (("--accuracy", 1), ("--difference", 0), ("--images", "1"), ("--folds", "1"), ("--seeds", "a")):
        done = mnf("plan", *wrong, code=2)
        assert wrong[0] in done.stderr
