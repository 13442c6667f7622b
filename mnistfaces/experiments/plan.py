"""How a grid of trials is cut into stacks, each of which trains as one, and about what that takes.

Legend: G cells, S draws (a seed and a fold), K = G * S models of a stack.
"""

import itertools
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, NamedTuple

from mnistfaces.config import CLOSED, MOST_TRIALS, DataConfig, SplitConfig, TrainConfig
from mnistfaces.engine.closed.sizes import count_flops, matrix_size
from mnistfaces.engine.draws import Draw, count_steps, is_full_batch
from mnistfaces.engine.layers import Layers
from mnistfaces.errors import DataError
from mnistfaces.experiments.trials import Trial
from mnistfaces.text import counted

if TYPE_CHECKING:
    from mnistfaces.datasets.base import Dataset

STACK_BYTES = 256 << 20
"""Weights, gradients, moments and activations of a stack stay under this; larger stacks are cut."""

COPIES_BYTES = 512 << 20
"""Every draw has copies of its own where training images are augmented: a stack takes as many draws as have their
training sets in this, to train on and to measure, and one at least."""
CLOSED_STACK_BYTES = 1 << 30
"""Scores of models in closed form stay under this; they share a decomposition, which is not to be made twice."""

FLOPS_PER_WEIGHT = 4  # a multiplication and an addition, forward and back
FLOPS_PER_SECOND = 1e11
CLOSED_FLOPS_PER_SECOND = 2e10  # of decompositions, in float64
STEP_SECONDS = 2e-5  # of a model in a stack, besides its products

PREDICTION_BYTES = 3  # of an image: which side it is on, and the predicted class

RATES = ("lr", "momentum", "weight_decay")
"""What may differ from cell to cell of a stack; numbers of epochs may, too: they are its checkpoints."""

SHARED = tuple(field.name for field in fields(TrainConfig) if field.name not in (*RATES, "epochs"))
"""What all cells of a stack have in common."""


class DrawKey(NamedTuple):
    """What decides a draw: the form of the dataset, how it is divided, and the seeds and fold of a trial.

    At a refit, validation images train.
    """

    data: DataConfig
    split: SplitConfig
    split_seed: int
    fold: int
    seed: int
    refit: bool = False


def draw_key(trial: Trial) -> DrawKey:
    """Returns what decides a trial's draw."""
    cell = trial.cell
    return DrawKey(cell.data, cell.split, trial.split_seed, trial.fold, trial.seed, cell.training.refit)


class Draws:
    """The draws of trials on datasets by their form, each made once, as is the attempt where none can be made."""

    def __init__(self, datasets: "Mapping[DataConfig, Dataset]") -> None:
        self._datasets = datasets
        self._made: dict[DrawKey, Draw | DataError] = {}

    def of(self, key: DrawKey) -> Draw:
        """Returns what seeds and fold decide.

        Raises:
            DataError: a class has too few images for the split.
        """
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = self._make(key)
        if isinstance(made, DataError):
            raise made
        return made

    def _make(self, key: DrawKey) -> Draw | DataError:
        from mnistfaces.datasets.splits import draw_split

        try:
            split = draw_split(self._datasets[key.data], key.split, key.split_seed, key.fold)
        except DataError as error:
            return error
        return Draw(split=split.refitted() if key.refit else split, seed=key.seed)


