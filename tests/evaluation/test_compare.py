"""Comparisons: paired over seeds, folds and single models, and against answers made elsewhere."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from small_data import make_dataset
from statsmodels.stats.multitest import multipletests

from mnistfaces.config import SplitConfig, TrainConfig
from mnistfaces.errors import DataError, RunError
from mnistfaces.evaluation.compare import advice, compare
from mnistfaces.evaluation.contenders import Contender, load_field
from mnistfaces.experiments.sweep import Sweep
from mnistfaces.experiments.sweep_config import SweepConfig
from mnistfaces.experiments.trials import Cell, Grid
from mnistfaces.statistics.differences import paired_difference
from mnistfaces.statistics.scores import TrialScores

DATASET = make_dataset((30, 30, 30), seed=4)
SPLIT = SplitConfig(train_per_class=7, val_per_class=3, test_per_class=8)


def sweep(out: Path, *lrs: float, split: SplitConfig = SPLIT, seeds: tuple[int, ...] = (0, 1, 2)) -> Sweep:
    cells = tuple(Cell(training=TrainConfig(lr=lr, epochs=4), split=split) for lr in lrs)
    config = SweepConfig(grid=Grid(cells=cells, seeds=seeds), swept=("lr",), out=out)
    job = Sweep(config, lambda _: DATASET)
    for _ in job.run():
        pass
    job.finish()
    return job


def trial(correct: str, name: str = "i") -> TrialScores:
    return TrialScores(
        correct=np.array([letter == "1" for letter in correct]),
        ids=np.array([f"{name}{number}" for number in range(len(correct))]),
        groups=np.arange(len(correct)),
        train_n=10,
    )


def test_sweeps_are_compared_by_their_best_cells_seed_by_seed(tmp_path: Path) -> None:
    jobs = [sweep(tmp_path / "a", 1e-2, 1e-6), sweep(tmp_path / "b", 1e-5)]
    contenders = load_field([str(tmp_path / "a"), str(tmp_path / "b")]).sound()
    (row,) = compare(contenders)
    trials = []
    for job in jobs:
        best = next(cell for cell, row_ in zip(job.grid.cells, job.summary["cells"], strict=True) if row_["best"])
        trials.append(list(job.outcomes.result(best).scores.values()))
    expected = paired_difference(*trials)
    assert (row["difference"], row["low"], row["high"], row["p"]) == (
        expected.difference,
        expected.low,
        expected.high,
        expected.p,
    )
    assert len(contenders[0].trials) == 3
    assert "its best cell by validation, mnf train small" in contenders[0].note


def test_only_the_seeds_that_both_have_are_compared(tmp_path: Path) -> None:
    sweep(tmp_path / "a", 1e-2, seeds=(0, 1, 2))
    sweep(tmp_path / "b", 1e-3, seeds=(2, 1, 7))
    a, b = load_field([str(tmp_path / "a"), str(tmp_path / "b")]).sound()
    (row,) = compare([a, b])
    expected = paired_difference([a.trials[1, 0], a.trials[2, 0]], [b.trials[1, 0], b.trials[2, 0]])
    assert (row["difference"], row["p"]) == (expected.difference, expected.p)


def test_folds_are_compared_fold_by_fold(tmp_path: Path) -> None:
    split = SplitConfig(folds=3)
    sweep(tmp_path / "a", 1e-2, split=split, seeds=(0,))
    sweep(tmp_path / "b", 1e-6, split=split, seeds=(0,))
    (row,) = compare(load_field([str(tmp_path / "a"), str(tmp_path / "b")]).sound())
    assert row["n"] == len(DATASET)


def test_every_pair_is_compared_once() -> None:
    contenders = [Contender(name=name, trials={(0, 0): trial("1" * 9 + "0")}) for name in "abc"]
    assert [(row["a"], row["b"]) for row in compare(contenders)] == [("a", "b"), ("a", "c"), ("b", "c")]


def test_p_is_adjusted_for_the_number_of_pairs_and_the_verdict_follows() -> None:
    right = ["1" * 120, "1" * 113 + "0" * 7, "1" * 112 + "0" * 8, "1" * 111 + "0" * 9]
    contenders = [Contender(name=str(n), trials={(0, 0): trial(row)}) for n, row in enumerate(right)]
    alone = [row["p"] for pair in ((0, 1), (0, 2), (0, 3)) for row in compare([contenders[n] for n in pair])]
    assert alone == [2 / 2**7, 2 / 2**8, 2 / 2**9]
    rows = {(row["a"], row["b"]): row for row in compare(contenders)}
    reference = multipletests(
        [row.p for row in (paired_difference([trial(a)], [trial(b)]) for a, b in itertools.combinations(right, 2))],
        method="holm",
    )[1]
    assert [row["p"] for row in rows.values()] == pytest.approx(reference.tolist())
    assert rows["0", "3"]["verdict"] == "0 is better (these two models, not their settings: one seed)"
    assert rows["0", "1"]["verdict"].startswith("cannot be told apart (p = 0.062")


def test_equality_within_a_margin_is_shown_or_not() -> None:
    alike = [Contender(name=name, trials={(0, 0): trial("1" * 2000 + "0" * 100)}) for name in "ab"]
    assert next(iter(compare(alike, margin=0.01)))["verdict"] == "equal within 1 point"
    few = [Contender(name=name, trials={(0, 0): trial("1" * 20)}) for name in "ab"]
    assert next(iter(compare(few, margin=0.01)))["verdict"].startswith("not enough data")


def test_how_often_one_is_above_the_other_is_counted_over_trials() -> None:
    def contender(name: str, *rights: int) -> Contender:
        return Contender(name=name, trials={(n, 0): trial("1" * r + "0" * (50 - r)) for n, r in enumerate(rights)})

    (row,) = compare([contender("a", 40, 41, 30, 45), contender("b", 39, 41, 35, 40)])
    assert row["a_above_b"] == (1 + 0.5 + 0 + 1) / 4
    (single,) = compare([contender("a", 40), contender("b", 39)])
    assert single["a_above_b"] is None
    (wild,) = compare([contender("a", 50, 20), contender("b", 40, 45)])
    assert "of equal models 8 to 13 % are told apart" in wild["caution"]
    assert (row["caution"], single["caution"]) == ("", "")


def test_a_comparison_ends_with_what_it_would_take() -> None:
    contenders = [
        Contender(name=name, trials={(0, 0): trial(row)})
        for name, row in (("a", "1" * 90 + "0" * 10), ("b", "0" * 9 + "1" * 85 + "0" * 6))
    ]
    assert re.fullmatch(r"to tell these apart by 2 points you need [\d,]+ images x \d+ seeds; .*", advice(contenders))
    perfect = [Contender(name=name, trials={(0, 0): trial("11")}) for name in "ab"]
    assert advice(perfect) == ""


def test_trials_on_other_images_are_refused() -> None:
    contenders = [Contender(name=name, trials={(0, 0): trial("1100", name)}) for name in "ab"]
    with pytest.raises(DataError, match="test images are on one side only"):
        list(compare(contenders))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    return sweep(tmp_path_factory.mktemp("run") / "out", 1e-2, seeds=(0,))


def table(folder: Path, lines: list[str]) -> str:
    path = folder / "answers.csv"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def answers(run: Sweep, *, rightly: bool) -> list[str]:
    (scores,) = run.outcomes.result(run.grid.cells[0]).scores.values()
    label = dict(zip(DATASET.ids.tolist(), DATASET.labels.tolist(), strict=True))
    return [f"{name},class{label[name] if rightly else (label[name] + 1) % 3}" for name in scores.ids.tolist()]


@pytest.mark.parametrize("header", [[], ["image,class"], ["Image, Class"]])
@pytest.mark.parametrize("rightly", [True, False])
def test_a_table_of_answers_is_judged_by_the_runs_labels(
    run: Sweep, tmp_path: Path, header: list[str], rightly: bool
) -> None:
    extra = [*header, *answers(run, rightly=rightly), "", "another-image,class0"]
    _, mine = load_field([str(run.folder.path), table(tmp_path, extra)]).sound()
    (scores,) = mine.trials.values()
    assert scores.correct.tolist() == [rightly] * 24


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda lines: ["x" + line for line in lines], "names none of the 24 images, such as image-"),
        (lambda lines: [*lines, lines[0]], "line 25: image .* is answered twice"),
        (lambda lines: [*lines[:3], "image-only"], "line 4: expected 2 columns, got 1: 'image-only'"),
        (lambda lines: [lines[0] + "x", *lines[1:]], "no class is called 'class.x'"),
        (lambda lines: ["\x00", *lines], "answers.csv"),
    ],
)
def test_a_table_that_does_not_fit_is_one_line(run: Sweep, tmp_path: Path, spoil: object, said: str) -> None:
    path = table(tmp_path, spoil(answers(run, rightly=True)))  # type: ignore[operator]
    with pytest.raises(DataError, match=said) as caught:
        load_field([str(run.folder.path), path]).sound()
    assert "\n" not in str(caught.value)


def test_a_table_alone_has_no_truth(run: Sweep, tmp_path: Path) -> None:
    path = table(tmp_path, answers(run, rightly=True))
    with pytest.raises(RunError, match="a table has answers but no truth"):
        load_field([path, path]).sound()
