"""Probabilities from their logarithms, most of which may be so low that the probability is zero.

MKL's exponential takes 0.3 ns per number, but 10 to 30 ns where the result is too small for its type: it looks at each
of these alone. A digit's wrong classes get there soon (below -87 in float32), and of 3,000 classes nearly all do: a
third of such a training was spent on zeros. So these numbers are set aside before, and are zero after; the others'
exponentials are MKL's own, to the last bit.
"""

import torch
from torch import Tensor

SHARE = 0.04
"""From this share of zeros on it pays to set them aside: what that takes, some 0.6 ns per number, is then saved."""

EVERY = 31
"""One call in so many counts the zeros: a training has about as many of them from one step to the next. It is a prime,
so that all tiles and blocks of a step have their turn."""

LOWEST = -1e4
"""The exponential of this number is zero in every type."""


class Exponentials:
    """The exponential function for numbers of one type, where a processor computes it.

    Args:
        like: a tensor of the type, on the device.
    """

    def __init__(self, like: Tensor) -> None:
        self._below = _highest_with_zero(like) if like.device.type == "cpu" else None
        self._memory: dict[torch.Size, Tensor] = {}  # by shape: of few shapes that come again and again
        self._calls, self._pays = 0, False

    def __call__(self, logarithms: Tensor) -> Tensor:
        """Returns the exponentials of some numbers of at most 0, in their place."""
        if self._below is None:
            return logarithms.exp_()
        if self._calls % EVERY == 0:
            self._pays = int((logarithms <= self._below).sum()) > SHARE * logarithms.numel()
        self._calls += 1
        if not self._pays:
            return logarithms.exp_()
        if logarithms.shape not in self._memory:
            self._memory[logarithms.shape] = torch.empty_like(logarithms)
        exponentials = torch.threshold(logarithms, self._below, 0, out=self._memory[logarithms.shape]).exp_()
        torch.ops.aten.threshold_backward.grad_input(exponentials, logarithms, self._below, grad_input=logarithms)
        return logarithms


def _highest_with_zero(like: Tensor) -> float:
    """Returns the highest number whose exponential is zero: it depends on whether tiny numbers are taken for zero."""
    zero, more = like.new_full((1,), LOWEST), like.new_zeros(1)
    while zero < (middle := (zero + more) / 2) < more:
        if middle.exp() > 0:
            more = middle
        else:
            zero = middle
    return float(zero)
