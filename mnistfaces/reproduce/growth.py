"""Part 7: what back-propagation saves, counted and timed."""

from collections.abc import Iterator, Sequence

from mnistfaces.inspection.backprop import GradientCost, Growth, fit_growth, measure
from mnistfaces.plots import figures
from mnistfaces.plots.backprop import backprop_figure
from mnistfaces.progress import Event
from mnistfaces.reproduce.published import published_in
from mnistfaces.reproduce.records import FigureFile, Finding, Found, Listing, Part, Piece, Remark, Setup

LINE = "mnf reproduce 7"
LAWS = {"K^p": "K^{:.2f}", "N^p": "N^{:.2f}", "N g^N": "N {:.2f}^N"}
"""How a fitted law is written."""


def compare_costs(setup: Setup) -> Iterator[Event | Found]:
    """Yields the fitted growth of both ways to a gradient, and its figure."""
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
    slowest = max(costs, key=lambda cost: cost.operations)
    other = next(c for c in costs if (c.layers, c.units) == (slowest.layers, slowest.units) and c is not slowest)
    yield Remark(
        text=f"{slowest.layers} layers of {slowest.units} units: {slowest.operations:,} operations weight by weight, "
        f"{other.operations:,} by back-propagation; {slowest.seconds:.2g} s against {other.seconds:.2g} s."
    )
    yield FigureFile(
        file="backprop.png",
        caption="Operations and seconds of both ways to the gradient of all weights.",
        alt="Operations and seconds against the units of a layer, on logarithmic axes, a line a number of layers: "
        "weight by weight the lines steepen with the layers, by back-propagation all have the slope 2.",
        line=LINE,
    )


def _setting(growth: Growth) -> str:
    size = "K" if growth.law == "K^p" else "N"
    return f"{growth.quantity} with {size}, {growth.method}, {_fixed(growth)}"


def _rows(growths: Sequence[Growth]) -> Iterator[dict[str, str]]:
    """Yields a row a line of sizes: both methods, operations and seconds."""
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
    "weight, each derivative as the sum over its own paths, and by back-propagation. Multiplications and additions are "
    "counted as they are done, both are timed, and powers are fitted to the four largest sizes.",
    corrections=("The report argued these costs; ours are counted and timed.",),
    roles=(),
    steps=(Piece(name="Part 7", seconds=20, work=compare_costs, tables=("Part 7",)),),
)
