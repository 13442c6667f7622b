"""Copies of a picture are found, other pictures are not: on digits, on drawn faces, and on real photographs."""

import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mnistfaces import images
from mnistfaces.datasets.duplicates import (
    IMAGES_AT_ONCE,
    THUMBNAIL,
    _centred,
    _laid,
    _multiple_correlation,
    likeness,
    near_duplicates,
)
from mnistfaces.datasets.grouping import look_pairs
from mnistfaces.datasets.sample import load_sample
from mnistfaces.progress import drained

Pixels = NDArray[np.uint8]
SHARED = Path(os.environ.get("MNF_SHARED", Path(__file__).parents[3] / "shared")) / "data" / "faces"


def cropped(share: float) -> Callable[[Pixels, np.random.Generator], Pixels]:
    def copy(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        side = len(pixels)
        cuts = np.rint(rng.uniform(0, share, 4) * side).astype(int)
        cuts[rng.integers(4)] = round(share * side)
        return pixels[cuts[0] : side - cuts[1], cuts[2] : side - cuts[3]]

    return copy


def encoded_again(pixels: Pixels, _rng: np.random.Generator) -> Pixels:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=40)
    return np.asarray(Image.open(file))


def curved(gamma: float) -> Callable[[Pixels, np.random.Generator], Pixels]:
    return lambda pixels, _: (255 * (pixels / 255) ** gamma).astype(np.uint8)


COPIES: dict[str, Callable[[Pixels, np.random.Generator], Pixels]] = {
    **{f"cropped by {percent} %": cropped(percent / 100) for percent in (1, 2, 3, 5)},
    "mirrored": lambda pixels, _: pixels[:, ::-1],
    "encoded again": encoded_again,
    "darker": curved(1.4),
    "brighter": curved(0.6),
}


def thumbnail(pixels: Pixels) -> Pixels:
    return images.resize(pixels, images.THUMBNAIL)


def recall(pictures: list[Pixels], copy: Callable[[Pixels, np.random.Generator], Pixels]) -> float:
    """The share of pictures whose copy is found among all pictures and all copies."""
    rng = np.random.default_rng(0)
    count = len(pictures)
    both = [*pictures, *(copy(picture, rng) for picture in pictures)]
    pairs = set(near_duplicates(np.stack([thumbnail(picture) for picture in both])))
    return sum((number, count + number) in pairs for number in range(count)) / count


@pytest.fixture(scope="module")
def digits() -> list[Pixels]:
    """A hundred digits, and fifty "1"s, which are most alike."""
    sample = load_sample()
    chosen = [*sample.inputs[::50], *sample.inputs[sample.labels == 1][1::10]]
    return [np.kron(row.reshape(28, 28), np.ones((4, 4), np.uint8)) for row in chosen]


@pytest.mark.parametrize("name", COPIES)
def test_copies_of_digits_are_found(digits: list[Pixels], name: str) -> None:
    assert recall(digits, COPIES[name]) >= 0.97


@pytest.fixture(scope="module")
def photographs() -> list[Pixels]:
    """The middle of 124 photographs and drawings."""
    if not SHARED.exists():
        pytest.skip(f"the photographs are not at {SHARED}")
    middles = []
    for path in sorted((SHARED / "web").iterdir())[:150]:
        try:
            gray = images.luma(images.centre_square(images.decode(path.read_bytes())))
        except images.Undecodable:
            continue
        middles.append(images.resize(gray, min(len(gray), 400)))
    return middles


@pytest.mark.parametrize("name", COPIES)
def test_copies_of_photographs_are_found(photographs: list[Pixels], name: str) -> None:
    assert recall(photographs, COPIES[name]) >= 0.94


def test_different_digits_are_different_pictures() -> None:
    inputs = load_sample().inputs[::2].reshape(-1, 28, 28)
    assert near_duplicates(np.stack([thumbnail(picture) for picture in inputs])) == []  # of 3,123,750


def test_single_strokes_of_a_pen_are_different_pictures() -> None:
    sample = load_sample()
    ones = sample.inputs[sample.labels == 1].reshape(-1, 28, 28)
    assert near_duplicates(np.stack([thumbnail(picture) for picture in ones])) == []  # of 124,750


def test_a_picture_is_like_itself_and_its_negative_is_not(digits: list[Pixels]) -> None:
    whole = np.stack([thumbnail(picture) for picture in digits]).astype(np.float32)
    wanted = np.ones(len(whole), np.float32)
    assert likeness(whole, whole, wanted) == pytest.approx(1, abs=1e-4)
    assert likeness(whole, 255 - whole, wanted).max() < 0.9


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_pictures_and_pictures_without_a_content_are_no_bug(count: int) -> None:
    assert near_duplicates(np.full((count, 32, 32), 7, np.uint8)) == []


def pictures(count: int) -> NDArray[np.uint8]:
    coarse = np.random.default_rng(1).integers(0, 256, (count, 7, 7), dtype=np.uint8)
    return np.stack([np.asarray(Image.fromarray(one).resize((32, 32), Image.Resampling.BICUBIC)) for one in coarse])


