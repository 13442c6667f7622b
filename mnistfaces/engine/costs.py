"""The cost of blocks of images, its derivative by the logits, and sums in a fixed order.

T tiles of M places each hold the models of S draws. C classes, B images a block.
"""

import torch
from torch import Tensor

from mnistfaces.engine.batches import Batch


def add_in_order(total: Tensor, parts: Tensor, *, first: bool) -> None:
    """Adds parts, (J, ...), to a total one by one; the first two of all make the total."""
    rest = parts.unbind()
    if first:
        torch.add(rest[0], rest[1], out=total)
        rest = rest[2:]
    for part in rest:
        total.add_(part)


def costs_of(log_probs: Tensor, batch: Batch, width: int) -> Tensor:
    """Returns the summed weighted costs of blocks of images, (T / S, S, M) float64 on the host, each summed alone."""
    by_block = log_probs.view(-1, len(batch.labels), width, *log_probs.shape[1:])  # (T / S, S, M, C, B)
    labels = batch.labels[:, None].expand(*by_block.shape[:3], 1, by_block.shape[-1])
    weighted = by_block.gather(3, labels).double().mul_(batch.weight[:, None]).cpu()
    sums = [row.sum() for row in weighted.flatten(0, 2)]
    return torch.stack(sums).neg_().view(by_block.shape[:3])


def residual(probs: Tensor, batch: Batch, width: int) -> Tensor:
    """Returns dC/dlogits = weight * (p - y), (T * M, C, B), in the place of the probabilities."""
    shape, probs = probs.shape, probs.view(-1, len(batch.labels), width, *probs.shape[1:])  # (T / S, S, M, C, B)
    weight, labels = batch.weight[:, None], batch.labels[:, None]  # (S, 1, 1, B)
    at_label = probs.shape[0], probs.shape[1], width, 1, probs.shape[-1]
    return probs.mul_(weight).scatter_add_(3, labels.expand(at_label), weight.neg().expand(at_label)).view(shape)
