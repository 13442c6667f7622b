"""What a person is told after an experiment: how much more it takes to tell models apart."""

from mnistfaces.statistics.planning import POWER, Assumptions, Design, advise

DIFFERENCE = 0.02
"""What a sweep and a comparison plan for: smaller differences hardly matter here."""


def advice_line(assumed: Assumptions, difference: float, present: Design) -> str:
    """Returns in one sentence what it takes to tell models apart that differ by `difference`."""
    found, points = advise(assumed, difference, present), f"{100 * difference:g} points"
    if found.design is None:
        return f"to tell these apart by {points} 10 million images x 100 seeds are not enough"
    if found.now >= POWER:
        return f"models that differ by {points} are told apart {found.now:.0%} of the time with what there is"
    images, seeds = found.design.images, found.design.seeds
    folds = f" in {present.folds} folds" if present.folds else ""
    if found.seeds_alone:
        return f"to tell these apart by {points} you need {images:,} images{folds} x {seeds} seeds"
    needed = f"{_round_up(images):,} images{folds} x {seeds} seeds"
    return f"to tell these apart by {points} you need {needed}; more seeds alone will not help"


def _round_up(count: int) -> int:
    """Returns a count rounded up to two digits."""
    step = int(10 ** max(0, len(str(count)) - 2))
    return -(-count // step) * step
