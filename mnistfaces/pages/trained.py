"""The page of a trained model: how it learned, what it gets right and wrong, what it looks for, and a pad.

What cannot be shown, such as the images of a dataset that is gone, is said where it would stand.

Legend: M test images, C classes.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mnistfaces.datasets.base import Dataset
from mnistfaces.errors import MnistFacesError
from mnistfaces.evaluation.calibration import calibrate, calibration_error
from mnistfaces.evaluation.evaluate import Evaluation, evaluate, find_mistakes
from mnistfaces.experiments.train import HISTORY, load_history, lowest_val_loss
from mnistfaces.inspection.hidden_units import UnitsRequest, draw_weights
from mnistfaces.pages.asked import asked_section
from mnistfaces.pages.charts import Curve, key, line_chart, reliability
from mnistfaces.pages.pad import NAME, TITLE, pad_section
from mnistfaces.pages.page import Section
from mnistfaces.pages.parts import (
    Cell,
    cannot,
    figure,
    interval,
    number,
    percent,
    picture,
    png,
    scrolled,
    shown,
    table,
    tiles,
)
from mnistfaces.pages.weights import weights_part
from mnistfaces.runs.models import classes_of, dataset_of, network_of
from mnistfaces.runs.network import Network
from mnistfaces.runs.runs import Run

SIDES = {"train": "training", "val": "validation", "test": "test"}
DASHES = {"train": "", "val": "7 4", "test": "2 3"}

MOST_CLASSES = 500
"""Rows of the table per class: of more, those with the lowest recall are shown."""

MATRIX_CLASSES = 30
"""Of more classes, no matrix is drawn but the most frequent mistakes are listed."""

CONFUSIONS = 30
MISTAKES = 40
DRAWN_CLASSES = 20

Thing = TypeVar("Thing")


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """A run with what can be had of it; a reason stands where there is nothing.

    Attributes:
        run: of `mnf train`.
        network: its model.
        dataset: that it was made with.
        evaluation: its answers on its test images.
    """

    run: Run
    network: Network | MnistFacesError
    dataset: Dataset | MnistFacesError
    evaluation: Evaluation | MnistFacesError

    @classmethod
    def of(cls, run: Run, data_dir: Path | None) -> "Model":
        """Returns a run with all that is still there of it."""
        dataset = _had(lambda: dataset_of(run, data_dir))
        evaluation = _had(lambda: evaluate(run))
        if isinstance(evaluation, Evaluation) and isinstance(dataset, Dataset):
            evaluation = replace(evaluation, dataset=dataset)
        return cls(run=run, network=_had(lambda: network_of(run)), dataset=dataset, evaluation=evaluation)

    def tested(self) -> NDArray[np.int64]:
        """Returns the places of its test images in its dataset, (M,)."""
        if isinstance(self.dataset, MnistFacesError) or isinstance(self.evaluation, MnistFacesError):
            return np.empty(0, np.int64)
        place = {name: at for at, name in enumerate(self.dataset.ids.tolist())}
        return np.array([place[name] for name in self.evaluation.ids.tolist()], np.int64)

    def whole(self) -> tuple[Network, Dataset, Evaluation] | MnistFacesError:
        """Returns all that it takes to ask the model about its test images, or the first reason why that cannot be."""
        network, dataset, evaluation = self.network, self.dataset, self.evaluation
        if isinstance(network, MnistFacesError):
            return network
        if isinstance(dataset, MnistFacesError):
            return dataset
        return evaluation if isinstance(evaluation, MnistFacesError) else (network, dataset, evaluation)


def _had(get: Callable[[], Thing]) -> Thing | MnistFacesError:
    try:
        return get()
    except MnistFacesError as error:
        return error


def title_of(run: Run) -> str:
    """Returns what a page of a training is called."""
    training = run.training
    hidden = f", {training.hidden} hidden units" if training.model == "mlp" else ""
    kind = {"softmax": "Softmax regression", "mlp": "Neural network"}.get(training.model, training.model)
    return f"{kind} on {run.config['dataset']['name']}{hidden}"


def trained_sections(run: Run, data_dir: Path | None = None) -> list[Section]:
    """Returns the sections of a training's page.

    Raises:
        RunError: the run is not finished.
    """
    model = Model.of(run, data_dir)
    return [
        _pad(model),
        _weights(model, data_dir),
        _learning(run),
        _answers(model),
        _calibration(model),
        _mistakes(model),
        asked_section(run),
    ]


def lead_of(run: Run) -> str:
    """Returns the numbers that come first."""
    row = run.row
    told = {
        f"test accuracy, 95 % {interval(row['test_low'], row['test_high'])}": percent(row["test_accuracy"]),
        "validation accuracy": percent(row["val_accuracy"]),
        f"training accuracy, {number(row['train_n'])} images": percent(row["train_accuracy"]),
        "seconds to train": number(row["seconds"], 3),
    }
    if row["status"] != "ok":
        told["how it ended"] = str(row["status"])
    return tiles(told)


def _pad(model: Model) -> Section:
    if isinstance(model.network, MnistFacesError):
        return Section(title=TITLE, inside=cannot("A pad", model.network), name=NAME)
    dataset = None if isinstance(model.dataset, MnistFacesError) else model.dataset
    return pad_section(model.run, model.network, dataset, model.tested())


def _learning(run: Run) -> Section:
    try:
        inside = _curves(load_history(run.file(HISTORY)))
    except MnistFacesError as error:
        inside = cannot("The learning curve", error)
    return Section(title="How it learned", inside=inside, name="learning")


def _curves(history: dict[str, list[float | None]]) -> str:
    """Returns loss and accuracy by epoch, side by side."""
    charts = []
    for what, title in (("loss", "mean cost (nats per image)"), ("accuracy", "accuracy")):
        curves = [
            Curve(name=name, color=f"--{side}", x=history["epoch"], y=history[f"{side}_{what}"], dash=DASHES[side])
            for side, name in SIDES.items()
            if any(value is not None for value in history[f"{side}_{what}"])
        ]
        charts.append(figure(line_chart(curves, "epoch", title, log=what == "loss"), ""))
    lowest = lowest_val_loss(history)
    said = "" if lowest is None else f"The validation cost was lowest at epoch {lowest:,}."
    return f'{key(curves)}<div class="charts">{"".join(charts)}</div><p class="quiet">{said}</p>'


def _answers(model: Model) -> Section:
    """Returns the table per class beside the confusion matrix."""
    title, name = "Class by class", "classes"
    if isinstance(model.evaluation, MnistFacesError):
        return Section(title=title, inside=cannot("The answers on the test images", model.evaluation), name=name)
    inside = f'<div class="charts">{_per_class(model.evaluation)}{_confusion(model.evaluation)}</div>'
    return Section(title=title, inside=inside, name=name)


def _per_class(evaluation: Evaluation) -> str:
    rows = [row for row in evaluation.rows() if row["class"] != "all" or row["accuracy"] is None]
    worst = sorted(rows, key=lambda row: 2.0 if row["recall"] is None else row["recall"])[:MOST_CLASSES]
    few = rows if len(rows) <= MOST_CLASSES else worst
    said = (
        f"<p>Of {len(rows):,} classes the {MOST_CLASSES} with the lowest recall: <code>mnf evaluate</code> has all.</p>"
        if len(few) < len(rows)
        else ""
    )
    cells = (
        [
            Cell(row["class"], row["class"]),
            Cell.share(row["recall"], row["low"], row["high"]),
            Cell.share(row["precision"]),
            Cell.of(row["support"]),
        ]
        for row in few
    )
    head = ("class", "recall, 95 %", "precision", "test images")
    return said + table(f"{evaluation.what}, class by class", head, cells, sortable=True)


def _confusion(evaluation: Evaluation) -> str:
    """Returns the confusion matrix, or the most frequent mistakes where there are many classes."""
    counts, classes = evaluation.confusion, evaluation.classes
    if len(classes) > MATRIX_CLASSES:
        return _most_confused(counts, classes)
    support = np.maximum(counts.sum(axis=1), 1)
    lines = []
    for true, name in enumerate(classes):
        cells = "".join(
            f'<td class="{_kind(true, said, count)}" style="--share:{_shade(count / support[true])}">{count:,}</td>'
            for said, count in enumerate(counts[true].tolist())
        )
        lines.append(f'<tr><th scope="row">{shown(name)}</th>{cells}</tr>')
    head = "".join(f'<th scope="col">{shown(name)}</th>' for name in classes)
    inside = f'<thead><tr><th scope="col">true \\ said</th>{head}</tr></thead><tbody>{"".join(lines)}</tbody>'
    caption = "Test images by their true class (row) and the answer (column)"
    return scrolled(caption, inside, ' class="matrix"')


def _shade(share: float) -> int:
    """Returns how much colour stands for a share of a class, in percent: a few mistakes are seen, too."""
    return round(100 * math.sqrt(share))


def _kind(true: int, said: int, count: int) -> str:
    return "right" if true == said else "wrong" if count else "none"


def _most_confused(counts: NDArray[np.int64], classes: Sequence[str]) -> str:
    wrong = counts - np.diag(counts.diagonal())
    places = np.argsort(-wrong, axis=None, kind="stable")[:CONFUSIONS]
    pairs = [(*divmod(int(place), len(classes)), int(wrong.flat[place])) for place in places.tolist()]
    cells = [
        [Cell(classes[true], classes[true]), Cell(classes[said], classes[said]), Cell.of(count)]
        for true, said, count in pairs
        if count
    ]
    said = f"<p>A matrix of {len(classes):,} classes would not be read: these are the most frequent mistakes.</p>"
    return said + table("Most frequent mistakes", ("true class", "answer", "test images"), cells, sortable=True)


def _calibration(model: Model) -> Section:
    title, name = "Is it as often right as it says?", "calibration"
    whole = model.whole()
    if isinstance(whole, MnistFacesError):
        return Section(title=title, inside=cannot("Calibration", whole), name=name)
    network, dataset, evaluation = whole
    bins = calibrate(network.probabilities_of(dataset, model.tested()), evaluation.labels)
    cells = (
        [Cell.share(one.probability), Cell.share(one.right, one.low, one.high), Cell.of(one.count)] for one in bins
    )
    inside = (
        f"<p>On average its probabilities miss the share of right answers by "
        f"{shown(percent(calibration_error(bins)))}. Points below the line: surer than right.</p>"
        f'<div class="charts">{figure(reliability(bins), "Larger points stand for more images.")}'
        + table("Answers by their probability", ("probability given", "share right, 95 %", "test images"), cells)
        + "</div>"
    )
    return Section(title=title, inside=inside, name=name)


def _mistakes(model: Model) -> Section:
    title, name = "Its surest mistakes", "mistakes"
    whole = model.whole()
    if isinstance(whole, MnistFacesError):
        return Section(title=title, inside=cannot("Its mistakes", whole), name=name)
    *_, evaluation = whole
    found = find_mistakes(evaluation)
    if not found:
        return Section(title=title, inside="<p>It made no mistake on its test images.</p>", name=name)
    items = (
        "<li>"
        + (
            picture(png(one.pixels), f"{one.label}, taken for {one.predicted}", "photo")
            if one.pixels is not None
            else ""
        )
        + f"<span><b>{shown(one.predicted)}</b> {percent(one.probability, 0)}, is {shown(one.label)}</span></li>"
        for one in found[:MISTAKES]
    )
    said = f"{len(found):,} mistakes among {evaluation.what}; the first {min(MISTAKES, len(found))}, surest first."
    return Section(title=title, inside=f'<p>{shown(said)}</p><ul class="gallery">{"".join(items)}</ul>', name=name)


def _weights(model: Model, data_dir: Path | None) -> Section:
    title, name = "What it looks for", "weights"
    classes = classes_of(model.run)
    try:
        drawn = draw_weights(model.run, UnitsRequest(classes=classes[:DRAWN_CLASSES]), data_dir=data_dir)
    except MnistFacesError as error:
        return Section(title=title, inside=cannot("Its weights", error), name=name)
    said = f"{drawn.title}. Warm pixels speak for it, cool ones against it."
    if len(classes) > DRAWN_CLASSES:
        said += f" The first {DRAWN_CLASSES} of {len(classes):,} classes."
    return Section(title=title, inside=f"<p>{shown(said)}</p>{weights_part(drawn.images)}", name=name)
