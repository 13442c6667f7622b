"""A published value beside ours: the difference, its interval, and why they differ."""

from typing import Any, Literal

from mnistfaces.reproduce.published import ACCURACIES
from mnistfaces.reproduce.records import Finding
from mnistfaces.statistics.prediction import half_width
from mnistfaces.statistics.proportions import LEVEL, wilson

PRINTED = 0.001
"""The last printed digit of a published accuracy."""

MARGIN = 0.05
"""Accuracies that differ by less count as equal: about what 6 of 120 test images are, the fewest that tell two models
apart."""

FEWEST_TRIALS = 10
"""Fewer draws do not tell how much an accuracy varies from draw to draw."""

Verdict = Literal["agrees", "differs", "cannot say"]

FEWER = 0.75
"""Ours counts as trained on fewer images where it had less than this share of the report's."""


def judge(finding: Finding) -> dict[str, Any]:
    """Returns the row that shows a published value beside ours, with a verdict where there can be one.

    Where the report's own draw is repeated, the two must be equal in every printed digit. A test accuracy is one run
    on one draw, and is judged by the prediction interval of one new run of ours: mean +- t s sqrt(1 + 1 / T) over T
    trials that each draw their own split. `agrees` when the difference is shown to be less than MARGIN (two one-sided
    tests at 5 %: Schuirmann, 1987); `differs` when the published value lies outside the interval; else, and with
    fewer than FEWEST_TRIALS trials, `cannot say`. Other quantities have no verdict.
    """
    published, value, interval = finding.figure, finding.value, finding.interval
    difference = None if value is None or published.value is None else value - published.value
    if value is not None and interval is None and published.quantity in ACCURACIES and finding.images:
        interval = wilson(value * finding.images, finding.images)
    verdict, bounds = _verdict(finding)
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
        "note": _note(finding, verdict),
        "difference_low": bounds[0] if bounds else None,
        "difference_high": bounds[1] if bounds else None,
        "agrees": {"agrees": True, "differs": False}.get(verdict or ""),
        "verdict": verdict,
        "table": published.table,
        "command": finding.line or None,
        "draw": "published" if finding.exact else "corrected",
        "configuration": finding.configuration or None,
        "published_right": published.right,
        "published_n": published.images,
    }


def _verdict(finding: Finding) -> tuple[Verdict | None, tuple[float, float] | None]:
    """Returns whether ours and the published value agree, and the 95 % interval of the difference for one new run."""
    value, published = finding.value, finding.figure
    if value is None or published.value is None or published.quantity not in ACCURACIES:
        return None, None
    difference = value - published.value
    if finding.exact:
        return "agrees" if abs(difference) < PRINTED / 2 else "differs", None
    if published.quantity != "test_accuracy":
        return None, None
    if finding.spread is None or finding.trials < FEWEST_TRIALS:
        return "cannot say", None
    half = half_width(finding.spread, finding.trials, LEVEL)
    bounds = difference - half, difference + half
    if abs(difference) + half_width(finding.spread, finding.trials, 2 * LEVEL - 1) < MARGIN:  # 5 % on either side
        return "agrees", bounds
    return "differs" if not bounds[0] <= 0 <= bounds[1] else "cannot say", bounds


def _note(finding: Finding, verdict: Verdict | None) -> str:
    """Returns why the two differ, or why there is no number."""
    reasons = [finding.note] if finding.note else []
    if finding.value is None:
        return " ".join(reasons)
    if finding.figure.why:
        reasons.append(finding.figure.why)
    elif verdict == "differs":
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
