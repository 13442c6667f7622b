"""The figure of Part 7: what is drawn is what was measured."""

from pathlib import Path

import pytest
from legible import faults
from matplotlib.axes import Axes

from mnistfaces.inspection.backprop import GradientCost, Method, fit_growth
from mnistfaces.plots import figures
from mnistfaces.plots.backprop import backprop_figure

OPERATIONS: dict[Method, dict[int, int]] = {
    "weight by weight": {n: n for n in range(2, 8)},
    "a pass per weight": dict.fromkeys(range(2, 8), 4),
    "back-propagation": dict.fromkeys(range(2, 8), 2),
}
COSTS = [
    GradientCost(layers=n, units=k, method=method, operations=k**power, seconds=1e-6 * k ** (power + 0.25))
    for method, powers in OPERATIONS.items()
    for n, power in powers.items()
    for k in (32, 4, 2, 8, 16)
]


def listed(axes: Axes) -> list[str]:
    (text,) = axes.texts
    return text.get_text().splitlines()


def test_operations_and_seconds_stand_over_units_a_line_per_method_and_number_of_layers() -> None:
    operations, seconds = backprop_figure(COSTS, list(fit_growth(COSTS))).axes
    assert operations.get_ylabel() == "operations (multiplications and additions)"
    assert seconds.get_ylabel() == "time (seconds, one core)"
    for axes in (operations, seconds):
        assert axes.get_xlabel() == "units in a layer, K"
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
        assert [line.get_xdata().tolist() for line in axes.lines] == [[2, 4, 8, 16, 32]] * 12
    assert [line.get_ydata()[1] for line in operations.lines] == [4**3, 4**4, 4**5, 4**6, *[4**4] * 4, *[4**2] * 4]
    assert seconds.lines[0].get_ydata()[1] == pytest.approx(1e-6 * 4**3.25)


def test_lines_are_told_apart_without_colour() -> None:
    figure = backprop_figure(COSTS, list(fit_growth(COSTS)))
    looks = {(line.get_linestyle(), line.get_marker()) for line in figure.axes[0].lines}
    assert len(looks) == 12
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["weight by weight", "a pass per weight", "back-propagation", "N = 3", "N = 4", "N = 5", "N = 6"]


def test_the_fitted_exponents_are_listed_per_quantity() -> None:
    operations, seconds = backprop_figure(COSTS, list(fit_growth(COSTS))).axes
    assert listed(operations) == ["exponents of K", *(f"N = {n}:  {n}.00, 4.00, 2.00" for n in (3, 4, 5, 6))]
    assert listed(seconds) == ["exponents of K", *(f"N = {n}:  {n}.25, 4.25, 2.25" for n in (3, 4, 5, 6))]


def test_few_sizes_without_a_fit_are_drawn_as_well(tmp_path: Path) -> None:
    few = [cost for cost in COSTS if cost.layers == 3 and cost.units < 8]
    figure = backprop_figure(few, list(fit_growth(few)))
    assert [len(axes.lines) for axes in figure.axes] == [3, 3]
    assert not figure.axes[0].texts
    figures.save(figure, tmp_path / "backprop.png")
    assert (tmp_path / "backprop.png").stat().st_size > 10_000


def test_every_letter_can_be_read() -> None:
    assert faults(backprop_figure(COSTS, list(fit_growth(COSTS)))) == []
