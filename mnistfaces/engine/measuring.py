"""Loss, accuracy and predictions of all models of a stack at once, with parameters of now or kept ones.

Legend: G cells, S draws, K = G * S models; M of the G models of a draw go through together. J blocks of B images a
set, n images in all, C classes, R rows of activations.

Everything but the products is one operation for many models, and what comes out is brought to the host in one
transfer. A product is another matter on the processor: a batch of more models, or a wider product, gives other last
bits than a model alone has (tried over 420 shapes each: 308 agree in a batch, 264 as one wide product). So each model
is multiplied by itself, into its part of the common memory: for the last bits to be the same by construction. The sum
of the losses of a large set depends on the number of threads and of rows in the same way, and is taken model by model.
On a GPU, where last digits depend on the company anyway, all models of a draw are one product.

The training images of full batches that are cut into blocks are measured as the next step will go through them, a tile
of models at a time: what is computed here is not computed again there. Kept parameters take the same way, for another
would give other last bits.
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mnistfaces.engine.batches import Batch
from mnistfaces.engine.largest import first_largest
from mnistfaces.engine.operations import run
from mnistfaces.engine.passes import piece_bytes
from mnistfaces.engine.stack import Stack
from mnistfaces.engine.tiles import pieces
from mnistfaces.engine.transfer import to_host

Side = Literal["train", "val", "test"]
SIDES: tuple[Side, ...] = get_args(Side)

NARROW = ((2**8, torch.uint8), (2**15, torch.int16), (2**31, torch.int32))
"""What predicted classes are brought over in: the narrowest type that holds them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Score:
    """How a model does on a set: mean loss in nats an image, accuracy in [0, 1], predicted classes (n,).

    Where images count differently, the loss is their weighted mean.
    """

    loss: float
    accuracy: float
    predicted: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """How all models of a stack do, on the host.

    Attributes:
        scores: of every model on the `train`, `val` and `test` set of its draw; None without images, or where the loss
            is not finite.
        finite: whether a model's weights are, (K,) bool.
        parameters: of the models in all places, where they were asked for.
    """

    scores: Mapping[Side, Sequence[Score | None]]
    finite: NDArray[np.bool_]
    parameters: list[NDArray[Any]] | None


class Sets:
    """The images on which the models of a stack are measured: three sets per draw."""

    def __init__(self, stack: Stack) -> None:
        """Loads every set once; draws whose sets are the same images share them."""
        self._stack = stack
        self._counts = {side: [len(getattr(draw.split, side)) for draw in stack.draws] for side in SIDES}
        loaded = {stack.draws[0].split.train.tobytes(): stack.whole}
        self._batches: dict[Side, list[Batch | None]] = {side: [] for side in SIDES}
        for side, draw in itertools.product(SIDES, stack.draws):
            images = getattr(draw.split, side)
            if len(images) and images.tobytes() not in loaded:
                loaded[images.tobytes()] = stack.source.load(images)
            self._batches[side].append(loaded[images.tobytes()] if len(images) else None)

    def measure(self, parameters: Sequence[Tensor], *, weights: bool) -> Measured:
        """Returns how all models do with some parameters, and these themselves where weights are asked for."""
        tallies = {
            (side, draw): _tally(self._stack, parameters, draw, batch, self._counts[side][draw])
            for side in SIDES
            for draw, batch in enumerate(self._batches[side])
            if batch is not None
        }
        parts = [finite_models(self._stack, parameters), *itertools.chain(*tallies.values())]
        finite, *arrays = to_host([*parts, *(parameters if weights else [])])
        told, kept = arrays[: len(parts) - 1], arrays[len(parts) - 1 :]
        scores: dict[Side, list[Score | None]] = {side: [None] * self._stack.count for side in SIDES}
        for (side, draw), *tally in zip(tallies, told[::3], told[1::3], told[2::3], strict=True):
            for model, score in zip(self._stack.arrangement.of_draw(draw), _scores(*tally), strict=True):
                scores[side][model] = score
        return Measured(scores=scores, finite=finite, parameters=kept if weights else None)

    def losses(self, side: Side, parameters: Sequence[Tensor]) -> Tensor:
        """Returns the mean loss of every model on a side that no draw lacks, (K,) float64, on the device."""
        found = torch.empty(self._stack.count, dtype=torch.float64, device=self._stack.device)
        for draw, (batch, count) in enumerate(zip(self._batches[side], self._counts[side], strict=True)):
            if batch is not None:
                sums = _losses(self._stack, parameters, draw, batch, count)
                found[self._stack.arrangement.of_draw(draw)] = sums.neg() / count
        return found