@pytest.mark.parametrize(("along", "pixels"), [("x", 1), ("x", -3), ("y", 2), ("x", 0)])
def test_an_image_that_is_laid_whole_pixels_further_is_the_same_image(along: str, pixels: int) -> None:
    image = np.random.default_rng(0).random((1, THUMBNAIL, THUMBNAIL), np.float32)
    placement = np.zeros((1, 4), np.float32)  # the image goes from -1 to 1
    placement[0, 1 if along == "x" else 3] = pixels * 2 / THUMBNAIL
    laid, weight = _laid(image, placement)
    axis = 2 if along == "x" else 1
    there = np.arange(THUMBNAIL)
    seen = (there + pixels >= 0) & (there + pixels < THUMBNAIL)
    expected = np.take(image, np.clip(there + pixels, 0, THUMBNAIL - 1), axis)
    np.testing.assert_allclose(laid, expected, atol=1e-4)
    assert (weight == (seen[None, None, :] if axis == 2 else seen[None, :, None])).all()


@pytest.mark.parametrize("gamma", [0.4, 1.0, 2.5])
@pytest.mark.parametrize("contrast", [1.0, 0.25, 0.06])
def test_a_likeness_is_the_correlation_of_a_least_squares_fit_whatever_the_contrast(
    gamma: float, contrast: float
) -> None:
    gray = pictures(12) / 255
    weight = np.ones((12, THUMBNAIL, THUMBNAIL), np.float32)
    weight[:, :, :4] = 0  # what lies outside
    source, target = (_centred((contrast * 255 * gray**power).astype(np.float32), weight) for power in (1, gamma))
    expected, slopes = [], []
    for one, other, seen in zip(source.astype(float), target.astype(float), weight > 0, strict=True):
        terms = np.stack([one[seen], one[seen] ** 2, np.ones(seen.sum())], axis=1)
        residual = other[seen] - terms @ np.linalg.lstsq(terms, other[seen], rcond=None)[0]
        expected.append(np.sqrt(1 - residual.var() / other[seen].var()))
        slopes.append((one * other).sum() / (one * one).sum())
    likenesses = _multiple_correlation(target, source, np.array(slopes, np.float32), weight)
    np.testing.assert_allclose(likenesses, expected, atol=2e-5)


def test_copies_are_found_among_tens_of_thousands() -> None:
    thumbnails = pictures(16_000)
    rng = np.random.default_rng(2)
    for number, copy in enumerate(COPIES.values()):
        large = np.kron(thumbnails[2_000 * number], np.ones((4, 4), np.uint8))
        thumbnails[15_000 + number] = thumbnail(copy(large, rng))
    pairs, said = drained(look_pairs(thumbnails))
    assert pairs == [(2_000 * number, 15_000 + number) for number in range(len(COPIES))]
    assert said == []


def test_many_equal_copies_are_one_group_and_leave_room_for_others() -> None:
    thumbnails = pictures(3)
    brighter = (thumbnails[0] * 0.8 + 20).astype(np.uint8)
    pairs = near_duplicates(np.stack([*([thumbnails[0]] * 9), *thumbnails[1:], brighter, *([thumbnails[1]] * 9)]))
    groups = images.joined(21, pairs)
    assert [sorted(np.flatnonzero(groups == group).tolist()) for group in np.unique(groups)] == [
        [*range(9), 11],
        [9, *range(12, 21)],
        [10],
    ]


def colourful(seed: int, side: int = 90) -> Pixels:
    coarse = np.random.default_rng(seed).integers(0, 256, (7, 7, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


def test_crops_of_photographs_that_look_the_same_are_near_duplicates() -> None:
    original = colourful(1)
    scaled = images.resize(original, 60)
    brighter = np.clip(original * 0.8 + 40, 0, 255).astype(np.uint8)
    packed = encoded_again(original, np.random.default_rng())
    everything = [original, scaled, brighter, packed, *map(colourful, range(2, 12))]
    hashes = [images.photo_hash(one) for one in everything]
    unrelated = np.random.default_rng(3).integers(0, 256, (len(hashes), 32, 32), dtype=np.uint8)
    assert near_duplicates(unrelated) == []
    assert set(near_duplicates(unrelated, hashes)) == {(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)}


def test_crops_that_correlate_are_near_duplicates_whatever_their_photographs() -> None:
    crops = pictures(8)
    noise = np.random.default_rng(4).normal(0, 16, (32, 32))
    again = np.clip(crops[3] * 0.7 + 20 + noise, 0, 255).astype(np.uint8)
    hashes = [int(bits) for bits in np.random.default_rng(4).integers(0, 2**62, 9)]
    both = np.concatenate([crops, again[np.newaxis]])
    assert near_duplicates(both) == []
    assert near_duplicates(both, hashes) == [(3, 8)]


def test_crops_are_compared_beyond_one_block() -> None:
    rng = np.random.default_rng(5)
    count = 2 * IMAGES_AT_ONCE + 88
    crops = rng.integers(0, 256, (count, images.THUMBNAIL, images.THUMBNAIL), dtype=np.uint8)
    hashes = [int(value) for value in rng.integers(0, 2**63, count)]
    for first, second in ((1030, 2100), (2100, 2135)):
        hashes[second] = hashes[first]
    assert near_duplicates(crops, hashes) == [(1030, 2100), (1030, 2135), (2100, 2135)]
