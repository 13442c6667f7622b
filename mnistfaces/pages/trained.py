"""The page of a trained model: how it learned, what it gets right and wrong, what it looks for, and a pad.

What cannot be shown, such as the images of a dataset that is gone, is said where it would stand.

Legend: M test images, C classes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mnistfaces.config import CLOSED, MODEL_TITLES
from mnistfaces.datasets.base import Dataset
from mnistfaces.errors import MnistFacesError
from mnistfaces.evaluation.evaluate import Evaluation, evaluate
from mnistfaces.evaluation.mistakes import Mistake, find_mistakes
from mnistfaces.experiments.history import lowest_val_loss
from mnistfaces.experiments.train import load_history
from mnistfaces.inspection.hidden_units import UnitsRequest, draw_weights
from mnistfaces.pages.answered import MISTAKES, calibration_part, classes_part, mistakes_part
from mnistfaces.pages.asked import asked_section
from mnistfaces.pages.charts import Curve, key, line_chart
from mnistfaces.pages.pad import NAME, TITLE, pad_section, some_of
from mnistfaces.pages.page import Section
from mnistfaces.pages.parts import (
    cannot,
    figure,
    interval,
    number,
    percent,
    shown,
    tiles,
)
from mnistfaces.pages.weights import weights_part
from mnistfaces.runs.best import BestModel
from mnistfaces.runs.models import answering_of, classes_of, dataset_of
from mnistfaces.runs.network import Ensemble, Network
from mnistfaces.runs.runs import HISTORY, Run

SIDES = {"train": "training", "val": "validation", "test": "test"}
DASHES = {"train": "", "val": "7 4", "test": "2 3"}

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
    network: Network | Ensemble | MnistFacesError
    dataset: Dataset | MnistFacesError
    evaluation: Evaluation | MnistFacesError

    @classmethod
    def of(cls, run: Run, data_dir: Path | None) -> "Model":
        """Returns a run with all that is still there of it."""
        dataset = _had(lambda: dataset_of(run, data_dir))
        evaluation = _had(lambda: evaluate(run))
        if isinstance(evaluation, Evaluation) and isinstance(dataset, Dataset):
            evaluation = replace(evaluation, dataset=dataset)
        return cls(run=run, network=_had(lambda: answering_of(run)), dataset=dataset, evaluation=evaluation)

    @cached_property
    def tested(self) -> NDArray[np.int64]:
        """Returns the places of its test images in its dataset, (M,)."""
        if isinstance(self.dataset, MnistFacesError) or isinstance(self.evaluation, MnistFacesError):
            return np.empty(0, np.int64)
        return self._places(self.evaluation.ids.tolist())

    @cached_property
    def mistakes(self) -> list[Mistake]:
        """Returns its mistakes on its test images, surest first; none where it cannot be asked."""
        whole = self.whole()
        return [] if isinstance(whole, MnistFacesError) else find_mistakes(whole[2])

    def _places(self, names: Sequence[str]) -> NDArray[np.int64]:
        """Returns the places of some images in its dataset."""
        if isinstance(self.dataset, MnistFacesError):
            return np.empty(0, np.int64)
        place = {name: at for at, name in enumerate(self.dataset.ids.tolist())}
        return np.array([place[name] for name in names], np.int64)

    def to_try(self) -> tuple[NDArray[np.int64], int]:
        """Returns the places of the images that its pad offers, and from where on they are its surest mistakes."""
        if isinstance(self.dataset, MnistFacesError):
            return np.empty(0, np.int64), 0
        some = some_of(self.dataset, self.tested)
        return np.concatenate([some, self._places([one.image for one in self.mistakes[:MISTAKES]])]), len(some)

    def whole(self) -> tuple[Network | Ensemble, Dataset, Evaluation] | MnistFacesError:
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
    return f"{MODEL_TITLES[training.model].capitalize()} on {run.config['dataset']['name']}{hidden}"


def trained_sections(run: Run, data_dir: Path | None = None) -> list[Section]:
    """Returns the sections of a training's page.

    Raises:
        RunError: the run is not finished.
    """
    model = Model.of(run, data_dir)
    images, first = model.to_try()
    pad = _pad(model, images)
    return [
        pad,
        _weights(run, data_dir),
        _learning(run),
        _answers(model),
        _calibration(model),
        _mistakes(model, first if pad.scripts else None),
        asked_section(run),
    ]


def looked_at_sections(run: BestModel, data_dir: Path | None = None) -> list[Section]:
    """Returns the sections that show a sweep's best model at work: a pad, and its weights."""
    model = Model.of(run, data_dir)
    pad = _pad(model, model.to_try()[0])
    return [replace(pad, inside=f"<p>{shown(run.told)}.</p>{pad.inside}"), _weights(run, data_dir)]


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


