"""One gradient in three ways: all are that of autograd, and their counts are those worked by hand."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import linregress

from mnistfaces.inspection.backprop import (
    Counted,
    GradientCost,
    Growth,
    Method,
    Tally,
    counted,
    draw_forward,
    fit_growth,
    gradient_by_backpropagation,
    gradient_by_passes,
    gradient_by_paths,
    growth,
    measure,
    run_forward,
)
from mnistfaces.inspection.backprop.growth import METHODS, Gradient
from mnistfaces.progress import Advanced, Stage

EACH = pytest.mark.parametrize("gradient", METHODS.values(), ids=METHODS)
SIZES = [(2, 1), (2, 3), (3, 1), (3, 2), (4, 3), (5, 2), (6, 3)]


def tally_of(gradient: Gradient, layers: int, units: int) -> Tally:
    tally = Tally()
    gradient(counted(draw_forward(layers, units, seed=0), tally))
    return tally


def operations_by_paths(layers: int, units: int) -> int:
    """A weight with d matrices behind it has K^d paths of 2 + 2 d products each, which take K^d - 1 additions."""
    return sum(units**2 * (units**d * (2 + 2 * d) + units**d - 1) for d in range(layers - 1))


def operations_by_backpropagation(layers: int, units: int) -> int:
    """Adds up deltas of every layer but the inputs, products with every matrix but the first, outer products."""
    deltas = units * (layers - 1)
    products = units * (2 * units - 1) * (layers - 2)
    return deltas + products + units**2 * (layers - 1)


def operations_by_passes(layers: int, units: int) -> int:
    """A weight with d matrices behind it takes d + 1 layers of deltas, d products with a matrix, and one more."""
    return sum(units**2 * ((d + 1) * units + d * units * (2 * units - 1) + 1) for d in range(layers - 1))


FORMULAS: dict[Method, Callable[[int, int], int]] = {
    "weight by weight": operations_by_paths,
    "a pass per weight": operations_by_passes,
    "back-propagation": operations_by_backpropagation,
}


@EACH
@pytest.mark.parametrize(("layers", "units"), SIZES)
def test_the_gradient_is_that_of_autograd(gradient: Gradient, layers: int, units: int) -> None:
    generator = np.random.default_rng(layers * 10 + units)
    weights = generator.normal(size=(layers - 1, units, units))
    inputs, targets = generator.normal(size=(2, units))
    reference = torch.from_numpy(weights).requires_grad_()
    outputs = torch.from_numpy(inputs)
    for matrix in reference:
        outputs = torch.tanh(matrix @ outputs)
    (((outputs - torch.from_numpy(targets)) ** 2).sum() / 2).backward()
    assert reference.grad is not None
    ours = np.array(gradient(run_forward(weights, inputs, targets)))
    np.testing.assert_allclose(ours, reference.grad.numpy(), rtol=1e-10, atol=1e-14)


@EACH
def test_counted_numbers_give_the_same_gradient_to_the_bit(gradient: Gradient) -> None:
    forward = draw_forward(4, 3, seed=1)
    of_counted = gradient(counted(forward, Tally()))
    assert [[[number.value for number in row] for row in matrix] for matrix in of_counted] == gradient(forward)


def test_the_gradient_of_one_unit_in_each_of_three_layers_is_worked_by_hand() -> None:
    forward = run_forward(np.array([[[0.5]], [[-2.0]]]), np.array([1.0]), np.array([0.25]))
    hidden = np.tanh(0.5)
    output = np.tanh(-2 * hidden)
    delta = (output - 0.25) * (1 - output**2)
    expected = [1.0 * (1 - hidden**2) * -2.0 * delta, hidden * delta]
    assert np.ravel(gradient_by_paths(forward)).tolist() == pytest.approx(expected, rel=1e-14)
    assert np.ravel(gradient_by_passes(forward)).tolist() == pytest.approx(expected, rel=1e-14)
    assert np.ravel(gradient_by_backpropagation(forward)).tolist() == pytest.approx(expected, rel=1e-14)


def test_operations_of_three_layers_of_two_units_are_counted_on_the_fingers() -> None:
    # 4 weights to the outputs: a s e, 2 products. 4 weights before: 2 paths of a s w s e, 4 products each, 1 addition.
    assert tally_of(gradient_by_paths, 3, 2) == Tally(multiplications=4 * 2 + 4 * 2 * 4, additions=4)
    # 4 weights to the outputs: 2 deltas each, 1 product. 4 before: 2 sums of 2 products and 2 deltas more.
    assert tally_of(gradient_by_passes, 3, 2) == Tally(
        multiplications=4 * (2 + 1) + 4 * (2 + 4 + 2 + 1), additions=4 * 2
    )
    # 2 deltas, 4 derivatives; 2 sums of 2 products; 2 deltas, 4 derivatives.
    assert tally_of(gradient_by_backpropagation, 3, 2) == Tally(multiplications=2 + 4 + 4 + 2 + 4, additions=2)


def test_one_weight_alone_leaves_nothing_to_save() -> None:
    assert tally_of(gradient_by_paths, 2, 1) == Tally(multiplications=2)
    assert tally_of(gradient_by_passes, 2, 1) == Tally(multiplications=2)
    assert tally_of(gradient_by_backpropagation, 2, 1) == Tally(multiplications=2)


@pytest.mark.parametrize(("layers", "units"), SIZES)
def test_operations_are_those_that_the_graph_asks_for(layers: int, units: int) -> None:
    for method, formula in FORMULAS.items():
        assert tally_of(METHODS[method], layers, units).operations == formula(layers, units)


def test_no_operation_escapes_the_tally() -> None:
    number = Counted(2.0, Tally())
    for escape in (lambda: 1 - number, lambda: number - number, lambda: number / number, lambda: 0.0 + number):
        with pytest.raises(TypeError):
            escape()
    for mixed in (lambda: number * 2.0, lambda: number + 2.0):
        with pytest.raises(AttributeError):
            mixed()


def measured(*sizes: Sequence[int], **more: Any) -> list[GradientCost]:  # noqa: ANN401  as `measure` takes them
    """The results, once all stages have been advanced through."""
    told = list(measure(*sizes, **more))
    stages = [event.total or 0 for event in told if isinstance(event, Stage)]
    assert sum(event.amount for event in told if isinstance(event, Advanced)) == sum(stages) > 0
    return [cost for cost in told if isinstance(cost, GradientCost)]


def test_measuring_gives_a_cost_per_size_and_method_as_far_as_its_leading_term_allows() -> None:
    bounds: dict[Method, int] = {"weight by weight": 3 * 3**3, "a pass per weight": 144, "back-propagation": 4 * 3**2}
    costs = measured((3, 4), (2, 3), largest=bounds, seed=0)
    assert [(cost.layers, cost.units, cost.method) for cost in costs] == [
        (3, 2, "weight by weight"),
        (3, 2, "a pass per weight"),
        (3, 2, "back-propagation"),
        (3, 3, "weight by weight"),
        (3, 3, "back-propagation"),
        (4, 2, "weight by weight"),
        (4, 2, "back-propagation"),
        (4, 3, "back-propagation"),
    ]
    assert costs[0].operations == operations_by_paths(3, 2)
    assert costs[-1].operations == operations_by_backpropagation(4, 3)
    assert all(1e-7 < cost.seconds < 0.1 for cost in costs)
    assert costs[3].seconds > costs[4].seconds
    assert json.loads(json.dumps([asdict(cost) for cost in costs]))[0]["units"] == 2


def test_all_sizes_are_timed_in_rounds_and_the_fastest_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    timed: list[int] = []

    class Timer:
        def __init__(self, _call: object) -> None:
            pass

        def timeit(self, number: int) -> float:
            timed.append(number)
            return number * (3.0 if len(timed) <= 3 else 2.0 if len(timed) <= 6 else 2.5)

    monkeypatch.setattr(growth, "Timer", Timer)
    monkeypatch.setattr(growth, "ROUNDS", 3)
    assert [cost.seconds for cost in measured((2,), (2,))] == [2.0, 2.0, 2.0]
    assert timed == [1] * 9


def costs_of(layers: Iterable[int], units: Iterable[int], noise: float = 0.0) -> list[GradientCost]:
    """Costs by the formulas above; the seconds are 100 ns an operation, times noise."""
    generator = np.random.default_rng(0)
    return [
        GradientCost(
            layers=n,
            units=k,
            method=method,
            operations=formula(n, k),
            seconds=1e-7 * formula(n, k) * float(np.exp(noise * generator.normal())),
        )
        for n, k in product(layers, units)
        for method, formula in FORMULAS.items()
    ]


def chosen(fits: Iterable[Growth], **wanted: object) -> Growth:
    (found,) = (fit for fit in fits if wanted.items() <= asdict(fit).items())
    return found


@pytest.mark.parametrize("quantity", ["operations", "seconds"])
def test_the_fits_of_large_networks_tend_to_theory(quantity: str) -> None:
    wide = list(fit_growth(costs_of(range(3, 8), (1, 1000, 2000, 4000, 8000))))
    for n in range(3, 8):
        by_paths = chosen(wide, method="weight by weight", quantity=quantity, law="K^p", fixed=n)
        by_backpropagation = chosen(wide, method="back-propagation", quantity=quantity, law="K^p", fixed=n)
        by_passes = chosen(wide, method="a pass per weight", quantity=quantity, law="K^p", fixed=n)
        assert by_passes.theory == 4
        assert by_passes.fitted == pytest.approx(4, abs=1e-3)
        assert (by_paths.theory, by_backpropagation.theory) == (n, 2)
        assert by_paths.fitted == pytest.approx(n, abs=1e-3)
        assert by_backpropagation.fitted == pytest.approx(2, abs=1e-3)
        assert by_paths.standard_error < 1e-3
    deep = list(fit_growth(costs_of((2, 100, 110, 120, 130), (2, 3, 4, 5, 7))))
    for k in (2, 3, 4, 5, 7):
        by_paths = chosen(deep, method="weight by weight", quantity=quantity, law="N g^N", fixed=k)
        by_backpropagation = chosen(deep, method="back-propagation", quantity=quantity, law="N^p", fixed=k)
        by_passes = chosen(deep, method="a pass per weight", quantity=quantity, law="N^p", fixed=k)
        assert by_passes.theory == 2
        assert by_passes.fitted == pytest.approx(2, abs=0.03)
        assert (by_paths.theory, by_backpropagation.theory) == (k, 1)
        assert by_paths.fitted == pytest.approx(k, rel=1e-3)
        assert by_backpropagation.fitted == pytest.approx(1, abs=0.02)


def test_the_fits_are_least_squares_over_the_four_largest_sizes() -> None:
    costs = costs_of(range(2, 8), range(2, 9), noise=0.3)
    fits = list(fit_growth(costs[::-1]))
    seconds = {(cost.layers, cost.units): cost.seconds for cost in costs if cost.method == "weight by weight"}
    over_units = chosen(fits, method="weight by weight", quantity="seconds", law="K^p", fixed=5)
    reference = linregress(np.log([5, 6, 7, 8]), np.log([seconds[5, k] for k in (5, 6, 7, 8)]))
    assert over_units.fitted == pytest.approx(reference.slope, rel=1e-12)
    assert over_units.standard_error == pytest.approx(reference.stderr, rel=1e-9)
    over_layers = chosen(fits, method="weight by weight", quantity="seconds", law="N g^N", fixed=3)
    reference = linregress([4, 5, 6, 7], [np.log(seconds[n, 3] / n) for n in (4, 5, 6, 7)])
    assert over_layers.fitted == pytest.approx(np.exp(reference.slope), rel=1e-12)
    assert over_layers.standard_error == pytest.approx(np.exp(reference.slope) * reference.stderr, rel=1e-9)


def test_a_line_of_sizes_is_fitted_for_all_methods_or_for_none() -> None:
    costs = costs_of((3, 4), range(2, 7))
    assert {(fit.law, fit.fixed) for fit in fit_growth(costs)} == {("K^p", 3), ("K^p", 4)}
    short = [cost for cost in costs if (cost.layers, cost.units, cost.method) != (4, 6, "weight by weight")]
    fits = list(fit_growth(short))
    assert {fit.fixed for fit in fits} == {3}
    assert [(fit.quantity, fit.method) for fit in fits] == list(product(("operations", "seconds"), METHODS))
    assert json.loads(json.dumps([asdict(fit) for fit in fits]))[0]["theory"] == 3


@pytest.mark.long
def test_the_published_growth_is_measured() -> None:
    fits = list(fit_growth(measured()))
    counts = [fit for fit in fits if fit.quantity == "operations"]
    assert {fit.fixed for fit in counts if fit.law == "K^p"} >= {3, 4, 5, 6}
    for fit in counts:
        few_layers = (fit.method, fit.law) == ("a pass per weight", "N^p")
        assert fit.fitted == pytest.approx(fit.theory, rel=0.15 if few_layers else 0.08)
