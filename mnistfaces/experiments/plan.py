"""Grids of trials: which there are, which are done, which can train together, and a stream of their records.

Legend: G cells, S draws (a seed and a fold), K = G * S models of a stack.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnistfaces.config import DataConfig, DeviceName, SplitConfig, TrainConfig
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.splits import draw_split
from mnistfaces.experiments.trials import Row, Trial, measured_fields
from mnistfaces.files import Ledger, hash_of
from mnistfaces.progress import Advanced

if TYPE_CHECKING:
    from mnistfaces.engine.draws import Draw
    from mnistfaces.engine.training import Epoch

STACK_BYTES = 256 << 20
"""Weights, gradients, moments and activations of a stack stay under this; larger stacks are cut."""

FLOPS_PER_WEIGHT = 4  # a multiplication and an addition, forward and back
FLOPS_PER_SECOND = 1e11
STEP_SECONDS = 2e-5  # of a model in a stack, besides its products

LONG_EPOCHS, TOLD = 1000, 20  # a training of so many epochs tells so many times how far it is

PARTS = "parts"


@dataclass(frozen=True, kw_only=True, eq=False)
class Group:
    """Trials that train as one stack: every cell with every draw, at every number of epochs.

    Attributes:
        dataset: of all of them.
        cells: G configurations, differing in learning rate, momentum and weight decay.
        epochs: the checkpoints.
        draws: S draws.
        trials: which trial a cell, a draw and a checkpoint are; some may be missing.
    """

    dataset: Dataset
    cells: tuple[TrainConfig, ...]
    epochs: tuple[int, ...]
    draws: "tuple[Draw, ...]"
    trials: Mapping[tuple[int, int, int], Trial]

    @property
    def size(self) -> int:
        """Returns K, the number of models."""
        return len(self.cells) * len(self.draws)

    @property
    def work(self) -> int:
        """Returns the epochs of all its models: what progress counts."""
        return self.size * self.epochs[-1]

    def estimate_seconds(self) -> float:
        """Returns about how long the stack trains on two ordinary cores: a guess for `--dry-run`."""
        training, images = self.cells[0], len(self.draws[0].split.train)
        weights = _count_weights(self.dataset, training)
        steps = -(-images // min(training.batch_size or images, images))
        per_epoch = images * weights * FLOPS_PER_WEIGHT / FLOPS_PER_SECOND + steps * STEP_SECONDS
        return round(self.epochs[-1] * self.size * per_epoch, 1)


DrawKey = tuple[SplitConfig, int, int, int]


class Draws:
    """The draws of trials, each made once."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, DrawKey], Draw] = {}

    def of(self, trial: Trial, dataset: Dataset) -> "Draw":
        """Returns what a trial's seeds and fold decide.

        Raises:
            DataError: a class has too few images for the split.
        """
        from mnistfaces.engine.draws import Draw

        key = (dataset.fingerprint, draw_key(trial))
        if key not in self._made:
            split = draw_split(dataset, trial.cell.split, trial.split_seed, trial.fold)
            self._made[key] = Draw(split=split, seed=trial.seed)
        return self._made[key]


def draw_key(trial: Trial) -> DrawKey:
    """Returns what decides a trial's draw."""
    return trial.cell.split, trial.split_seed, trial.seed, trial.fold


def plan(
    trials: Sequence[Trial], datasets: Mapping[DataConfig, Dataset], draws: Draws, *, isolated: bool = False
) -> Iterator[Group]:
    """Yields the stacks in which trials train, one dataset after the other.

    A trial's numbers do not depend on its stack, so what is grouped is what is left to do.

    Args:
        trials: what to train.
        datasets: by their form.
        draws: of all these trials.
        isolated: one model at a time.
    """
    from mnistfaces.engine.draws import count_steps, is_full_batch

    for data in dict.fromkeys(trial.cell.data for trial in trials):
        dataset = datasets[data]
        stacks: dict[Any, dict[DrawKey, list[Trial]]] = {}
        for trial in (trial for trial in trials if trial.cell.data == data):
            images, training = len(draws.of(trial, dataset).split.train), trial.cell.training
            alone = draw_key(trial) if is_full_batch(training, images) else None
            common = replace(training, lr=1.0, momentum=0.0, weight_decay=0.0, epochs=1)
            stack = stacks.setdefault((common, count_steps(training, images), alone), {})
            stack.setdefault(draw_key(trial), []).append(trial)
        for by_draw in stacks.values():
            yield from _groups(dataset, by_draw, draws, isolated=isolated)


