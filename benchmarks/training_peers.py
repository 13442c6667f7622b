"""The peers of training, written out from their description, independent of the package.

N images, D inputs, C classes, B images per batch.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

Floats = NDArray[np.float64]
Stacked = dict[str, torch.Tensor]
Pair = tuple[torch.Tensor, torch.Tensor]
VmapStep = Callable[[tuple[Stacked, Stacked, Stacked], Pair, Pair], None]


def _course_probs(weight: Floats, bias: Floats, columns: Floats) -> Floats:
    logits = weight @ columns + bias
    odds = np.exp(logits - logits.max(axis=0))
    return odds / odds.sum(axis=0)


def course_descent(columns: Floats, truth: Floats, lr: float, steps: int) -> tuple[Floats, Floats]:
    """Returns weights (C, D) and biases (C, 1) after full-batch descent on the summed cost, as the report did it.

    float64, the gradient of the weights and that of the biases each with a forward pass of its own.

    Args:
        columns: (D, N), one image per column.
        truth: (C, N), one-hot.
        lr: learning rate.
        steps: iterations.
    """
    weight, bias = np.zeros((len(truth), len(columns))), np.zeros((len(truth), 1))
    for _ in range(steps):
        by_weight = (_course_probs(weight, bias, columns) - truth) @ columns.T
        by_bias = (_course_probs(weight, bias, columns) - truth).sum(axis=1, keepdims=True)
        weight -= lr * by_weight
        bias -= lr * by_bias
    return weight, bias


def course_cost(weight: Floats, bias: Floats, columns: Floats, truth: Floats) -> float:
    """Returns the mean cost by one forward pass."""
    return float(-(truth * np.log(_course_probs(weight, bias, columns))).sum() / truth.shape[1])


def torch_descent(model: nn.Module, rows: torch.Tensor, labels: torch.Tensor, lr: float, steps: int) -> Iterator[None]:
    """Yields after each full-batch step of plain descent on the summed cost, as PyTorch's tutorials write it."""
    cost, optimizer = nn.CrossEntropyLoss(reduction="sum"), torch.optim.SGD(model.parameters(), lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        cost(model(rows), labels).backward()
        optimizer.step()
        yield


def torch_minibatches(
    model: nn.Module, rows: torch.Tensor, labels: torch.Tensor, lr: float, plan: torch.Tensor
) -> None:
    """Trains one model by Adam on the mean cost of the minibatches in `plan`, (steps, B), in eager PyTorch."""
    cost, optimizer = nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters(), lr=lr)
    for batch in plan:
        optimizer.zero_grad()
        cost(model(rows[batch]), labels[batch]).backward()
        optimizer.step()


def build_vmap_step(model: nn.Module, *, compiled: bool) -> VmapStep:
    """Returns a step of Adam for K stacked models with `torch.func`, in place: eager, or through `torch.compile`.

    It takes parameters, first and second moments (K, ...) by name, inputs (K, B, D), labels (K, B), and two (K,)
    tensors: the learning rates over 1 - 0.9 ** t, and 1 - 0.999 ** t.
    """
    from torch.func import functional_call, grad, vmap

    def loss(one: Stacked, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(functional_call(model, one, (inputs,)), targets)

    gradient = vmap(grad(loss))

    def step(state: tuple[Stacked, Stacked, Stacked], batch: Pair, scales: Pair) -> None:
        parameters, first, second = state
        grads = gradient(parameters, *batch)
        for name, value in parameters.items():
            first[name].lerp_(grads[name], 0.1)
            second[name].mul_(0.999).addcmul_(grads[name], grads[name], value=0.001)
            scale, shrink = (part.view(-1, *[1] * (value.dim() - 1)) for part in scales)
            value.sub_(first[name] * scale / (second[name] / shrink).sqrt_().add_(1e-8))

    return torch.compile(step) if compiled else step


def vmap_minibatches(
    step: VmapStep, models: list[nn.Module], data: Pair, rates: torch.Tensor, plans: torch.Tensor
) -> Stacked:
    """Trains K stacked models by Adam with `torch.func` and returns their parameters, (K, ...) by name.

    Args:
        step: from `build_vmap_step`.
        models: K of one architecture.
        data: rows (N, D) and labels (N,).
        rates: (K,) learning rates.
        plans: (K, steps, B) minibatches.
    """
    from torch.func import stack_module_state

    parameters = {name: value.detach() for name, value in stack_module_state(models)[0].items()}
    first, second = ({name: torch.zeros_like(value) for name, value in parameters.items()} for _ in range(2))
    for number in range(plans.shape[1]):
        batch = plans[:, number]
        shrink = torch.full_like(rates, 1 - 0.999 ** (number + 1))
        step((parameters, first, second), (data[0][batch], data[1][batch]), (rates / (1 - 0.9 ** (number + 1)), shrink))
    return parameters
