"""Which class of an image is the most likely one.

M models, J blocks of B images, C classes.
"""

import torch
from torch import Tensor

TOGETHER, FEW = 16, 64
"""Of more than a few classes, the largest of so many together is found before the first among them is."""


def first_largest(values: Tensor) -> Tensor:
    """Returns the first class with the largest value, (M, J, 1, B), of (M, J, C, B), in one pass over them.

    The first of some classes that holds it is found, then the class among these. torch's own argmax along an inner axis
    takes as long as a product of the whole training step.
    """
    if values.shape[2] <= FEW:
        return _first_equal(values, values.amax(2, keepdim=True))
    full = values.shape[2] // TOGETHER * TOGETHER
    whole, rest = values[:, :, :full], values[:, :, full:]
    largest = [
        whole.view(*whole.shape[:2], -1, TOGETHER, whole.shape[3]).amax(3),
        *([rest.amax(2, keepdim=True)] if rest.shape[2] else []),
    ]
    most = torch.cat(largest, 2)  # (M, J, C / TOGETHER, B)
    most_of_all = most.amax(2, keepdim=True)
    begin = _first_equal(most, most_of_all) * TOGETHER
    among = begin + torch.arange(TOGETHER, device=values.device)[:, None]  # (M, J, TOGETHER, B)
    return begin + _first_equal(values.gather(2, among.clamp_(max=values.shape[2] - 1)), most_of_all)


def _first_equal(values: Tensor, sought: Tensor) -> Tensor:
    """Returns the first of some rows of (M, J, R, B) that is equal to what is sought, (M, J, 1, B); R where none is."""
    rows = values.shape[2]
    backwards = torch.arange(rows, 0, -1, dtype=torch.int16, device=values.device)[:, None]
    equal = (values == sought) * backwards  # (M, J, R, B)
    return rows - equal.amax(2, keepdim=True).to(torch.int64)
