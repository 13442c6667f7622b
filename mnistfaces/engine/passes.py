"""The ways of the models of a stack through the images of a step, forward and back, and the gradients of that.

Legend: T tiles of M places each hold the models of G cells and S draws. J blocks of B images a batch, C classes.

Where a batch of one draw is cut into blocks of images, each tile goes through some blocks at a time: their products are
one batch. Else all tiles go through a block of every draw at a time. Either way the gradients of the blocks are added
in their order. Everything lies where it lay in the step before, so a pass is laid out once: see `operations`.
"""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mnistfaces.engine.arrangement import Arrangement
from mnistfaces.engine.batches import Batch
from mnistfaces.engine.costs import costs_of, descent_of, sum_in_order
from mnistfaces.engine.exponentials import Exponentials
from mnistfaces.engine.models import Model
from mnistfaces.engine.operations import Operation, run
from mnistfaces.engine.tiles import pieces, tiled

PIECE_BYTES = {"cpu": 8 << 20}
OTHER_PIECE_BYTES = 256 << 20  # of a GPU, which wants larger ones
"""Of a large set of images, as many blocks go through at once as give so many bytes of activations."""

KEPT_BYTES = 256 << 20
"""Passes of a stack's measured training images, from which its next step starts, take no more than this."""

Part = tuple[int, int]
"""Of a step: a tile and a piece of the blocks; or 0 and a block, which all tiles go through."""

SHARED = (-1, -1)  # the owner of buffers that no later step relies on


@dataclass(frozen=True, kw_only=True, eq=False)
class Buffers:
    """What a pass computes in.

    Attributes:
        activations: of every layer, the logits last.
        log_probs: (T * M, C, B).
        slopes: what the way back needs more.
    """

    activations: list[Tensor]
    log_probs: Tensor
    slopes: list[Tensor]


class Pass:
    """A part of a step.

    Args:
        forward: what writes the log-probabilities of the weights of now.
        backward: what adds the part's share to the gradients then; done once only, for it overwrites these.

    Attributes:
        places: of the models, among all places.
        batch: the images.
        log_probs: (T * M, C, B), where they are written.
    """

    def __init__(
        self, places: slice, batch: Batch, log_probs: Tensor, forward: list[Operation], backward: list[Operation]
    ) -> None:
        self.places, self.batch, self.log_probs = places, batch, log_probs
        self._forward, self._backward = forward, backward
        self.is_ahead = False

    def forward(self) -> None:
        """Writes the log-probabilities, unless they are those of now."""
        if not self.is_ahead:
            run(self._forward)
            self.is_ahead = True

    def backward(self) -> None:
        """Adds to the gradients."""
        run(self._backward)
        self.is_ahead = False