def _pad(model: Model, images: NDArray[np.int64]) -> Section:
    if isinstance(model.network, MnistFacesError):
        return Section(title=TITLE, inside=cannot("A pad", model.network), name=NAME)
    dataset = None if isinstance(model.dataset, MnistFacesError) else model.dataset
    return pad_section(model.run, model.network, dataset, images)


def _learning(run: Run) -> Section:
    try:
        if run.training.model in CLOSED:
            said = (
                "It was solved in closed form, without steps. Of the training images, each asked of the model without "
                f"its group, {percent(run.row['loo_accuracy'])} are told right."
            )
            return Section(title="How it learned", inside=f"<p>{said}</p>", name="learning")
        inside = _curves(load_history(run.file(HISTORY)))
    except MnistFacesError as error:
        inside = cannot("The learning curve", error)
    return Section(title="How it learned", inside=inside, name="learning")


def _curves(history: dict[str, list[float | None]]) -> str:
    """Returns loss and accuracy by epoch, side by side."""
    charts = []
    for what, title, factor in (("loss", "mean cost (nats per image)", 1), ("accuracy", "accuracy (% of images)", 100)):
        curves = [
            Curve(
                name=name,
                color=f"--{side}",
                x=history["epoch"],
                y=[None if value is None else factor * value for value in history[f"{side}_{what}"]],
                dash=DASHES[side],
            )
            for side, name in SIDES.items()
            if any(value is not None for value in history[f"{side}_{what}"])
        ]
        charts.append(figure(line_chart(curves, "epoch", title, log=what == "loss"), ""))
    lowest = lowest_val_loss(history)
    said = "" if lowest is None else f"The validation cost was lowest at epoch {lowest:,}."
    return f'{key(curves)}<div class="charts">{"".join(charts)}</div><p class="quiet">{said}</p>'


def _answers(model: Model) -> Section:
    """Returns the table per class beside the confusion matrix."""
    evaluation = model.evaluation
    inside = (
        cannot("The answers on the test images", evaluation)
        if isinstance(evaluation, MnistFacesError)
        else classes_part(evaluation)
    )
    return Section(title="Class by class", inside=inside, name="classes")


def _calibration(model: Model) -> Section:
    whole = model.whole()
    if isinstance(whole, MnistFacesError):
        inside = cannot("Calibration", whole)
    else:
        network, dataset, evaluation = whole
        inside = calibration_part(network.probabilities_of(dataset, model.tested), evaluation.labels)
    return Section(title="Is it as often right as it says?", inside=inside, name="calibration")


def _mistakes(model: Model, tried: int | None) -> Section:
    whole = model.whole()
    if isinstance(whole, MnistFacesError):
        inside = cannot("Its mistakes", whole)
    else:
        inside = mistakes_part(model.mistakes, whole[2], tried)
    return Section(title="Its surest mistakes", inside=inside, name="mistakes")


def _weights(run: Run, data_dir: Path | None) -> Section:
    title, name = "What it looks for", "weights"
    classes = classes_of(run)
    try:
        drawn = draw_weights(run, UnitsRequest(classes=classes[:DRAWN_CLASSES]), data_dir=data_dir)
    except MnistFacesError as error:
        return Section(title=title, inside=cannot("Its weights", error), name=name)
    said = f"{drawn.title}. Warm pixels speak for it, cool ones against it."
    if len(classes) > DRAWN_CLASSES:
        said += f" The first {DRAWN_CLASSES} of {len(classes):,} classes."
    return Section(title=title, inside=f"<p>{shown(said)}</p>{weights_part(drawn.images)}", name=name)
