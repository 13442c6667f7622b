"""What all figures have in common: names from data are shown letter by letter."""

import io
from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from legible import faults
from matplotlib.figure import Figure
from matplotlib.text import Text

from mnistfaces.evaluation.mistakes import Mistake
from mnistfaces.inspection.weight_images import WeightImage
from mnistfaces.landscape import (
    Axis,
    Descent,
    Origin,
    Pair,
    SoftmaxProblem,
    SurfaceConfig,
    Weight,
    restricted_path,
    surface,
)
from mnistfaces.plots.evaluation import confusion_figure, mistakes_figure
from mnistfaces.plots.figures import inline_svg
from mnistfaces.plots.landscape import contour_figure, paths_figure
from mnistfaces.plots.mosaic import image_sheet
from mnistfaces.plots.training import learning_curve
from mnistfaces.plots.weights import weight_figure, weights_figure

NAME = r"$\wrong{$ \x1b $x^2$".replace(r"\x1b", "\x1b") + "\u202e"


def surface_of_names() -> tuple[object, object]:
    rng = np.random.default_rng(0)
    problem = SoftmaxProblem(
        inputs=rng.random((6, 4)), labels=np.array([0, 1, 0, 1, 0, 1]), weight=rng.normal(size=(2, 4)), bias=np.zeros(2)
    )
    first, second = (Weight(class_number=1, class_name=NAME, position=(0, one), index=one) for one in (0, 1))
    axes = SurfaceConfig(first=Axis(-1, 1, 0.5), second=Axis(-1, 1, 0.5))
    made = surface(problem, Pair(first, second), axes)
    made = replace(made, origin=Origin(run=None, checksum="", dataset=NAME, fingerprint="", split={}))
    return made, restricted_path(made, Descent(start=(0.5, 0.5), lr=0.1, momentum=0.0, steps=3))


CURVE = {f"{side}_{what}": [0.1, 0.2] for side in ("train", "val", "test") for what in ("loss", "accuracy")} | {
    "epoch": [0, 1]
}
PIXELS = np.zeros((2, 2), np.uint8)
WEIGHTS = WeightImage(class_name=NAME, weights=np.eye(3), score=1.0)

FIGURES: dict[str, Callable[[], Figure]] = {
    "confusion": lambda: confusion_figure(np.eye(2, dtype=int), (NAME, NAME), NAME),
    "mistakes": lambda: mistakes_figure(
        [Mistake(image=NAME, label=NAME, predicted=NAME, probability=0.5, pixels=PIXELS)], NAME
    ),
    "curve": lambda: learning_curve(CURVE, NAME),
    "sheet": lambda: image_sheet({NAME: PIXELS[None]}, NAME),
    "weights": lambda: weights_figure([WEIGHTS], NAME),
    "weight": lambda: weight_figure(WEIGHTS, 1.0),
    "surface": lambda: contour_figure(surface_of_names()[0], 5),
    "paths": lambda: paths_figure(surface_of_names()[0], [surface_of_names()[1]], levels=5),
}


def weight_images(units: int, classes: int, shape: tuple[int, ...] = (28, 28)) -> list[WeightImage]:
    rng = np.random.default_rng(0)
    return [
        WeightImage(
            class_name=name, weights=rng.normal(size=shape), score=-0.702, criterion=criterion, unit=unit, sign="-"
        )
        for name in ("Alexandra Long-Surname-Indeed", *map(str, range(classes - 1)))
        for unit, criterion in ((unit, "ablation") for unit in range(units))
    ]


@pytest.mark.parametrize(("units", "classes"), [(1, 1), (2, 1), (2, 10), (4, 3), (12, 2), (1, 30)])
@pytest.mark.parametrize("shape", [(28, 28), (32, 32, 3)])
def test_sheets_of_weights_can_be_read_and_are_no_strips(units: int, classes: int, shape: tuple[int, ...]) -> None:
    images = weight_images(units, classes, shape)
    figure = weights_figure(images, "Hidden units by the recall lost without them: 20 relu units on digits-sample")
    assert faults(figure) == []
    canvas = figure.axes[0]
    assert [np.asarray(image.get_array()).shape for image in canvas.images] == [shape] * len(images)
    width, height = figure.get_size_inches()
    assert 0.4 < width / height < 3
    assert faults(weight_figure(images[0], 3.0)) == []


def test_images_of_one_class_stand_in_one_row() -> None:
    figure = weights_figure(weight_images(2, 10), "units")
    rows = [image.get_extent()[2] for image in figure.axes[0].images]
    assert all(one == other for one, other in zip(rows[::2], rows[1::2], strict=True))


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_names_are_neither_mathematics_nor_orders_to_a_terminal(draw: Callable[[], Figure]) -> None:
    figure = draw()
    file = io.BytesIO()
    figure.savefig(file, format="svg")  # a wrong formula is a ValueError
    told = [text.get_text() for text in figure.findobj(Text)]
    assert any("wrong" in text for text in told)
    assert all("\x1b" not in text and "\u202e" not in text for text in told)
    named = [text for text in figure.findobj(Text) if "wrong" in text.get_text()]
    assert [text.get_text() for text in named if text._preprocess_math(text.get_text())[1]] == []


def test_the_title_of_a_drawing_on_a_page_is_its_name_without_orders_to_a_terminal() -> None:
    drawing = inline_svg(image_sheet({"a": PIXELS[None]}, "a"), f"<i>{NAME}")
    (title,) = [node.text for node in ET.fromstring(drawing).iter() if node.tag.endswith("title")]  # noqa: S314  our own
    assert title == "<i>" + NAME.replace("\x1b", r"\x1b").replace("\u202e", r"\u202e")
