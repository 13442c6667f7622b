"""K models of one architecture on the device, and one step of training for all of them.

Legend: G cells (configurations), S draws (a split and a seed), K = G * S models. J blocks of B images a batch, D
inputs, C classes. T tiles of M places each hold the models.

Each model's arithmetic is laid out by its own configuration and data alone, so its numbers do not depend on which
others train beside it. `tiles` says why a batch of products holds at least two and why every model's part is padded,
`arrangement` what is tried at run time. What is left to do here: a step adds the gradients of the blocks of a batch,
always in their order.
"""

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from mnistfaces.config import TrainConfig
from mnistfaces.datasets.base import Dataset
from mnistfaces.engine.arrangement import Arrangement, Tile, arrange
from mnistfaces.engine.batches import Batch, Minibatches
from mnistfaces.engine.costs import add_in_order, costs_of, residual
from mnistfaces.engine.draws import Draw, cell_and_draw, is_full_batch
from mnistfaces.engine.exponentials import Exponentials
from mnistfaces.engine.lbfgs import Lbfgs
from mnistfaces.engine.models import Model, build_model
from mnistfaces.engine.optim import Optimizer
from mnistfaces.engine.replay import Replayed
from mnistfaces.engine.source import Source
from mnistfaces.engine.sparse import SparseImages
from mnistfaces.engine.tiles import TwoWays, count_blocks, pieces, tiled
from mnistfaces.engine.transfer import to_host

PIECE_BYTES = {"cpu": 8 << 20}
OTHER_PIECE_BYTES = 256 << 20  # of a GPU, which wants larger ones
"""Of a large set of images, as many blocks go through at once as give so many bytes of activations."""

SHARED = (-1, -1)  # the owner of buffers that no later step relies on

KEPT_BYTES = 256 << 20
"""Passes of a stack's measured training images, from which its next step starts, take no more than this."""


