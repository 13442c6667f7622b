"""`mnf gradcheck`: the gradient against finite differences."""

from dataclasses import asdict
from typing import Annotated

import typer

from mnistfaces.cli._lists import read_floats
from mnistfaces.cli._options import DataDirOption, DatasetArgument, OutputOptions, flat
from mnistfaces.cli._output import number, text
from mnistfaces.datasets import kind_of, load_dataset

COLUMNS = (number("h"), number("max_relative_error", "largest relative error", digits=3), text("ok"))


@flat
def gradcheck(
    dataset: DatasetArgument = "digits",
    *,
    h: Annotated[
        list[str] | None,
        typer.Option("--h", metavar="LIST", help="Steps of the differences [default: 0.1,0.01,0.001,0.0001]."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the weights and the images.")] = 0,
    data_dir: DataDirOption = None,
    output: OutputOptions = OutputOptions(),
) -> None:
    """\b
    $ mnf gradcheck
    $ mnf gradcheck digits-sample --h 0.1,0.01,0.001

    Check the gradient of softmax regression against central differences, weight by weight.
    A right gradient's error shrinks as h squared; exit 1 where one does not.
    """
    streams = output.open()
    kind_of(dataset)
    steps = read_floats(h or ["0.1,0.01,0.001,0.0001"], "--h")
    if min(steps) <= 0:
        raise typer.BadParameter("steps must be positive", param_hint="--h")
    from mnistfaces.inspection.gradcheck import SoftmaxCost, check_gradient

    with streams.busy(f"reading {dataset}"):
        problem = SoftmaxCost(load_dataset(dataset, data_dir=data_dir), seed)
    checks = check_gradient(problem.cost, problem.gradient(), problem.point, steps)
    rows = streams.rows((asdict(check) for check in checks), COLUMNS)
    if not all(row["ok"] for row in rows):
        streams.note("the gradient does not agree with the differences: rows with ok false")
        raise typer.Exit(1)
