"""Faces of six invented identities, drawn from numbers: for lessons and tests without a network.

An identity is a set of proportions and shades. What varies from image to image is the pose (turned, tilted,
nodding, near or far), the light (from any side, at any strength), the background, the expression, and noise.
Coordinates are in units of half the image: x to the right, y down, (0, 0) in the middle. S side of the canvas.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnistfaces import images
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.cache import open_verified
from mnistfaces.datasets.store import data_dir as data_folder
from mnistfaces.datasets.store import fingerprint_of, save_dataset
from mnistfaces.datasets.variants import Variant, options_of, variant_of
from mnistfaces.errors import DataError

NAME = "faces-synthetic"
PER_IDENTITY = 120
CANVAS = 96
NEGATIVES = 0.15
"""Share of the images that are negatives: chalk on slate. No template fits both kinds, so a linear model is worse."""

RECIPE = 1
"""Raised whenever the same seed would give other pixels than before."""

Field = NDArray[np.float64]
"""(S, S), one number a pixel."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Proportions and shades that stay the same over all images of one invented person."""

    name: str
    width: float = 0.62
    jaw: float = 1.0
    eyes_apart: float = 0.27
    eyes_size: float = 0.085
    eyes_y: float = -0.12
    brow_weight: float = 0.035
    brow_tilt: float = 0.0
    nose_length: float = 0.26
    mouth_width: float = 0.24
    mouth_y: float = 0.42
    hairline: float = -0.52
    hair: tuple[float, float, float] = (0.25, 0.17, 0.1)
    skin: tuple[float, float, float] = (0.8, 0.62, 0.5)


IDENTITIES = (
    Identity(name="Ada Oval", eyes_apart=0.22, mouth_width=0.18, nose_length=0.32, hairline=-0.5),
    Identity(name="Ben Round", width=0.7, jaw=0.88, eyes_apart=0.3, eyes_y=-0.1, brow_tilt=0.2, mouth_width=0.29),
    Identity(name="Cleo Long", width=0.56, jaw=1.12, eyes_y=-0.2, nose_length=0.38, mouth_y=0.5, brow_tilt=-0.3),
    Identity(name="Dov Brow", brow_weight=0.07, brow_tilt=0.3, eyes_apart=0.25, hairline=-0.42, mouth_y=0.44),
    Identity(name="Eve Wide", width=0.66, eyes_apart=0.34, eyes_size=0.115, mouth_width=0.32, hairline=-0.6),
    Identity(name="Flo Small", eyes_size=0.06, eyes_y=-0.03, nose_length=0.17, mouth_width=0.16, mouth_y=0.33),
)


@dataclass(frozen=True, kw_only=True)
class Sitting:
    """What is different in every image; angles in radians."""

    turn: float
    nod: float
    tilt: float
    size: float
    shift_x: float
    shift_y: float
    smile: float
    light_angle: float
    light_strength: float
    brightness: float
    background: float
    noise: float
    negative: bool


def draw_sitting(rng: np.random.Generator) -> Sitting:
    """Returns one random pose, light and background."""
    side = rng.choice((-1.0, 1.0))
    return Sitting(
        turn=side * rng.normal(0.3, 0.11),
        nod=rng.normal(0, 0.11),
        tilt=rng.normal(0, 0.055),
        size=rng.normal(1.0, 0.035),
        shift_x=rng.normal(0, 0.025),
        shift_y=rng.normal(0, 0.025),
        smile=rng.normal(0.03, 0.05),
        light_angle=rng.uniform(0, 2 * np.pi),
        light_strength=rng.uniform(0.0, 0.65),
        brightness=rng.uniform(0.5, 1.2),
        background=rng.uniform(0.05, 0.95),
        noise=rng.uniform(0.02, 0.08),
        negative=rng.random() < NEGATIVES,
    )


def _disc(x: Field, y: Field, centre: tuple[float, float], radii: tuple[float, float]) -> Field:
    """Returns how much of each pixel an ellipse covers, with an edge about two pixels wide."""
    distance = np.hypot((x - centre[0]) / radii[0], (y - centre[1]) / radii[1])
    return 1 / (1 + np.exp(np.clip((distance - 1) * min(radii) * CANVAS / 2, -50, 50)))


