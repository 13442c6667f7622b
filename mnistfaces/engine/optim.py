"""Descent on a stack of K models, each with its own learning rate and momentum, in place.

A stack's parameters are a list of tensors (K, ...). A model's numbers do not depend on the others': every operation
is elementwise, on parts that fill whole cache lines.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from mnistfaces.config import TrainConfig

BETA1, BETA2, ADAM_EPS = 0.9, 0.999, 1e-8


def _column(values: Sequence[float], like: Tensor) -> Tensor:
    """Returns one value a model, shaped to multiply a parameter (K, ...)."""
    return torch.tensor(values, dtype=like.dtype, device=like.device).view(-1, *[1] * (like.dim() - 1))


class _WeightDecay:
    """Adds decay * w to the gradient of every weight; biases, which have one axis a model, go free."""

    def __init__(self, configs: Sequence[TrainConfig], parameters: Sequence[Tensor]) -> None:
        decay = [config.weight_decay for config in configs]
        self.columns = [_column(decay, parameter) for parameter in parameters] if any(decay) else []

    def add(self, parameters: Sequence[Tensor], grads: Sequence[Tensor]) -> None:
        for parameter, grad, column in zip(parameters, grads, self.columns, strict=False):
            if parameter.dim() > 2:  # noqa: PLR2004  models, rows, columns
                grad.addcmul_(parameter, column)


class GradientDescent:
    """v <- beta v + grad, w <- w - lr v: vanilla descent where beta is 0, else momentum (Polyak, 1964).

    At a constant rate it is the contract's v <- beta v + lr grad, w <- w - v.
    """

    def __init__(self, configs: Sequence[TrainConfig], parameters: Sequence[Tensor]) -> None:
        self.lr = [_column([config.lr for config in configs], parameter) for parameter in parameters]
        self.beta = [_column([config.momentum for config in configs], parameter) for parameter in parameters]
        self.has_momentum = any(config.momentum for config in configs)
        self.decay = _WeightDecay(configs, parameters)
        self.velocity = [torch.zeros_like(parameter) for parameter in parameters] if self.has_momentum else []

    def step(self, parameters: Sequence[Tensor], grads: Sequence[Tensor]) -> None:
        """Moves the parameters by one step along `grads`, (K, ...) each; overwrites the gradients."""
        self.decay.add(parameters, grads)
        if self.has_momentum:
            for grad, velocity, beta in zip(grads, self.velocity, self.beta, strict=True):
                velocity.mul_(beta).add_(grad)
            grads = self.velocity
        for parameter, grad, lr in zip(parameters, grads, self.lr, strict=True):
            parameter.addcmul_(grad, lr, value=-1)


class Adam:
    """Kingma and Ba, "Adam" (2015), algorithm 1, with PyTorch's fused kernel for all models at once.

    The kernel knows one learning rate: it writes the steps at rate 1, which are then scaled. Its decoupled weight
    decay of 1 clears the step before.
    """

    def __init__(self, configs: Sequence[TrainConfig], parameters: Sequence[Tensor]) -> None:
        self.lr = [_column([config.lr for config in configs], parameter) for parameter in parameters]
        self.decay = _WeightDecay(configs, parameters)
        self.moves, self.first, self.second = ([torch.zeros_like(part) for part in parameters] for _ in range(3))
        self.steps = [torch.zeros((), device=parameter.device) for parameter in parameters]

    def step(self, parameters: Sequence[Tensor], grads: Sequence[Tensor]) -> None:
        """Moves the parameters by one step along `grads`, (K, ...) each; overwrites the gradients."""
        self.decay.add(parameters, grads)
        for steps in self.steps:
            steps.add_(1)
        torch._fused_adamw_(
            self.moves,
            list(grads),
            self.first,
            self.second,
            [],
            self.steps,
            lr=1.0,
            beta1=BETA1,
            beta2=BETA2,
            weight_decay=1.0,
            eps=ADAM_EPS,
            amsgrad=False,
            maximize=False,
        )
        for parameter, move, lr in zip(parameters, self.moves, self.lr, strict=True):
            parameter.addcmul_(move, lr)


def build_optimizer(configs: Sequence[TrainConfig], parameters: Sequence[Tensor]) -> GradientDescent | Adam:
    """Returns the optimizer of a stack whose models all name the same one."""
    return Adam(configs, parameters) if configs[0].optimizer == "adam" else GradientDescent(configs, parameters)
