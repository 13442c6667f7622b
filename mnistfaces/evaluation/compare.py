"""Are two models different? Their answers, paired on the same images."""

import itertools
from collections.abc import Iterator, Sequence

from mnistfaces.evaluation.advice import DIFFERENCE, advice_line
from mnistfaces.evaluation.contenders import Contender
from mnistfaces.experiments.trials import Row
from mnistfaces.statistics.differences import equivalence, match_trials, paired_difference, verdict
from mnistfaces.statistics.intervals import accuracy_interval
from mnistfaces.statistics.planning import Design, assumptions_of
from mnistfaces.statistics.proportions import LEVEL
from mnistfaces.statistics.scores import Board, TrialScores
from mnistfaces.statistics.selection import holm
from mnistfaces.statistics.variance import WILD


def compare(contenders: Sequence[Contender], *, margin: float | None = None) -> Iterator[Row]:
    """Yields a row per pair: the difference in accuracy, a less b, with its paired 95 % interval and p value.

    p is adjusted for the number of pairs (Holm 1979), and the verdict goes by it; each interval stands for its pair
    alone. `a_above_b` is the share of trials in which a was more accurate.

    Args:
        contenders: two or more.
        margin: differences smaller than that count as none: the verdict says whether equality within it is shown.

    Raises:
        DataError: two were not tested on the same images.
    """
    pairs = list(itertools.combinations(contenders, 2))
    results = [paired_difference(*_matched(a, b)) for a, b in pairs]
    for (a, b), result, p in zip(pairs, results, holm([result.p for result in results]), strict=True):
        if margin is None:
            said = verdict(result, a.name, b.name, p=p)
        else:
            both_tests = paired_difference(*_matched(a, b), level=1 - 2 * (1 - LEVEL))  # two one-sided tests
            said = equivalence(both_tests, margin, p=p, names=(a.name, b.name))
        yield {
            "a": a.name,
            "b": b.name,
            "difference": result.difference,
            "low": result.low,
            "high": result.high,
            "p": p,
            "n": result.n,
            "discordant": result.discordant,
            "a_above_b": result.above,
            "verdict": said,
            "caution": WILD if result.wild else "",
        }


def advice(contenders: Sequence[Contender]) -> str:
    """Returns what it takes to tell the two most accurate contenders apart; "" where their answers cannot say."""
    ranked = sorted(contenders, key=lambda contender: -accuracy_interval(list(contender.trials.values())).mean)
    trials = _matched(*ranked[:2])
    board = Board.of(trials)
    assumed = assumptions_of(board, 0, [1])
    present = Design(images=board.tested.shape[1], seeds=len(trials[0]))
    return "" if assumed is None else advice_line(assumed, DIFFERENCE, present)


def _matched(a: Contender, b: Contender) -> tuple[list[TrialScores], list[TrialScores]]:
    """Returns the trials of two contenders that belong together: by seed and fold, or one against each."""
    shared = [pair for pair in a.trials if pair in b.trials]
    if shared:
        return [a.trials[pair] for pair in shared], [b.trials[pair] for pair in shared]
    return match_trials(list(a.trials.values()), list(b.trials.values()))
