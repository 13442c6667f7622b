import io

import numpy as np
import pytest
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from mnistfaces.config import Criterion
from mnistfaces.errors import DataError
from mnistfaces.inspection.weight_images import (
    WeightImage,
    ablation_scores,
    activation_scores,
    class_images,
    symmetric_limit,
    top_units,
    weight_scores,
)
from mnistfaces.plots.weights import weight_figure, weights_figure
from mnistfaces.runs.network import Network

Weights = NDArray[np.float32]
CLASSES = tuple("abcdefghij")


@pytest.fixture
def weight() -> Weights:
    return np.random.default_rng(0).normal(size=(10, 12)).astype(np.float32)


def test_every_class_has_its_row_of_weights_as_an_image(weight: Weights) -> None:
    images = class_images(weight, (3, 4), CLASSES)
    assert [image.class_name for image in images] == list(CLASSES)
    assert images[2].weights[1, 3] == weight[2, 1 * 4 + 3]
    assert images[2].score == pytest.approx(np.sqrt((weight[2] ** 2).sum()))


@pytest.mark.parametrize("shape", [(12,), (3, 5), (1, 2, 3, 2)])
def test_inputs_that_are_no_images_of_this_model_are_refused(weight: Weights, shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError):
        class_images(weight, shape, CLASSES)


@pytest.mark.parametrize(("gray", "colors"), [(False, "RdBu_r"), (True, "gray")])
def test_all_images_share_one_symmetric_scale(weight: Weights, gray: bool, colors: str) -> None:
    figure = weights_figure(class_images(weight, (3, 4), CLASSES), "Weights", gray=gray)
    drawn = [image for axes in figure.axes for image in axes.images if isinstance(image, AxesImage)]
    limit = np.abs(weight).max()
    assert len(drawn) == 10
    assert all(image.get_clim() == pytest.approx((-limit, limit)) for image in drawn)
    assert {image.get_cmap().name for image in drawn} == {colors}
    assert "weight" in figure.axes[-1].get_xlabel()
    file = io.BytesIO()
    figure.savefig(file)


def test_weights_that_are_all_zero_or_in_colour_can_be_drawn() -> None:
    for shape in ((3, 4), (2, 2, 3)):
        images = class_images(np.zeros((3, 12)), shape, ("x", "y", "z"))
        file = io.BytesIO()
        weights_figure(images, "none").savefig(file)
        weight_figure(images[0], symmetric_limit(images)).savefig(file)


def test_a_unit_in_colour_is_drawn_in_colour_with_gray_for_zero() -> None:
    weights = np.zeros((2, 2, 3))
    weights[0, 0] = [0.5, 0.0, -0.5]
    image = WeightImage(class_name="x", weights=weights, score=0.5, criterion="weight", unit=3, sign="-")
    figure = weights_figure([image], "unit")
    (drawn,) = figure.axes[0].images
    assert drawn.get_array()[0, 0].tolist() == [1.0, 0.5, 0.0]
    assert drawn.get_array()[1, 1].tolist() == [0.5, 0.5, 0.5]
    assert [text.get_text() for text in figure.axes[0].texts] == ["x\nunit 3: -0.500"]
    assert "R, G and B each" in figure.axes[-1].get_xlabel()
    plain = weights_figure([image], "unit", gray=True)
    assert plain.axes[0].images[0].get_array()[0, 0] == 0


@pytest.mark.parametrize(
    ("criterion", "score", "title"),
    [
        ("weight", 0.832, "unit 6: -0.832"),
        ("activation", -1.5, "unit 6: -1.500"),
        ("ablation", 0.25, "unit 6: (-) recall -0.250"),
    ],
)
def test_a_units_title_has_its_number_sign_and_score(criterion: Criterion, score: float, title: str) -> None:
    image = WeightImage(class_name="A B", weights=np.ones((2, 2)), score=score, criterion=criterion, unit=6, sign="-")
    assert image.title == f"A B\n{title}"
    assert image.file_name == "A-B-unit-6.png"


OUTPUT = np.array([[2.0, -1.0, 0.0], [0.0, 1.0, 3.0]])  # 2 classes, 3 units
HIDDEN = np.array([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [2.0, 3.0, 1.0], [4.0, 1.0, 1.0]])  # 4 images of class 0


def test_a_units_weight_score_is_the_magnitude_of_its_output_weight() -> None:
    assert weight_scores(OUTPUT[0]).tolist() == [2.0, 1.0, 0.0]


def test_a_units_activation_score_is_its_mean_share_of_the_logit() -> None:
    assert activation_scores(OUTPUT[0], HIDDEN).tolist() == [2.0 * 7 / 4, -1.0 * 6 / 4, 0.0]
    total = (HIDDEN @ OUTPUT[0]).mean()
    assert activation_scores(OUTPUT[0], HIDDEN).sum() == pytest.approx(total)


def test_a_units_ablation_score_is_the_recall_lost_without_it() -> None:
    # Logits of class 0 and 1: (2, 0) right, (-2, 2) wrong, (1, 6) wrong, (7, 4) right: recall 1/2.
    # Without unit 0: (0, 0) right, the first of equals, (-2, 2), (-3, 6), (-1, 4): recall 1/4.
    # Without unit 1: (2, 0) right, (0, 0) right, (4, 3) right, (8, 3) right: recall 1.
    # Without unit 2: (2, 0) right, (-2, 2), (1, 3), (7, 1) right: recall 1/2.
    assert ablated(np.zeros(2)) == [0.25, -0.5, 0.0]
    # With 2.5 more for class 1 only the last is right, and it is lost without unit 0 alone.
    assert ablated(np.array([0.0, 2.5])) == [0.25, 0.0, 0.0]


def ablated(bias: NDArray[np.float64]) -> list[float]:
    network = Network(layers=((np.eye(3), np.zeros(3)), (OUTPUT, bias)), activation="relu")
    scores: list[float] = ablation_scores(network.logits_of(HIDDEN), network.logits_without_each(HIDDEN), 0).tolist()
    return scores


def test_the_units_of_the_highest_merit_come_first_and_larger_weights_decide_ties() -> None:
    merit, output = np.array([0.1, 0.3, 0.1, 0.1, 0.0]), np.array([0.2, -0.1, -0.9, 0.9, 5.0])
    assert top_units(merit, output, 4) == [1, 2, 3, 0]
    assert top_units(merit, output, 99) == [1, 2, 3, 0, 4]
