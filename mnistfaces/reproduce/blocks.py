"""Rows of published values as tables for people: a line a setting, the quantities side by side."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mnistfaces.experiments.trials import Row
from mnistfaces.reproduce.published import ACCURACIES

TITLES = {
    "train_accuracy": "training accuracy",
    "test_accuracy": "test accuracy",
    "seconds": "seconds",
    "signed_maximum_difference": "signed maximum of the difference",
    "trained_weight": "trained weight",
    "trained_cost": "cost when trained",
    "output_weight": "weight into the output",
    "train_images": "training images",
    "test_images": "test images",
    "growth_exponent": "growth exponent",
}
"""What people call a quantity whose name is not plain."""

NOT_THERE = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True, kw_only=True)
class Block:
    """One published table.

    Attributes:
        table: its name.
        quantities: its columns, in the published order.
        settings: its lines.
        rows: by setting and quantity.
        notes: why ours differs or is not there, each once.
        commands: the lines that give our numbers, each once.
    """

    table: str
    quantities: tuple[str, ...]
    settings: tuple[str, ...]
    rows: Mapping[tuple[str, str], Row]
    notes: tuple[str, ...]
    commands: tuple[str, ...]

    def number_of(self, row: Row) -> int | None:
        """Returns the number of a row's note, from 1; None where it has none."""
        return self.notes.index(row["note"]) + 1 if row["note"] else None


def build_blocks(rows: Iterable[Row]) -> list[Block]:
    """Returns the tables that some rows are of, in their order."""
    of_table: dict[str, list[Row]] = {}
    for row in rows:
        of_table.setdefault(row["table"], []).append(row)
    return [
        Block(
            table=table,
            quantities=tuple(dict.fromkeys(row["quantity"] for row in own)),
            settings=tuple(dict.fromkeys(setting_of(row) for row in own)),
            rows={(setting_of(row), row["quantity"]): row for row in own},
            notes=tuple(dict.fromkeys(row["note"] for row in own if row["note"])),
            commands=tuple(dict.fromkeys(row["command"] for row in own if row["command"])),
        )
        for table, own in of_table.items()
    ]


def setting_of(row: Row) -> str:
    """Returns the setting of a row without the name of its table."""
    return str(row["setting"]).removeprefix(f"{row['table']}: ")


def title_of(quantity: str) -> str:
    """Returns what people call a quantity."""
    return TITLES.get(quantity, quantity)


def show_value(quantity: str, value: float | None) -> str:
    """Returns a value as people read it: accuracies in percent, others with four significant digits."""
    if value is None:
        return NOT_THERE
    if quantity in ACCURACIES:
        return f"{value:.1%}"
    if float(value).is_integer() and abs(value) < 1e9:  # noqa: PLR2004  beyond, the exponent reads better
        return f"{int(value):,}"
    return f"{value:.4g}".replace("-", MINUS)


def show_interval(row: Row) -> str:
    """Returns the interval of our value in percent; "" where there is none."""
    if row["low"] is None or row["measured"] is None:
        return ""
    return f"[{100 * row['low']:.1f}, {100 * row['high']:.1f}]"


def show_difference(row: Row) -> str:
    """Returns ours less the published value: in points, as how many times as fast, or as a number."""
    if row["difference"] is None:
        return NOT_THERE
    if row["quantity"] == "seconds":
        return show_speed(row["published"], row["measured"])
    if row["quantity"] in ACCURACIES:
        return f"{100 * row['difference']:+.1f}".replace("-", MINUS)
    if float(row["difference"]).is_integer():
        return f"{row['difference']:+,.0f}".replace("-", MINUS) if row["difference"] else "0"
    return f"{row['difference']:+.3g}".replace("-", MINUS)


def show_bounds(row: Row) -> str:
    """Returns the interval of the difference in points; "" where there is none."""
    if row["difference_low"] is None:
        return ""
    return f"[{100 * row['difference_low']:.1f}, {100 * row['difference_high']:.1f}]".replace("-", MINUS)


def show_speed(then: float, now: float) -> str:
    """Returns how many times as fast something is now, by two digits: one timing says no more."""
    ratio = float(f"{then / now:.2g}")
    return f"{ratio:,.0f}x" if ratio >= 10 else f"{ratio:g}x"  # noqa: PLR2004  whole numbers have two digits


@dataclass(frozen=True, kw_only=True)
class Timing:
    """What a published table took then and takes now, over the rows that were measured; seconds."""

    part: int
    table: str
    then: float
    now: float


def build_timings(rows: Iterable[Row]) -> list[Timing]:
    """Returns the seconds then and now of every table; a row with a note does not compare like with like."""
    sums: dict[tuple[int, str], tuple[float, float]] = {}
    for row in rows:
        if row["quantity"] == "seconds" and row["measured"] is not None and not row["note"]:
            then, now = sums.get((row["part"], row["table"]), (0.0, 0.0))
            sums[row["part"], row["table"]] = then + row["published"], now + row["measured"]
    return [Timing(part=part, table=table, then=then, now=now) for (part, table), (then, now) in sums.items()]