class Passes:
    """All passes of a step.

    Args:
        model: the architecture.
        arrangement: where the models stand.
        parameters: of the models in all places, (T * M, ...) each; they are changed in place only.
        batch: the images of every step, (S * J, B, D); they are changed in place only.
        blocks: J, into which a minibatch or full batch of each draw is cut.

    Attributes:
        grads: the gradients, shaped like the parameters.
    """

    def __init__(
        self, model: Model, arrangement: Arrangement, parameters: Sequence[Tensor], batch: Batch, blocks: int
    ) -> None:
        self._model, self._arrangement, self._parameters = model, arrangement, parameters
        self._batch, self._blocks = batch, blocks
        self.grads = [torch.zeros_like(parameter) for parameter in parameters]
        self._exponentials = Exponentials(batch.weight)
        self._keeps = batch.weight.device.type != "cuda" and self._bytes() <= KEPT_BYTES
        self._passes: dict[tuple[Part, Part], Pass] = {}  # by what they are of, and whose buffers they use
        self._buffers: dict[tuple[int, ...], Buffers] = {}
        self._slopes: dict[tuple[int, ...], list[Tensor]] = {}
        self._shares: dict[int, list[Tensor]] = {}

    def differentiate(self, costs: Tensor | None = None) -> None:
        """Writes the gradients of the batch.

        Args:
            costs: is added to, where given: the cost for the models in all places, (T * M,) float64.
        """
        for part in self._parts:
            kept = self._passes.get((part, part))
            one = kept if kept is not None and kept.is_ahead else self._pass(part, SHARED)
            one.forward()
            if costs is not None:
                of_part = costs[one.places]
                for some in costs_of(one.log_probs, one.batch, self._arrangement.width).view(-1, len(of_part)):
                    of_part += some
            one.backward()

    def forget(self) -> None:
        """Keeps no pass: the weights are others now."""
        for one in self._passes.values():
            one.is_ahead = False

    def log_probs(self, group: int, parameters: Sequence[Tensor]) -> Iterator[tuple[slice, Tensor]]:
        """Yields the log-probabilities of one tile for a batch that is cut into blocks, some blocks at a time.

        Those of the weights of now are kept for the next step, unless they take too much memory.

        Args:
            group: the tile.
            parameters: of the models in all places.

        Yields:
            Which blocks, and (J, M, C, B) of them, which the next may overwrite.
        """
        for number, (blocks, piece) in enumerate(self._cut):
            if parameters is self._parameters and self._keeps:
                one = self._pass((group, number), (group, number))
                one.forward()
                made = one.log_probs
            else:
                of_group = self._of_group(group, len(piece.labels), parameters)
                buffers = self._buffers_of(SHARED, of_group, piece)
                run(self._forward(of_group, piece, buffers))
                made = buffers.log_probs
            yield blocks, made.view(-1, self._arrangement.width, *made.shape[1:])

    @property
    def by_tiles(self) -> bool:
        """Returns whether a pass is of one tile and some blocks, not of all tiles and a block of each draw."""
        return self._arrangement.draws == 1 and self._blocks > 1

    @functools.cached_property
    def _parts(self) -> list[Part]:
        if not self.by_tiles:
            return [(0, block) for block in range(self._blocks)]
        return [(group, number) for group in range(self._arrangement.groups) for number in range(len(self._cut))]

    @functools.cached_property
    def _cut(self) -> list[tuple[slice, Batch]]:
        """Returns which blocks of a batch of the only draw go through a tile at a time, and these."""
        at_once = piece_bytes(self._batch.weight.device) // (self._arrangement.width * self._block_bytes())
        return [(blocks, self._batch[blocks]) for blocks in pieces(self._blocks, at_once)]

    def _bytes(self) -> int:
        """Returns how much memory the passes of the batch through all tiles take."""
        return len(self._parameters[0]) * self._blocks * self._block_bytes()

    def _block_bytes(self) -> int:
        """Returns how much memory the pass of one block of images through one model takes."""
        weight = self._batch.weight
        return (sum(self._model.rows) + self._model.classes) * weight[0].numel() * weight.element_size()

    def _pass(self, part: Part, owner: Part) -> Pass:
        """Returns a pass in buffers that `owner` alone uses."""
        if (part, owner) not in self._passes:
            lay_out = self._of_tile if self.by_tiles else self._of_block
            self._passes[part, owner] = lay_out(*part, owner)
        return self._passes[part, owner]

    def _of_tile(self, group: int, number: int, owner: Part) -> Pass:
        """Lays out the pass of one tile of the only draw through some blocks of images."""
        blocks, piece = self._cut[number]
        width = self._arrangement.width
        parameters = self._of_group(group, len(piece.labels), self._parameters)
        if len(piece.labels) not in self._shares:
            self._shares[len(piece.labels)] = [part.new_zeros(part.shape) for part in parameters]  # padding stays 0
        shares = self._shares[len(piece.labels)]
        grads = [grad[group] for grad in tiled(self.grads, width)]
        sums = [
            operation
            for grad, share in zip(grads, shares, strict=True)
            for operation in sum_in_order(grad, share, first=blocks.start == 0)
        ]
        places = slice(group * width, (group + 1) * width)
        return self._lay_out(places, piece, parameters, owner, (shares, sums))

    def _of_block(self, _group: int, block: int, owner: Part) -> Pass:
        """Lays out the pass of all tiles through one block of images of every draw."""
        grads, sums = self.grads, list[Operation]()
        if block:
            if 0 not in self._shares:
                self._shares[0] = [torch.zeros_like(grad) for grad in grads]
            sums = [functools.partial(grad.add_, share) for grad, share in zip(grads, self._shares[0], strict=True)]
            grads = self._shares[0]
        width = self._arrangement.width
        batch = self._batch.of_block(block, self._blocks)
        out = tiled(grads, width), sums
        return self._lay_out(slice(None), batch, tiled(self._parameters, width), owner, out)

    def _lay_out(
        self,
        places: slice,
        batch: Batch,
        parameters: Sequence[Tensor],
        owner: Part,
        out: tuple[Sequence[Tensor], Sequence[Operation]],
    ) -> Pass:
        """Returns a pass; `out` are where it writes gradients, and what adds these to those of other parts."""
        grads, sums = out
        buffers = self._buffers_of(owner, parameters, batch)
        log_probs, work = buffers.log_probs, (buffers.activations, buffers.slopes)
        backward: list[Operation] = [
            functools.partial(self._exponentials, log_probs),
            *descent_of(log_probs, batch, self._arrangement.width),
            *self._model.backward(parameters, batch.inputs, work, log_probs, grads),
            *sums,
        ]
        return Pass(places, batch, log_probs, self._forward(parameters, batch, buffers), backward)

    def _forward(self, parameters: Sequence[Tensor], batch: Batch, buffers: Buffers) -> list[Operation]:
        """Returns what writes activations and log-probabilities."""
        logits = buffers.activations[-1].flatten(0, 1)[:, : self._model.classes]
        work = self._model.forward(parameters, batch.inputs, buffers.activations)
        return [*work, functools.partial(torch.log_softmax, logits, 1, out=buffers.log_probs)]

    def _of_group(self, group: int, blocks: int, parameters: Sequence[Tensor]) -> list[Tensor]:
        """Returns the parameters of one tile, (J, M, ...) each: the same for every block of images."""
        tiles = tiled(parameters, self._arrangement.width)
        return [parameter[group].expand(blocks, *parameter.shape[1:]) for parameter in tiles]

    def _buffers_of(self, owner: Part, parameters: Sequence[Tensor], batch: Batch) -> Buffers:
        """Returns the buffers of an owner for so many tiles, models and images; all share those of the way back."""
        count, width = parameters[0].shape[:2]
        size = count, width, batch.inputs.shape[1]
        if size not in self._slopes:
            self._slopes[size] = self._model.slopes(*size, batch.weight)
        if (*owner, *size) not in self._buffers:
            self._buffers[*owner, *size] = Buffers(
                activations=self._model.activations(*size, batch.weight),
                log_probs=batch.weight.new_empty(size[0] * size[1], self._model.classes, size[2]),
                slopes=self._slopes[size],
            )
        return self._buffers[*owner, *size]


def piece_bytes(device: torch.device) -> int:
    """Returns how much memory the activations of images that go through at a time should take."""
    return PIECE_BYTES.get(device.type, OTHER_PIECE_BYTES)
