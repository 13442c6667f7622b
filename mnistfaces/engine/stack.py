"""K models of one architecture on the device, and one step of training for all of them.

Legend: G cells (configurations), S draws (a split and a seed), K = G * S models. J blocks of B images a batch, D
inputs, C classes. T tiles of M places each hold the models.

Each model's arithmetic is laid out by its own configuration and data alone, so its numbers do not depend on which
others train beside it. `tiles` says why a batch of products holds at least two and why every model's part is padded,
`arrangement` what is tried at run time. What is left to do here: a step adds the gradients of the blocks of a batch,
always in their order.
"""

from collections.abc import Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from mnistfaces.config import TrainConfig
from mnistfaces.datasets.base import Dataset
from mnistfaces.engine.arrangement import Arrangement, Tile, arrange
from mnistfaces.engine.batches import Batch, Minibatches
from mnistfaces.engine.curvature import Curvature
from mnistfaces.engine.draws import Draw, cell_and_draw, is_full_batch
from mnistfaces.engine.lbfgs import Lbfgs
from mnistfaces.engine.models import Model, build_model
from mnistfaces.engine.operations import Operation, run
from mnistfaces.engine.optim import Optimizer
from mnistfaces.engine.passes import Passes
from mnistfaces.engine.replay import Replayed
from mnistfaces.engine.source import Source
from mnistfaces.engine.sparse import SparseImages
from mnistfaces.engine.tiles import TwoWays, count_blocks
from mnistfaces.engine.transfer import to_host


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
            Lbfgs(placed_cells, self.parameters, self.places, Curvature(self.source, train))
            if config.optimizer == "lbfgs"
            else Optimizer(placed_cells, self.parameters)
        )

        batch = self.minibatches.batch if self.minibatches else self.whole
        self.passes = Passes(self.model, self.arrangement, self.parameters, batch, self.blocks)
        self._moves, self.replayed = list[Operation](), None
        if isinstance(self.optimizer, Optimizer):
            self._moves = self.optimizer.steps(self.parameters, self.passes.grads)
            self.replayed = Replayed(device) if device.type == "cuda" else None

    @property
    def count(self) -> int:
        """Returns K."""
        return self.arrangement.count

    def train_epoch(self) -> None:
        """Moves every model through one epoch."""
        if self.minibatches is not None:
            self.minibatches.shuffle()
        for _ in range(self.minibatches.steps if self.minibatches else 1):
            if self.replayed is None:
                self.next_step()
            else:
                self.replayed(self.next_step)
        self.passes.forget()

    def next_step(self) -> None:
        """Moves every model by one step, on the same buffers every time."""
        if self.minibatches is not None:
            self.minibatches.load_next()
        if isinstance(self.optimizer, Lbfgs):
            self.passes.forget()  # they are of where the step begins, which is known
            self.optimizer.iterate(self.parameters, self.passes.grads, self._evaluate)
        else:
            self.passes.differentiate()
            run(self._moves)

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
        return self.minibatches is None and batch is self.whole and self.passes.by_tiles

    def _evaluate(self) -> Tensor:
        """Writes the gradients of the batch; returns its cost for the models in all places, (T * M,) float64."""
        costs = torch.zeros(len(self.parameters[0]), dtype=torch.float64)
        self.passes.differentiate(costs)
        return costs


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
