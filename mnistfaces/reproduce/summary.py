"""What all parts together say: how many figures agree, the seconds then and now, what differences mean."""

from collections.abc import Sequence
from dataclasses import dataclass

from mnistfaces.experiments.trials import Row
from mnistfaces.reproduce.blocks import Timing, build_timings
from mnistfaces.reproduce.published import load_published
from mnistfaces.reproduce.records import PartRecord
from mnistfaces.statistics.proportions import FEWEST_DISCORDANT, wilson

TESTED = 120
"""Test images of the faces, 20 an actor: then and now."""

EXAMPLES = (101, 113)
"""Right answers of 120 that the report's final models gave, from pixels and from features."""

MINUTE, HOUR = 60.0, 3600.0


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The whole in a few numbers.

    Attributes:
        published: how many figures there are.
        measured: how many of them were measured.
        verdicts: test accuracies that agree, that differ, and of which nobody can say; each configuration counts once.
        repeated: how many figures of the report's own draw come out equal; "" where it was not repeated.
        timings: seconds then and now, table by table.
        meaning: sentences on what differences mean.
    """

    published: int
    measured: int
    verdicts: tuple[int, int, int]
    repeated: str
    timings: tuple[Timing, ...]
    meaning: tuple[str, ...]

    @property
    def fastest(self) -> Timing | None:
        """Returns the table that takes the smallest share of the time it took, or None where none was timed."""
        return max(self.timings, key=lambda timing: timing.then / timing.now, default=None)


def summarize(records: Sequence[PartRecord]) -> Summary:
    """Returns what the records of all parts come to."""
    rows = [row for record in records for row in record.rows]
    return Summary(
        published=len(load_published()),
        measured=sum(row["measured"] is not None for row in rows),
        verdicts=count_verdicts(rows),
        repeated=_repeated(rows),
        timings=tuple(build_timings(rows)),
        meaning=tuple(_meaning(rows)),
    )


def count_verdicts(rows: Sequence[Row]) -> tuple[int, int, int]:
    """Returns how many test accuracies agree, differ, and cannot be told, of distinct configurations.

    A configuration that stands in several tables differs if it differs in one, and agrees if it agrees in all.
    """
    of_configuration: dict[object, set[str]] = {}
    for number, row in enumerate(rows):
        if row["quantity"] == "test_accuracy" and row["verdict"]:
            of_configuration.setdefault(row["configuration"] or number, set()).add(row["verdict"])
    worst = [
        "differs" if "differs" in found else "cannot say" if "cannot say" in found else "agrees"
        for found in of_configuration.values()
    ]
    return worst.count("agrees"), worst.count("differs"), worst.count("cannot say")


def _repeated(rows: Sequence[Row]) -> str:
    """Returns how many accuracies come out equal on the images that the report drew, by its own descent."""
    verdicts = [row["agrees"] for row in rows if row.get("draw") == "published"]
    if not verdicts:
        return ""
    return (
        f"On the images that the report drew, by its own descent, faults included, {sum(verdicts)} of {len(verdicts)} "
        "accuracies of Tables 1 and 2 come out equal in every printed digit; the notes below the tables give the "
        "corrected ones."
    )


def show_duration(seconds: float) -> str:
    """Returns a time in the unit that reads best."""
    if seconds >= HOUR:
        return f"{seconds / HOUR:.3g} h"
    if seconds >= 2 * MINUTE:
        return f"{seconds / MINUTE:.3g} min"
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def _meaning(rows: Sequence[Row]) -> list[str]:
    """Returns what a difference is worth with 120 test images, and how much ours vary."""
    intervals = [wilson(right, TESTED) for right in EXAMPLES]
    shown = " and ".join(
        f"[{100 * low:.1f}, {100 * high:.1f}] % for {right} right"
        for right, (low, high) in zip(EXAMPLES, intervals, strict=True)
    )
    return [
        f"With {TESTED} test images one image is {1 / TESTED:.2%}; the 95 % interval of an accuracy is {shown}.",
        (
            f"Two models on the same {TESTED} images cannot be told apart (exact McNemar) by fewer than "
            f"{FEWEST_DISCORDANT} images, {FEWEST_DISCORDANT / TESTED:.0%}: so hardly a choice in Tables 4 to 9 is "
            "supported by its own data."
        ),
        (
            "A published accuracy is one run, or one split: it varies by more than its digits show. Ours are means "
            "over redrawn splits with their intervals. Images that test in one draw validate in another, so that the "
            "accuracy of a setting that validation chose is a little too high: nested, choosing inside each draw, is "
            "the one to quote."
        ),
        *_steps(rows),
    ]


def _steps(rows: Sequence[Row]) -> list[str]:
    """Returns how far features are ahead of pixels, then and now, where both were measured."""
    final = {row["table"]: row for row in rows if row["quantity"] == "test_accuracy" and row["part"] in (8, 10)}
    pixels, features = final.get("Table 8"), final.get("Table 15")
    if not pixels or not features or pixels["measured"] is None or features["measured"] is None:
        return []
    return [
        (
            "The step that is supported is that from pixels to features: "
            f"{pixels['published']:.1%} to {features['published']:.1%} then, "
            f"{pixels['measured']:.1%} [{pixels['low']:.1%}, {pixels['high']:.1%}] to "
            f"{features['measured']:.1%} [{features['low']:.1%}, {features['high']:.1%}] now."
        ),
    ]
