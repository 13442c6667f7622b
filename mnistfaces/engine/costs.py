"""The cost of blocks of images, its derivative by the logits, and sums in a fixed order.

T tiles of M places each hold the models of S draws. C classes, B images a block.
"""

from functools import partial

import torch
from torch import Tensor

from mnistfaces.engine.batches import Batch
from mnistfaces.engine.operations import Operation


def sum_in_order(total: Tensor, parts: Tensor, *, first: bool) -> list[Operation]:
    """Returns what adds parts, (J, ...), to a total one by one; the first two of all make the total."""
    rest = parts.unbind()
    if not first:
        return [partial(total.add_, part) for part in rest]
    return [partial(torch.add, rest[0], rest[1], out=total), *sum_in_order(total, parts[2:], first=False)]


def costs_of(log_probs: Tensor, batch: Batch, width: int) -> Tensor:
    """Returns the summed weighted costs of blocks of images, (T / S, S, M) float64 on the host, each summed alone."""
    by_block = log_probs.view(-1, len(batch.labels), width, *log_probs.shape[1:])  # (T / S, S, M, C, B)
    labels = batch.labels[:, None].expand(*by_block.shape[:3], 1, by_block.shape[-1])
    weighted = by_block.gather(3, labels).double().mul_(batch.weight[:, None]).cpu()
    sums = [row.sum() for row in weighted.flatten(0, 2)]
    return torch.stack(sums).neg_().view(by_block.shape[:3])


def descent_of(probs: Tensor, batch: Batch, width: int) -> list[Operation]:
    """Returns what writes dC/dlogits = weight * (p - y), (T * M, C, B), in the place of the probabilities."""
    parts = probs.view(-1, len(batch.labels), width, *probs.shape[1:])  # (T / S, S, M, C, B)
    weight, labels, negated = (part[:, None] for part in (batch.weight, batch.labels, batch.negated))  # (S, 1, 1, B)
    at_label = parts.shape[0], parts.shape[1], width, 1, parts.shape[-1]
    scatter = partial(parts.scatter_add_, 3, labels.expand(at_label), negated.expand(at_label))
    return [partial(parts.mul_, weight), scatter]
