"""Sweeps on disk: they stream, resume, grow, gather, and answer the same however they were cut."""

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_data import make_dataset

from mnistfaces.config import SplitConfig, TrainConfig
from mnistfaces.datasets.base import Dataset
from mnistfaces.errors import DataError, FileError, RunError
from mnistfaces.experiments import results
from mnistfaces.experiments.kept import TrialRecord
from mnistfaces.experiments.sweep import Sweep
from mnistfaces.experiments.sweep_config import SweepConfig
from mnistfaces.experiments.trials import Cell, Grid, Row
from mnistfaces.files import sha256_of_file
from mnistfaces.files.ledger import Ledger, read_records
from mnistfaces.files.seals import seal
from mnistfaces.progress import Advanced, Stage
from mnistfaces.runs.predictions import load_predictions, save_predictions
from mnistfaces.runs.runs import load_run
from mnistfaces.statistics.intervals import accuracy_interval
from mnistfaces.statistics.scores import Board
from mnistfaces.statistics.selection import confidence_set, nested_accuracy

SPLIT = SplitConfig(train_per_class=7, val_per_class=3, test_per_class=5)
DATASET = make_dataset((30, 30, 30))
TIMES = ("seconds", "timing", "run")


def cells_of(split: SplitConfig = SPLIT, **lists: Any) -> tuple[Cell, ...]:  # noqa: ANN401  fields of any type
    common = TrainConfig(model="mlp", hidden=5, optimizer="adam", reduction="mean", batch_size=6, epochs=4, lr=1e-3)
    return tuple(
        Cell(training=common.with_(**dict(zip(lists, values, strict=True))), split=split)
        for values in itertools.product(*lists.values())
    )


GRID = Grid(cells=cells_of(lr=[1e-3, 1e-2], epochs=[2, 4]), seeds=(0, 1))
SWEPT = ("lr", "epochs")


def open_sweep(out: Path, grid: Grid = GRID, dataset: Dataset = DATASET, **options: Any) -> Sweep:  # noqa: ANN401  SweepConfig's own
    return Sweep(SweepConfig(grid=grid, out=out, **{"swept": SWEPT, **options}), lambda _: dataset)


def run(out: Path, grid: Grid = GRID, **options: Any) -> Sweep:  # noqa: ANN401  as above
    job = open_sweep(out, grid, **options)
    for _ in job.run():
        pass
    job.finish()
    return job


def numbers(job: Sweep) -> list[Row]:
    """Returns the rows of cells and of trials without what may differ between two runs of the same thing."""
    rows = [row for cell in job.worklist.cells for row in (job.outcomes.row(cell), *job.outcomes.trial_rows(cell))]
    return [{field: value for field, value in row.items() if field not in TIMES} for row in rows]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    return run(tmp_path_factory.mktemp("whole"))


