"""The colours of figures and pages: seen on their ground, told apart in grey and by colour-blind readers."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from mnistfaces.plots.colors import DARK, LIGHT, PATHS

LETTERS = ("ink", "quiet")
LINES = ("train", "val", "test", *PATHS)
SIDES = ("train", "val", "test")

DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
PROTANOPIA = np.array(
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
)
"""Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB."""


def linear(color: str) -> NDArray[np.float64]:
    """Returns linear RGB in [0, 1] (IEC 61966-2-1)."""
    values = np.array([int(color[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def luminance(color: str) -> float:
    return float(linear(color) @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    """Returns WCAG's contrast, 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns CIE L*a*b* of linear RGB under D65."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    ratio = to_xyz @ np.clip(rgb, 0, 1) / [0.9505, 1.0, 1.089]
    x, y, z = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])
def test_letters_and_lines_are_seen_on_their_ground(colors: dict[str, str]) -> None:
    assert {
        name: round(contrast(colors[name], colors["paper"]), 2)
        for name in LETTERS
        if contrast(colors[name], colors["paper"]) < 4.5
    } == {}
    assert {
        name: round(contrast(colors[name], colors["paper"]), 2)
        for name in LINES
        if contrast(colors[name], colors["paper"]) < 3
    } == {}


@pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("sight", [np.eye(3), DEUTERANOPIA, PROTANOPIA], ids=["all", "deuteranopia", "protanopia"])
def test_the_three_sets_and_both_descents_are_told_apart(colors: dict[str, str], sight: NDArray[np.float64]) -> None:
    for names in (SIDES, ("vanilla", "momentum")):
        for one, other in itertools.combinations(names, 2):
            difference = np.linalg.norm(lab(sight @ linear(colors[one])) - lab(sight @ linear(colors[other])))
            assert difference > 25, (one, other)  # 2.3 is just noticeable


def test_the_three_sets_differ_in_grey() -> None:
    for colors in (LIGHT, DARK):
        levels = sorted(lab(linear(colors[side]))[0] for side in SIDES)
        assert np.diff(levels).min() > 8


def test_both_grounds_know_the_same_names_and_equal_colours_stay_equal() -> None:
    assert list(LIGHT) == list(DARK)
    for one, other in itertools.combinations(LIGHT, 2):
        if LIGHT[one] == LIGHT[other]:
            assert DARK[one] == DARK[other]  # a figure is turned dark colour by colour
    assert len({LIGHT[name] for name in PATHS}) == len(PATHS)