@dataclass(frozen=True, kw_only=True, eq=False)
class StackPlan:
    """Trials that train as one stack: every cell with every draw, at every number of epochs.

    It holds no images, so that it can be sent to another process.

    Attributes:
        data: form of the dataset.
        cells: G configurations, differing in learning rate, momentum and weight decay.
        epochs: the checkpoints.
        draws: what decides each of the S draws.
        trials: which trial a cell, a draw and a checkpoint are; some may be missing.
        images: that the first draw trains on, copies included.
        inputs: of an image.
        weights: of a model.
        kept: validation and test images of the first draw.
    """

    data: DataConfig
    cells: tuple[TrainConfig, ...]
    epochs: tuple[int, ...]
    draws: tuple[DrawKey, ...]
    trials: Mapping[tuple[int, int, int], Trial]
    images: int
    inputs: int
    weights: int
    kept: int

    @property
    def size(self) -> int:
        """Returns K, the number of models."""
        return len(self.cells) * len(self.draws)

    @property
    def work(self) -> int:
        """Returns the epochs of all its models: what progress counts."""
        return self.size * self.epochs[-1]

    def describe(self) -> str:
        """Returns in words what trains together."""
        config = self.cells[0]
        models = (
            f"{counted(self.size, f'{config.model} model')} ({counted(len(self.cells), 'setting')}, "
            f"{counted(len(self.draws), 'draw')})"
        )
        if config.model in CLOSED:
            return f"{models} by one decomposition of {matrix_size(config, self.images, self.inputs)}"
        return f"{models}, {self.epochs[-1]:,} epochs on {self.images:,} images"

    def halves(self, done: int) -> "Iterator[StackPlan]":
        """Yields two stacks, of half of the draws or else of the cells each, that do what is left to do.

        Args:
            done: epochs of the last checkpoint that is done; 0 is none.
        """
        by_draw = len(self.draws) > 1
        middle = -(-len(self.draws if by_draw else self.cells) // 2)
        for part in (slice(0, middle), slice(middle, None)):
            cells, draws = (self.cells, self.draws[part]) if by_draw else (self.cells[part], self.draws)
            top, left = (0, part.start) if by_draw else (part.start, 0)
            trials = {
                (cell - top, draw - left, epochs): trial
                for (cell, draw, epochs), trial in self.trials.items()
                if epochs > done and 0 <= cell - top < len(cells) and 0 <= draw - left < len(draws)
            }
            if trials:
                ahead = tuple(epochs for epochs in self.epochs if epochs > done)
                yield replace(self, cells=cells, draws=draws, trials=trials, epochs=ahead)

    def estimate_seconds(self) -> float:
        """Returns about how long the stack trains on two ordinary cores: a guess for `--dry-run`."""
        if self.cells[0].model in CLOSED:
            return round(count_flops(self.cells[0], self.images, self.inputs) / CLOSED_FLOPS_PER_SECOND, 1)
        steps = count_steps(self.cells[0], self.images)
        per_epoch = self.images * self.weights * FLOPS_PER_WEIGHT / FLOPS_PER_SECOND + steps * STEP_SECONDS
        return round(self.epochs[-1] * self.size * per_epoch, 1)

    def estimate_bytes(self) -> int:
        """Returns about how many bytes its predictions take at most: on the disk they are compressed."""
        return len(self.trials) * self.kept * PREDICTION_BYTES


def plan(
    trials: Sequence[Trial],
    datasets: "Mapping[DataConfig, Dataset]",
    draws: Draws,
    *,
    isolated: bool = False,
    workers: int = 1,
) -> Iterator[StackPlan]:
    """Yields the stacks in which trials train, one dataset after the other.

    A trial's numbers do not depend on its stack, so what is grouped is what is left to do.

    Args:
        trials: what to train.
        datasets: by their form.
        draws: on these datasets.
        isolated: one model at a time.
        workers: how many stacks train at a time: there are to be as many where there are models enough.
    """
    stacks: dict[DataConfig, dict[Hashable, dict[DrawKey, list[Trial]]]] = {}
    for trial in trials:
        key, training = draw_key(trial), trial.cell.training
        images = len(draws.of(key).split.train) * training.copies
        alike = tuple(getattr(training, name) for name in SHARED)
        alone = key if is_full_batch(training, images) else None
        stack = stacks.setdefault(key.data, {}).setdefault((alike, count_steps(training, images), alone), {})
        stack.setdefault(key, []).append(trial)
    parts = -(-workers // max(1, sum(map(len, stacks.values()))))
    for data, by_kind in stacks.items():
        for by_draw in by_kind.values():
            first, (draw, *_) = next(iter(by_draw.values()))[0], map(draws.of, by_draw)
            dataset, training = datasets[data], first.cell.training
            layers = Layers.of(training, dataset.inputs.shape[1], len(dataset.classes))
            most = 1 if isolated else _most_models(dataset, training, layers)
            shape = {"images": len(draw.split.train) * training.copies, "weights": layers.weights}
            shape["inputs"] = dataset.inputs.shape[1]
            shape["kept"] = len(draw.split.val) + len(draw.split.test)
            widest = _most_draws(dataset, training, shape["images"])
            yield from _groups(by_draw, (most, widest), parts, shape)


def _groups(
    by_draw: Mapping[DrawKey, Sequence[Trial]], most: tuple[int, int], parts: int, shape: Mapping[str, int]
) -> Iterator[StackPlan]:
    """Yields stacks in which every cell has every draw: draws with the same trials to do go together.

    Args:
        by_draw: trials that could train side by side.
        most: models, and draws, that fit into memory.
        parts: into how many stacks they are cut at least, where there are models enough.
        shape: the further fields of every stack.
    """
    alike: dict[frozenset[TrainConfig], list[DrawKey]] = {}
    for key, trials in by_draw.items():
        alike.setdefault(frozenset(trial.cell.training for trial in trials), []).append(key)
    for wanted, keys in alike.items():
        epochs = tuple(sorted({training.epochs for training in wanted}))
        longest = {_rates(training): training for training in sorted(wanted, key=lambda training: training.epochs)}
        rates = sorted(longest)
        number_of = {rate: number for number, rate in enumerate(rates)}
        width = min(len(keys), *most)
        down = _evenly(len(rates), max(parts, -(-len(rates) // max(1, most[0] // width))))
        across = _evenly(len(keys), max(-(-parts // len(rates)), -(-len(keys) // width)))
        columns, rows = _places(across), _places(down)
        blocks: dict[tuple[int, int], dict[tuple[int, int, int], Trial]] = defaultdict(dict)
        for (left, column), key in zip(columns, keys, strict=True):
            for trial in by_draw[key]:
                top, row = rows[number_of[_rates(trial.cell.training)]]
                blocks[left, top][row, column, trial.cell.training.epochs] = trial
        for (left, top), places in sorted(blocks.items(), key=lambda block: block[0]):
            cells = [longest[rate] for rate in rates[down[top]]]
            yield StackPlan(
                data=keys[0].data,
                cells=tuple(cell if cell.epochs == epochs[-1] else replace(cell, epochs=epochs[-1]) for cell in cells),
                epochs=epochs,
                draws=tuple(keys[across[left]]),
                trials=places,
                **shape,
            )


def _evenly(count: int, parts: int) -> list[slice]:
    """Cuts so many things into parts, of which none has two more than another; into no more than there are."""
    ends = [-(-count * part // min(parts, count)) for part in range(min(parts, count) + 1)]
    return [slice(*pair) for pair in itertools.pairwise(ends)]


def _places(cut: Sequence[slice]) -> list[tuple[int, int]]:
    """Returns in which part each thing is, and the how manieth of it."""
    return [(part, place) for part, piece in enumerate(cut) for place in range(piece.stop - piece.start)]


def _rates(training: TrainConfig) -> tuple[float, float, float]:
    """Returns the order of cells in a stack: the optimizers rely on equal rates being neighbours."""
    return training.lr, training.momentum, training.weight_decay


def _most_models(dataset: "Dataset", training: TrainConfig, layers: Layers) -> int:
    """Returns how many models fit into a stack: weights, two gradients, two moments, a step, activations.

    Of models in closed form: weights, and the scores of images, of those left out and of two sets that are measured.
    """
    images = len(dataset) * training.copies
    if training.model in CLOSED:
        return max(1, CLOSED_STACK_BYTES // (8 * (layers.weights + 3 * images * layers.widths[-1])))
    batch = min(training.batch_size or images, images)
    numbers = 6 * layers.weights + 3 * batch * sum(layers.widths[1:])
    return max(1, STACK_BYTES // (numbers * training.ensemble * _bytes_of(training)))


def _most_draws(dataset: "Dataset", training: TrainConfig, images: int) -> int:
    """Returns how many draws a stack can hold, each of so many training images: any number, unless each has its own."""
    if training.augment is None:
        return MOST_TRIALS
    inputs: int = dataset.inputs.shape[1]
    return max(1, COPIES_BYTES // (2 * images * inputs * training.ensemble * _bytes_of(training)))


def _bytes_of(training: TrainConfig) -> int:
    """Returns the size of a number that a training computes with."""
    return 8 if training.dtype == "float64" else 4