def test_isolated_models_have_the_same_bits_and_times_of_their_own(whole: Sweep, tmp_path: Path) -> None:
    alone = run(tmp_path, isolated=True)
    assert numbers(alone) == numbers(whole)
    assert [{row["timing"] for row in job.summary["cells"]} for job in (alone, whole)] == [{"isolated"}, {"shared"}]


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_a_sweep_that_was_cut_anywhere_goes_on_and_ends_with_the_same_numbers(
    whole: Sweep, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    done = 0
    for _ in range(3):
        job = open_sweep(folder)
        assert len(job.missing()) == len(job.worklist.trials) - done
        work = job.run()
        for _ in itertools.islice(work, data.draw(st.integers(0, 7))):
            done += 1
        work.close()  # type: ignore[attr-defined]
        done = len(open_sweep(folder).kept.records)
        if done and data.draw(st.booleans()):  # a kill may tear the last line
            with (folder / "trials.ndjson").open("ab") as ledger:
                ledger.write(b'{"trial": "dead')
    assert numbers(run(folder)) == numbers(whole)


def test_progress_counts_every_epoch_of_every_model_and_alters_no_number(
    whole: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnistfaces.engine.session.REPORT_SECONDS", 0.0)
    long = Grid(cells=cells_of(lr=[1e-3, 1e-2], epochs=[2, 1000]), seeds=(0, 1))
    events = list(open_sweep(tmp_path, long).run())
    (stage,) = (event for event in events if isinstance(event, Stage))
    told = [event.amount for event in events if isinstance(event, Advanced)]
    assert sum(told) == stage.total == 2 * 2 * 1000
    assert len(told) > 1000
    again = open_sweep(tmp_path, Grid(cells=cells_of(lr=[1e-3, 1e-2], epochs=[2]), seeds=(0, 1)))
    assert again.missing() == []
    shared = [cell for cell in GRID.cells if cell.training.epochs == 2]
    mine, theirs = ([job.outcomes.row(cell)["test_loss"] for cell in shared] for job in (again, whole))
    assert mine == theirs


def test_the_same_sweep_again_trains_nothing(whole: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path)
    monkeypatch.setattr(
        "mnistfaces.experiments.ensembles.train_resumable", lambda *_, **__: pytest.fail("trained again")
    )
    again = open_sweep(tmp_path)
    assert again.missing() == []
    assert list(again.run()) == []
    again.finish()
    assert numbers(again) == numbers(whole)


def test_a_grid_grows_by_what_is_new_alone(whole: Sweep, tmp_path: Path) -> None:
    smaller = Grid(cells=GRID.cells[:1], seeds=(0,))
    run(tmp_path, smaller)
    grown = open_sweep(tmp_path)
    assert len(grown.missing()) == 7
    assert numbers(run(tmp_path)) == numbers(whole)
    assert len(read_records(tmp_path / "trials.ndjson", TrialRecord)) == 8


@pytest.mark.parametrize("parts", [2, 3])
def test_shards_that_are_gathered_are_the_whole_table(whole: Sweep, tmp_path: Path, parts: int) -> None:
    for part in range(1, parts + 1):
        shard = replace(GRID, shard=(part, parts))
        assert {row["status"] for row in numbers(run(tmp_path, shard))} <= {"ok"}
        assert not (tmp_path / "summary.json").exists()
    gathered = open_sweep(tmp_path)
    assert gathered.missing() == []
    assert numbers(run(tmp_path)) == numbers(whole)
    assert json.loads((tmp_path / "summary.json").read_text())["best"]["lr"] == whole.summary["best"]["lr"]


def test_a_sweep_knows_the_processors_of_all_its_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnistfaces.experiments.stacks.processor_name", lambda _: "One")
    assert list(run(tmp_path, replace(GRID, shard=(1, 2))).processors()) == ["One"]
    monkeypatch.setattr("mnistfaces.experiments.stacks.processor_name", lambda _: "Another")
    assert list(run(tmp_path).processors()) == ["Another", "One"]  # on which the command says that bits may differ


def test_a_shard_without_cells_does_nothing(tmp_path: Path) -> None:
    shards = [replace(GRID, shard=(part, 50)) for part in range(1, 51)]
    job = run(tmp_path, next(shard for shard in shards if not shard.own_cells()))
    assert (job.worklist.trials, job.summary["cells"], job.summary["best"]) == ([], [], None)


def test_a_record_whose_predictions_are_gone_is_done_again(whole: Sweep, tmp_path: Path) -> None:
    run(tmp_path)
    next((tmp_path / "parts").glob("*.npz")).unlink()
    assert len(open_sweep(tmp_path).missing()) > 0
    assert numbers(run(tmp_path)) == numbers(whole)


def test_answers_that_no_record_tells_of_go_when_the_sweep_is_finished(
    whole: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:  # noqa: ANN401  whatever is passed
        raise FileError("cannot write the ledger: No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "extend", refuse)
        with pytest.raises(FileError):
            run(tmp_path)
    (stray,) = (tmp_path / "parts").iterdir()
    mine = stray.with_name("mine.npz")
    mine.write_bytes(b"")
    run(tmp_path, replace(GRID, shard=(1, 2)))
    assert stray.exists()  # it may be another shard's
    assert numbers(run(tmp_path)) == numbers(whole)
    named = {record["part"] for file in tmp_path.glob("trials*") for record in read_records(file, TrialRecord)}
    assert {path.name for path in mine.parent.iterdir()} == {mine.name, *named}
    assert stray.name not in named


def change_answers(path: Path) -> None:
    predictions = load_predictions(path)
    save_predictions(path, replace(predictions, predicted=np.zeros_like(predictions.predicted)))


def change_weights(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + b"?")


@pytest.mark.parametrize(
    ("pattern", "change", "keep"),
    [("parts/*.npz", change_answers, None), ("weights/*.safetensors", change_weights, "all")],
)
def test_a_file_that_changed_before_the_sweep_was_finished_is_made_again_and_never_proven(
    whole: Sweep, tmp_path: Path, pattern: str, change: Callable[[Path], None], keep: str | None
) -> None:
    for _ in open_sweep(tmp_path, keep_weights=keep).run():
        pass  # killed before it writes what it found
    path = next(tmp_path.glob(pattern))
    right = path.read_bytes()
    change(path)
    job = run(tmp_path, keep_weights=keep)
    assert path.read_bytes() == right
    assert load_run(tmp_path).config["sha256"][path.relative_to(tmp_path).as_posix()] == sha256_of_file(path)
    assert numbers(job) == numbers(whole)


def test_another_configuration_is_refused_and_force_removes_only_what_is_listed(tmp_path: Path) -> None:
    run(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    other = Grid(cells=cells_of(lr=[1e-3, 1e-2], epochs=[2, 4], hidden=[3]), seeds=(0, 1))
    with pytest.raises(RunError, match=r"holds another run \(sweep .*--force"):
        open_sweep(tmp_path, other)
    job = run(tmp_path, other, force=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert len(read_records(tmp_path / "trials.ndjson", TrialRecord)) == 8
    assert {row["hidden"] for row in numbers(job)} == {3}
    assert len(list((tmp_path / "parts").iterdir())) == len({record["part"] for record in job.kept.records.values()})


def test_force_trains_again_what_it_removes(whole: Sweep, tmp_path: Path) -> None:
    """The other configuration has trials in common with this one; their files go, so they must be done again."""
    run(tmp_path)
    assert numbers(run(tmp_path, isolated=True, force=True)) == numbers(whole)


def test_a_config_that_lists_files_outside_its_folder_removes_nothing(tmp_path: Path) -> None:
    out, outside = tmp_path / "out", tmp_path / "precious.txt"
    run(out)
    outside.write_text("mine")
    config = json.loads((out / "config.json").read_text())
    del config["check"]
    (out / "config.json").write_text(json.dumps(seal({**config, "hash": "0", "files": ["../precious.txt"]})))
    with pytest.raises(RunError, match=r"'\.\./precious.txt', which is not a file of its folder"):
        run(out, force=True)
    assert outside.read_text() == "mine"


def scores_by_pair(job: Sweep, cell: Cell) -> dict[tuple[int, int], Any]:
    kept = load_predictions(job.folder.path / "predictions.npz")
    records = [job.kept.records[key] for key in job.worklist.keys_of(cell)]
    return {(record["seed"], record["fold"]): kept.scores(record["trial"]) for record in records}


def test_intervals_and_ties_are_those_of_the_predictions_kept(whole: Sweep) -> None:
    cells = whole.summary["cells"]
    scores = [scores_by_pair(whole, cell) for cell in GRID.cells]
    for row, kept in zip(cells, scores, strict=True):
        interval = accuracy_interval(list(kept.values()))
        assert (row["test_low"], row["test_high"]) == (interval.low, interval.high)
        assert row["test_accuracy"] == pytest.approx(interval.mean)
    board = Board.of([[kept[pair] for pair in sorted(kept)] for kept in scores])
    assert [row["tied"] for row in cells] == confidence_set(board).tolist()


def test_the_best_cell_has_the_highest_validation_accuracy_and_then_the_lowest_loss(whole: Sweep) -> None:
    cells = whole.summary["cells"]
    merit = [(-row["val_accuracy"], row["val_loss"]) for row in cells]
    assert [row["best"] for row in cells] == [pair == min(merit) for pair in merit]
    assert whole.summary["best"] == next(row for row in cells if row["best"])


def test_means_and_deviations_are_over_the_trials(whole: Sweep) -> None:
    for cell in GRID.cells:
        row, trials = whole.outcomes.row(cell), whole.outcomes.trial_rows(cell)
        for field in ("train_loss", "val_accuracy", "test_loss", "test_accuracy"):
            values = [trial[field] for trial in trials]
            assert row[field] == pytest.approx(np.mean(values))
            assert row[f"{field}_std"] == pytest.approx(np.std(values, ddof=1))
        assert (row["n"], row["n_failed"], row["n_collapsed"], row["status"]) == (2, 0, 0, "ok")


def test_one_trial_has_no_deviation(tmp_path: Path) -> None:
    job = run(tmp_path, Grid(cells=GRID.cells[:1], seeds=(3,)))
    row = job.outcomes.row(GRID.cells[0])
    assert {field: value for field, value in row.items() if field.endswith("_std")} == dict.fromkeys(
        f"{side}_{what}_std" for what in ("loss", "accuracy") for side in ("train", "val", "test")
    )


def test_a_diverged_cell_has_no_numbers_and_counts_as_failed(tmp_path: Path) -> None:
    grid = Grid(cells=cells_of(lr=[1e-3, 1e38], optimizer=["gd"]), seeds=(0, 1))
    job = run(tmp_path, grid, swept=("lr",))
    fine, lost = (job.outcomes.row(cell) for cell in grid.cells)
    assert (lost["status"], lost["n"], lost["n_failed"]) == ("diverged", 0, 2)
    assert [lost[field] for field in ("train_loss", "test_accuracy", "test_low", "test_high")] == [None] * 4
    assert (fine["status"], fine["n"]) == ("ok", 2)
    assert [row["best"] for row in job.summary["cells"]] == [True, False]
    assert [row["tied"] for row in job.summary["cells"]] == [True, False]


def test_too_few_images_fail_their_cells_alone(tmp_path: Path) -> None:
    cells = (GRID.cells[0], replace(GRID.cells[0], split=replace(SPLIT, train_per_class=25)))
    job = run(tmp_path, Grid(cells=cells, seeds=(0, 1)), swept=("train_per_class",))
    fine, failed = (job.outcomes.row(cell) for cell in cells)
    assert (fine["status"], fine["n_failed"]) == ("ok", 0)
    assert (failed["status"], failed["n"], failed["n_failed"], failed["train_loss"]) == ("failed", 0, 2, None)
    (failure,) = job.failures
    assert "has 25 images left to train" in failure or "were asked for" in failure
    with pytest.raises(DataError):
        run(tmp_path / "fast", Grid(cells=cells), swept=("train_per_class",), fail_fast=True)


def test_folds_test_every_image_and_give_the_accuracy_of_choosing_inside_each(tmp_path: Path) -> None:
    grid = Grid(cells=cells_of(SplitConfig(folds=3), lr=[1e-4, 1e-2]))
    job = run(tmp_path, grid, swept=("lr",))
    nested = job.summary["nested"]
    records = [[job.kept.records[key] for key in job.worklist.keys_of(cell)] for cell in grid.cells]
    expected = nested_accuracy(
        np.array([[record["val_accuracy"] for record in row] for row in records]),
        np.array([[record["val_loss"] for record in row] for row in records]),
        [list(scores_by_pair(job, cell).values()) for cell in grid.cells],
    )
    assert nested["chosen"] == list(expected.chosen)
    assert (nested["accuracy"], nested["low"], nested["high"]) == (
        expected.accuracy.mean,
        expected.accuracy.low,
        expected.accuracy.high,
    )
    assert nested["n"] == job.summary["tested"] == len(DATASET)


def test_without_validation_images_no_cell_is_best(tmp_path: Path) -> None:
    cells = cells_of(replace(SPLIT, val_per_class=0), lr=[1e-3, 1e-2])
    job = run(tmp_path, Grid(cells=cells), swept=("lr",))
    assert job.summary["best"] is None
    assert [row["best"] for row in job.summary["cells"]] == [False, False]
    assert [row["tied"] for row in job.summary["cells"]] == [True, True]
    assert [row["val_loss"] for row in job.summary["cells"]] == [None, None]


def weight_files(folder: Path) -> Iterator[str]:
    return (path.stem for path in sorted((folder / "weights").glob("*.safetensors")))


def test_weights_are_kept_of_the_best_cell_or_of_all_or_of_none(tmp_path: Path, whole: Sweep) -> None:
    assert list(weight_files(whole.folder.path)) == []
    every = run(tmp_path / "all", keep_weights="all")
    assert list(weight_files(tmp_path / "all")) == sorted(every.kept.records)
    best = run(tmp_path / "best", keep_weights="best")
    assert list(weight_files(tmp_path / "best")) == sorted(row["trial"] for row in best.summary["best_trials"])


def test_weights_that_are_asked_for_later_are_trained_again(tmp_path: Path) -> None:
    run(tmp_path)
    every = run(tmp_path, keep_weights="all")
    assert list(weight_files(tmp_path)) == sorted(every.kept.records)


def test_weights_of_the_best_cell_that_are_asked_for_later_are_trained_again(tmp_path: Path) -> None:
    run(tmp_path)
    best = run(tmp_path, keep_weights="best")
    assert list(weight_files(tmp_path)) == sorted(row["trial"] for row in best.summary["best_trials"])
    assert open_sweep(tmp_path, keep_weights="best").missing() == []


def test_a_finished_sweep_is_done_again_with_force_and_goes_on_after_a_kill(whole: Sweep, tmp_path: Path) -> None:
    run(tmp_path)
    (tmp_path / "predictions.npz").write_bytes(b"damaged")
    assert open_sweep(tmp_path).missing() == []
    forced = open_sweep(tmp_path, force=True)
    assert len(forced.missing()) == 8
    work = forced.run()
    next(event for event in work if isinstance(event, dict))
    work.close()  # type: ignore[attr-defined]
    assert len(open_sweep(tmp_path, force=True).missing()) < 8
    assert numbers(run(tmp_path)) == numbers(whole)


def test_a_sweep_given_where_weights_are_needed_names_the_command_that_trains(whole: Sweep) -> None:
    with pytest.raises(
        RunError,
        match=r"a sweep keeps predictions only, unless --keep-weights best; get one model with `mnf train small ",
    ) as caught:
        load_run(whole.folder.path).weights()
    assert whole.summary["best_command"] in str(caught.value)


def test_threads_are_those_that_the_bits_were_promised_for() -> None:
    assert torch.get_num_threads() == 1


def test_a_finished_table_is_read_not_computed_again(
    whole: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(tmp_path)
    with monkeypatch.context() as without:
        without.setattr("mnistfaces.experiments.kept.load_predictions", lambda _: pytest.fail("computed again"))
        again = run(tmp_path)
    assert again.summary == first.summary
    assert [again.outcomes.row(cell) for cell in GRID.cells] == [first.outcomes.row(cell) for cell in GRID.cells]
    assert numbers(again) == numbers(whole)


@pytest.mark.parametrize("name", ["results.ndjson", "summary.json", "predictions.npz"])
def test_a_finished_table_that_was_altered_is_computed_again(whole: Sweep, tmp_path: Path, name: str) -> None:
    run(tmp_path)
    sound = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(sound.replace(b"0", b"1"))
    assert numbers(run(tmp_path)) == numbers(whole)
    assert (tmp_path / name).read_bytes() == sound


def test_a_smaller_grid_in_the_same_folder_has_a_table_of_its_own(tmp_path: Path) -> None:
    run(tmp_path)
    smaller = run(tmp_path, Grid(cells=GRID.cells[:2], seeds=(0, 1)))
    assert len(smaller.summary["cells"]) == len((tmp_path / "results.ndjson").read_text().splitlines()) == 2
    assert len(run(tmp_path).summary["cells"]) == 4


def test_a_checkpoint_is_one_sync_of_the_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    whole_extend = Ledger.extend
    monkeypatch.setattr(Ledger, "extend", lambda self, rows: written.append(len(rows)) or whole_extend(self, rows))
    run(tmp_path)
    assert written == [4, 4]


def test_cells_that_are_done_are_judged_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[int] = []
    found = results.tested_fields
    monkeypatch.setattr(results, "tested_fields", lambda cells: judged.append(len(cells)) or found(cells))
    job = run(tmp_path, Grid(cells=cells_of(lr=[1e-3, 2e-3, 4e-3, 8e-3]), seeds=(0, 1)), swept=("lr",))
    assert len(job.summary["cells"]) == 4
    assert judged == [4]


def test_trials_are_judged_together_and_each_as_it_is_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[int] = []
    found = results.tested_fields
    monkeypatch.setattr(results, "tested_fields", lambda cells: judged.append(len(cells)) or found(cells))
    grid = Grid(cells=cells_of(lr=[1e-3, 2e-3, 4e-3, 8e-3]), seeds=(0, 1))
    job = run(tmp_path, grid, swept=("lr",))
    judged.clear()
    rows = [row for cell in grid.cells for row in job.outcomes.trial_rows(cell)]
    assert judged == [4, 4]  # a draw's test images at a time, however many cells
    for row, key in zip(rows, job.worklist.keys, strict=True):
        interval = accuracy_interval([job.kept.scores(key)])
        assert (row["test_accuracy"], row["test_low"], row["test_high"]) == (interval.mean, interval.low, interval.high)


def test_few_answers_are_judged_at_a_time_however_many_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[int] = []
    found = results.tested_fields
    monkeypatch.setattr(results, "tested_fields", lambda cells: judged.append(len(cells)) or found(cells))
    monkeypatch.setattr("mnistfaces.experiments.outcomes.JUDGED_ANSWERS", 4 * 15)  # of four trials on 15 images
    run(tmp_path, Grid(cells=cells_of(lr=[1e-3, 2e-3, 4e-3, 8e-3]), seeds=(0, 1)), swept=("lr",))
    assert judged == [2, 2]


def test_the_summary_is_json_with_a_line_per_cell(whole: Sweep) -> None:
    text = (whole.folder.path / "summary.json").read_text()
    assert json.loads(text) == whole.summary
    cells = text[text.index('"cells": [') :].splitlines()[1:5]
    assert [json.loads(line.rstrip(",")) for line in cells] == whole.summary["cells"]
