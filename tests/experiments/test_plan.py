"""Grids: who trains together, who is told apart by what, and shards that add up."""

import cProfile
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_data import make_dataset

from mnistfaces.config import DataConfig, SplitConfig, TrainConfig
from mnistfaces.datasets import splits
from mnistfaces.datasets.base import Dataset
from mnistfaces.errors import DataError
from mnistfaces.experiments.plan import DrawKey, Draws, StackPlan, plan
from mnistfaces.experiments.trials import Cell, Grid, Trial

SPLIT = SplitConfig(train_per_class=7, val_per_class=3, test_per_class=5)
CELL = Cell(training=TrainConfig(epochs=10), split=SPLIT)


def cells(**lists: list[object]) -> tuple[Cell, ...]:
    """Returns the product of some fields of the training."""
    made = [CELL]
    for field, values in lists.items():
        made = [replace(cell, training=cell.training.with_(**{field: value})) for cell in made for value in values]
    return tuple(made)


def stacks(grid: Grid, dataset: Dataset | None = None, *, isolated: bool = False) -> list[StackPlan]:
    data: dict[DataConfig, Dataset] = {DataConfig(): dataset or make_dataset()}
    return list(plan(grid.trials(), data, Draws(data), isolated=isolated))


def covered(made: list[StackPlan]) -> list[Trial]:
    return [trial for stack in made for trial in stack.trials.values()]


def test_rates_momenta_decays_epochs_and_seeds_of_minibatches_train_in_one_stack() -> None:
    made = stacks(Grid(cells=cells(lr=[0.1, 0.2], momentum=[0.0, 0.9], epochs=[3, 5], batch_size=[4]), seeds=(0, 1, 2)))
    assert len(made) == 1
    assert (made[0].size, made[0].epochs, len(made[0].draws)) == (12, (3, 5), 3)
    assert len(made[0].trials) == 24


def test_full_batches_of_different_draws_train_apart() -> None:
    made = stacks(Grid(cells=cells(lr=[0.1, 0.2]), seeds=(0, 1, 2)))
    assert [(stack.size, len(stack.draws)) for stack in made] == [(2, 1)] * 3


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("batch_size", [4, 5]),
        ("hidden", [3, 4]),
        ("reduction", ["sum", "mean"]),
        ("activation", ["relu", "tanh"]),
        ("dtype", ["float32", "float64"]),
        ("optimizer", ["gd", "adam"]),
        ("model", ["mlp", "softmax"]),
    ],
)
def test_other_shapes_and_rules_train_apart(field: str, values: list[object]) -> None:
    grid = Grid(cells=cells(**{"model": ["mlp"], field: values}))
    assert [stack.size for stack in stacks(grid)] == [1, 1]


@given(
    st.lists(st.sampled_from([1e-4, 1e-3, 1e-2]), min_size=1, unique=True),
    st.lists(st.sampled_from([3, 5, 8]), min_size=1, unique=True),
    st.lists(st.sampled_from([None, 4, 5]), min_size=1, unique=True),
    st.lists(st.integers(0, 9), min_size=1, max_size=3, unique=True),
    st.booleans(),
    st.booleans(),
    st.data(),
)
def test_every_trial_is_in_one_stack_and_stands_for_its_own_configuration(  # noqa: PLR0917  a grid's lists
    rates: list[float],
    epochs: list[int],
    batches: list[int | None],
    seeds: list[int],
    isolated: bool,
    fixed: bool,
    data: st.DataObject,
) -> None:
    grid = Grid(cells=cells(lr=rates, epochs=epochs, batch_size=batches), seeds=tuple(seeds), fixed_split=fixed)
    missing = [trial for trial in grid.trials() if data.draw(st.booleans())]
    sets: dict[DataConfig, Dataset] = {DataConfig(): make_dataset()}
    made = list(plan(missing, sets, Draws(sets), isolated=isolated))
    assert sorted(map(repr, covered(made))) == sorted(map(repr, missing))
    for stack in made:
        assert not isolated or stack.size == 1
        for (cell, column, epoch), trial in stack.trials.items():
            assert replace(stack.cells[cell], epochs=epoch) == trial.cell.training
            assert stack.draws[column].seed == trial.seed
        rates_in_order = [cell.lr for cell in stack.cells]
        assert rates_in_order == sorted(rates_in_order)  # the optimizers rely on equal rates being neighbours


def test_a_stack_that_would_not_fit_into_memory_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    grid = Grid(cells=cells(lr=[0.1, 0.2, 0.3], batch_size=[4]), seeds=(0, 1, 2))
    whole = stacks(grid)
    monkeypatch.setattr("mnistfaces.experiments.plan.STACK_BYTES", 10_000)
    cut = stacks(grid)
    assert len(whole) == 1 < len(cut)
    assert sorted(map(repr, covered(cut))) == sorted(map(repr, covered(whole)))


def test_draws_with_copies_of_their_own_are_as_many_as_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def draws_of(augment: str | None) -> list[int]:
        grid = Grid(cells=cells(lr=[0.1, 0.2], batch_size=[4], augment=[augment]), seeds=tuple(range(5)))
        return [len(stack.draws) for stack in stacks(grid)]

    assert draws_of(None) == draws_of("mirror") == [5]
    of_a_draw = 2 * 4 * (21 + 21) * 20  # twice float32, 21 images and their copies, 20 inputs
    monkeypatch.setattr("mnistfaces.experiments.plan.COPIES_BYTES", 2 * of_a_draw)
    assert draws_of(None) == [5]  # which share the images
    assert draws_of("mirror") == [2, 2, 1]
    monkeypatch.setattr("mnistfaces.experiments.plan.COPIES_BYTES", 1)
    assert draws_of("mirror") == [1] * 5


