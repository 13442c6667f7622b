"""MNIST's form of an image, against plain exact arithmetic, Pillow, and MNIST itself."""

from dataclasses import replace
from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mnistfaces import images
from mnistfaces.datasets.normalisation import Blank, has_dark_strokes, mnist_form, normalisation_of
from mnistfaces.datasets.sample import load_sample

Gray = NDArray[np.uint8]


def ink_by_hand(gray: Gray) -> list[list[int]]:
    """Steps 1 to 3, pixel by pixel."""
    height, width = gray.shape
    g = [[int(value) for value in row] for row in gray]
    places = [(y, x) for y in range(height) for x in range(width) if y in (0, height - 1) or x in (0, width - 1)]
    outermost = sorted(g[y][x] for y, x in places)
    ground = outermost[(len(outermost) - 1) // 2]
    below, above = ([[max(0, sign * (ground - value)) for value in row] for row in g] for sign in (1, -1))
    ink = below if max(map(max, below)) > max(map(max, above)) else above
    most = max(map(max, ink))
    rows = [y for y in range(height) if any(8 * value > most for value in ink[y])]
    columns = [x for x in range(width) if any(8 * ink[y][x] > most for y in range(height))]
    return [row[columns[0] : columns[-1] + 1] for row in ink[rows[0] : rows[-1] + 1]]


def form_by_hand(gray: Gray) -> list[list[int]]:
    """Steps 4 and 5 in fractions: averages by area, one rounding, and the centre of mass."""
    ink = ink_by_hand(gray)
    h, w = len(ink), len(ink[0])
    high, wide = (max(1, floor(Fraction(20 * length, max(h, w)) + Fraction(1, 2))) for length in (h, w))

    def average(i: int, j: int) -> Fraction:
        total = Fraction(0)
        for y in range(h):
            tall = min(Fraction((i + 1) * h, high), y + 1) - max(Fraction(i * h, high), y)
            for x in range(w) if tall > 0 else ():
                broad = min(Fraction((j + 1) * w, wide), x + 1) - max(Fraction(j * w, wide), x)
                total += max(broad, Fraction(0)) * tall * ink[y][x]
        return total

    averages = [[average(i, j) for j in range(wide)] for i in range(high)]
    most = max(map(max, averages))
    digit = [[floor(255 * value / most + Fraction(1, 2)) for value in row] for row in averages]
    mass = sum(map(sum, digit))
    row = Fraction(sum(i * value for i, line in enumerate(digit) for value in line), mass)
    column = Fraction(sum(j * value for line in digit for j, value in enumerate(line)), mass)
    top = min(max(floor(Fraction(29, 2) - row), 0), 28 - high)
    left = min(max(floor(Fraction(29, 2) - column), 0), 28 - wide)
    field = [[0] * 28 for _ in range(28)]
    for i, line in enumerate(digit):
        field[top + i][left : left + wide] = line
    return field


def drawn(seed: int, height: int, width: int, *, dark: bool) -> Gray:
    """A few strokes on a ground that is not quite black or white."""
    rng = np.random.default_rng(seed)
    image = Image.new("L", (width, height), 230 if dark else 20)
    pen = ImageDraw.Draw(image)
    for _ in range(3):
        ends = [(int(rng.integers(width)), int(rng.integers(height))) for _ in range(2)]
        pen.line(ends, fill=int(rng.integers(0, 80)) if dark else int(rng.integers(170, 255)), width=2)
    shade = rng.integers(-9, 10, (height, width))  # paper that is not one gray
    return (np.asarray(image).astype(int) + shade).clip(0, 255).astype(np.uint8)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), height=st.integers(3, 32), width=st.integers(3, 32), dark=st.booleans())
def test_the_form_is_that_of_exact_fractions_to_the_last_bit(seed: int, height: int, width: int, dark: bool) -> None:
    image = drawn(seed, height, width, dark=dark)
    assert mnist_form(image).tolist() == form_by_hand(image)


def test_a_rectangle_becomes_what_was_worked_out_by_hand() -> None:
    image = np.full((60, 50), 250, np.uint8)
    image[10:50, 20:24] = 50  # 40 x 4 of ink: 20 x 2 at full strength, its middle at row 14 and column 14
    expected = np.zeros((28, 28), np.uint8)
    expected[5:25, 14:16] = 255  # rows 5 to 24: 14.5 - 9.5 = 5; columns 14 and 15: 14.5 - 0.5 = 14
    assert np.array_equal(mnist_form(image), expected)


