"""A stack without the models that have ended: these keep what they have, and take no more of a step's time.

Cells all of whose models have ended are left out, and so are draws: what is left is a stack again. A model's numbers do
not depend on its stack, so those that go on have the bits that they would have had among all.
"""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from mnistfaces.engine.arrangement import Arrangement
from mnistfaces.engine.draws import cell_and_draw, model_of
from mnistfaces.engine.lbfgs import Lbfgs
from mnistfaces.engine.snapshots import STANDING, Snapshot
from mnistfaces.engine.stack import Stack
from mnistfaces.engine.standing import PER_MODEL, Standing


def find_left(stack: Stack, standing: Standing) -> tuple[list[int], list[int]]:
    """Returns the cells and the draws of which some model goes on."""
    going = [cell_and_draw(k, len(stack.draws)) for k, ended in enumerate(standing.ended_at) if not ended]
    return sorted({cell for cell, _ in going}), sorted({draw for _, draw in going})


def models_of(stack: Stack, cells: Sequence[int], draws: Sequence[int]) -> list[int]:
    """Returns the models that some cells and draws of a stack have, in the order of a stack of these alone."""
    return [model_of(cell, draw, len(stack.draws)) for cell in cells for draw in draws]


def thinned(stack: Stack, standing: Standing, cells: Sequence[int], draws: Sequence[int]) -> tuple[Stack, Standing]:
    """Returns a stack of some cells and draws of another, at the epoch where that one is, and how its models stand."""
    less = Stack(
        stack.dataset, [stack.cells[cell] for cell in cells], [stack.draws[draw] for draw in draws], stack.device
    )
    models = models_of(stack, cells, draws)
    origins = [stack.places[models[model]] for model in less.arrangement.models()]  # of every place, repetitions too
    _take(less.parameters, stack.parameters, origins)
    _take(less.optimizer.memory, stack.optimizer.memory, origins)
    if isinstance(less.optimizer, Lbfgs) and isinstance(stack.optimizer, Lbfgs):
        less.optimizer.curvature = stack.optimizer.curvature  # of the same images
    if stack.minibatches is not None and less.minibatches is not None:
        orders = stack.minibatches.orders
        less.minibatches.orders = [orders[draw] for draw in draws]

    stands = Standing(less)
    for name in PER_MODEL:
        values = getattr(standing, name)
        setattr(stands, name, [values[model] for model in models])
    if standing.best_parameters:
        stands.begin()
        _take(stands.best_parameters, standing.best_parameters, origins)
    return less, stands


def widened(
    snapshot: Snapshot, stack: Arrangement, numbers: Sequence[int], whole: Snapshot, first: Arrangement
) -> Snapshot:
    """Returns the snapshot of the stack as it was before models were left out, at the epoch of that of what goes on.

    Args:
        snapshot: of the models that go on.
        stack: where these stand.
        numbers: which models of the first stack these are.
        whole: of the first stack, when models were last left out.
        first: where its models stood.
    """
    of_number = {number: k for k, number in enumerate(numbers)}
    places = [(place, stack.place(of_number[k])) for place, k in enumerate(first.models()) if k in of_number]
    there, here = (list(part) for part in zip(*places, strict=True))
    arrays = {}
    for name, now in snapshot.arrays.items():
        arrays[name] = whole.arrays[name].copy() if now.ndim else now
        if name in STANDING:
            arrays[name][list(numbers)] = now
        elif now.ndim:
            arrays[name][there] = now[here]
    statuses, orders = list(whole.statuses), list(whole.orders)
    for number, k in of_number.items():
        statuses[number] = snapshot.statuses[k]
        if orders:
            orders[cell_and_draw(number, first.draws)[1]] = snapshot.orders[cell_and_draw(k, stack.draws)[1]]
    return replace(snapshot, arrays=arrays, statuses=statuses, orders=orders)


def _take(new: Sequence[Tensor], old: Sequence[Tensor], origins: Sequence[int]) -> None:
    """Copies tensors of all places, or counters, in place; velocities without momentum are not kept, nor needed."""
    for here, there in zip(new, old, strict=False):
        here.copy_(there[origins] if there.dim() else there)
