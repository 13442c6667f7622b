"""`mnf gradcheck`: the gradient against finite differences."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mnistfaces.cli._columns import number, text
from mnistfaces.cli._grid import read_config
from mnistfaces.cli._lists import read_floats
from mnistfaces.cli._options import DataDirOption, DataOptions, DatasetArgument, OutputOptions, flat
from mnistfaces.cli._output import Output
from mnistfaces.config import DataConfig
from mnistfaces.datasets import kind_of, read_dataset

if TYPE_CHECKING:
    from mnistfaces.datasets.base import Dataset

COLUMNS = (
    number("h"),
    number("max_relative_error", "largest relative error", digits=3, role="result"),
    text("ok", role="result"),
)


@flat
def gradcheck(
    dataset: DatasetArgument = "digits",
    *,
    h: Annotated[
        list[str] | None,
        typer.Option("--h", metavar="LIST", help="Steps of the differences [default: 0.1,0.01,0.001,0.0001]."),
    ] = None,
    function: Annotated[
        str | None,
        typer.Option(
            "--function",
            metavar="FILE.py:NAME[:COST]",
            help="Check your own: NAME(x, y, W, b) returns the gradient of the summed cost by W and b.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the weights and the images.")] = 0,
    data: DataOptions,
    data_dir: DataDirOption = None,
    output: OutputOptions = OutputOptions(),
) -> None:
    """\b
    $ mnf gradcheck
    $ mnf gradcheck digits-sample --function mine.py:gradient

    Check the gradient of softmax regression against central differences, weight by weight.
    A right gradient's error shrinks as h squared; exit 1 where one does not. With --function a gradient of your own
    is compared entry by entry with the exact one, and a usual fault is named: x (N, 784) holds pixels of 0 to 1,
    y (N, 10) is one-hot, W is (10, 784), b is (10,).
    """
    streams = output.open()
    kind_of(dataset)
    form = read_config(DataConfig, data)
    steps = read_floats(h or ["0.1,0.01,0.001,0.0001"], "--h")
    if min(steps) <= 0:
        raise typer.BadParameter("steps must be positive", param_hint="--h")
    images = streams.result(read_dataset(dataset, form, data_dir=data_dir))
    if function is not None:
        _check_function(streams, function, images, seed)
        return
    from mnistfaces.inspection.gradcheck import SoftmaxCost, check_gradient

    problem = SoftmaxCost(images, seed)
    checks = check_gradient(problem.cost, problem.gradient(), problem.point, steps, problem.scale())
    rows = streams.rows((asdict(check) for check in checks), COLUMNS)
    if not all(row["ok"] for row in rows):
        streams.note("the gradient does not agree with the differences: rows with ok false")
        raise typer.Exit(1)


def _check_function(streams: Output, function: str, dataset: "Dataset", seed: int) -> None:
    """Prints the verdict on a gradient of the user's own; exit 1 for a wrong one."""
    from mnistfaces.inspection.student import check_function

    verdict = check_function(function, dataset, seed)
    streams.rows(
        [{"h": None, "max_relative_error": verdict.max_relative_error, "ok": verdict.ok, "fault": verdict.fault}]
    )
    if not verdict.ok:
        streams.note(f"{function}: {verdict.fault}")
        raise typer.Exit(1)
