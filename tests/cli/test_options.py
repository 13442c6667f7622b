"""Lists as users write them, and the product that they make."""

import itertools
import math

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from mnistfaces import config
from mnistfaces.cli import _lists as lists
from mnistfaces.cli._grid import read_cells
from mnistfaces.cli._lists import read_integers
from mnistfaces.config import SplitConfig, TrainConfig
from mnistfaces.errors import UsageError
from mnistfaces.experiments.trials import OPTIONS

positive = st.floats(1e-8, 1e8)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=6, unique=True))
def test_a_list_is_read_as_it_was_written_whether_with_commas_or_repeated(values: list[float]) -> None:
    tokens = [repr(value) for value in values]
    assert lists.read_floats([",".join(tokens)], "--lr") == tuple(values)
    assert lists.read_floats(tokens, "--lr") == tuple(values)
    assert lists.read_floats([" , ".join(tokens)], "--lr") == tuple(values)


def test_a_value_that_comes_twice_counts_once() -> None:
    assert lists.read_floats(["1e-3,0.001", "1e-4,1e-3"], "--lr") == (1e-3, 1e-4)


@given(positive, positive, st.integers(2, 12))
def test_log_lists_have_equal_ratios_and_both_ends(first: float, last: float, count: int) -> None:
    values = lists.read_floats([f"log:{first!r}:{last!r}:{count}"], "--lr")
    if math.isclose(first, last, rel_tol=1e-6):
        return
    assert len(values) == count
    assert values[0] == pytest.approx(first, rel=1e-12)
    assert values[-1] == pytest.approx(last, rel=1e-12)
    ratios = [after / before for before, after in itertools.pairwise(values)]
    assert ratios == pytest.approx([ratios[0]] * (count - 1), rel=1e-9)


def test_lists_in_the_words_of_the_contract() -> None:
    assert lists.read_floats(["log:1e-5:1e-1:5"], "--lr") == (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
    assert lists.read_floats(["lin:0:1:11"], "--x") == (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)
    assert lists.read_floats(["lin:1:0:3,7", "log:8:1:4"], "--x") == (1, 0.5, 0, 7, 8, 4, 2)
    assert lists.read_floats(["log:5:9:1"], "--x") == (5,)
    assert lists.read_integers(["log:10:10000:4,1e5"], "--epochs") == (10, 100, 1000, 10_000, 100_000)
    assert lists.read_sizes(["all,10", "lin:20:40:3"], "--n", "all") == (None, 10, 20, 30, 40)
    assert lists.read_option(OPTIONS["model"], ["mlp,softmax", "mlp"]) == ("mlp", "softmax")
    assert lists.read_option(OPTIONS["batch_size"], ["full", "32"]) == (None, 32)


@pytest.mark.parametrize(
    ("tokens", "named"),
    [
        (["1,abc"], "'abc'"),
        (["1", "2,x3"], "'x3'"),
        ([""], "''"),
        (["1,"], "''"),
        (["inf"], "'inf'"),
        (["1e999"], "'1e999'"),
        (["0x10"], "'0x10'"),
        (["log:1:2"], "'log:1:2'"),
        (["log:1:2:3:4"], "'log:1:2:3:4'"),
        (["log:1:b:3"], "'b' in 'log:1:b:3'"),
        (["log:0:1:3"], "positive ends"),
        (["log:-1:1:3"], "positive ends"),
        (["lin:0:1:0"], "'lin:0:1:0'"),
        (["lin:0:1:2.5"], "'lin:0:1:2.5'"),
        (["ln:0:1:2"], "'ln:0:1:2'"),
    ],
)
def test_the_bad_token_is_named(tokens: list[str], named: str) -> None:
    with pytest.raises(typer.BadParameter) as caught:
        lists.read_floats(tokens, "--lr")
    assert named in str(caught.value)
    assert caught.value.param_hint == "--lr"


@given(st.lists(st.text(max_size=12), min_size=1, max_size=3))
def test_whatever_is_typed_is_read_or_refused(tokens: list[str]) -> None:
    for read in (lists.read_floats, lists.read_integers):
        try:
            values = read(tokens, "--lr")
        except typer.BadParameter as error:
            assert str(error)  # noqa: PT017  either outcome is right
        else:
            assert all(math.isfinite(value) for value in values)


def cells(iterations: list[str] | None = None, **asked: list[str]) -> list[TrainConfig]:
    return [cell.training for cell in read_cells("digits", asked, iterations)[0]]


def test_lists_make_their_product_in_the_order_typed() -> None:
    made = cells(lr=["1e-3,1e-4"], momentum=["0.9,0"])
    assert [(cell.lr, cell.momentum) for cell in made] == [(1e-3, 0.9), (1e-3, 0), (1e-4, 0.9), (1e-4, 0)]


def test_what_is_not_given_is_the_default_of_the_dataset() -> None:
    (digits,), given_names = read_cells("digits", {})
    assert (digits.training, digits.split, given_names) == (config.DIGITS_TRAINING, config.DIGITS_SPLIT, ())
    (faces,), _ = read_cells("faces", {})
    assert (faces.training, faces.split) == (config.FACES_TRAINING, config.FACES_SPLIT)


def test_an_option_that_a_model_ignores_does_not_make_two_cells_of_it() -> None:
    made = cells(model=["softmax,mlp"], hidden=["10,20"])
    assert [(cell.model, cell.hidden) for cell in made if cell.model == "mlp"] == [("mlp", 10), ("mlp", 20)]
    assert len([cell for cell in made if cell.model == "softmax"]) == 1


def test_iterations_are_epochs_where_batches_are_full() -> None:
    assert [cell.epochs for cell in cells(iterations=["10,20"])] == [10, 20]
    assert [cell.epochs for cell in cells(iterations=["10"], batch_size=["full"])] == [10]


def test_folds_take_the_place_of_the_test_set_and_of_the_subset() -> None:
    (cell,), _ = read_cells("digits", {"folds": "5"})
    assert cell.split == SplitConfig(folds=5)
    with pytest.raises(UsageError, match="--folds replaces the test set"):
        read_cells("digits", {"test_per_class": "5", "folds": "5"})


def test_every_digit_of_a_whole_number_counts() -> None:
    assert read_integers(["9007199254740993,9007199254740992"], "--seed") == (9007199254740993, 9007199254740992)