class Stack:
    """K models, trained side by side on S draws of one dataset.

    Args:
        dataset: the images.
        cells: G configurations that differ in learning rate, momentum, weight decay and epochs only.
        draws: S draws with equally many steps an epoch; full batches take one draw.
        device: where to compute.

    Attributes:
        cells: G of them.
        draws: S of them.
        source: what of the images is computed with.
        whole: the training images of the first draw as one batch.
        arrangement: where the models stand.
        places: of the K models.
        parameters: of the models in all places, (T * M, ...) each.
        replayed: a step, where the device is a GPU.
    """

    def __init__(
        self, dataset: Dataset, cells: Sequence[TrainConfig], draws: Sequence[Draw], device: torch.device
    ) -> None:
        config, train = cells[0], draws[0].split.train
        self.config, self.cells, self.draws = config, cells, draws
        self.device, self.dataset = device, dataset

        # The images, and what a step takes of them: all, or minibatches.
        self.source = Source.of(dataset, config, train, device)
        self.whole = self.source.load_training(train)
        alone = self.whole if len(draws) == 1 else None
        full = is_full_batch(config, len(train))
        self.minibatches = None if full else Minibatches(dataset, draws, config, device, alone)
        self.blocks = self.minibatches.blocks if self.minibatches else count_blocks(len(train))

        # The architecture, and where each model of it stands.
        self.model = build_model(config, self.source.inputs, len(dataset.classes))
        images = self.minibatches.images if self.minibatches else self.whole.inputs.shape[1]
        self.arrangement = _arrangement(self.model, self.whole, images, (len(cells), len(draws), self.blocks))

        # The weights, as each place's seed gives them, and what moves them.
        self.places = [self.arrangement.place(k) for k in range(self.arrangement.count)]
        placed = [cell_and_draw(model, len(draws)) for model in self.arrangement.models()]
        self.parameters = _initial(self.model, [draws[draw].seed for _, draw in placed], self.whole.weight)
        placed_cells = [cells[cell] for cell, _ in placed]
        self.optimizer: Optimizer | Lbfgs = (
            Lbfgs(placed_cells, self.parameters, self.places, float(dataset.weights_of(train).sum()))
            if config.optimizer == "lbfgs"
            else Optimizer(placed_cells, self.parameters)
        )

        self._exponentials = Exponentials(self.whole.weight)

        # Memory for gradients, for activations by their shape, and the passes that the next step may start from.
        self._grads = [torch.zeros_like(parameter) for parameter in self.parameters]
        self._more: list[Tensor] = []
        self._partials: dict[int, list[Tensor]] = {}
        self._buffers: dict[tuple[int, ...], list[Tensor]] = {}
        self._passes: dict[tuple[int, int], tuple[list[Tensor], Tensor]] = {}
        steps_alike = isinstance(self.optimizer, Optimizer)
        self.replayed = Replayed(device) if device.type == "cuda" and steps_alike else None
        self._costs: Tensor | None = None

    @property
    def count(self) -> int:
        """Returns K."""
        return self.arrangement.count

    def train_epoch(self) -> None:
        """Moves every model through one epoch."""
        if self.minibatches is not None:
            self.minibatches.shuffle()
        for step in range(self.minibatches.steps if self.minibatches else 1):
            if self.replayed is None:
                self._step(self.minibatches.load(step) if self.minibatches else self.whole)
            else:
                self.replayed(self.next_step)
        self._passes.clear()

    def next_step(self) -> None:
        """Moves every model by one step, on the same buffers every time."""
        self._step(self.minibatches.load_next() if self.minibatches else self.whole)

    def weights(self, k: int, parameters: Sequence[NDArray[Any]] | None = None) -> dict[str, NDArray[Any]]:
        """Returns a copy of one model's parameters by their `torch.nn.Sequential` names, as float arrays.

        Args:
            k: the model.
            parameters: of the models in all places, on the host; None brings over those of now.
        """
        place = self.places[k]
        arrays = [
            parameter[place][tuple(slice(size) for size in shape)].copy()
            for parameter, shape in zip(parameters or to_host(self.parameters), self.model.shapes, strict=True)
        ]
        return dict(zip(self.model.names, [self.source.spread(arrays[0]), *arrays[1:]], strict=True))

    def takes_by_tiles(self, batch: Batch) -> bool:
        """Returns whether a step takes this very batch, one tile after the other, as several blocks of images."""
        return self.minibatches is None and batch is self.whole and self.blocks > 1

    def passes(self, group: int, parameters: Sequence[Tensor]) -> Iterator[tuple[slice, Tensor]]:
        """Yields the log-probabilities of one tile for a full batch, some blocks at a time.

        Those of the weights of now are kept for the next step, unless they take too much memory.

        Args:
            group: the tile.
            parameters: of the models in all places.

        Yields:
            Which blocks, and (J, M, C, B) of them.
        """
        kept = parameters is self.parameters and self.replayed is None and self._pass_bytes() <= KEPT_BYTES
        for blocks, piece in self._whole_cut:
            owner = group, blocks.start
            made = self._passes.get(owner) if kept else None
            if made is None:
                of_group = self._of_group(group, len(piece.labels), parameters)
                made = self._forward(owner if kept else SHARED, of_group, piece)
            if kept:
                self._passes[owner] = made
            yield blocks, made[1].view(-1, self.arrangement.width, *made[1].shape[1:])

    def _pass_bytes(self) -> int:
        """Returns how much memory the passes of a full batch through all tiles take."""
        return len(self.parameters[0]) * self.blocks * self._block_bytes(self.whole)

    def _block_bytes(self, batch: Batch) -> int:
        """Returns how much memory the pass of one block of images through one model takes."""
        return (sum(self.model.rows) + self.model.classes) * batch.weight[0].numel() * batch.weight.element_size()

    @functools.cached_property
    def _whole_cut(self) -> list[tuple[slice, Batch]]:
        return self._cut(self.whole)

    def _cut(self, batch: Batch) -> list[tuple[slice, Batch]]:
        """Returns which blocks of a batch of the only draw go through a tile at a time, and these."""
        at_once = piece_bytes(self.device) // (self.arrangement.width * self._block_bytes(batch))
        return [(blocks, batch[blocks]) for blocks in pieces(self.blocks, at_once)]

    def _of_group(self, group: int, blocks: int, parameters: Sequence[Tensor]) -> list[Tensor]:
        """Returns the parameters of one tile, (J, M, ...) each: the same for every block of images."""
        tiles = tiled(parameters, self.arrangement.width)
        return [parameter[group].expand(blocks, *parameter.shape[1:]) for parameter in tiles]

    def _forward(
        self, owner: tuple[int, int], parameters: Sequence[Tensor], batch: Batch
    ) -> tuple[list[Tensor], Tensor]:
        """Returns activations, in buffers that `owner` alone uses, and log-probabilities, (T * M, C, B)."""
        count, width = parameters[0].shape[:2]
        key = *owner, count, width, batch.inputs.shape[1]
        if key not in self._buffers:
            self._buffers[key] = self.model.activations(count, width, batch.inputs.shape[1], batch.weight)
        activations = self._buffers[key]
        return activations, torch.log_softmax(self.model.forward(parameters, batch.inputs, activations), 1)

    def _step(self, batch: Batch) -> None:
        """Moves every model by one step on a batch, (S * J, B, D)."""
        if isinstance(self.optimizer, Lbfgs):
            self._passes.clear()  # they are of where the step begins, which is known
            self.optimizer.iterate(self.parameters, self._grads, functools.partial(self._evaluate, batch))
        else:
            self._differentiate(batch)
            self.optimizer.step(self.parameters, self._grads)

    def _evaluate(self, batch: Batch) -> Tensor:
        """Writes the gradients of a batch; returns its cost for the models in all places, (T * M,) float64."""
        self._costs = torch.zeros(len(self.parameters[0]), dtype=torch.float64)
        self._differentiate(batch)
        costs, self._costs = self._costs, None
        return costs

    def _differentiate(self, batch: Batch) -> None:
        """Writes the gradients of a batch, (S * J, B, D)."""
        if len(self.draws) == 1 and self.blocks > 1:
            for group in range(self.arrangement.groups):
                self._descend_blocks(group, batch)
        else:
            for block in range(self.blocks):
                self._descend_tiles(batch.of_block(block, self.blocks), first=block == 0)

    def _descend_tiles(self, batch: Batch, *, first: bool) -> None:
        """Adds the gradient of one block of images a draw: a batch of products is all tiles."""
        width = self.arrangement.width
        if not (first or self._more):
            self._more = [torch.zeros_like(grad) for grad in self._grads]
        parameters, out = tiled(self.parameters, width), tiled(self._grads if first else self._more, width)
        activations, log_probs = self._forward(SHARED, parameters, batch)
        if self._costs is not None:
            self._costs += costs_of(log_probs, batch, width).flatten()
        residuals = residual(self._exponentials(log_probs), batch, width)
        self.model.backward(parameters, batch.inputs, activations, residuals, out)
        if not first:
            for grad, more in zip(self._grads, self._more, strict=True):
                grad.add_(more)

    def _descend_blocks(self, group: int, batch: Batch) -> None:
        """Writes the gradient of one tile of the only draw: a batch of products is some blocks of images."""
        grads = [grad[group] for grad in tiled(self._grads, self.arrangement.width)]
        for blocks, piece in self._whole_cut if batch is self.whole else self._cut(batch):
            parameters = self._of_group(group, len(piece.labels), self.parameters)
            made = self._passes.pop((group, blocks.start), None)
            activations, log_probs = made or self._forward(SHARED, parameters, piece)
            partial = self._partial(parameters)
            if self._costs is not None:
                first = group * self.arrangement.width
                for costs in costs_of(log_probs, piece, self.arrangement.width)[0]:
                    self._costs[first : first + len(costs)] += costs
            residuals = residual(self._exponentials(log_probs), piece, self.arrangement.width)
            self.model.backward(parameters, piece.inputs, activations, residuals, partial)
            for grad, part in zip(grads, partial, strict=True):
                add_in_order(grad, part, first=blocks.start == 0)

    def _partial(self, parameters: Sequence[Tensor]) -> list[Tensor]:
        """Returns memory for the gradients of some blocks of images, (J, M, ...) each, whose padding stays 0."""
        blocks = len(parameters[0])
        if blocks not in self._partials:
            self._partials[blocks] = [part.new_zeros(part.shape) for part in parameters]
        return self._partials[blocks]


