"""A published figure beside ours: the difference, its interval, and why they differ."""

from typing import Any

from mnistfaces.reproduce.published import ACCURACIES
from mnistfaces.reproduce.records import Finding
from mnistfaces.statistics.proportions import independent_difference, wilson

PRINTED = 0.001
"""The last printed digit of a published accuracy."""

FEWER = 0.75
"""Ours counts as trained on fewer images where it had less than this share of the report's."""


def judge(finding: Finding) -> dict[str, Any]:
    """Returns the row that shows a published figure beside ours.

    The interval of the difference holds for accuracies: ours by its own interval, the published one by Wilson's on
    the images it was measured on, the two independent. `agrees` is whether it contains 0; None without one. Where
    the report's own draw is repeated, it is whether the two are equal in every printed digit.
    """
    published, value, interval = finding.figure, finding.value, finding.interval
    difference = value - published.value if value is not None else None
    bounds = None
    if value is not None and not finding.exact and published.quantity in ACCURACIES and published.images is not None:
        images = published.images
        interval = interval or (wilson(value * finding.images, finding.images) if finding.images else None)
        if interval is not None:
            theirs = wilson(published.value * images, images)
            bounds = independent_difference(value, interval, published.value, theirs)
    agrees = bounds[0] <= 0 <= bounds[1] if bounds else None
    if finding.exact and difference is not None:
        agrees = abs(difference) < PRINTED / 2
    return {
        "part": published.part,
        "quantity": published.quantity,
        "setting": f"{published.table}: {published.setting}",
        "published": published.value,
        "measured": value,
        "low": interval[0] if interval and value is not None else None,
        "high": interval[1] if interval and value is not None else None,
        "difference": difference,
        "status": finding.status,
        "note": _note(finding, agrees=agrees),
        "difference_low": bounds[0] if bounds else None,
        "difference_high": bounds[1] if bounds else None,
        "agrees": agrees,
        "table": published.table,
        "command": finding.line or None,
        "draw": "published" if finding.exact else "corrected",
    }


def _note(finding: Finding, *, agrees: bool | None) -> str:
    """Returns why the two differ, or why there is no number."""
    reasons = [finding.note] if finding.note else []
    if finding.value is None:
        return " ".join(reasons)
    if finding.figure.why:
        reasons.append(finding.figure.why)
    elif agrees is False:
        reasons.append(_outside(finding))
    return " ".join(reasons)


def _outside(finding: Finding) -> str:
    """Returns the reason that can be read off the two protocols: fewer images, or another draw of them."""
    ours, theirs = finding.trained_on or 0, finding.figure.trained_on or 0
    if ours < FEWER * theirs:
        return f"Ours trained on {ours:,.0f} images, the report on {theirs:,}."
    if finding.spread:
        return (
            f"Ours varies by {finding.spread:.1%} from draw to draw (standard deviation); all rows of the published "
            "table are of one draw of images, so they are off together."
        )
    return "For no reason that we know: one figure in twenty falls outside by chance."