def test_shrinking_by_a_whole_factor_is_what_pillow_reduces_to() -> None:
    rng = np.random.default_rng(0)
    ink = rng.integers(60, 256, (100, 75), dtype=np.uint8)
    page = np.zeros((140, 120), np.uint8)
    page[20:120, 30:105] = ink
    reduced = np.asarray(Image.fromarray(ink).reduce(5), np.float64)  # (20, 15)
    found = mnist_form(page)
    rows, columns = found.any(axis=1), found.any(axis=0)
    digit = found[rows][:, columns].astype(np.float64)
    assert np.abs(digit - reduced * 255 / reduced.max()).max() <= 1.5  # Pillow rounded to whole levels before


def test_mnist_has_its_form_already() -> None:
    sample = load_sample()
    originals = sample.images(np.flatnonzero(sample.given_test))
    changed = np.array([np.abs(mnist_form(image).astype(int) - image).mean() for image in originals])
    assert np.mean(changed <= 0.5) >= 0.99  # levels of 255 per pixel
    assert not any(has_dark_strokes(image) for image in originals)


@pytest.mark.parametrize("size", [20, 28, 57, 400])
@pytest.mark.parametrize("dark", [False, True])
def test_a_digit_of_any_size_anywhere_on_any_ground_comes_out_as_the_digit_it_was(size: int, dark: bool) -> None:
    sample, likeness = load_sample(), []
    for place in np.flatnonzero(sample.given_test)[::100]:
        original = sample.images(np.array([place]))[0]
        big = np.asarray(Image.fromarray(original).resize((size, size), Image.Resampling.BILINEAR))
        page = np.full((2 * size, 3 * size), 30, np.uint8)
        page[size // 2 : size // 2 + size, size : 2 * size] = np.maximum(30, big)
        found = mnist_form(255 - page if dark else page).astype(float)
        lengths = [np.ptp(np.flatnonzero(found.any(axis=axis))) + 1 for axis in (0, 1)]
        assert max(lengths) == 20
        centre = [np.arange(28) @ found.sum(axis=axis) / found.sum() for axis in (1, 0)]
        assert all(13.5 <= value <= 14.5 for value in centre)
        likeness.append(np.corrcoef(found.ravel(), original.ravel())[0, 1])
    assert np.mean(likeness) >= 0.9


def test_empty_paper_is_blank_and_a_pixel_of_ink_is_not() -> None:
    paper = np.random.default_rng(0).integers(200, 210, (50, 40), dtype=np.uint8)
    with pytest.raises(Blank, match="nothing is drawn"):
        mnist_form(paper)
    paper[17, 3] = 0
    assert mnist_form(paper).max() == 255
    assert mnist_form(np.array([[0, 255]], np.uint8)).shape == (28, 28)


def test_ink_that_covers_a_trace_of_each_target_pixel_is_not_rounded_away() -> None:
    page = np.zeros((6000, 800), np.uint8)
    page[np.arange(5990), np.arange(5990) * 790 // 5990 + 3] = 255
    found = mnist_form(page)
    assert found.max() == 255
    assert np.ptp(np.flatnonzero(found.any(axis=1))) == 19


def test_the_form_of_a_dataset_is_seen_in_its_images() -> None:
    sample = load_sample()
    assert normalisation_of(sample) == "mnist"
    stored = sample.inputs[::25].reshape(-1, 28, 28)
    larger = np.stack([images.resize(image[3:25, 3:25], 28) for image in stored])  # as Fashion-MNIST's fill theirs
    labels = sample.labels[::25]
    for strange in (larger, np.roll(stored, 3, axis=2), 255 - stored, np.zeros_like(stored)):
        assert normalisation_of(replace(sample, inputs=strange.reshape(len(labels), -1), labels=labels)) == "square"
    small = replace(sample, inputs=stored[:, ::2, ::2].reshape(len(labels), -1), labels=labels, shape=(14, 14))
    assert normalisation_of(small) == "square"
