"""Images on the device, ready for a stack of models: whole sets in blocks, and seeded minibatches.

Legend: S draws, J blocks of B images a batch, D inputs, C classes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mnistfaces.config import TrainConfig
from mnistfaces.datasets.base import Dataset
from mnistfaces.engine.draws import Draw, count_steps
from mnistfaces.engine.sparse import SparseImages
from mnistfaces.engine.tiles import Images, TwoWays, aligned, count_blocks
from mnistfaces.engine.transfer import to_device

Storage = Literal["rows", "two ways", "sparse"]

READ_BYTES = 16 << 20
"""Images are read in pieces of so many bytes, as float64, so that reading takes hardly more memory than they do."""

ORDER_STREAM = 1  # the second number of a seed's stream of minibatch orders; splits use the seed alone


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """Images that go through the models together.

    Attributes:
        inputs: (S * J, B, D), as rows or in a form that is faster for a whole set.
        labels: (S * J, 1, B) int64.
        weight: (S * J, 1, B); what an image counts in the cost, 0 for padding.
        negated: (S * J, 1, B); -weight.
        padding: (S * J, 1, B) bool; which images are none.
    """

    inputs: Tensor | Images
    labels: Tensor
    weight: Tensor
    negated: Tensor
    padding: Tensor

    def __getitem__(self, blocks: slice) -> "Batch":
        """Returns some of the blocks, which are not copied."""
        return Batch(**{name: value[blocks] for name, value in vars(self).items()})

    def of_block(self, block: int, blocks: int) -> "Batch":
        """Returns one block of every draw, (S, B, D), where each draw has `blocks` of them."""
        return self if blocks == 1 else self[block::blocks]


def pieces_of(dataset: Dataset, images: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yields positions of images, as many at a time as should be read together."""
    size = max(1, READ_BYTES // (8 * dataset.inputs.shape[1]))
    return (images[start : start + size] for start in range(0, len(images), size))


def load_rows(
    dataset: Dataset, images: NDArray[np.int64], dtype: str, pad_to: int, columns: NDArray[np.int64] | None = None
) -> Tensor:
    """Returns images as rows, (pad_to, D), D padded to the alignment; read in pieces, so that they are in memory once.

    Args:
        dataset: where the images are.
        images: n positions in the dataset.
        dtype: of the rows.
        pad_to: number of rows; those after the n images are zero.
        columns: which inputs to take; None takes all.
    """
    width = dataset.inputs.shape[1] if columns is None else len(columns)
    rows = torch.zeros(pad_to, aligned(width), dtype=getattr(torch, dtype))
    done = 0
    for piece in pieces_of(dataset, images):
        values = dataset.values(piece, dtype)
        rows[done : done + len(piece), :width] = torch.from_numpy(values if columns is None else values[:, columns])
        done += len(piece)
    return rows


def load_whole(
    dataset: Dataset,
    images: NDArray[np.int64],
    dtype: str,
    device: torch.device,
    *,
    columns: NDArray[np.int64] | None = None,
    mean: bool = False,
    storage: Storage = "rows",
) -> Batch:
    """Returns images, their `columns` or all inputs, as one batch of J blocks.

    Args:
        dataset: where the images are.
        images: positions in the dataset.
        dtype: of the numbers.
        device: where to.
        columns: which inputs to take; None takes all.
        mean: images weigh 1 together, not 1 each.
        storage: of the images in memory: as `rows`, `two ways` for few of them, or `sparse`.
    """
    blocks = count_blocks(len(images))
    size = aligned(-(-len(images) // blocks))
    weight = torch.zeros(blocks * size, dtype=getattr(torch, dtype))
    counts = dataset.weights_of(images)
    weight[: len(images)] = torch.from_numpy(counts / counts.sum() if mean else counts)
    labels = torch.from_numpy(np.pad(dataset.labels[images], (0, blocks * size - len(images))))
    padding = torch.arange(blocks * size) >= len(images)
    weight, labels, padding = (part.view(blocks, 1, size).to(device) for part in (weight, labels, padding))
    inputs: Tensor | Images
    if storage == "sparse":
        parts = (images[first * size : (first + 1) * size] for first in range(blocks))
        inputs = SparseImages.of(load_rows(dataset, part, dtype, size, columns) for part in parts)
    else:
        rows = load_rows(dataset, images, dtype, blocks * size, columns)
        dense = rows.view(blocks, size, -1).to(device)
        inputs = TwoWays(dense) if storage == "two ways" else dense
    return Batch(inputs=inputs, labels=labels, weight=weight, negated=-weight, padding=padding)


class Minibatches:
    """The minibatches of S draws, step by step, each draw in the order that its own seed gives.

    Attributes:
        steps: in an epoch.
        blocks: J, into which a minibatch is cut.
        images: B, a block.
        batch: the minibatches of a step, (S * J, B, D), in the same memory for every step.
    """

    def __init__(
        self,
        dataset: Dataset,
        draws: Sequence[Draw],
        config: TrainConfig,
        device: torch.device,
        whole: Batch | None = None,
    ) -> None:
        """Loads the training images of all draws, or takes those of the only draw from `whole`."""
        self.size = config.batch_size or 0
        self.steps = count_steps(config, len(draws[0].split.train))
        self.blocks = count_blocks(self.size)
        self.images = aligned(-(-self.size // self.blocks))
        self.padded = self.blocks * self.images
        self._generators = [np.random.default_rng((draw.seed, ORDER_STREAM)) for draw in draws]
        used = np.unique(np.concatenate([draw.split.train for draw in draws]))
        self._train = [np.searchsorted(used, draw.split.train) for draw in draws]
        if whole is not None and isinstance(whole.inputs, Tensor):
            self._inputs = whole.inputs.flatten(0, 1)  # (N, D)
        else:
            self._inputs = load_rows(dataset, used, config.dtype, len(used)).to(device)
        self._labels = torch.from_numpy(dataset.labels[used]).to(device)
        self._counts = None if dataset.weights is None else dataset.weights[used]
        self._mean, self._device = config.reduction == "mean", device
        there = np.arange(self.steps * self.size) < np.array([len(train) for train in self._train])[:, None]
        self._there = self._by_step(there)  # (steps, S, padded)
        self._weight = self._weights(self._there.astype(np.float64))  # (steps, S * J, 1, B), as all that follow
        self._padding = torch.from_numpy(~self._there).view(self._weight.shape).to(device)
        self._order = torch.zeros(self.steps, len(draws) * self.padded, dtype=torch.int64, device=device)
        self._order_labels = torch.zeros(self._weight.shape, dtype=torch.int64, device=device)
        self._rows = torch.zeros_like(self._order[:1])
        self._step = torch.zeros(1, dtype=torch.int64, device=device)
        labels, weight, padding = (each[0].clone() for each in (self._order_labels, self._weight, self._padding))
        self._gathered = self._inputs.new_empty(len(draws) * self.padded, self._inputs.shape[1])
        inputs = self._gathered.view(-1, self.images, self._inputs.shape[1])
        self.batch = Batch(inputs=inputs, labels=labels, weight=weight, negated=-weight, padding=padding)

    def shuffle(self) -> None:
        """Draws the order of the next epoch, and starts it."""
        capacity = self.steps * self.size
        order = np.zeros((len(self._train), capacity), np.int64)
        for row, (generator, train) in enumerate(zip(self._generators, self._train, strict=True)):
            shuffled = generator.permutation(train)[:capacity]
            order[row, : len(shuffled)] = shuffled
        ordered = self._by_step(order)
        self._order.copy_(to_device(ordered.reshape(self.steps, -1), self._order.device))
        if self._counts is not None:
            self._weight.copy_(self._weights(self._counts[ordered] * self._there))
        torch.index_select(self._labels, 0, self._order.flatten(), out=self._order_labels.view(-1))
        self._step.zero_()

    @property
    def orders(self) -> list[Any]:
        """Returns the states of the generators of the next epochs' orders, one per draw, as JSON values."""
        return [generator.bit_generator.state for generator in self._generators]

    @orders.setter
    def orders(self, states: Sequence[Any]) -> None:
        for generator, state in zip(self._generators, states, strict=True):
            generator.bit_generator.state = state

    def load_next(self) -> None:
        """Writes the minibatches of the step after the last into `batch`; steps are counted on the device."""
        batch = self.batch
        torch.index_select(self._order, 0, self._step, out=self._rows)
        torch.index_select(self._inputs, 0, self._rows[0], out=self._gathered)
        torch.index_select(self._order_labels, 0, self._step, out=batch.labels[None])
        torch.index_select(self._weight, 0, self._step, out=batch.weight[None])
        torch.neg(batch.weight, out=batch.negated)
        torch.index_select(self._padding, 0, self._step, out=batch.padding[None])
        self._step.add_(1)

    def _weights(self, counts: NDArray[np.float64]) -> Tensor:
        """Returns the weights of the images in all places of an epoch, (steps, S * J, 1, B).

        Args:
            counts: what each counts, (steps, S, padded), 0 where there is none; for a mean they are divided by what the
                minibatch counts.
        """
        weight = counts / counts.sum(axis=2, keepdims=True) if self._mean else counts
        return torch.from_numpy(weight).to(self._device, self._inputs.dtype).view(self.steps, -1, 1, self.images)

    def _by_step(self, array: NDArray[Any]) -> NDArray[Any]:
        """Returns (steps, S, padded) from (S, steps * size), each minibatch padded with zeros."""
        steps = array.reshape(len(array), self.steps, self.size).swapaxes(0, 1)
        return np.pad(steps, ((0, 0), (0, 0), (0, self.padded - self.size)))
