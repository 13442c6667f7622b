"""K models of one architecture on the device, and one step of training for all of them.

Legend: G cells (configurations), S draws (a split and a seed), K = G * S models, cell-major: model k has draw
k mod S. J blocks of B images a batch, D inputs, C classes.

Each model's arithmetic is laid out by its own configuration and data alone (see `models.tiles`), so its numbers
do not depend on which others train beside it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mnistfaces.batches import Batch, Draw, Minibatches, is_full_batch, load_whole
from mnistfaces.config import TrainConfig
from mnistfaces.datasets.base import Dataset
from mnistfaces.models import build_model
from mnistfaces.models.tiles import FEWEST_TILES, count_blocks
from mnistfaces.optim import build_optimizer

SHARED = -1  # the owner of buffers that no later step relies on


class Stack:
    """K models, trained side by side on S draws of one dataset.

    Args:
        dataset: the images.
        cells: G configurations that differ in learning rate, momentum, weight decay and epochs only.
        draws: S draws with equally many steps an epoch; full batches take one draw.
        device: where to compute.

    Attributes:
        count: K.
        whole: the training images of the first draw as one batch.
        parameters: of all models, (K, ...) each; one more copy of the only model where a batch needs two.
    """

    def __init__(
        self, dataset: Dataset, cells: Sequence[TrainConfig], draws: Sequence[Draw], device: torch.device
    ) -> None:
        config, split = cells[0], draws[0].split
        self.config, self.draws, self.device, self.dataset = config, draws, device, dataset
        self.count = len(cells) * len(draws)
        full = is_full_batch(config, len(split.train))
        self.columns = self._used_columns(full=full)
        inputs = dataset.inputs.shape[1] if self.columns is None else len(self.columns)
        self.model = build_model(config, inputs, len(dataset.classes))
        self.whole = self.load(split.train, mean=full and config.reduction == "mean")
        alone = self.whole if len(draws) == 1 else None
        self.minibatches = None if full else Minibatches(dataset, draws, config, device, alone)
        blocks = self.minibatches.blocks if self.minibatches else count_blocks(len(split.train))
        cells = [*cells] * (FEWEST_TILES if self.count == blocks == 1 else 1)
        self.parameters = self._initial(len(cells))
        self.grads = [torch.zeros_like(parameter) for parameter in self.parameters]
        self._spare = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.optimizer = build_optimizer([cell for cell in cells for _ in draws], self.parameters)
        self._buffers: dict[tuple[int, int, int], list[Tensor]] = {}
        self._passes: dict[int, tuple[list[Tensor], Tensor]] = {}
        self._partial: list[Tensor] = []

    def load(self, images: NDArray[np.int64], *, mean: bool = False) -> Batch:
        """Returns images of the dataset as the models take them; each weighs 1, or 1/n for the `mean` cost."""
        return load_whole(self.dataset, images, self.config.dtype, self.device, columns=self.columns, mean=mean)

    def train_epoch(self) -> None:
        """Moves every model through one epoch."""
        if self.minibatches is None:
            self._step(self.whole)
        else:
            self.minibatches.shuffle()
            for step in range(self.minibatches.steps):
                self._step(self.minibatches.load(step))
        self.forget_passes()

    def forget_passes(self) -> None:
        """Drops the passes that were kept, for weights that are no longer these."""
        self._passes.clear()

    def log_probs(self, k: int, batch: Batch) -> Tensor:
        """Returns the log-probabilities of one model for a whole set, (J, C, B).

        For the training set of full batches they are kept, and the next step starts from them.
        """
        parameters = self._of(k, len(batch.inputs))
        if self.minibatches is not None or batch is not self.whole:
            return self._forward(parameters, batch, SHARED)[1]
        if k not in self._passes:
            self._passes[k] = self._forward(parameters, batch, k)
        return self._passes[k][1]

    def weights(self, k: int) -> dict[str, NDArray[Any]]:
        """Returns a copy of one model's parameters by their `torch.nn.Sequential` names, as float arrays."""
        arrays = [
            parameter[k][tuple(slice(size) for size in shape)].cpu().numpy().copy()
            for parameter, shape in zip(self.parameters, self.model.shapes, strict=True)
        ]
        if self.columns is not None:
            whole = np.zeros((len(arrays[0]), self.dataset.inputs.shape[1]), arrays[0].dtype)
            whole[:, self.columns] = arrays[0]
            arrays[0] = whole
        return dict(zip(self.model.names, arrays, strict=True))

    def _initial(self, copies: int) -> list[Tensor]:
        """Returns the parameters that the draws' seeds give, `copies` times, (K, ...) each."""
        starts = [self.model.initial(draw.seed) for draw in self.draws] * copies
        parameters = []
        for part, (shape, padded) in enumerate(zip(self.model.shapes, self.model.padded, strict=True)):
            whole = torch.zeros(len(starts), *padded, dtype=getattr(torch, self.config.dtype))
            whole[(slice(None), *(slice(size) for size in shape))] = torch.stack([start[part] for start in starts])
            parameters.append(whole.to(self.device))
        return parameters

    def _used_columns(self, *, full: bool) -> NDArray[np.int64] | None:
        """Returns the inputs that some training image uses, where the weights of the others stay zero for good."""
        if not full or self.config.model != "softmax":
            return None
        used = np.zeros(self.dataset.inputs.shape[1], bool)
        for start in range(0, len(self.draws[0].split.train), 4096):
            used |= self.dataset.inputs[self.draws[0].split.train[start : start + 4096]].any(axis=0)
        return np.flatnonzero(used)

    def _of(self, k: int, blocks: int) -> list[Tensor]:
        """Returns the parameters of one model, (J, ...) each: the same for every block of images."""
        return [parameter[k].expand(blocks, *parameter.shape[1:]) for parameter in self.parameters]

    def _forward(self, parameters: Sequence[Tensor], batch: Batch, owner: int) -> tuple[list[Tensor], Tensor]:
        """Returns activations, in buffers that `owner` alone uses, and log-probabilities, (T, C, B)."""
        key = (owner, len(parameters[0]), batch.inputs.shape[1])
        if key not in self._buffers:
            self._buffers[key] = self.model.activations(*key[1:], batch.inputs)
        activations = self._buffers[key]
        return activations, torch.log_softmax(self.model.forward(parameters, batch.inputs, activations), 1)

    def _step(self, batch: Batch) -> None:
        """Moves every model by one step on a batch, (S * J, B, D), in the order that makes fewer, larger products."""
        blocks = len(batch.inputs) // len(self.draws)
        if blocks > len(self.parameters[0]):
            for k in range(self.count):
                self._descend_blocks(k, batch.of_draw(k % len(self.draws), blocks))
        else:
            for block in range(blocks):
                self._descend_models(batch.of_block(block, blocks), first=block == 0)
        self.optimizer.step(self.parameters, self.grads)

    def _descend_models(self, batch: Batch, *, first: bool) -> None:
        """Adds the gradient of one block of images for all models: the tiles of a product are the models."""
        copies = len(self.parameters[0]) // len(self.draws)
        activations, log_probs = self._forward(self.parameters, batch, SHARED)
        residual = _residual(log_probs, _copied(batch.labels, copies), _copied(batch.weight, copies))
        out = self.grads if first else self._spare
        self.model.backward(self.parameters, batch.inputs, activations, residual, out)
        if not first:
            for grad, more in zip(self.grads, out, strict=True):
                grad.add_(more)

    def _descend_blocks(self, k: int, batch: Batch) -> None:
        """Writes the gradient of one model: the tiles of a product are the blocks of images."""
        blocks = len(batch.inputs)
        activations, log_probs = self._passes.get(k) or self._forward(self._of(k, blocks), batch, k)
        if not self._partial:
            self._partial = [grad.new_zeros(blocks, *grad.shape[1:]) for grad in self.grads]  # padding stays 0
        residual = _residual(log_probs, batch.labels, batch.weight)
        self.model.backward(self._of(k, blocks), batch.inputs, activations, residual, self._partial)
        for grad, partial in zip(self.grads, self._partial, strict=True):
            grad[k] = partial[0]
            for more in partial[1:]:
                grad[k].add_(more)


def _copied(of_draws: Tensor, copies: int) -> Tensor:
    """Returns what draws have, (S, 1, B), for each of their models, (copies * S, 1, B)."""
    return of_draws.expand(copies, *of_draws.shape).flatten(0, 1)


def _residual(log_probs: Tensor, labels: Tensor, weight: Tensor) -> Tensor:
    """Returns dC/dlogits = weight * (p - y), (T, C, B), in the place of the log-probabilities."""
    probs = log_probs.exp_()
    return probs.scatter_add_(1, labels, weight.new_full((), -1).expand_as(weight)).mul_(weight)
