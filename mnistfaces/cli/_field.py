"""What is said of one field of a result row."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mnistfaces.options import Option

Type = Literal["string", "integer", "number", "boolean", "list"]


@dataclass(frozen=True)
class Field:
    """One field of a row.

    Attributes:
        name: as rows carry it.
        type: of its value; an integer is a number, too.
        unit: of a number; "" where it has none.
        meaning: in a sentence.
        null: whether it can be null.
    """

    name: str
    type: Type
    meaning: str
    unit: str = ""
    null: bool = False


TYPES: Mapping[str, Type] = {
    "number": "number",
    "whole": "integer",
    "name": "string",
    "flag": "boolean",
    "text": "string",
    "layers": "string",
}


def of_option(option: Option) -> Field:
    """Returns the field of an option; null is its word for all there is, or that no model uses it."""
    return Field(option.name, TYPES[option.kind], option.declaration.help, null=True)


def scores(std: bool) -> tuple[Field, ...]:
    """Returns losses and accuracies of the three sides, each with its deviation over trials where asked for."""
    sides = {"train": "training", "val": "validation", "test": "test"}
    fields = []
    for what, unit, meaning in (("loss", "nats per image", "Mean loss"), ("accuracy", "fraction", "Share told right")):
        for side, name in sides.items():
            fields.append(Field(f"{side}_{what}", "number", f"{meaning}, {name} images.", unit, null=True))
            if std:
                about = f"Standard deviation of {side}_{what} over trials."
                fields.append(Field(f"{side}_{what}_std", "number", about, unit, null=True))
    return tuple(fields)
