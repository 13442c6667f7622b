"""Sheets of a dataset's images: every image in its place, at any number, with words that can be read."""

import io
import time

import numpy as np
import pytest
from legible import faults
from numpy.typing import NDArray
from PIL import Image

from mnistfaces.plots.mosaic import LARGEST, MOST_DOTS, image_sheet


def drawn(counts: dict[str, int], shape: tuple[int, ...] = (4, 4)) -> dict[str, NDArray[np.uint8]]:
    rng = np.random.default_rng(0)
    return {name: rng.integers(0, 200, (count, *shape), dtype=np.uint8) for name, count in counts.items()}


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 3)])
def test_a_sheet_of_few_shows_each_class_in_its_line_image_by_image(shape: tuple[int, ...]) -> None:
    images = drawn({"zero": 3, "one": 2}, shape)
    figure = image_sheet(images, "sheet")
    (axes,) = figure.axes
    seen = np.asarray(axes.images[0].get_array())
    line = len(seen) // 2
    for top, rows in zip((0, line), images.values(), strict=True):
        for number, image in enumerate(rows):
            place = seen[top : top + LARGEST, number * LARGEST : (number + 1) * LARGEST]
            centres = ((np.arange(4) + 0.5) * (LARGEST - 1) / 4).astype(int)
            found = place[centres][:, centres]
            assert np.array_equal(found, image if image.ndim == 3 else np.repeat(image[:, :, None], 3, axis=2))
    assert (seen[line : line + LARGEST, 2 * LARGEST :] == 255).all()
    assert [text.get_text() for text in axes.texts] == ["zero", "one"]
    assert faults(figure) == []


def test_the_picture_in_the_file_has_the_dots_of_the_mosaic() -> None:
    figure = image_sheet(drawn({"a": 30, "b": 7}, (28, 28)), "sheet")
    seen = np.asarray(figure.axes[0].images[0].get_array())
    file = io.BytesIO()
    figure.savefig(file, dpi=160)
    with Image.open(file) as opened:
        whole = np.asarray(opened.convert("RGB"))
    bottom, left = (round(place * 160) for place in (0.15, figure.axes[0].get_position().x0 * figure.get_figwidth()))
    found = whole[len(whole) - bottom - len(seen) : len(whole) - bottom, left : left + seen.shape[1]]
    assert np.mean(np.abs(found.astype(int) - seen).max(axis=2) <= 1) > 0.99


@pytest.mark.timed
@pytest.mark.parametrize(
    "counts",
    [
        {str(digit): 600 for digit in range(10)},
        {str(digit): 6000 for digit in range(10)},
        {"one": 1},
        {"many": 5000, "few": 1, "none": 0},
        {"a class with a name that is longer than any line beside a sheet may ever be": 3, "b": 3},
        {f"class {number}": 12 for number in range(40)},
        {f"class {number}": 2 for number in range(1500)},
    ],
    ids=lambda counts: f"{len(counts)}x{max(counts.values())}",
)
def test_any_number_of_images_is_a_sheet_within_seconds_whose_words_can_be_read(counts: dict[str, int]) -> None:
    start = time.process_time()
    figure = image_sheet(drawn(counts, (28, 28)), f"a folder with a long name{', and a longer one' * 3}: random images")
    assert faults(figure) == []
    assert time.process_time() - start < 20
    height, width = np.asarray(figure.axes[0].images[0].get_array()).shape[:2]
    assert width <= MOST_DOTS["across"]
    assert height <= 1.5 * MOST_DOTS["down"] + 2 * len(counts)