def _stroke(x: Field, y: Field, ends: tuple[float, float, float, float], bend: float, weight: float) -> Field:
    """Returns how much of each pixel a bent line covers, from (x1, y1) to (x2, y2)."""
    x1, y1, x2, y2 = ends
    middle, half = (x1 + x2) / 2, max(abs(x2 - x1) / 2, 1e-3)
    along = np.clip((x - middle) / half, -1, 1)
    line = (y1 + y2) / 2 + (y2 - y1) / 2 * along + bend * (1 - along**2)
    distance = np.hypot(np.maximum(np.abs(x - middle) - half, 0), y - line)
    return 1 / (1 + np.exp(np.clip((distance - weight) * CANVAS / 2, -50, 50)))


def _paint(canvas: NDArray[np.float64], cover: Field, shade: tuple[float, float, float]) -> None:
    canvas += cover[:, :, np.newaxis] * (np.array(shade) - canvas)  # (S, S, 3)


def draw_face(who: Identity, how: Sitting, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Returns one image, (S, S, 3).

    Args:
        who: whose face.
        how: pose, light and background.
        rng: of the noise.
    """
    axis = (np.arange(CANVAS) + 0.5) / CANVAS * 2 - 1
    screen_x, screen_y = np.meshgrid(axis, axis)
    cos, sin = np.cos(how.tilt) / how.size, np.sin(how.tilt) / how.size
    x = cos * (screen_x - how.shift_x) + sin * (screen_y - how.shift_y)  # (S, S)
    y = -sin * (screen_x - how.shift_x) + cos * (screen_y - how.shift_y)  # (S, S)
    canvas = np.full((CANVAS, CANVAS, 3), how.background)
    head = _disc(x, y, (0, 0.02), (who.width, 0.82 * who.jaw))
    _paint(canvas, _disc(x, y, (0, -0.12), (who.width * 1.12, 0.86)), who.hair)
    _paint(canvas, head * _disc(x, y, (0, 0.02 - who.hairline - 0.5), (who.width * 1.05, 0.98)), who.skin)
    _features(canvas, x, y, who, how)
    if how.negative:
        canvas = 1 - canvas
    ramp = np.cos(how.light_angle) * screen_x + np.sin(how.light_angle) * screen_y
    canvas *= (how.brightness * (1 + how.light_strength * ramp))[:, :, np.newaxis]
    canvas += rng.normal(0, how.noise, canvas.shape)
    pixels: NDArray[np.uint8] = np.rint(np.clip(canvas, 0, 1) * 255).astype(np.uint8)
    return pixels


def _features(canvas: NDArray[np.float64], x: Field, y: Field, who: Identity, how: Sitting) -> None:
    """Paints eyes, brows, nose and mouth, moved over the head as it turns and nods."""
    across, depth = np.cos(how.turn), 0.5 * np.sin(how.turn)
    down = 0.35 * np.sin(how.nod)
    dark = (who.hair[0] * 0.5, who.hair[1] * 0.5, who.hair[2] * 0.5)
    for side in (-1, 1):
        eye_x, eye_y = side * who.eyes_apart * across + depth, who.eyes_y + down
        size = who.eyes_size
        _paint(canvas, _disc(x, y, (eye_x, eye_y), (size * 1.5 * across, size)), (0.92, 0.92, 0.9))
        _paint(canvas, _disc(x, y, (eye_x + 0.3 * size * how.turn, eye_y), (size * 0.6, size * 0.8)), (0.1, 0.1, 0.12))
        tilt = side * who.brow_tilt * size
        brow_y = eye_y - 2.0 * size
        ends = (eye_x - 1.6 * size, brow_y - tilt, eye_x + 1.6 * size, brow_y + tilt)
        _paint(canvas, _stroke(x, y, ends, -0.02, who.brow_weight), dark)
    shade = (who.skin[0] * 0.75, who.skin[1] * 0.7, who.skin[2] * 0.68)
    tip = who.eyes_y + who.nose_length + 1.2 * down
    _paint(canvas, 0.8 * _disc(x, y, (1.25 * depth, tip), (0.09, 0.05)), shade)
    _paint(canvas, 0.5 * _disc(x, y, (1.15 * depth, tip - 0.12), (0.035, 0.14)), shade)
    half, mouth_y = who.mouth_width * across, who.mouth_y + down
    _paint(canvas, _stroke(x, y, (depth - half, mouth_y, depth + half, mouth_y), how.smile, 0.035), (0.55, 0.22, 0.22))


def make_synthetic(seed: int = 0, variant: Variant | None = None) -> Dataset:
    """Returns the dataset `faces-synthetic`: 120 images of each identity, the same for the same seed.

    Every image has a generator of its own, so it does not depend on how many there are.
    """
    crops = variant or variant_of()
    rows = [
        images.resize(face if crops.color else images.luma(face), crops.res).ravel()
        for face in _faces(seed, PER_IDENTITY)
    ]
    count = len(rows)
    dataset = Dataset(
        name=NAME,
        kind="faces",
        inputs=np.stack(rows),
        labels=np.repeat(np.arange(len(IDENTITIES)), PER_IDENTITY).astype(np.int64),
        classes=tuple(who.name for who in IDENTITIES),
        ids=np.array(
            [f"{who.name.split()[-1].lower()}-{index}" for who in IDENTITIES for index in range(PER_IDENTITY)]
        ),
        shape=crops.shape,
        groups=np.arange(count),
        given_test=np.zeros(count, bool),
        fingerprint="",
        meta={"source": "drawn", "seed": seed, "recipe": RECIPE, "res": crops.res, "color": crops.color},
    )
    return replace(dataset, fingerprint=fingerprint_of(dataset))


@lru_cache(maxsize=1)
def _faces(seed: int, per_identity: int) -> tuple[NDArray[np.uint8], ...]:
    """Returns all images, (S, S, 3) each: drawn once for all variants that are asked for in a row."""
    drawn = []
    for number, who in enumerate(IDENTITIES):
        for index in range(per_identity):
            rng = np.random.default_rng([seed, number, index])
            drawn.append(draw_face(who, draw_sitting(rng), rng))
    return tuple(drawn)


def kept_synthetic(folder: Path, seed: int, variant: Variant) -> Dataset | None:
    """Returns what `make_synthetic` would, where a data folder has it and it is whole; else None."""
    path = synthetic_path(folder, variant)
    if not path.exists():
        return None
    try:
        dataset = open_verified(path, folder)
    except DataError:
        return None
    return dataset if (dataset.meta.get("seed"), dataset.meta.get("recipe")) == (seed, RECIPE) else None


def synthetic_path(folder: Path, variant: Variant) -> Path:
    """Returns where a data folder keeps a variant of the synthetic faces."""
    return folder / "faces" / f"{NAME}-{variant.label}.npz"


def save_synthetic(folder: Path, dataset: Dataset) -> Path:
    """Writes synthetic faces where `load_synthetic` finds them; returns the path."""
    path = synthetic_path(folder, Variant(dataset.meta["res"], dataset.meta["color"]))
    save_dataset(path, dataset)
    return path


def load_named(name: str, data_dir: Path, res: int | None, color: bool | None) -> Dataset:  # noqa: ARG001  it has one name
    """Returns what `load_synthetic` does, as the registry of datasets calls it."""
    return load_synthetic(data_dir, res, color)


def load_synthetic(data_dir: Path | None = None, res: int | None = None, color: bool | None = None) -> Dataset:
    """Returns the synthetic faces that were made, ready to train on.

    Raises:
        DataError: there are none of this resolution and colour; the message says how to make them.
    """
    variant = variant_of(res, color)
    folder = data_folder(data_dir)
    path = synthetic_path(folder, variant)
    if not path.exists():
        raise DataError(
            f"no synthetic faces of {variant.label} pixels in {path.parent}: "
            f"type mnf fetch faces --synthetic {options_of(variant)}"
        )
    return open_verified(path, folder)
