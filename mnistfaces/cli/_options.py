"""Options that several commands share, spelled once.

A command takes a whole group of options as one parameter: `flat` spreads the members of the group over the
command's signature, where Typer finds them. Options of a configuration are declared there, and nowhere else.
"""

import dataclasses
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from mnistfaces import config
from mnistfaces.cli._completion import offer_datasets, offer_runs, offer_values
from mnistfaces.cli._output import Format, Output
from mnistfaces.config import DataConfig, ExtractConfig, SplitConfig, TrainConfig
from mnistfaces.experiments.commands import default_cell
from mnistfaces.experiments.trials import OPTIONS
from mnistfaces.options import Option, options_of

FIGURES = (".png", ".svg", ".pdf")
PAGES = (*FIGURES, ".html")

Tokens = list[str] | None

DatasetArgument = Annotated[
    str,
    typer.Argument(
        metavar="DATASET",
        help=(
            "A name (digits, digits-sample, digits-full, fashion, kuzushiji, faces, faces-synthetic), "
            "or a folder or file of your own."
        ),
        show_default=True,
        autocompletion=offer_datasets,
    ),
]
RunArgument = Annotated[
    str,
    typer.Argument(metavar="RUN", help="A run of mnf train: directory, last, or -.", autocompletion=offer_runs),
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
PageOption = Annotated[
    Path | None,
    typer.Option("--plot", metavar="FILE", help="Draw a figure: png, svg or pdf; or html, a page to play with."),
]
DeviceOption = Annotated[config.DeviceName, typer.Option("--device", help="Where to compute.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
RowsOption = Annotated[
    bool, typer.Option("--rows", help="Every row in a table, too, which else sums up; other formats have them all.")
]


@dataclasses.dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """How results and notes are shown."""

    format: Annotated[Format, typer.Option("--format", help="auto: a table on a terminal, NDJSON in a pipe.")] = "auto"
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No notes and no progress.")] = False
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="More notes.")] = False

    def open(self) -> Output:
        """Returns the two streams as these options ask."""
        return Output(self.format, quiet=self.quiet, verbose=self.verbose)


Asked = dict[str, Any]
"""What was typed for the options of some configurations, by name: words, or None where nothing was."""

TrainingOptions = Annotated[Asked, TrainConfig]
ImageOptions = Annotated[Asked, SplitConfig, DataConfig]
DataOptions = Annotated[Asked, DataConfig]
ExtractionOptions = Annotated[Asked, ExtractConfig]
IterationsOption = Annotated[
    Tokens, typer.Option("--iterations", metavar="LIST", help="The same as --epochs where batches are full.")
]


@dataclasses.dataclass(frozen=True)
class Without:
    """Options of a configuration that a command has no use for, named beside the configuration."""

    names: tuple[str, ...]


ReadingOptions = Annotated[Asked, DataConfig, Without(("res", "color"))]
"""How data of one's own are read, for commands that know or have their own size and colour."""


def flat(command: Callable[..., None]) -> Callable[..., None]:
    """Returns the command with every group of options spread over its signature, for Typer to read.

    A group is a dataclass of Typer's options, or `Asked` with the configurations that declare its options.
    """
    hints = get_type_hints(command, include_extras=True)
    parameters: list[inspect.Parameter] = []
    groups: dict[str, tuple[Callable[..., object], list[str]]] = {}
    for parameter in inspect.signature(command).parameters.values():
        hint = hints[parameter.name]
        members = _members(hint)
        if members is None:
            parameters.append(parameter.replace(kind=parameter.KEYWORD_ONLY, annotation=hint))
        else:
            groups[parameter.name] = (hint if inspect.isclass(hint) else dict, [member.name for member in members])
            parameters += members

    def spread(**values: Any) -> None:  # noqa: ANN401  whatever Typer read
        for name, (group, names) in groups.items():
            values[name] = group(**{member: values.pop(member) for member in names})
        command(**values)

    spread.__name__, spread.__doc__ = command.__name__, command.__doc__
    spread.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return spread


def _members(hint: Any) -> list[inspect.Parameter] | None:  # noqa: ANN401  a type
    """Returns the parameters of a group of options, or None for a single option."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        types = get_type_hints(hint, include_extras=True)
        return [_parameter(entry.name, types[entry.name], entry.default) for entry in dataclasses.fields(hint)]
    told = getattr(hint, "__metadata__", ())
    configurations = [part for part in told if isinstance(part, type)]
    if not configurations:
        return None
    without = {name for part in told if isinstance(part, Without) for name in part.names}
    declared = [option for name, option in options_of(*configurations).items() if name not in without]
    return [_parameter(option.name, _typed(option), None) for option in declared]


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:  # noqa: ANN401  a type and its value
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _typed(option: Option) -> Any:  # noqa: ANN401  a type
    """Returns a declared option as Typer takes it: its values are words until `read_option` reads them."""
    told = f"{_listed(option)} [default: {_default_of(option)}]."
    if option.kind == "flag":
        return Annotated[bool | None, typer.Option(option.declaration.flags or option.spelled, help=told)]
    words = [*option.choices, *filter(None, [option.declaration.word])]
    offer = offer_values(words, several=option.declaration.swept)
    if option.declaration.swept:
        return Annotated[Tokens, typer.Option(option.spelled, metavar="LIST", help=told, autocompletion=offer)]
    metavar = "|".join(
        words if option.kind == "name" else [{"whole": "N", "number": "NUMBER", "text": "TEXT"}[option.kind], *words]
    )
    return Annotated[str | None, typer.Option(option.spelled, metavar=metavar, help=told, autocompletion=offer)]


def _listed(option: Option) -> str:
    """Returns what an option means, with the names that it takes."""
    said = option.declaration.help.removesuffix(".")
    return f"{said}: {', '.join(option.choices)}" if option.declaration.swept and option.choices else said


def _default_of(option: Option) -> str:
    """Returns what the help says of a default: one for all datasets, or one per kind."""
    if option.declaration.unset is not None:
        return option.declaration.unset
    if option != OPTIONS.get(option.name):  # no part of a cell: one default, whatever the dataset
        return option.typed(option.usual)
    values = {kind: default_cell(kind).asked()[option.name] for kind in ("digits", "faces", "features")}
    shown = {kind: "off" if value is False else option.typed(value) for kind, value in values.items()}
    if len(set(shown.values())) == 1:
        return shown["digits"]
    if shown["faces"] == shown["features"]:
        return f"digits {shown['digits']}, others {shown['faces']}"
    return ", ".join(f"{kind} {word}" for kind, word in shown.items())


def check_plot(path: Path | None, endings: Sequence[str] = FIGURES, option: str = "--plot") -> None:
    """Refuses a figure of an unknown kind before any work starts.

    Raises:
        typer.BadParameter: the name does not end in one of `endings`.
    """
    if path is not None and path.suffix.lower() not in endings:
        raise typer.BadParameter(f"{str(path)!r} must end in {', '.join(endings)}", param_hint=option)
