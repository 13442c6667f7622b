"""What a notebook shows of runs, sweeps, surfaces, datasets, fits and features: HTML that asks no network."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mnistfaces.config import CLOSED
from mnistfaces.errors import MnistFacesError
from mnistfaces.notebook.parts import card, fields, picture, rows_table
from mnistfaces.text import counted

if TYPE_CHECKING:
    from mnistfaces.datasets.base import Dataset
    from mnistfaces.engine.records import Epoch
    from mnistfaces.features.target import Extracted
    from mnistfaces.landscape import Surface
    from mnistfaces.runs.runs import Run

Row = Mapping[str, Any]

SIDES = {"train": "training", "val": "validation", "test": "test"}

MOST_ROWS = 20
"""Rows of a table; of more, the first are shown and the others counted."""

MOST_CLASSES = 20
"""Classes of which an example is shown."""

DRAWN_CELLS = 1000
"""Of a sweep with more cells no figure is drawn."""

NETWORK_INPUT = 2
"""Axes of a gray image."""


def html_of(thing: object) -> str:
    """Returns what stands for a thing in a notebook; what cannot be read says so in its place."""
    show = next(SHOWN[kind.__name__] for kind in type(thing).__mro__ if kind.__name__ in SHOWN)
    try:
        return show(thing)
    except MnistFacesError as error:
        return card(type(thing).__name__, f"cannot be shown: {error}")


def show_run(run: "Run") -> str:
    """Returns a kept run: its numbers, and its curve, grid or surface."""
    if not run.config["sha256"]:
        return card(f"mnf {run.command}", f"{run.path}: not finished; the same command again goes on")
    name = f"mnf {run.command}: {run.path}"
    if run.command == "train":
        return _trained(run, name)
    if run.command == "sweep":
        return show_summary(run.summary(), name)
    if run.command in ("contour", "trajectory"):
        from mnistfaces.pages.played import surface_of

        return show_surface(surface_of(run), name)
    return card(name, "", rows_table(run.rows(), MOST_ROWS))


def _trained(run: "Run", name: str) -> str:
    from mnistfaces.experiments.train import load_history
    from mnistfaces.plots.figures import inline_svg
    from mnistfaces.plots.training import learning_curve
    from mnistfaces.runs.runs import HISTORY

    row, training = run.row, run.training
    closed = training.model in CLOSED
    setting = f"weight decay {training.weight_decay:g}" if closed else f"{training.optimizer}, lr {training.lr:g}"
    told = f"{training.model}, {setting}: {row['status']}, {row['seconds']:.3g} s"
    sides = [
        {
            "images of": word,
            "accuracy": row[f"{side}_accuracy"],
            "low": row["test_low"] if side == "test" else None,
            "high": row["test_high"] if side == "test" else None,
            "cost (nats per image)": row[f"{side}_loss"],
            "n": row[f"{side}_n"],
        }
        for side, word in SIDES.items()
    ]
    if closed:  # without steps, and so without a curve
        return card(name, told, rows_table(sides, MOST_ROWS))
    curve = learning_curve(load_history(run.file(HISTORY)), row["dataset"])
    return card(
        name, told, rows_table(sides, MOST_ROWS), picture(inline_svg(curve, f"The learning curve of {run.path}"))
    )


def show_summary(summary: Row, name: str = "") -> str:
    """Returns a sweep: its figure, which cell is chosen, and the cells."""
    from mnistfaces.plots.figures import inline_svg
    from mnistfaces.plots.sweep import sweep_figure
    from mnistfaces.plots.swept import swept_options

    cells: Sequence[Row] = summary["cells"]
    options = [option.name for option in swept_options(cells)]
    columns = (*options, "train_accuracy", "val_accuracy", "test_accuracy", "test_low", "test_high", "n", "status")
    marks = ["*" if cell["best"] else "~" if cell["tied"] else "" for cell in cells]
    rows = [{"": mark, **{name: cell[name] for name in columns}} for mark, cell in zip(marks, cells, strict=True)]
    command = summary["best_command"]
    told = f"best by validation (*): {command}" if command else "no cell is called best"
    drawn = (
        [picture(inline_svg(sweep_figure(summary), "The figure of the sweep"))] if 0 < len(cells) <= DRAWN_CELLS else []
    )
    return card(name or f"a sweep of {counted(len(cells), 'cell')}", told, *drawn, rows_table(rows, MOST_ROWS))


def show_surface(surface: "Surface", name: str = "") -> str:
    """Returns a surface: its contours, and what it took."""
    from mnistfaces.plots.figures import inline_svg
    from mnistfaces.plots.landscape import contour_figure

    loss, first, second = surface.minimum()
    told = {
        "minimum of the grid": f"{loss:.6g} nats at ({first:.4g}, {second:.4g})",
        "trained": f"{surface.trained_loss:.6g} nats",
        "points": f"{surface.loss.size:,}",
        "method": surface.method,
        "seconds": f"{surface.seconds:.3g}",
    }
    drawn = picture(inline_svg(contour_figure(surface), f"Cost over two weights: {surface.pair.title}"))
    return card(name or f"cost over two weights: {surface.pair.title}", "", fields(told), drawn)


def show_dataset(dataset: "Dataset") -> str:
    """Returns a dataset: how many images of which classes, and one of each."""
    import numpy as np

    counts = np.bincount(dataset.labels, minlength=len(dataset.classes))
    size = " x ".join(map(str, dataset.shape))
    what = "images" if len(dataset.shape) >= NETWORK_INPUT else "vectors of numbers"
    given = {"test": int(dataset.given_test.sum())}
    if dataset.given_val is not None:
        given["validation"] = int(dataset.given_val.sum())
    brought = ", ".join(f"{count:,} as a {side} set" for side, count in given.items() if count)
    told = f"{len(dataset):,} {what}, {size}, in {len(dataset.classes):,} classes"
    told += f"; the data bring {brought}" if brought else ""
    if len(dataset.shape) < NETWORK_INPUT:
        rows = [{"class": name, "n": int(n)} for name, n in zip(dataset.classes, counts, strict=True)]
        return card(dataset.name, told, rows_table(rows, MOST_ROWS))
    from mnistfaces.plots.figures import inline_svg
    from mnistfaces.plots.training import class_sheet

    shown = min(len(dataset.classes), MOST_CLASSES)
    first = [int(np.flatnonzero(dataset.labels == label)[0]) for label in range(shown) if counts[label]]
    pixels = [np.asarray(dataset.inputs[place]).reshape(dataset.shape) for place in first]
    labels = dataset.labels[first].tolist()
    captions = [f"{dataset.classes[label]}\n{counts[label]:,} images" for label in labels]
    more = f"; the first {shown} of them:" if shown < len(dataset.classes) else ""
    sheet = class_sheet(list(zip(captions, pixels, strict=True)))
    return card(dataset.name, told + more, picture(inline_svg(sheet, f"One image of each class of {dataset.name}")))


def show_epoch(epoch: "Epoch") -> str:
    """Returns a measured epoch of a fit: a row per model."""
    rows = []
    for number, measure in enumerate(epoch.measures):
        scores = {"train": measure.train, "val": measure.val, "test": measure.test}
        accuracies = {f"{side}_accuracy": score and score.accuracy for side, score in scores.items()}
        losses = {f"{side}_loss": score and score.loss for side, score in scores.items()}
        rows.append({"model": number, **accuracies, **losses, "status": measure.status})
    return card(f"epoch {epoch.number:,}", counted(len(epoch.measures), "model"), rows_table(rows, MOST_ROWS))


def show_extracted(found: "Extracted") -> str:
    """Returns what an extraction came to."""
    counted = {name: value for name, value in vars(found).items() if isinstance(value, int | float)}
    told = {name.replace("_", " "): f"{value:,.6g}" for name, value in counted.items()}
    return card(f"features: {found.file}", "", fields(told))


SHOWN: Mapping[str, Callable[[Any], str]] = {
    "Run": show_run,
    "Summary": show_summary,
    "Surface": show_surface,
    "Dataset": show_dataset,
    "Epoch": show_epoch,
    "Extracted": show_extracted,
}
"""By the name of a class: its module, which may be heavy, is imported where the thing was made."""
