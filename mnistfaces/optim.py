"""Descent on a stack of K models, each with its own learning rate and momentum, in place.

A stack's parameters are a list of tensors (K, ...); models k, k + 1, ... that share a learning rate are
neighbours, which is what `Adam` relies on.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from mnistfaces.config import TrainConfig

BETA1, BETA2, ADAM_EPS = 0.9, 0.999, 1e-8


def _column(values: Sequence[float], like: Tensor) -> Tensor:
    """Returns one value a model, shaped to multiply a parameter (K, ...)."""
    return torch.tensor(values, dtype=like.dtype, device=like.device).view(-1, *[1] * (like.dim() - 1))


def _add_weight_decay(parameters: Sequence[Tensor], grads: Sequence[Tensor], decay: Sequence[float]) -> None:
    """Adds decay * w to the gradient of every weight; biases, which have one axis a model, go free."""
    for parameter, grad in zip(parameters, grads, strict=True):
        if parameter.dim() > 2:  # noqa: PLR2004  models, rows, columns
            grad.addcmul_(parameter, _column(decay, parameter))


class GradientDescent:
    """v <- beta v + lr grad, w <- w - v: vanilla descent where beta is 0, else momentum (Polyak, 1964)."""

    def __init__(self, configs: Sequence[TrainConfig], parameters: Sequence[Tensor]) -> None:
        self.lr = [_column([config.lr for config in configs], parameter) for parameter in parameters]
        self.beta = [_column([config.momentum for config in configs], parameter) for parameter in parameters]
        self.has_momentum = any(config.momentum for config in configs)
        self.decay = [config.weight_decay for config in configs]
        self.velocity = [torch.zeros_like(parameter) for parameter in parameters]

    def step(self, parameters: Sequence[Tensor], grads: Sequence[Tensor]) -> None:
        """Moves the parameters by one step along `grads`, (K, ...) each; overwrites the gradients."""
        if any(self.decay):
            _add_weight_decay(parameters, grads, self.decay)
        for parameter, grad, velocity, lr, beta in zip(
            parameters, grads, self.velocity, self.lr, self.beta, strict=True
        ):
            grad.mul_(lr)
            if self.has_momentum:
                grad = velocity.mul_(beta).add_(grad)  # noqa: PLW2901  the step that this parameter takes
            parameter.sub_(grad)


class Adam:
    """Kingma and Ba, "Adam" (2015), algorithm 1, with PyTorch's fused kernel on runs of equal learning rates."""

    def __init__(self, configs: Sequence[TrainConfig], parameters: Sequence[Tensor]) -> None:
        self.decay = [config.weight_decay for config in configs]
        self.first = [torch.zeros_like(parameter) for parameter in parameters]
        self.second = [torch.zeros_like(parameter) for parameter in parameters]
        self.steps = [torch.zeros((), device=parameter.device) for parameter in parameters]
        rates = [config.lr for config in configs]
        starts = [k for k in range(len(rates)) if k == 0 or rates[k] != rates[k - 1]]
        self.runs = [
            (slice(start, stop), rates[start]) for start, stop in zip(starts, [*starts[1:], len(rates)], strict=True)
        ]

    def step(self, parameters: Sequence[Tensor], grads: Sequence[Tensor]) -> None:
        """Moves the parameters by one step along `grads`, (K, ...) each; overwrites the gradients."""
        if any(self.decay):
            _add_weight_decay(parameters, grads, self.decay)
        for steps in self.steps:
            steps.add_(1)
        for run, lr in self.runs:
            torch._fused_adam_(
                [parameter[run] for parameter in parameters],
                [grad[run] for grad in grads],
                [first[run] for first in self.first],
                [second[run] for second in self.second],
                [],
                self.steps,
                lr=lr,
                beta1=BETA1,
                beta2=BETA2,
                weight_decay=0.0,
                eps=ADAM_EPS,
                amsgrad=False,
                maximize=False,
            )


def build_optimizer(configs: Sequence[TrainConfig], parameters: Sequence[Tensor]) -> GradientDescent | Adam:
    """Returns the optimizer of a stack whose models all name the same one."""
    return Adam(configs, parameters) if configs[0].optimizer == "adam" else GradientDescent(configs, parameters)
