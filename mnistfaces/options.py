"""An option is declared once, as a field of a configuration; all that tells of it is derived from there.

`option` declares it: what it means, whether it takes a list, and which word stands for None. The type of the field
says how its values are read. From these follow the command-line option and its help, the cells of a grid, the field
of a row, the column of a table, and the words of the line that repeats a run.
"""

import functools
from dataclasses import dataclass, field, fields
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

Kind = Literal["number", "whole", "name", "flag", "text", "layers"]


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """What a field of a configuration says of itself, beside its type and default.

    Attributes:
        help: what the option means, without its default.
        swept: whether it takes a list, of which every value is a cell of the grid.
        word: what stands for None on the command line, such as `all`.
        flags: both spellings of a yes-or-no option of which None is neither; or the spelling of an option whose
            name cannot be a field's.
        unset: what the help says of the default where the configurations do not show it.
        needs: the choice that makes the option count, where some models or optimizers ignore it.
    """

    help: str
    swept: bool = False
    word: str | None = None
    flags: str | None = None
    unset: str | None = None
    needs: str | None = None


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option.

    Attributes:
        name: of its field, in configurations and in rows.
        declaration: what its field says of it.
        kind: how a value is read.
        choices: the names that it takes, or that it takes besides numbers.
        usual: the default of its field.
    """

    name: str
    declaration: Declaration
    kind: Kind
    choices: tuple[str, ...] = ()
    usual: object = None

    @property
    def spelled(self) -> str:
        """Returns how it is typed."""
        if self.declaration.flags is not None and self.kind != "flag":
            return self.declaration.flags
        return f"--{self.name.replace('_', '-')}"

    @property
    def title(self) -> str:
        """Returns what stands above its column."""
        return self.name.replace("_", " ")

    def words(self, value: object) -> list[str]:
        """Returns the words that ask for a value on the command line."""
        if self.kind == "flag":
            spellings = (self.declaration.flags or f"{self.spelled}/").split("/")
            return [] if value is None or not spellings[not value] else [spellings[not value]]
        return [self.spelled, self.typed(value)]

    def typed(self, value: object) -> str:
        """Returns a value as it is typed: without a loss, and no longer than need be."""
        if value is None:
            return self.declaration.word or ""
        return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def option(default: Any, help: str, **more: Any) -> Any:  # noqa: A002, ANN401  a dataclass field of any type
    """Returns a dataclass field that is an option; `more` are further attributes of `Declaration`."""
    return field(default=default, metadata={"option": Declaration(help=help, **more)})


@functools.cache
def options_of(*configurations: type) -> dict[str, Option]:
    """Returns the options that some configurations declare, by name, in the order declared."""
    found: dict[str, Option] = {}
    for configuration in configurations:
        hints = get_type_hints(configuration)
        for entry in fields(configuration):
            declaration = entry.metadata.get("option")
            if declaration is not None:
                kind, choices = _kind_of(hints[entry.name])
                found[entry.name] = Option(
                    name=entry.name, declaration=declaration, kind=kind, choices=choices, usual=entry.default
                )
    return found


def _kind_of(hint: Any) -> tuple[Kind, tuple[str, ...]]:  # noqa: ANN401  a type
    """Returns how values of a type are read, and the names among them."""
    if get_origin(hint) is Literal:
        return "name", get_args(hint)
    types = [part for part in get_args(hint) or (hint,) if part is not NoneType]
    choices = tuple(name for part in types if get_origin(part) is Literal for name in get_args(part))
    if {int, str} <= set(types):
        return "layers", ()
    for part, kind in ((bool, "flag"), (int, "whole"), (float, "number"), (str, "text")):
        if part in types:
            return kind, choices  # type: ignore[return-value]
    if choices:
        return "name", choices
    raise TypeError(f"no option can have the type {hint}")