def _groups(
    dataset: Dataset, by_draw: Mapping[DrawKey, Sequence[Trial]], draws: Draws, *, isolated: bool
) -> Iterator[Group]:
    """Yields groups in which every cell has every draw: draws with the same trials to do go together."""
    alike: dict[frozenset[TrainConfig], list[DrawKey]] = {}
    for key, trials in by_draw.items():
        alike.setdefault(frozenset(trial.cell.training for trial in trials), []).append(key)
    for wanted, keys in alike.items():
        epochs = tuple(sorted({training.epochs for training in wanted}))
        cells = sorted({replace(training, epochs=epochs[-1]) for training in wanted}, key=_cell_order)
        for cell_part, key_part in _cut(dataset, cells, keys, isolated=isolated):
            places = {
                (cell_part.index(cell), column, trial.cell.training.epochs): trial
                for column, key in enumerate(key_part)
                for trial in by_draw[key]
                if (cell := replace(trial.cell.training, epochs=epochs[-1])) in cell_part
            }
            firsts = [by_draw[key][0] for key in key_part]
            yield Group(
                dataset=dataset,
                cells=tuple(cell_part),
                epochs=epochs,
                draws=tuple(draws.of(trial, dataset) for trial in firsts),
                trials=places,
            )


def _cell_order(training: TrainConfig) -> tuple[float, float, float]:
    return training.lr, training.momentum, training.weight_decay


def _cut(
    dataset: Dataset, cells: Sequence[TrainConfig], draws: Sequence[DrawKey], *, isolated: bool
) -> Iterator[tuple[Sequence[TrainConfig], Sequence[DrawKey]]]:
    """Yields parts of a stack that fit into memory, or single models."""
    most = 1 if isolated else max(1, STACK_BYTES // _model_bytes(dataset, cells[0]))
    width = min(len(draws), most)
    height = max(1, most // width)
    for first in range(0, len(draws), width):
        for top in range(0, len(cells), height):
            yield cells[top : top + height], draws[first : first + width]


def _model_bytes(dataset: Dataset, training: TrainConfig) -> int:
    """Returns about how much memory a model takes: weights, two gradients, two moments, a step, activations."""
    copies = 6 * _count_weights(dataset, training)
    first = training.hidden if training.model == "mlp" else len(dataset.classes)
    batch = min(training.batch_size or len(dataset), len(dataset))
    size: int = (copies + 3 * batch * (first + len(dataset.classes))) * (8 if training.dtype == "float64" else 4)
    return size


def _count_weights(dataset: Dataset, training: TrainConfig) -> int:
    inputs, classes = int(dataset.inputs.shape[1]), len(dataset.classes)
    if training.model == "softmax":
        return inputs * classes
    return training.hidden * (inputs + classes)


def run_trials(
    groups: Iterable[Group], folder: Path, ledger: Ledger, device: DeviceName, *, keep_weights: bool = False
) -> Iterator[Row | Advanced]:
    """Trains groups one after the other, yielding how far they are, and a record per trial once it is on the disk.

    Args:
        groups: from `plan`.
        folder: predictions go to `parts` in it, weights to `weights`.
        ledger: gets the records.
        device: where to compute.
        keep_weights: whether each trial's weights are kept.

    Raises:
        FileError: the disk refuses.
    """
    from mnistfaces.engine.training import fit

    for group in groups:
        last, before = group.epochs[-1], 0
        every = last // TOLD if last >= LONG_EPOCHS else None
        for epoch in fit(group.dataset, group.cells, group.draws, checkpoints=group.epochs, every=every, device=device):
            yield Advanced(amount=group.size * (epoch.number - before))
            before = epoch.number
            yield from _keep(group, epoch, folder, ledger, device, keep_weights=keep_weights)


def _keep(
    group: Group, epoch: "Epoch", folder: Path, ledger: Ledger, device: str, *, keep_weights: bool
) -> Iterator[Row]:
    """Writes what a checkpoint's trials answered, then their records: only finished work is recorded."""
    from mnistfaces.runs.predictions import Answers, Predictions, save_predictions
    from mnistfaces.runs.runs import save_weights

    answers, records = [], []
    for k, measure in enumerate(epoch.measures):
        cell, column = divmod(k, len(group.draws))
        trial = group.trials.get((cell, column, epoch.number))
        if trial is None:
            continue
        key, draw = trial.key(group.dataset, device), group.draws[column]
        answers.append(
            Answers(
                key=key,
                split=draw.split,
                val=measure.val.predicted if measure.val else None,
                test=measure.test.predicted if measure.test else None,
            ),
        )
        record = {
            "trial": key,
            "seed": trial.seed,
            "fold": trial.fold,
            **measured_fields(measure, draw),
            "seconds": measure.seconds / group.size,
            "status": measure.status,
            "epoch": measure.epoch,
            "timing": "shared" if group.size > 1 else "isolated",
        }
        records.append(record)
        if keep_weights and measure.weights is not None:
            save_weights(folder / "weights" / f"{key}.safetensors", measure.weights)
    if not answers:
        return
    part = f"{hash_of([answer.key for answer in answers])[:16]}.npz"
    save_predictions(folder / PARTS / part, Predictions.of(group.dataset, answers))
    for record in records:
        ledger.append({**record, "part": part})
        yield {**record, "part": part}
