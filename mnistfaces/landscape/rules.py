"""The step of every optimizer on one vector of weights, in float64: what `engine.optim` does for a stack of models.

A rule is made once per path and remembers its past: from the weights w, (P,), and the gradient g of the cost in them,
(P,), it gives the step d of w <- w - d. The sources of the formulas stand in `engine.optim`; here they need no torch.
"""

from collections.abc import Callable, Mapping

import numpy as np

from mnistfaces.config import (
    ADAGRAD_EPS,
    ADAM_BETAS,
    ADAM_EPS,
    OPTIMIZER_DEFAULTS,
    RMSPROP_ALPHA,
    RMSPROP_EPS,
    StepName,
)
from mnistfaces.landscape.plane import Floats

Rule = Callable[[Floats, Floats], Floats]
"""Returns the step from the weights and the gradient."""


def _descent(lr: float, momentum: float) -> Rule:
    """V <- beta v + lr g, d = v."""
    velocity: Floats = np.zeros(1)

    def step(_weights: Floats, gradient: Floats) -> Floats:
        nonlocal velocity
        velocity = momentum * velocity + lr * gradient
        return velocity

    return step


def _nesterov(lr: float, momentum: float) -> Rule:
    """V <- beta v + g, d = lr (g + beta v)."""
    velocity: Floats = np.zeros(1)

    def step(_weights: Floats, gradient: Floats) -> Floats:
        nonlocal velocity
        velocity = momentum * velocity + gradient
        return lr * (gradient + momentum * velocity)

    return step


def _rmsprop(lr: float, _momentum: float) -> Rule:
    """S <- alpha s + (1 - alpha) g^2, d = lr g / (sqrt(s) + eps)."""
    square: Floats = np.zeros(1)

    def step(_weights: Floats, gradient: Floats) -> Floats:
        nonlocal square
        square = RMSPROP_ALPHA * square + (1 - RMSPROP_ALPHA) * gradient**2
        return lr * gradient / (np.sqrt(square) + RMSPROP_EPS)

    return step


def _adagrad(lr: float, _momentum: float) -> Rule:
    """S <- s + g^2, d = lr g / (sqrt(s) + eps)."""
    square: Floats = np.zeros(1)

    def step(_weights: Floats, gradient: Floats) -> Floats:
        nonlocal square
        square = square + gradient**2
        return lr * gradient / (np.sqrt(square) + ADAGRAD_EPS)

    return step


def _adam(lr: float, _momentum: float) -> Rule:
    """M <- b1 m + (1 - b1) g, s <- b2 s + (1 - b2) g^2, d = lr m' / (sqrt(s') + eps), m' and s' without their bias."""
    beta1, beta2 = ADAM_BETAS
    first: Floats = np.zeros(1)
    second: Floats = np.zeros(1)
    steps = 0

    def step(_weights: Floats, gradient: Floats) -> Floats:
        nonlocal first, second, steps
        steps += 1
        first = beta1 * first + (1 - beta1) * gradient
        second = beta2 * second + (1 - beta2) * gradient**2
        root = np.sqrt(second / (1 - beta2**steps))
        return lr * first / (1 - beta1**steps) / (root + ADAM_EPS)

    return step


def _adamw(lr: float, momentum: float) -> Rule:
    """D = lr (decay w + what Adam steps)."""
    adam, decay = _adam(lr, momentum), OPTIMIZER_DEFAULTS["adamw"].weight_decay

    def step(weights: Floats, gradient: Floats) -> Floats:
        return lr * decay * weights + adam(weights, gradient)

    return step


RULES: Mapping[StepName, Callable[[float, float], Rule]] = {
    "gd": _descent,
    "nesterov": _nesterov,
    "rmsprop": _rmsprop,
    "adagrad": _adagrad,
    "adam": _adam,
    "adamw": _adamw,
}
"""The rule of every optimizer, made from its learning rate and momentum."""
