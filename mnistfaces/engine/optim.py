"""Descent on a stack of K models, each with its own learning rate, momentum and weight decay, in place.

An optimizer is a chain of parts. Each part turns the updates of all parameters into others, the first of them the
gradients g, and every chain ends with w <- w - lr u. `OPTIMIZERS` names the chains: another one is a line there.

Legend: K models; a parameter w and its update u are (K, ...), the weights of a layer (K, R, D), its biases (K, R).

A model's numbers do not depend on the others': every operation is elementwise, on parts that fill whole cache lines,
and what differs from model to model is a column, one number per model.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from mnistfaces.config import ADAGRAD_EPS, ADAM_BETAS, ADAM_EPS, RMSPROP_ALPHA, RMSPROP_EPS, StepName, TrainConfig
from mnistfaces.engine.operations import Operation

WEIGHT_AXES = 3
"""Axes of the weights of K layers, (K, R, D); biases have one less."""


Laid = tuple[Sequence[Tensor], list[Operation]]
"""Updates, and what writes them."""


class Part(Protocol):
    """One link of a chain: it is built for the K models of a stack and keeps what it remembers of their past.

    Attributes:
        memory: that past, in tensors that are only ever changed in place.
    """

    memory: list[Tensor]

    def __init__(self, configs: Sequence[TrainConfig], parameters: Sequence[Tensor]) -> None: ...

    def update(self, parameters: Sequence[Tensor], updates: Sequence[Tensor]) -> Laid:
        """Returns where the updates that follow from `updates` will be, and what writes them every step.

        That may overwrite `updates`, never the parameters.
        """


class L2Penalty:
    """u + decay * w for weights, u for biases: the gradient of the cost plus decay / 2 * |weights|^2.

    Source: Hoerl and Kennard, "Ridge regression" (1970).
    """

    def __init__(self, configs: Sequence[TrainConfig], parameters: Sequence[Tensor]) -> None:
        decay = [config.weight_decay for config in configs]
        self.decay = [_column(decay, parameter) for parameter in parameters] if any(decay) else []
        self.memory: list[Tensor] = []

    def update(self, parameters: Sequence[Tensor], updates: Sequence[Tensor]) -> Laid:
        """Adds decay * w to the updates of weights."""
        return updates, [
            partial(update.addcmul_, parameter, decay)
            for parameter, update, decay in zip(parameters, updates, self.decay, strict=False)
            if parameter.dim() == WEIGHT_AXES
        ]


class DecoupledDecay:
    """u + decay * w for weights and biases: with the end of the chain, w shrinks by lr * decay a step.

    Source: Loshchilov and Hutter, "Decoupled weight decay regularization" (2019), algorithm 2, in PyTorch's form: no
    schedule, and every parameter decays.
    """

    def __init__(self, configs: Sequence[TrainConfig], parameters: Sequence[Tensor]) -> None:
        self.decay = [_column([config.weight_decay for config in configs], parameter) for parameter in parameters]
        self.memory: list[Tensor] = []

    def update(self, parameters: Sequence[Tensor], updates: Sequence[Tensor]) -> Laid:
        """Adds decay * w to every update."""
        decayed = zip(parameters, updates, self.decay, strict=True)
        return updates, [partial(update.addcmul_, parameter, decay) for parameter, update, decay in decayed]


class Trace:
    """v <- beta v + u, from v = 0; gives v, which is u where beta is 0.

    Source: Polyak, "Some methods of speeding up the convergence of iteration methods" (1964), equation 9. At a
    constant rate it is the contract's v <- beta v + lr g, w <- w - v.
    """

    def __init__(self, configs: Sequence[TrainConfig], parameters: Sequence[Tensor]) -> None:
        momenta = [config.momentum for config in configs]
        self.beta = [_column(momenta, parameter) for parameter in parameters]
        self.velocity = [torch.zeros_like(parameter) for parameter in parameters] if any(momenta) else []
        self.memory = self.velocity

    def update(self, parameters: Sequence[Tensor], updates: Sequence[Tensor]) -> Laid:  # noqa: ARG002  a part's signature
        """Adds the updates to the velocities, which take their place."""
        if not self.velocity:
            return updates, []
        work = list[Operation]()
        for update, velocity, beta in zip(updates, self.velocity, self.beta, strict=True):
            work += [partial(velocity.mul_, beta), partial(velocity.add_, update)]
        return self.velocity, work


class NesterovTrace(Trace):
    """v <- beta v + u, from v = 0; gives u + beta v: the step is taken from where the velocity would lead.

    Source: Sutskever et al., "On the importance of initialization and momentum in deep learning" (2013), after
    Nesterov (1983), in the form of PyTorch's SGD with `nesterov=True`.
    """

    def update(self, parameters: Sequence[Tensor], updates: Sequence[Tensor]) -> Laid:
        """Adds the velocities to the updates."""
        velocities, work = super().update(parameters, updates)
        moved = zip(updates, velocities, self.beta, strict=True)
        return updates, [*work, *(partial(update.addcmul_, velocity, beta) for update, velocity, beta in moved)]


class RootMeanSquare:
    """s <- alpha s + (1 - alpha) u^2, from s = 0; gives u / (sqrt(s) + eps), elementwise.

    Source: Tieleman and Hinton, "Lecture 6.5: RMSProp" (2012), with PyTorch's alpha = 0.99 and eps = 1e-8.
    """

    def __init__(self, configs: Sequence[TrainConfig], parameters: Sequence[Tensor]) -> None:  # noqa: ARG002  all models have one alpha
        self.square = [torch.zeros_like(parameter) for parameter in parameters]
        self.memory = self.square

    def update(self, parameters: Sequence[Tensor], updates: Sequence[Tensor]) -> Laid:  # noqa: ARG002  a part's signature
        """Divides every update by the root of the running mean of its square."""
        work = list[Operation]()
        for update, square in zip(updates, self.square, strict=True):
            work.append(partial(square.mul_, RMSPROP_ALPHA))
            work.append(partial(square.addcmul_, update, update, value=1 - RMSPROP_ALPHA))
            work.append(partial(_divide_by_root, update, square, RMSPROP_EPS))
        return updates, work


class RootSumSquares:
    """s <- s + u^2, from s = 0; gives u / (sqrt(s) + eps), elementwise.

    Source: Duchi, Hazan and Singer, "Adaptive subgradient methods" (2011), figure 1, with PyTorch's eps = 1e-10.
    """

    def __init__(self, configs: Sequence[TrainConfig], parameters: Sequence[Tensor]) -> None:  # noqa: ARG002  all models have one eps
        self.square = [torch.zeros_like(parameter) for parameter in parameters]
        self.memory = self.square

    def update(self, parameters: Sequence[Tensor], updates: Sequence[Tensor]) -> Laid:  # noqa: ARG002  a part's signature
        """Divides every update by the root of the sum of its squares."""
        work = list[Operation]()
        for update, square in zip(updates, self.square, strict=True):
            work.append(partial(square.addcmul_, update, update))
            work.append(partial(_divide_by_root, update, square, ADAGRAD_EPS))
        return updates, work


class Moments:
    """m <- b1 m + (1 - b1) u and s <- b2 s + (1 - b2) u^2; gives m' / (sqrt(s') + eps), both without their bias to 0.

    m' = m / (1 - b1^t) and s' = s / (1 - b2^t) after t steps; b1 = 0.9, b2 = 0.999, eps = 1e-8.

    Source: Kingma and Ba, "Adam" (2015), algorithm 1. PyTorch's fused kernel does it for all models at once: told to
    maximize at rate 1 from 0, which a decoupled decay of 1 makes of whatever stands there, it writes just this update;
    here in the place of u itself.
    """

    def __init__(self, configs: Sequence[TrainConfig], parameters: Sequence[Tensor]) -> None:  # noqa: ARG002  all models have the same betas
        self.first, self.second = ([torch.zeros_like(part) for part in parameters] for _ in range(2))
        self.steps = [torch.zeros((), device=parameter.device) for parameter in parameters]
        self.memory = [*self.first, *self.second, *self.steps]

    def update(self, parameters: Sequence[Tensor], updates: Sequence[Tensor]) -> Laid:  # noqa: ARG002  a part's signature
        """Turns the updates into those that the moments give."""
        fused = partial(
            torch._fused_adamw_,
            list(updates),
            list(updates),
            self.first,
            self.second,
            [],
            self.steps,
            lr=1.0,
            beta1=ADAM_BETAS[0],
            beta2=ADAM_BETAS[1],
            weight_decay=1.0,
            eps=ADAM_EPS,
            amsgrad=False,
            maximize=True,
        )
        return updates, [*(partial(steps.add_, 1) for steps in self.steps), fused]


OPTIMIZERS: Mapping[StepName, tuple[type[Part], ...]] = {
    "gd": (L2Penalty, Trace),
    "nesterov": (L2Penalty, NesterovTrace),
    "rmsprop": (L2Penalty, RootMeanSquare),
    "adagrad": (L2Penalty, RootSumSquares),
    "adam": (L2Penalty, Moments),
    "adamw": (Moments, DecoupledDecay),
}
"""The parts of every optimizer, from the gradient on."""


class Optimizer:
    """A chain of parts for K models, and at its end w <- w - lr u."""

    def __init__(self, configs: Sequence[TrainConfig], parameters: Sequence[Tensor]) -> None:
        """Builds the chain that all configurations name.

        Args:
            configs: K of them, alike but for learning rate, momentum and weight decay.
            parameters: (K, ...) each, as `step` will move them.
        """
        self.lr = [_column([config.lr for config in configs], parameter) for parameter in parameters]
        self.parts = [part(configs, parameters) for part in OPTIMIZERS[configs[0].optimizer]]  # type: ignore[index]  # lbfgs is none of steps

    @property
    def memory(self) -> list[Tensor]:
        """Returns what the parts remember of the steps before: who writes into it goes on from other steps."""
        return [tensor for part in self.parts for tensor in part.memory]

    def steps(self, parameters: Sequence[Tensor], grads: Sequence[Tensor]) -> list[Operation]:
        """Returns what moves the parameters by one step along `grads`, (K, ...) each; overwrites the gradients."""
        updates, work = grads, list[Operation]()
        for part in self.parts:
            updates, more = part.update(parameters, updates)
            work += more
        moves = zip(parameters, updates, self.lr, strict=True)
        return [*work, *(partial(parameter.addcmul_, update, lr, value=-1) for parameter, update, lr in moves)]


def _divide_by_root(update: Tensor, square: Tensor, eps: float) -> None:
    """Divides an update by the root of its square, elementwise."""
    update.div_(square.sqrt().add_(eps))


def _column(values: Sequence[float], like: Tensor) -> Tensor:
    """Returns one value per model, shaped to multiply a parameter (K, ...)."""
    return torch.tensor(values, dtype=like.dtype, device=like.device).view(-1, *[1] * (like.dim() - 1))
