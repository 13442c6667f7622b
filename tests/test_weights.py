import io

import numpy as np
import pytest
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from mnistfaces.errors import DataError
from mnistfaces.plots_weights import weight_figure, weights_figure
from mnistfaces.weights import class_images, symmetric_limit

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
    assert "weight" in figure.axes[-1].get_ylabel()
    file = io.BytesIO()
    figure.savefig(file)


def test_weights_that_are_all_zero_or_in_colour_can_be_drawn() -> None:
    for shape in ((3, 4), (2, 2, 3)):
        images = class_images(np.zeros((3, 12)), shape, ("x", "y", "z"))
        file = io.BytesIO()
        weights_figure(images, "none").savefig(file)
        weight_figure(images[0], symmetric_limit(images)).savefig(file)
