"""Trials by what they answered right."""

import numpy as np
from numpy.typing import ArrayLike

from mnistfaces.statistics.scores import TrialScores


def trial(
    correct: ArrayLike,
    images: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    train_n: int = 600,
    pool_n: int | None = None,
) -> TrialScores:
    correct = np.asarray(correct, bool)
    images = np.arange(len(correct)) if images is None else np.asarray(images)
    groups = images if groups is None else np.asarray(groups)
    ids = np.char.add("image-", images.astype(str))
    return TrialScores(correct=correct, ids=ids, groups=groups, train_n=train_n, pool_n=pool_n)
