"""K models of one architecture on the device, and one step of training for all of them.

Legend: G cells (configurations), S draws (a split and a seed), K = G * S models, cell-major: model k has draw
k mod S. J blocks of B images a batch, D inputs, C classes. T tiles of M places each hold the models.

Each model's arithmetic is laid out by its own configuration and data alone (see `models.tiles`), so its numbers
do not depend on which others train beside it.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mnistfaces.config import TrainConfig
from mnistfaces.datasets.base import Dataset
from mnistfaces.engine.batches import ROWS_AT_ONCE, Batch, Minibatches, Storage, load_whole
from mnistfaces.engine.draws import Draw, is_full_batch
from mnistfaces.engine.models import MODELS, build_model
from mnistfaces.engine.optim import Optimizer
from mnistfaces.engine.replay import Replayed
from mnistfaces.engine.sparse import SPARSE_DENSITY, SPARSE_IMAGES, pays_off
from mnistfaces.engine.tiles import Arrangement, Tile, TwoWays, arrange, count_blocks, tiled

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
        parameters: of the models in all places, (T * M, ...) each.
        places: of the K models.
        replayed: a step, where the device is a GPU.
    """

    def __init__(
        self, dataset: Dataset, cells: Sequence[TrainConfig], draws: Sequence[Draw], device: torch.device
    ) -> None:
        config, split = cells[0], draws[0].split
        self.config, self.draws, self.device, self.dataset = config, draws, device, dataset
        self.count = len(cells) * len(draws)

        # What of the images is computed with. Full batches of a model that starts from zero never move the weights of
        # inputs that are zero in every training image: these inputs are left out. Images that are mostly zero even so
        # are compressed; a few that go through twice a step are kept in both orders.
        full = is_full_batch(config, len(split.train))
        blocks = count_blocks(len(split.train))
        self.columns = self._used_columns() if full and MODELS[config.model].starts_at_zero else None
        self.sparse = self.columns is not None and self._is_mostly_zero(len(self.columns))
        few = full and blocks > 1 and len(split.train) < SPARSE_IMAGES
        mean = full and config.reduction == "mean"
        self.whole = self.load(split.train, mean=mean, storage="two ways" if few else "rows")
        alone = self.whole if len(draws) == 1 else None
        self.minibatches = None if full else Minibatches(dataset, draws, config, device, alone)
        self.blocks = self.minibatches.blocks if self.minibatches else blocks

        # What is trained, and where each model stands.
        inputs = dataset.inputs.shape[1] if self.columns is None else len(self.columns)
        self.model = build_model(config, inputs, len(dataset.classes))
        self.arrangement = self._arrange(len(cells))
        self.places = [self.arrangement.place(k) for k in range(self.count)]
        models = self.arrangement.models()
        self.parameters = self._initial([draws[model % len(draws)].seed for model in models])
        self.optimizer = Optimizer([cells[model // len(draws)] for model in models], self.parameters)

        # Memory for gradients: of the first block of images and of the next one, or of all blocks of one tile.
        self.grads = [torch.zeros_like(parameter) for parameter in self.parameters]
        self._tiled_grads = tiled(self.grads, self.arrangement.width)
        self._spare = [torch.zeros_like(parameter) for parameter in self.parameters] if self.blocks > 1 else []
        self._partial: list[Tensor] = []

        # Memory for activations, by who uses it, and the passes that the next step may start from, by tile.
        self._buffers: dict[tuple[int, int, int, int], list[Tensor]] = {}
        self._passes: dict[int, tuple[list[Tensor], Tensor]] = {}
        self.replayed = Replayed(self.next_step, device) if device.type == "cuda" else None

    def load(self, images: NDArray[np.int64], *, mean: bool = False, storage: Storage = "rows") -> Batch:
        """Returns images of the dataset as the models take them; each weighs 1, or 1/n for the `mean` cost."""
        more: dict[str, Any] = {"columns": self.columns, "mean": mean, "storage": "sparse" if self.sparse else storage}
        return load_whole(self.dataset, images, self.config.dtype, self.device, **more)

    def train_epoch(self) -> None:
        """Moves every model through one epoch."""
        if self.minibatches is not None:
            self.minibatches.shuffle()
        for step in range(self.minibatches.steps if self.minibatches else 1):
            if self.replayed is None:
                self._step(self.minibatches.load(step) if self.minibatches else self.whole)
            else:
                self.replayed()
        self.forget_passes()

    def forget_passes(self) -> None:
        """Drops the passes that were kept, for weights that are no longer these."""
        self._passes.clear()

    def log_probs(self, k: int, batch: Batch) -> Tensor:
        """Returns the log-probabilities of one model for a whole set, (J, C, B).

        For the training set of full batches in blocks they are kept, and the next step starts from them.
        """
        place, blocks, width = self.places[k], batch.inputs.shape[0], self.arrangement.width
        if self.replayed or self.minibatches or batch is not self.whole or blocks == 1:
            alone = [part[place].expand(blocks, 1, *part.shape[1:]) for part in self.parameters]
            return self._forward(alone, batch, SHARED)[1]
        group, column = divmod(place, width)
        if group not in self._passes:
            self._passes[group] = self._forward(self._of_group(group), batch, group)
        log_probs = self._passes[group][1]
        return log_probs.view(blocks, width, *log_probs.shape[1:])[:, column]

    def weights(self, k: int) -> dict[str, NDArray[Any]]:
        """Returns a copy of one model's parameters by their `torch.nn.Sequential` names, as float arrays."""
        arrays = [
            parameter[self.places[k]][tuple(slice(size) for size in shape)].cpu().numpy().copy()
            for parameter, shape in zip(self.parameters, self.model.shapes, strict=True)
        ]
        if self.columns is not None:
            whole = np.zeros((len(arrays[0]), self.dataset.inputs.shape[1]), arrays[0].dtype)
            whole[:, self.columns] = arrays[0]
            arrays[0] = whole
        return dict(zip(self.model.names, arrays, strict=True))

    def _arrange(self, cells: int) -> Arrangement:
        """Returns where the models stand; those on compressed images are multiplied one by one."""
        draws, inputs = len(self.draws), self.whole.inputs
        if self.sparse:
            return Arrangement(cells=cells, draws=draws, width=1, used=1, groups=cells)
        tile = Tile(
            rows=self.model.shapes[0][0],
            images=self.minibatches.images if self.minibatches else inputs.shape[1],
            inputs=inputs.shape[2],
            dtype=self.whole.weight.dtype,
            device=self.device,
            two_ways=isinstance(inputs, TwoWays),
        )
        return arrange(cells, draws, self.blocks, tile)

    def _initial(self, seeds: Sequence[int]) -> list[Tensor]:
        """Returns the parameters that the seeds of all places give, (T * M, ...) each."""
        by_seed = {seed: self.model.initial(seed) for seed in seeds}
        starts = [by_seed[seed] for seed in seeds]
        parameters = []
        for part, (shape, padded) in enumerate(zip(self.model.shapes, self.model.padded, strict=True)):
            whole = torch.zeros(len(starts), *padded, dtype=getattr(torch, self.config.dtype))
            whole[(slice(None), *(slice(size) for size in shape))] = torch.stack([start[part] for start in starts])
            parameters.append(whole.to(self.device))
        return parameters

    def _used_columns(self) -> NDArray[np.int64]:
        """Returns the inputs that some training image uses: the softmax model's other weights stay zero for good."""
        return np.flatnonzero(np.any([rows.any(axis=0) for rows in self._train_rows()], axis=0))

    def _is_mostly_zero(self, columns: int) -> bool:
        """Returns whether the training images, of which so many inputs are used, are faster compressed."""
        count = len(self.draws[0].split.train)
        nonzero = sum(int(np.count_nonzero(rows)) for rows in self._train_rows())
        return pays_off(count, self.device) and nonzero < SPARSE_DENSITY * count * columns

    def _train_rows(self) -> Iterator[NDArray[Any]]:
        """Yields the training images of the first draw in pieces."""
        train = self.draws[0].split.train
        yield from (
            self.dataset.inputs[train[start : start + ROWS_AT_ONCE]] for start in range(0, len(train), ROWS_AT_ONCE)
        )

    def _of_group(self, group: int) -> list[Tensor]:
        """Returns the parameters of one tile, (J, M, ...) each: the same for every block of images."""
        tiles = tiled(self.parameters, self.arrangement.width)
        return [parameter[group].expand(self.blocks, *parameter.shape[1:]) for parameter in tiles]

    def _forward(self, parameters: Sequence[Tensor], batch: Batch, owner: int) -> tuple[list[Tensor], Tensor]:
        """Returns activations, in buffers that `owner` alone uses, and log-probabilities, (T * M, C, B)."""
        count, width = parameters[0].shape[:2]
        key = owner, count, width, batch.inputs.shape[1]
        if key not in self._buffers:
            self._buffers[key] = self.model.activations(count, width, key[3], batch.weight)
        activations = self._buffers[key]
        return activations, torch.log_softmax(self.model.forward(parameters, batch.inputs, activations), 1)

    def next_step(self) -> None:
        """Moves every model by one step, on the same buffers every time."""
        self._step(self.minibatches.load_next() if self.minibatches else self.whole)

    def _step(self, batch: Batch) -> None:
        """Moves every model by one step on a batch, (S * J, B, D)."""
        if len(self.draws) == 1 and self.blocks > 1:
            for group in range(self.arrangement.groups):
                self._descend_blocks(group, batch)
        else:
            for block in range(self.blocks):
                self._descend_tiles(batch.of_block(block, self.blocks), first=block == 0)
        self.optimizer.step(self.parameters, self.grads)

    def _descend_tiles(self, batch: Batch, *, first: bool) -> None:
        """Adds the gradient of one block of images a draw: a batch of products is all tiles."""
        width, out = self.arrangement.width, self.grads if first else self._spare
        parameters = tiled(self.parameters, width)
        activations, log_probs = self._forward(parameters, batch, SHARED)
        residual = _residual(log_probs, batch, width)
        self.model.backward(
            parameters, batch.inputs, activations, residual, self._tiled_grads if first else tiled(out, width)
        )
        if not first:
            for grad, more in zip(self.grads, out, strict=True):
                grad.add_(more)

    def _descend_blocks(self, group: int, batch: Batch) -> None:
        """Writes the gradient of one tile of the only draw: a batch of products is its blocks of images."""
        parameters = self._of_group(group)
        activations, log_probs = self._passes.get(group) or self._forward(parameters, batch, group)
        if not self._partial:
            self._partial = [part.new_zeros(part.shape) for part in parameters]  # padding stays 0
        residual = _residual(log_probs, batch, self.arrangement.width)
        self.model.backward(parameters, batch.inputs, activations, residual, self._partial)
        for grad, partial in zip(self._tiled_grads, self._partial, strict=True):
            total, blocks = grad[group], partial.unbind()
            torch.add(blocks[0], blocks[1], out=total)
            for more in blocks[2:]:
                total.add_(more)


def _residual(log_probs: Tensor, batch: Batch, width: int) -> Tensor:
    """Returns dC/dlogits = weight * (p - y), (T * M, C, B), in the place of the log-probabilities."""
    probs = log_probs.exp_().view(-1, len(batch.truth), width, *log_probs.shape[1:])  # (T / S, S, M, C, B)
    return probs.mul_(batch.weight[:, None]).sub_(batch.truth[:, None]).view_as(log_probs)
