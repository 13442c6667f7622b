"""The peers that our claims are measured against, written out from their description, independent of the package.

N images, D inputs, C classes, X and Y points along the first and second weight.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def course_cost(weight: Floats, bias: Floats, columns: Floats, truth: Floats) -> float:
    """Returns the summed cost by one full forward pass, as the report computed every point of its surface.

    Args:
        weight: (C, D).
        bias: (C, 1).
        columns: (D, N), one image per column.
        truth: (C, N), one-hot.
    """
    logits = weight @ columns + bias
    odds = np.exp(logits - logits.max(axis=0))
    probs = odds / odds.sum(axis=0)
    return float(-(truth * np.log(probs)).sum())


def vectorised_rows(
    axes: tuple[Floats, Floats], pixels: Floats, odds: Floats, target: NDArray[np.bool_], block: int = 32
) -> Floats:
    """Returns what moves of the cost over two weights of one class, by its closed form at every point, (Y, X).

    The strongest direct way that we know: images without these pixels left out, exponentials taken along the axes
    only, blocks of images that stay in the cache, one logarithm an image and point.

    Args:
        axes: values of the first weight, (X,), and of the second, (Y,).
        pixels: (n, 2) of the images that use them.
        odds: (n,) exp of the class's logit at zero weights over the sum of the others' exp.
        target: (n,) whether the class is the true one.
        block: images at a time.
    """
    w1, w2 = axes
    along = np.exp(np.multiply.outer(pixels[:, 0], w1))  # (n, X)
    terms = np.empty((block, len(w1)))
    cost = np.empty((len(w2), len(w1)))
    pull = pixels[target].sum(axis=0)
    settled = np.log(odds[target]).sum()
    for row, second in enumerate(w2):
        factor = (odds * np.exp(pixels[:, 1] * second))[:, None]
        total = -(settled + pull[0] * w1 + pull[1] * second)
        for start in range(0, len(factor), block):
            part = terms[: len(factor[start : start + block])]
            np.multiply(along[start : start + block], factor[start : start + block], out=part)
            part += 1
            total += np.log(part, out=part).sum(axis=0)
        cost[row] = total
    return cost
