"""The board: contenders on the same images, in the order of their accuracy, and which cannot be told from the best."""

from collections.abc import Sequence

from mnistfaces.errors import DataError
from mnistfaces.evaluation.contenders import Contender, Trials
from mnistfaces.experiments.trials import Row
from mnistfaces.statistics.differences import match_trials
from mnistfaces.statistics.intervals import accuracy_intervals
from mnistfaces.statistics.scores import Board, TrialScores
from mnistfaces.statistics.selection import confidence_set


def rank(contenders: Sequence[Contender], trials: Trials) -> list[Row]:
    """Returns a row per contender, the most accurate first; those that cannot be judged come last, with the reason.

    Contenders of one accuracy share a rank. `tied` are those in the 95 % confidence set of the best
    (`mnistfaces.statistics.selection.confidence_set`), which holds over all of them together.

    Args:
        contenders: in any order. One with a problem whose earlier answers stand is ranked by those.
        trials: on whose test images all are judged, of a run.
    """
    judged: list[tuple[Contender, list[TrialScores]]] = []
    failed: list[Row] = []
    for contender in contenders:
        try:
            judged.append((contender, _aligned(contender, trials)))
        except DataError as error:
            failed.append(_row(contender, {"status": "failed", "note": str(error)}))
    if not judged:
        return failed
    board = Board.of([scores for _, scores in judged])
    found, tied = accuracy_intervals(board), confidence_set(board)
    rows = [
        _row(
            contender,
            {
                "rank": 1 + int((found.mean > found.mean[number]).sum()),
                "accuracy": float(found.mean[number]),
                "low": float(found.low[number]),
                "high": float(found.high[number]),
                "n": board.images,
                "tied": bool(tied[number]),
                "status": "failed" if contender.problem else "ok",
                "note": "; ".join(filter(None, (contender.problem, contender.note))),
            },
        )
        for number, (contender, _) in enumerate(judged)
    ]
    return [*sorted(rows, key=lambda row: row["rank"]), *failed]


def _row(contender: Contender, found: Row) -> Row:
    fields = ("rank", "contender", "accuracy", "low", "high", "n", "tied", "status", "note")
    return {**dict.fromkeys(fields), "contender": contender.name, **found}


def _aligned(contender: Contender, trials: Trials) -> list[TrialScores]:
    """Returns a contender's scores in the trials of a run: those of the same seeds and folds, or its only one in each.

    Raises:
        DataError: it has other trials, or was tested on other images.
    """
    if not contender.trials:
        raise DataError(contender.problem)
    same = [contender.trials[pair] for pair in trials if pair in contender.trials]
    own = same if len(same) == len(trials) else list(contender.trials.values())
    return match_trials(list(trials.values()), own)[1]