def piece_bytes(device: torch.device) -> int:
    """Returns how much memory the activations of images that go through at a time should take."""
    return PIECE_BYTES.get(device.type, OTHER_PIECE_BYTES)


def _arrangement(model: Model, whole: Batch, images: int, counts: tuple[int, int, int]) -> Arrangement:
    """Returns where G * S models stand that take J blocks of so many images a step; `counts` are G, S and J.

    Models on compressed images are multiplied one by one.
    """
    cells, draws, blocks = counts
    if isinstance(whole.inputs, SparseImages):
        return Arrangement(cells=cells, draws=draws, width=1, used=1, groups=cells)
    tile = Tile(
        rows=model.shapes[0][0],
        images=images,
        inputs=whole.inputs.shape[2],
        dtype=whole.weight.dtype,
        device=whole.weight.device,
        two_ways=isinstance(whole.inputs, TwoWays),
    )
    return arrange(cells, draws, blocks, tile)


def _initial(model: Model, seeds: Sequence[int], like: Tensor) -> list[Tensor]:
    """Returns the parameters that the seeds of all places give, (T * M, ...) each, of the type and device of `like`."""
    by_seed = {seed: model.initial(seed) for seed in seeds}
    parameters = []
    for part, (shape, padded) in enumerate(zip(model.shapes, model.padded, strict=True)):
        whole = torch.zeros(len(seeds), *padded, dtype=like.dtype)
        whole[(slice(None), *(slice(size) for size in shape))] = torch.stack([by_seed[seed][part] for seed in seeds])
        parameters.append(whole.to(like.device))
    return parameters
