"""The kept models that the figures are drawn of: trained once, found again by the same configuration."""

from collections.abc import Generator

from mnistfaces.experiments.commands import train_line
from mnistfaces.experiments.history import lowest_val_loss
from mnistfaces.experiments.train import load_history, open_training, train_and_keep
from mnistfaces.experiments.trials import Cell, Trial
from mnistfaces.plots import figures
from mnistfaces.plots.training import learning_curve
from mnistfaces.progress import Event, result_of
from mnistfaces.reproduce.records import FigureFile, Role, Setup
from mnistfaces.runs.runs import HISTORY, Run


def train_model(setup: Setup, role: Role, cell: Cell) -> Generator[Event, None, Run]:
    """Trains a model with seed 0 on the dataset of a role, or finds it, yielding how far it is; returns its run.

    Raises:
        DataError: the dataset is not here, or too small.
    """
    dataset = setup.load(role, cell.data)
    trial = Trial(cell=cell, seed=0, split_seed=0)
    folder = open_training(dataset, trial, device=setup.device, every=None, out=None)
    return (yield from result_of(train_and_keep(folder, dataset, trial)))


def draw_curve(setup: Setup, run: Run, role: Role, cell: Cell, *, file: str, caption: str) -> FigureFile:
    """Returns the learning curve of a kept model, drawn into the folder of figures."""
    history = load_history(run.path / HISTORY)
    title = f"{run.row['dataset']}: {cell.training.model}, lr {cell.training.lr:g}, momentum {cell.training.momentum:g}"
    figures.save(learning_curve(history, title), setup.figures / file)
    lowest = lowest_val_loss(history)
    marked = f"; the validation cost is lowest at epoch {lowest:,}" if lowest is not None else ""
    return FigureFile(
        file=file,
        caption=caption,
        alt=f"Mean cost and accuracy of the training, validation and test images by epoch{marked}.",
        line=f"{train_line(cell, setup.name(role), run.config['dataset']['kind'], 0)} --plot curve.png",
    )


def describe_curve(run: Run, name: str) -> str:
    """Returns a sentence on the best and the last test accuracy of a kept model's learning curve."""
    history = load_history(run.path / HISTORY)
    known = [
        (accuracy, int(epoch or 0))
        for epoch, accuracy in zip(history["epoch"], history["test_accuracy"], strict=True)
        if accuracy is not None
    ]
    if not known:
        return f"{name}: the test accuracy is not known at any epoch."
    best, last = max(known, key=lambda point: point[0]), known[-1]
    lowest = min(known[known.index(best) :], key=lambda point: point[0])
    dip = f"falls to {lowest[0]:.1%} at iteration {lowest[1]:,} and " if lowest[0] < last[0] else ""
    return (
        f"{name}: test accuracy is highest at iteration {best[1]:,} ({best[0]:.1%}), {dip}"
        f"is {last[0]:.1%} at iteration {last[1]:,}."
    )
