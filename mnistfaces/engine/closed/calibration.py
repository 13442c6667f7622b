"""Probabilities from the scores of a regression: one temperature for all classes.

A regression on one-hot targets gives scores, no probabilities. Divided by a temperature they are taken for logits, and
the temperature is the one under which the true classes are the likeliest: Guo et al., "On calibration of modern neural
networks" (2017). The scores are those of images that did not train: here those left out with their groups, as Platt,
"Probabilistic outputs for support vector machines" (1999), asks; so no validation image is spent, and none is needed.

Legend: n images, C classes.
"""

import math

from torch import Tensor

COLDEST, HOTTEST = 1e-3, 1e2
"""Temperatures below and above make certainties and coin tosses of scores between 0 and 1."""

MOST_STEPS = 100
CLOSE = 1e-10  # relative: the scale moves by less


def temperature_of(scores: Tensor, labels: Tensor, weights: Tensor) -> float:
    """Returns the temperature under which the labels of images are the likeliest.

    The loss is convex in 1 / temperature: Newton's steps, halved towards a bracket of the minimum where they leave it.

    Args:
        scores: (n, C), of images that did not train.
        labels: (n,).
        weights: (n,), what every image counts.
    """
    low, high = 1 / HOTTEST, 1 / COLDEST
    scale, right = math.sqrt(low * high), scores.gather(1, labels[:, None])[:, 0]
    for _ in range(MOST_STEPS):
        probs = (scores * scale).softmax(1)
        mean = (probs * scores).sum(1)
        slope = float(weights @ (mean - right))
        curvature = float(weights @ ((probs * scores.square()).sum(1) - mean.square()))
        low, high = (low, scale) if slope > 0 else (scale, high)
        wanted = scale - slope / curvature if curvature > 0 else math.inf
        new = wanted if low < wanted < high else math.sqrt(low * high)
        if abs(new - scale) <= CLOSE * scale:
            break
        scale = new
    return 1 / scale