def test_a_fixed_split_is_that_of_the_first_seed() -> None:
    drawn = [trial.split_seed for trial in Grid(cells=(CELL,), seeds=(4, 5, 6)).trials()]
    fixed = [trial.split_seed for trial in Grid(cells=(CELL,), seeds=(4, 5, 6), fixed_split=True).trials()]
    assert (drawn, fixed) == ([4, 5, 6], [4, 4, 4])


def test_folds_are_trials_of_their_own() -> None:
    grid = Grid(cells=(Cell(training=TrainConfig(), split=SplitConfig(folds=3)),), seeds=(0, 1))
    assert [(trial.seed, trial.fold) for trial in grid.trials()] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]


@given(st.integers(1, 7), st.integers(1, 40))
def test_shards_divide_the_cells_without_rest_whatever_their_order(parts: int, count: int) -> None:
    made = cells(lr=[0.001 * (number + 1) for number in range(count)])
    shards = [Grid(cells=made, shard=(part, parts)).own_cells() for part in range(1, parts + 1)]
    assert sorted(map(repr, (cell for shard in shards for cell in shard))) == sorted(map(repr, made))
    backwards = Grid(cells=made[::-1], shard=(1, parts)).own_cells()
    assert backwards[::-1] == shards[0]


def test_a_trial_is_found_by_all_that_decides_its_numbers_and_nothing_else() -> None:
    dataset = make_dataset()
    trial = Trial(cell=CELL, seed=1, split_seed=1)
    key = trial.key(dataset, "cpu")
    others = [
        replace(trial, seed=2),
        replace(trial, split_seed=2),
        replace(trial, cell=replace(CELL, training=CELL.training.with_(lr=0.5))),
        replace(trial, cell=replace(CELL, split=SplitConfig(train_per_class=6))),
    ]
    keys = [other.key(dataset, "cpu") for other in others]
    keys += [trial.key(dataset, "cuda"), trial.key(Dataset(**{**vars(dataset), "fingerprint": "2" * 64}), "cpu")]
    assert len({key, *keys}) == 7
    ignored = replace(trial, cell=replace(CELL, training=CELL.training.with_(hidden=99)))
    assert ignored.key(dataset, "cpu") == key


def test_many_workers_get_a_stack_each_and_the_same_trials() -> None:
    sets: dict[DataConfig, Dataset] = {DataConfig(): make_dataset()}
    trials = Grid(cells=cells(lr=[0.1 * (number + 1) for number in range(10)], batch_size=[4]), seeds=(0, 1)).trials()
    for workers in (1, 2, 3, 100):
        made = list(plan(trials, sets, Draws(sets), workers=workers))
        assert len(made) >= min(workers, len(trials))
        assert sorted(map(repr, covered(made))) == sorted(map(repr, trials))


def test_stacks_for_several_workers_are_as_large_as_each_other() -> None:
    sets: dict[DataConfig, Dataset] = {DataConfig(): make_dataset()}
    trials = Grid(cells=cells(lr=[0.1 * (number + 1) for number in range(15)], batch_size=[4]), seeds=range(5)).trials()
    for workers, sizes in ((2, [40, 35]), (4, [20, 20, 20, 15]), (30, [3] * 15 + [2] * 15)):
        made = plan(trials, sets, Draws(sets), workers=workers)
        assert sorted((stack.size for stack in made), reverse=True) == sizes


def test_planning_takes_time_in_proportion_to_the_trials() -> None:
    """Counted in calls, which no busy machine alters."""
    sets: dict[DataConfig, Dataset] = {DataConfig(): make_dataset()}
    calls = []
    for count in (500, 1000, 2000):
        trials = Grid(cells=cells(lr=[1e-3 * (number + 1) for number in range(count)], batch_size=[4])).trials()
        profile = cProfile.Profile()
        with pytest.MonkeyPatch.context() as small:
            small.setattr("mnistfaces.experiments.plan.STACK_BYTES", 100_000)
            profile.runcall(lambda: list(plan(trials, sets, Draws(sets))))  # noqa: B023  called at once
        calls.append(sum(entry.callcount for entry in profile.getstats()))
    assert calls[2] / calls[1] < 1.1 * 2
    assert calls[1] / calls[0] < 1.1 * 2


def test_a_split_that_cannot_be_drawn_is_tried_once_however_many_cells_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []
    drawn = splits.draw_split
    monkeypatch.setattr(splits, "draw_split", lambda *asked: tried.append(1) or drawn(*asked))
    draws = Draws({DataConfig(): make_dataset()})
    few, many = (
        DrawKey(DataConfig(), SplitConfig(train_per_class=count, val_per_class=1, test_per_class=1), 0, 0, 0)
        for count in (2, 10_000)
    )
    for _ in range(3):
        with pytest.raises(DataError, match="class0"):
            draws.of(many)
        assert len(draws.of(few).split.train) == 6
    assert len(tried) == 2