def finite_models(stack: Stack, parameters: Sequence[Tensor]) -> Tensor:
    """Returns which models have only finite weights, (K,) bool, on the device."""
    ends = [end for parameter in parameters for end in (parameter.flatten(1).amax(1), parameter.flatten(1).amin(1))]
    finite = torch.stack(ends).isfinite().all(0)  # of the models in all places
    return finite[stack.places]


def _scores(loss: NDArray[Any], correct: NDArray[Any], predicted: NDArray[Any]) -> list[Score | None]:
    """Returns the scores of the models of one draw; None where the loss is not finite."""
    count = predicted.shape[1]
    return [
        Score(loss=-float(total) / count, accuracy=int(right) / count, predicted=row) if math.isfinite(total) else None
        for total, right, row in zip(loss, correct, predicted.astype(np.int64), strict=True)
    ]


def _tally(
    stack: Stack, parameters: Sequence[Tensor], draw: int, batch: Batch, count: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns how the models of one draw do on a set of `count` images, on the device.

    Returns:
        Summed log-probabilities of the labels, (G,) float64; images whose label is predicted, (G,) int64; predicted
        classes, (G, n).
    """
    cells = stack.arrangement.cells
    loss = torch.zeros(cells, dtype=torch.float64, device=stack.device)
    correct = torch.zeros(cells, dtype=torch.int64, device=stack.device)
    narrow = next(dtype for most, dtype in NARROW if stack.model.classes <= most)
    predicted = torch.empty(cells, count, dtype=narrow, device=stack.device)
    counts = _counts(stack, batch, count)
    for some, parts in log_probs(stack, parameters, draw, batch):
        picked, guessed = [], []
        for blocks, values in parts:  # (M, J, C, B)
            picked.append(_at_labels(values, batch[blocks], counts[blocks]))
            guessed.append(first_largest(values))
        sums_of(_joined(picked), out=loss[some])
        classes = _joined(guessed)  # (M, J, 1, B)
        right = (classes == batch.labels).masked_fill_(batch.padding, value=False)
        correct[some] = right.flatten(1).sum(1)
        predicted[some] = classes.flatten(1)[:, :count].to(narrow)
    return loss, correct, predicted


def _losses(stack: Stack, parameters: Sequence[Tensor], draw: int, batch: Batch, count: int) -> Tensor:
    """Returns the summed log-probabilities of the labels for all models of a draw, (G,) float64, on the device."""
    sums = torch.zeros(stack.arrangement.cells, dtype=torch.float64, device=stack.device)
    counts = _counts(stack, batch, count)
    for some, parts in log_probs(stack, parameters, draw, batch):
        picked = [_at_labels(values, batch[blocks], counts[blocks]) for blocks, values in parts]
        sums_of(_joined(picked), out=sums[some])
    return sums


def sums_of(values: Tensor, out: Tensor) -> None:
    """Writes the sum of every model's values, (M, ...), into `out`, (M,) float64."""
    if out.device.type != "cpu":
        torch.sum(values.flatten(1), 1, dtype=out.dtype, out=out)
        return
    for one, total in zip(values, out, strict=True):
        torch.sum(one.flatten(), 0, dtype=out.dtype, out=total)


def log_probs(
    stack: Stack, parameters: Sequence[Tensor], draw: int, batch: Batch
) -> Iterator[tuple[slice, Iterator[tuple[slice, Tensor]]]]:
    """Yields the log-probabilities of all models of a draw for a set, some models and some blocks at a time.

    Args:
        stack: whose models.
        parameters: of the models in all places.
        draw: which models.
        batch: the set.

    Yields:
        Which cells, and for these an iterator over which blocks and (M, J, C, B) of them, which the next may overwrite.
    """
    arrangement = stack.arrangement
    if stack.takes_by_tiles(batch):
        for group in range(arrangement.groups):
            cells = arrangement.cells_of(group)
            passes = stack.passes.log_probs(group, parameters)
            made = ((blocks, tile.transpose(0, 1)[: len(cells)]) for blocks, tile in passes)
            yield slice(cells.start, cells.stop), made
        return
    places = [stack.places[model] for model in arrangement.of_draw(draw)]
    rows, most = sum(stack.model.rows), piece_bytes(stack.device)
    block = rows * batch.weight.shape[-1] * batch.weight.element_size()  # bytes of one model
    parts = pieces(len(batch.labels), most // block)
    together = max(1, most // (block * max(part.stop - part.start for part in parts)))
    memory: dict[tuple[int, int], list[Tensor]] = {}
    for first in range(0, len(places), together):
        some = places[first : first + together]
        made = ((blocks, _alone(stack, parameters, some, batch[blocks], memory)) for blocks in parts)
        yield slice(first, first + len(some)), made


def _alone(
    stack: Stack,
    parameters: Sequence[Tensor],
    places: Sequence[int],
    batch: Batch,
    memory: dict[tuple[int, int], list[Tensor]],
) -> Tensor:
    """Returns log-probabilities of the models in some places, (M, J, C, B): alone, or on a GPU in one product.

    What is computed stands in `memory`, by numbers of models and blocks: of thousands of classes it takes as long to
    come by fresh memory as to fill it.
    """
    model, blocks, images = stack.model, len(batch.labels), batch.weight.shape[-1]
    width = 1 if stack.device.type == "cpu" else len(places)
    if (len(places), blocks) not in memory:
        hidden = model.activations(blocks, width, images, batch.weight)[:-1]
        logits = batch.weight.new_empty(len(places) // width, blocks, width, model.rows[-1], images)
        memory[len(places), blocks] = [*hidden, logits, torch.empty_like(logits[:, :, :, : model.classes])]
    *hidden, logits, log_probs = memory[len(places), blocks]
    for number, out in enumerate(logits):
        some = places[number * width : (number + 1) * width]
        own = [part[some[0]][None] if width == 1 else part[some] for part in parameters]
        run(model.forward([part.expand(blocks, *part.shape) for part in own], batch.inputs, [*hidden, out]))
    torch.log_softmax(logits[:, :, :, : model.classes], 3, out=log_probs)
    return log_probs.transpose(1, 2).reshape(len(places), blocks, model.classes, images)


def _counts(stack: Stack, batch: Batch, count: int) -> Tensor:
    """Returns what the images of a set count, (J, 1, B), 1 in the mean; one number where they count the same."""
    if stack.dataset.weights is None:
        return torch.ones(1, dtype=batch.weight.dtype, device=stack.device).expand(len(batch.weight), 1, 1)
    return batch.weight * (count / batch.weight.sum(dtype=torch.float64)).to(batch.weight)


def _at_labels(log_probs: Tensor, batch: Batch, counts: Tensor) -> Tensor:
    """Returns the log-probabilities of the labels times what the images count, (M, J, 1, B), 0 for padding."""
    labels = batch.labels.expand(len(log_probs), *batch.labels.shape)
    return log_probs.gather(2, labels).masked_fill_(batch.padding, 0).mul_(counts)


def _joined(parts: Sequence[Tensor]) -> Tensor:
    """Returns pieces of some blocks each, (M, J, ...), as one."""
    return parts[0] if len(parts) == 1 else torch.cat(list(parts), 1)
