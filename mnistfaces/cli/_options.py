"""Options that several commands share, spelled once, and the readers of lists.

A command takes a whole group of options as one parameter: `flat` spreads the fields of the group over the
command's signature, where Typer finds them.
"""

import dataclasses
import inspect
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import typer

from mnistfaces import config
from mnistfaces.cli._output import Format, Output

FIGURE_ENDINGS = (".png", ".svg", ".pdf")

Tokens = list[str] | None

DatasetArgument = Annotated[
    str,
    typer.Argument(
        metavar="[DATASET]",
        help="digits, digits-sample, digits-full, faces, faces-synthetic, a .npz of features, or a folder of images.",
        show_default=True,
    ),
]
DataDirOption = Annotated[
    Path | None,
    typer.Option("--data-dir", envvar="MNF_DATA_DIR", help="Where data live.", show_default=False),
]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="Folder of the results [default: runs/<command>-<hash>].")
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace what another configuration left in --out.")]
PlotOption = Annotated[Path | None, typer.Option("--plot", metavar="FILE", help="Draw a figure: png, svg or pdf.")]
DeviceOption = Annotated[config.DeviceName, typer.Option("--device", help="Where to compute.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """How results and notes are shown."""

    format: Annotated[Format, typer.Option("--format", help="auto: a table on a terminal, NDJSON in a pipe.")] = "auto"
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No notes and no progress.")] = False
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="More notes.")] = False

    def open(self) -> Output:
        """Returns the two streams as these options ask."""
        return Output(self.format, quiet=self.quiet, verbose=self.verbose)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """How a model is trained; every list is swept. None stands for the default of the dataset."""

    lr: Annotated[Tokens, typer.Option("--lr", metavar="LIST", help="Learning rate [default: 1e-4].")] = None
    momentum: Annotated[
        Tokens, typer.Option("--momentum", metavar="LIST", help="Beta of gd; 0 is vanilla [default: 0].")
    ] = None
    batch_size: Annotated[
        Tokens,
        typer.Option(
            "--batch-size",
            metavar="LIST",
            help="Images a step, or full [default: digits full, faces 32, features 128].",
        ),
    ] = None
    epochs: Annotated[
        Tokens,
        typer.Option("--epochs", metavar="LIST", help="Passes over the data [default: digits 3000, others 1000]."),
    ] = None
    iterations: Annotated[
        Tokens,
        typer.Option("--iterations", metavar="LIST", help="The same as --epochs where batches are full."),
    ] = None
    model: Annotated[
        Tokens,
        typer.Option("--model", metavar="LIST", help="softmax or mlp [default: digits softmax, others mlp]."),
    ] = None
    hidden: Annotated[
        Tokens, typer.Option("--hidden", metavar="LIST", help="Hidden units of the mlp [default: 20].")
    ] = None
    optimizer: Annotated[
        Tokens,
        typer.Option("--optimizer", metavar="LIST", help="gd or adam [default: digits gd, others adam]."),
    ] = None
    weight_decay: Annotated[
        Tokens, typer.Option("--weight-decay", metavar="LIST", help="L2 penalty on weights [default: 0].")
    ] = None
    reduction: Annotated[
        Tokens,
        typer.Option(
            "--reduction",
            metavar="LIST",
            help="Cost over a batch: sum or mean [default: digits sum, others mean].",
        ),
    ] = None
    activation: Annotated[
        Tokens,
        typer.Option("--activation", metavar="LIST", help="Of the hidden units: relu or tanh [default: relu]."),
    ] = None
    eps: Annotated[
        float | None,
        typer.Option(
            "--eps",
            help="Stop when the steps of weights and of biases have norms of at most this [default: off].",
        ),
    ] = None
    drop_last: Annotated[bool, typer.Option("--drop-last", help="Leave out an incomplete last batch.")] = False
    select: Annotated[
        config.Selection,
        typer.Option("--select", help="Keep the last epoch's weights, or those of the best validation loss."),
    ] = "last"
    dtype: Annotated[config.DtypeName, typer.Option("--dtype", help="Of weights and arithmetic.")] = "float32"


@dataclasses.dataclass(frozen=True, kw_only=True)
class SplitOptions:
    """Which images train, validate and test. None stands for the default of the dataset."""

    train_per_class: Annotated[
        Tokens,
        typer.Option(
            "--train-per-class",
            metavar="LIST",
            help="Training images a class, or all [default: digits 100, others all].",
        ),
    ] = None
    val_per_class: Annotated[
        int | None,
        typer.Option("--val-per-class", help="Validation images a class [default: a quarter of the training images]."),
    ] = None
    test_per_class: Annotated[
        int | None,
        typer.Option("--test-per-class", help="Test images a class [default: digits all, others 20]."),
    ] = None
    val_fraction: Annotated[
        float,
        typer.Option("--val-fraction", help="Validating share of what is not test, without --train-per-class."),
    ] = config.SplitConfig.val_fraction
    res: Annotated[
        Tokens,
        typer.Option("--res", metavar="LIST", help="Pixels a side of faces and folders [default: 32]."),
    ] = None
    color: Annotated[
        bool | None,
        typer.Option("--color/--gray", help="Channels of faces and folders [default: gray up to 64 pixels]."),
    ] = None


def flat(command: Callable[..., None]) -> Callable[..., None]:
    """Returns the command with every group of options spread over its signature, for Typer to read."""
    hints = get_type_hints(command, include_extras=True)
    parameters: list[inspect.Parameter] = []
    groups: dict[str, tuple[type, list[str]]] = {}
    for parameter in inspect.signature(command).parameters.values():
        hint = hints[parameter.name]
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            fields = dataclasses.fields(hint)
            types = get_type_hints(hint, include_extras=True)
            groups[parameter.name] = (hint, [field.name for field in fields])
            parameters += [
                parameter.replace(
                    name=field.name,
                    kind=parameter.KEYWORD_ONLY,
                    annotation=types[field.name],
                    default=field.default,
                )
                for field in fields
            ]
        else:
            parameters.append(parameter.replace(kind=parameter.KEYWORD_ONLY, annotation=hint))

    def spread(**values: Any) -> None:  # noqa: ANN401  whatever Typer read
        for name, (group, names) in groups.items():
            values[name] = group(**{field: values.pop(field) for field in names})
        command(**values)

    spread.__name__, spread.__doc__ = command.__name__, command.__doc__
    spread.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return spread


def check_plot(path: Path | None, endings: Sequence[str] = FIGURE_ENDINGS, option: str = "--plot") -> None:
    """Refuses a figure of an unknown kind before any work starts.

    Raises:
        typer.BadParameter: the name does not end in one of `endings`.
    """
    if path is not None and path.suffix.lower() not in endings:
        raise typer.BadParameter(f"{str(path)!r} must end in {', '.join(endings)}", param_hint=option)


def read_floats(tokens: Sequence[str], option: str) -> tuple[float, ...]:
    """Returns the numbers of `a,b,c`, `log:1e-5:1e-1:5` or `lin:0:1:11`, each once, in the order given.

    Raises:
        typer.BadParameter: names the first bad token.
    """
    values: list[float] = []
    for token in _pieces(tokens):
        kind, _, rest = token.partition(":")
        values += _spaced(kind, rest, token, option) if kind in ("log", "lin") else [_number(token, token, option)]
    return _distinct(values, option)


def read_numbers(token: str, count: int, option: str) -> tuple[float, ...]:
    """Returns exactly `count` numbers such as the two of `-10,10`, in the order given."""
    pieces = token.split(",")
    if len(pieces) != count:
        raise typer.BadParameter(f"{token!r} must be {count} numbers with commas between", param_hint=option)
    return tuple(_number(piece.strip(), token, option) for piece in pieces)


def read_integers(tokens: Sequence[str], option: str) -> tuple[int, ...]:
    """Returns the whole numbers of a list such as `1,10` or `log:10:10000:4`, each once, in the order given."""
    values = read_floats(tokens, option)
    for value in values:
        if value != int(value):
            raise typer.BadParameter(f"{value:g} is not a whole number", param_hint=option)
    return tuple(int(value) for value in values)


def read_sizes(tokens: Sequence[str], option: str, word: str) -> tuple[int | None, ...]:
    """Returns whole numbers of a list in which `word` stands for all there is (None)."""
    values: list[int | None] = []
    for token in _pieces(tokens):
        values += [None] if token == word else read_integers([token], option)
    return _distinct(values, option)


def read_names(tokens: Sequence[str], option: str, choices: Any) -> tuple[Any, ...]:  # noqa: ANN401  a Literal type
    """Returns the names of a list, each one of `choices`, a Literal."""
    values = _distinct(_pieces(tokens), option)
    for value in values:
        if value not in get_args(choices):
            raise typer.BadParameter(f"{value!r} is not one of {', '.join(get_args(choices))}", param_hint=option)
    return values


def _pieces(tokens: Sequence[str]) -> list[str]:
    return [piece.strip() for token in tokens for piece in token.split(",")]


def _number(piece: str, token: str, option: str) -> float:
    try:
        value = float(piece)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        within = "" if piece == token else f" in {token!r}"
        raise typer.BadParameter(f"{piece!r}{within} is not a number", param_hint=option)
    return value


def _spaced(kind: str, rest: str, token: str, option: str) -> list[float]:
    """Returns the numbers of `log:FIRST:LAST:COUNT` or `lin:FIRST:LAST:COUNT`, both ends included."""
    pieces = rest.split(":")
    if len(pieces) != 3:  # noqa: PLR2004  first, last and count
        raise typer.BadParameter(f"{token!r} must read {kind}:FIRST:LAST:COUNT", param_hint=option)
    first, last, count = (_number(piece, token, option) for piece in pieces)
    if count != int(count) or count < 1:
        raise typer.BadParameter(f"{token!r} must count a whole number of values", param_hint=option)
    if kind == "log" and (first <= 0 or last <= 0):
        raise typer.BadParameter(f"{token!r} needs positive ends", param_hint=option)
    if count == 1:
        return [first]
    steps = [index / (int(count) - 1) for index in range(int(count))]
    if kind == "lin":
        return [_rounded(first + (last - first) * step) for step in steps]
    low, high = math.log10(first), math.log10(last)
    return [_rounded(10 ** (low + (high - low) * step)) for step in steps]


def _rounded(value: float) -> float:
    """Returns the value without the noise of its last bits: 0.3, not 0.30000000000000004."""
    return float(f"{value:.14g}")


def _distinct(values: Sequence[Any], option: str) -> tuple[Any, ...]:
    if not values:
        raise typer.BadParameter("the list is empty", param_hint=option)
    return tuple(dict.fromkeys(values))
