"""The board, and the ladder that reveals only what is significant."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest, rankdata
from small_data import make_dataset

from mnistfaces.config import SplitConfig, TrainConfig
from mnistfaces.errors import FileError, RunError, UsageError
from mnistfaces.evaluation.contenders import Field, load_field
from mnistfaces.evaluation.ladder import climb_all, opened
from mnistfaces.evaluation.ranking import rank
from mnistfaces.experiments.sweep import Sweep
from mnistfaces.experiments.sweep_config import SweepConfig
from mnistfaces.experiments.trials import Cell, Grid, Row
from mnistfaces.files.locks import Lease
from mnistfaces.statistics.proportions import wilson

DATASET = make_dataset((60, 60, 60), seed=4)
LABEL = dict(zip(DATASET.ids.tolist(), DATASET.labels.tolist(), strict=True))
TESTED = 90


def sweep(out: Path, seeds: tuple[int, ...] = (0,), **split: object) -> Sweep:
    cell = Cell(
        training=TrainConfig(lr=1e-3, epochs=4),
        split=SplitConfig(**{"train_per_class": 7, "val_per_class": 3, "test_per_class": 30, **split}),  # type: ignore[arg-type]
    )
    job = Sweep(SweepConfig(grid=Grid(cells=(cell,), seeds=seeds, fixed_split=True), out=out), lambda _: DATASET)
    for _ in job.run():
        pass
    job.finish()
    return job


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reference") / "run"
    sweep(folder)
    return folder


def images_of(run: Path) -> list[str]:
    return load_field([str(run), str(run)]).reference.ids.tolist()


def submit(path: Path, run: Path, wrong: set[int] | range) -> str:
    """Writes answers that are wrong on the images at some positions, and returns the file's name."""
    path.parent.mkdir(exist_ok=True)
    lines = [f"{name},{(LABEL[name] + (place in wrong)) % 3}" for place, name in enumerate(images_of(run))]
    path.write_text("image,class\n" + "\n".join(lines) + "\n")
    return str(path)


def board(run: Path, *tables: str) -> dict[str, Row]:
    field = load_field([str(run), *tables])
    return {Path(row["contender"]).name: row for row in rank(field.contenders(), field.reference.trials)}


def test_contenders_stand_in_the_order_of_their_accuracy_with_those_of_one_accuracy_on_one_rank(
    run: Path, tmp_path: Path
) -> None:
    wrongs = {"a": range(10), "b": range(3), "c": range(20, 30), "d": range(60)}
    rows = board(run, *(submit(tmp_path / f"{name}.csv", run, wrong) for name, wrong in wrongs.items()))
    accuracies = [row["accuracy"] for row in rows.values()]
    assert accuracies == sorted(accuracies, reverse=True)
    assert [row["rank"] for row in rows.values()] == rankdata([-value for value in accuracies], "min").tolist()
    assert rows["a.csv"]["rank"] == rows["c.csv"]["rank"]
    for name, wrong in wrongs.items():
        row = rows[f"{name}.csv"]
        assert row["accuracy"] == pytest.approx(1 - len(wrong) / TESTED)
        assert (row["low"], row["high"]) == pytest.approx(wilson(TESTED - len(wrong), TESTED))
        assert (row["n"], row["status"], row["note"]) == (TESTED, "ok", "")
    assert rows["b.csv"]["tied"]
    assert not rows["d.csv"]["tied"]


def test_a_file_that_cannot_be_read_is_a_row_with_its_reason(run: Path, tmp_path: Path) -> None:
    good = submit(tmp_path / "good.csv", run, range(5))
    bad = tmp_path / "bad.csv"
    bad.write_text("image,class\nimage-0001,elephant\n")
    rows = board(run, str(bad), good, str(tmp_path / "none.csv"))
    assert [*rows] == ["good.csv", "run", "bad.csv", "none.csv"]
    for name, reason in (("bad.csv", "line 2: no class is called 'elephant'"), ("none.csv", "cannot read")):
        assert reason in rows[name]["note"]
        assert [rows[name][field] for field in ("rank", "accuracy", "tied", "status")] == [None, None, None, "failed"]


def test_missing_answers_count_as_wrong_and_are_told(run: Path, tmp_path: Path) -> None:
    path = Path(submit(tmp_path / "few.csv", run, set()))
    path.write_text("\n".join([*path.read_text().splitlines()[:-10], "other,1"]))
    row = board(run, str(path))["few.csv"]
    assert row["accuracy"] == pytest.approx(80 / 90)
    assert row["note"] == "no answer for 10 of 90 images, which counts as wrong; 1 row for other images"


def test_a_table_meets_every_seed_of_a_sweep(tmp_path: Path) -> None:
    sweep(tmp_path / "seeds", seeds=(0, 1, 2))
    table = submit(tmp_path / "mine.csv", tmp_path / "seeds", range(9))
    rows = board(tmp_path / "seeds", table)
    assert rows["mine.csv"]["accuracy"] == pytest.approx(0.9)
    assert (rows["mine.csv"]["low"], rows["mine.csv"]["high"]) == pytest.approx(wilson(81, 90))


