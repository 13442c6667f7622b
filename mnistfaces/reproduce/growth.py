"""Part 7: what back-propagation saves, counted and timed."""

from collections.abc import Iterator, Sequence

from mnistfaces.inspection.backprop import GradientCost, Growth, fit_growth, measure
from mnistfaces.inspection.backprop.growth import LEADING, METHODS
from mnistfaces.plots import figures
from mnistfaces.plots.backprop import backprop_figure
from mnistfaces.progress import Event
from mnistfaces.reproduce.published import published_in
from mnistfaces.reproduce.records import FigureFile, Finding, Found, Listing, Part, Piece, Remark, Setup

LINE = "mnf reproduce 7"
LAWS = {"K^p": "K^{:.2f}", "N^p": "N^{:.2f}", "N g^N": "N {:.2f}^N"}
"""How a fitted law is written."""


def compare_costs(setup: Setup) -> Iterator[Event | Found]:
    """Yields the fitted growth of three ways to a gradient, and its figure."""
    costs: list[GradientCost] = []
    for found in measure():
        if isinstance(found, GradientCost):
            costs.append(found)
        else:
            yield found
    growths = list(fit_growth(costs))
    fitted = {_setting(growth): growth.fitted for growth in growths}
    for figure in published_in(7):
        value = fitted[figure.setting]
        yield Finding(figure=figure, value=value, line=LINE)
    yield Listing(title="Fitted growth, with standard errors", rows=tuple(_rows(growths)))
    figures.save(backprop_figure(costs, growths), setup.figures / "backprop.png")
    common = {(cost.layers, cost.units) for cost in costs}
    for method in METHODS:
        common &= {(cost.layers, cost.units) for cost in costs if cost.method == method}
    largest = max(common, key=lambda size: LEADING["weight by weight"](*size))
    of_method = {cost.method: cost for cost in costs if (cost.layers, cost.units) == largest}
    said = "; ".join(
        f"{method}: {cost.operations:,} operations, {cost.seconds:.2g} s" for method, cost in of_method.items()
    )
    yield Remark(text=f"{largest[0]} layers of {largest[1]} units. {said[0].upper()}{said[1:]}.")
    yield FigureFile(
        file="backprop.png",
        caption="Operations and seconds of three ways to the gradient of all weights.",
        alt="Operations and seconds against the units of a layer, on logarithmic axes, a line a number of layers: "
        "weight by weight the lines steepen with the layers, with a pass per weight all have the slope 4, by "
        "back-propagation 2.",
        line=LINE,
    )


def _setting(growth: Growth) -> str:
    size = "K" if growth.law == "K^p" else "N"
    return f"{growth.quantity} with {size}, {growth.method}, {_fixed(growth)}"


def _rows(growths: Sequence[Growth]) -> Iterator[dict[str, str]]:
    """Yields a row per line of sizes: all methods, operations and seconds."""
    for at in dict.fromkeys(map(_fixed, growths)):
        own = [growth for growth in growths if _fixed(growth) == at]
        yield {
            "at": at,
            **{
                f"{growth.method}, {growth.quantity}": f"{LAWS[growth.law].format(growth.fitted)} "
                f"\N{PLUS-MINUS SIGN} {growth.standard_error:.2f}"
                for growth in own
            },
        }


def _fixed(growth: Growth) -> str:
    return f"{'N' if growth.law == 'K^p' else 'K'} = {growth.fixed}"


PART = Part(
    number=7,
    title="What back-propagation saves",
    method="In a fully connected network of N layers of K units, the gradient of all weights is computed weight by "
    "weight, each derivative as the sum over its own paths or by a backward pass of its own, and by back-propagation. "
    "Multiplications and additions are counted as they are done, all are timed, and powers are fitted to the four "
    "largest sizes.",
    corrections=(
        "The report argued these costs; ours are counted and timed.",
        ("Its O(K^N) enumerates paths, which nobody has to: one backward pass per weight is polynomial, N^2 K^4."),
    ),
    roles=(),
    steps=(Piece(name="Part 7", seconds=20, quick=17, work=compare_costs, tables=("Part 7",)),),
)
