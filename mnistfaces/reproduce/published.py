"""The published values: one table, `published.csv`, a row each.

The figures of Parts 1 to 10 are those of a course report, "CSC411 Project 2" (University of Toronto, 23 February
2018). Rows of the table `Elsewhere` are the best that others published for the same data and task.
"""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

ACCURACIES = ("train_accuracy", "test_accuracy")
LAST_DIGIT = 0.001
"""The last printed digit of an accuracy; some are cut, not rounded."""

MEANS = ("Table 4", "Table 6", "Table 8", "Table 9", "Table 11", "Table 13", "Table 15", "Elsewhere")
"""Tables of means over ten runs, and of figures of which nobody says."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """One published value.

    Attributes:
        part: of the report, 1 to 10.
        table: or figure in which it stands.
        quantity: what it measures, by the name of the field where a command of ours has one.
        setting: for which options, such as `lr 0.01, epochs 100`.
        value: accuracies are fractions, times seconds, costs nats; None where only its place in the table is known.
        images: how many images an accuracy was measured on; None for other quantities.
        trained_on: how many images its model was trained on; None where no model was trained, or nobody says.
        why: why ours differs on purpose, or must; "" where it should agree.
    """

    part: int
    table: str
    quantity: str
    setting: str
    value: float | None
    images: int | None
    trained_on: int | None
    why: str

    @property
    def right(self) -> int | None:
        """Returns of how many of its images an accuracy is the share; None where it is none, or a mean over runs.

        80.1 % of 120, in Table 5, is no number of images.
        """
        if self.value is None or self.images is None or self.quantity not in ACCURACIES or self.table in MEANS:
            return None
        right = round(self.value * self.images)
        return right if abs(right / self.images - self.value) < LAST_DIGIT else None


@cache
def load_published() -> tuple[Published, ...]:
    """Returns all published values, part by part."""
    text = (files("mnistfaces") / "reproduce" / "published.csv").read_text(encoding="utf-8")
    return tuple(
        Published(
            part=int(row["part"]),
            table=row["table"],
            quantity=row["quantity"],
            setting=row["setting"],
            value=float(row["published"]) if row["published"] else None,
            images=int(row["images"]) if row["images"] else None,
            trained_on=int(row["trained_on"]) if row["trained_on"] else None,
            why=row["why"],
        )
        for row in csv.DictReader(text.splitlines())
    )


def published_in(part: int, tables: tuple[str, ...] | None = None) -> tuple[Published, ...]:
    """Returns the published values of a part, or of some of its tables."""
    return tuple(
        figure for figure in load_published() if figure.part == part and (tables is None or figure.table in tables)
    )


def published_at(part: int, table: str, quantity: str, setting: str) -> Published:
    """Returns the one published value of this description."""
    (figure,) = (one for one in published_in(part, (table,)) if (one.quantity, one.setting) == (quantity, setting))
    return figure