def test_a_run_that_was_tested_on_other_images_is_a_row_with_its_reason(run: Path, tmp_path: Path) -> None:
    sweep(tmp_path / "others", test_per_class=20)
    row = board(run, str(tmp_path / "others"))["others"]
    assert row["status"] == "failed"
    assert "test images are on one side only" in row["note"]


def climb(run: Path, state: Path, *tables: str) -> dict[str, Row]:
    field: Field = load_field([str(run), *tables])
    with opened(state, field.reference) as ladder:
        contenders = climb_all(ladder, field.entries)
    return {Path(row["contender"]).name: row for row in rank(contenders, field.reference.trials)}


def test_an_improvement_is_revealed_once_it_is_significant(run: Path, tmp_path: Path) -> None:
    """One-sided at 5 %: 4 images better of 4 that differ are not enough, 5 are."""
    state, file = tmp_path / "class.json", tmp_path / "anna.csv"
    assert binomtest(4, 4, alternative="greater").pvalue > 0.05 > binomtest(5, 5, alternative="greater").pvalue
    said = []
    for wrong in (20, 16, 12, 12, 15, 30, 7):
        row = climb(run, state, submit(file, run, range(wrong)))["anna.csv"]
        said.append((round(90 - 90 * row["accuracy"]), row["note"]))
    assert said == [
        (20, "submission 1"),
        (20, "submission 2 is not significantly better: 1 stands"),
        (12, "submission 3"),
        (12, "submission 3"),  # the same answers again
        (12, "submission 4 is not significantly better: 3 stands"),
        (12, "submission 5 is not significantly better: 3 stands"),
        (7, "submission 6"),
    ]


def test_whoever_submits_noise_all_term_does_not_climb(run: Path, tmp_path: Path) -> None:
    """The best of 60 random guesses would look far better than one; on the ladder it is about what one shows."""
    rng, best, shown = np.random.default_rng(0), [], []
    for term in range(5):
        guesses = [{*np.flatnonzero(rng.random(TESTED) < 0.5).tolist()} for _ in range(60)]
        field_folder = tmp_path / str(term)
        for wrong in guesses:
            row = climb(run, field_folder / "state.json", submit(field_folder / "noise.csv", run, wrong))["noise.csv"]
        shown.append(row["accuracy"])
        best.append(max(1 - len(wrong) / TESTED for wrong in guesses))
    assert np.mean(best) > 0.6
    assert np.mean(shown) < np.mean(best) - 0.02


def test_a_broken_submission_leaves_what_stands(run: Path, tmp_path: Path) -> None:
    state, file = tmp_path / "class.json", tmp_path / "anna.csv"
    climb(run, state, submit(file, run, range(9)))
    file.write_text("image,class\n")
    row = climb(run, state, str(file))["anna.csv"]
    assert (row["accuracy"], row["status"]) == (0.9, "failed")
    assert "holds no answers; submission 1 stands" in row["note"]
    assert climb(run, state, submit(file, run, range(9)))["anna.csv"]["note"] == "submission 1"


def test_a_ladder_belongs_to_its_test_images(run: Path, tmp_path: Path) -> None:
    state = tmp_path / "class.json"
    climb(run, state, submit(tmp_path / "anna.csv", run, range(9)))
    sweep(tmp_path / "others", test_per_class=20)
    before = state.read_bytes()
    with pytest.raises(RunError, match="the ladder of other test images"):
        climb(tmp_path / "others", state, submit(tmp_path / "anna.csv", tmp_path / "others", range(9)))
    assert state.read_bytes() == before


@pytest.mark.parametrize("how", ["cut", "changed", "another file", "answers of other images"])
def test_a_damaged_ladder_is_never_begun_anew(run: Path, tmp_path: Path, how: str) -> None:
    state = tmp_path / "class.json"
    table = submit(tmp_path / "anna.csv", run, range(9))
    climb(run, state, table)
    text = state.read_text()
    spoiled = {
        "cut": text[: len(text) // 2],
        "changed": text.replace('"stands": 1', '"stands": 2'),
        "another file": json.dumps({"images": "x"}),
        "answers of other images": "image,class\n",
    }[how]
    assert spoiled != text
    state.write_text(spoiled)
    with pytest.raises(FileError, match="is no ladder, or damaged"):
        climb(run, state, table)
    assert state.read_text() == spoiled


def test_two_processes_do_not_write_one_ladder(run: Path, tmp_path: Path) -> None:
    held = Lease(tmp_path / ".class.json.lock")
    assert held.take() is None
    with pytest.raises(RunError, match=r"is at work on .*class\.json"):
        climb(run, tmp_path / "class.json", submit(tmp_path / "anna.csv", run, range(9)))
    held.release()
    assert not (tmp_path / "class.json").exists()


def test_two_submitters_of_one_name_are_refused(run: Path, tmp_path: Path) -> None:
    tables = [submit(tmp_path / folder / "anna.csv", run, range(9)) for folder in "ab"]
    with pytest.raises(UsageError, match=r"two are called anna\.csv"):
        climb(run, tmp_path / "class.json", *tables)
    assert not (tmp_path / "class.json").exists()
