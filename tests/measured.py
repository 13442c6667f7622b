"""What a measure of a training says, to the last bit, in a form that compares."""

from typing import Any

from mnistfaces.engine.records import Measure


def told(measure: Measure) -> dict[str, Any]:
    """Returns everything that a measure says, but for the clock."""
    scores = [measure.train, measure.val, measure.test]
    return {
        "epoch": measure.epoch,
        "status": measure.status,
        "scores": [None if one is None else (one.loss, one.accuracy, one.predicted.tolist()) for one in scores],
        "weights": {name: values.tobytes() for name, values in (measure.weights or {}).items()},
    }
