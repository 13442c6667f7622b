"""The kept model that a command was given."""

import sys
from typing import TYPE_CHECKING

from mnistfaces.cli._output import Output

if TYPE_CHECKING:
    from mnistfaces.runs.runs import Run


def find_model(run: str, streams: Output) -> "Run":
    """Returns the run of a model that RUN means; says which, where it is the best of a sweep.

    Raises:
        RunError: there is no such run.
    """
    from mnistfaces.runs import models
    from mnistfaces.runs.best import BestModel

    model = models.find_model(run, sys.stdin if run == "-" else ())
    if isinstance(model, BestModel):
        streams.note(model.told)
    return model
