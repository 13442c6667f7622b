"""What hidden units do with their sums, in place, and how their outputs tell the slope of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from mnistfaces.config import Activation


@dataclass(frozen=True, kw_only=True)
class Nonlinearity:
    """An activation f that keeps 0 at 0, so that padding stays zero.

    Attributes:
        apply: overwrites z with f(z) and returns it.
        slope: overwrites f(z) with f'(z) and returns it.
    """

    apply: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]


ACTIVATIONS: Mapping[Activation, Nonlinearity] = {
    "relu": Nonlinearity(apply=lambda sums: sums.relu_(), slope=lambda outputs: outputs.sign_()),
    "tanh": Nonlinearity(apply=lambda sums: sums.tanh_(), slope=lambda outputs: outputs.square_().neg_().add_(1)),
}
